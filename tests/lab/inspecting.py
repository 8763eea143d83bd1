"""A small catalogue of the origin story and the moment at which packages are judged in tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from atsam_safe.catalogue.model import Bundle, BundleMember, Catalogue, Component, ReceiptRule, Release, Trust
from atsam_safe.packages.model import Inspection

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
InspectBytes = Callable[..., Inspection]


def receipt(identifier: str, *, prefix: bool = False) -> ReceiptRule:
    return ReceiptRule(id=identifier, match="prefix" if prefix else "exact", source="lab", certainty="confirmed")


def release(version: str, *, prefix: bool = False, sha256: tuple[str, ...] = ()) -> Release:
    return Release(version=version, version_is_prefix=prefix, package_sha256=sha256, source="lab", certainty="confirmed")


def bundle(identifier: str, members: dict[str, tuple[str, ...]], build: str | None = None) -> Bundle:
    return Bundle(
        id=identifier,
        build=build,
        members=tuple(BundleMember(component=component, versions=versions) for component, versions in members.items()),
        source="lab",
        certainty="confirmed",
    )


def small_catalogue(trust: Trust) -> Catalogue:
    """The origin story's table, with the given trust."""
    components = (
        Component(
            id="galss",
            name="GALSS",
            publisher="GIE",
            core=True,
            receipts=(receipt("fr.sesamvitale.galss.pkg"),),
            releases=(release("3.42.03"), release("3.43.02")),
        ),
        Component(
            id="srvsvcnam",
            name="SrvSVCNAM",
            publisher="CNAM",
            core=True,
            receipts=(receipt("org.cnamts.SrvSVcnam"), receipt("org.cnamts.SrvSVcnam_", prefix=True)),
            releases=(release("3.40.02"), release("3.42.02"), release("3.43", prefix=True)),
        ),
        Component(
            id="cryptolib",
            name="Cryptolib CPS",
            publisher="ANS",
            core=True,
            receipts=(receipt("fr.asipsante.pkg.cryptolibCPS"),),
            releases=(release("5.1.5"), release("5.1.8")),
        ),
    )
    bundles = (
        bundle("field-set", {"galss": ("3.42.03",), "srvsvcnam": ("3.40.02",), "cryptolib": ("5.1.5",)}),
        bundle("atsam-macos-4.41", {"galss": ("3.42.03",), "srvsvcnam": ("3.40.02", "3.42.02"), "cryptolib": ("5.1.5",)}, "4.41"),
        bundle("atsam-macos-4.50", {"galss": ("3.43.02",), "srvsvcnam": ("3.43",), "cryptolib": ("5.1.8",)}, "4.50"),
    )
    return Catalogue(origin="lab", digest="lab", components=components, bundles=bundles, dependents=(), os_releases=(), trust=trust)
