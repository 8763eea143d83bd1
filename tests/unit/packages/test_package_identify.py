"""Which component, release and build: by identifier, version and digest."""

from __future__ import annotations

import msgspec
import pytest

from atsam_safe.catalogue.model import Catalogue, Trust
from atsam_safe.packages.identify import bundle_of, component_of, identify
from atsam_safe.packages.model import ComponentPackage, Inspection, SignatureFact
from lab.atsam import IDENTIFIERS
from lab.inspecting import release, small_catalogue

CATALOGUE = small_catalogue(Trust())


def inspection(versions: dict[str, str], *, verdict: str = "unsigned") -> Inspection:
    parts = tuple(
        ComponentPackage(identifier=IDENTIFIERS.get(component, component), version=version) for component, version in versions.items()
    )
    signature = SignatureFact(verdict=verdict)  # type: ignore[arg-type]  # parametrised text
    return Inspection(path="anything.pkg", sha256="ab" * 32, size=1, format="macos-flat-package", components=parts, signature=signature)


def build_of(versions: dict[str, str]) -> str | None:
    build = identify(inspection(versions), CATALOGUE).build
    return None if build is None else build.id


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}, "atsam-macos-4.41"),
        ({"galss": "3.42.03", "srvsvcnam": "3.42.02", "cryptolib": "5.1.5"}, "atsam-macos-4.41"),
        ({"galss": "3.43.02", "srvsvcnam": "3.43", "cryptolib": "5.1.8"}, "atsam-macos-4.50"),
        ({"galss": "3.43.02", "srvsvcnam": "3.43.17", "cryptolib": "5.1.8"}, "atsam-macos-4.50"),
        ({"galss": "3.43.02", "srvsvcnam": "3.430", "cryptolib": "5.1.8"}, None),
        ({"galss": "3.43.02", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}, None),
        ({"galss": "3.42.03", "srvsvcnam": "3.40.02"}, None),
        ({"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5", "org.exemple": "1"}, None),
        ({"galss": "3.42.03"}, None),
        ({}, None),
    ],
)
def test_build_is_the_exact_set(versions: dict[str, str], expected: str | None) -> None:
    assert build_of(versions) == expected


def test_refused_package_is_no_build() -> None:
    versions = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
    assert identify(inspection(versions, verdict="refused"), CATALOGUE).build is None


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("fr.sesamvitale.galss.pkg", "galss"),
        ("fr.sesamvitale.galss.pkg2", None),
        ("org.cnamts.SrvSVcnam_Install.pkg", "srvsvcnam"),
        ("org.cnamts.srvsvcnam", None),
        ("", None),
    ],
)
def test_component_by_receipt(identifier: str, expected: str | None) -> None:
    component = component_of(identifier, CATALOGUE)
    assert (component.id if component is not None else None) == expected


def pinned(catalogue: Catalogue, sha256: str) -> Catalogue:
    galss = catalogue.component("galss")
    assert galss is not None
    changed = msgspec.structs.replace(galss, releases=(*galss.releases, release("9.9", sha256=(sha256,))))
    return msgspec.structs.replace(catalogue, components=(changed, *catalogue.components[1:]))


def test_release_is_known_by_version_or_by_digest() -> None:
    assert identify(inspection({"galss": "3.42.03"}), CATALOGUE).components[0].known_release
    assert not identify(inspection({"galss": "3.42.04"}), CATALOGUE).components[0].known_release
    assert identify(inspection({"galss": "3.42.04"}), pinned(CATALOGUE, "AB" * 32)).components[0].known_release
    assert not identify(inspection({"galss": "rubbish"}), CATALOGUE).components[0].known_release


def test_two_versions_of_one_component_are_no_bundle() -> None:
    parts = [ComponentPackage(identifier="x", version=version, component="galss") for version in ("3.42.03", "3.43.02")]
    assert bundle_of(parts, CATALOGUE) is None
