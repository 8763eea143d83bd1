"""Values for tests of the pure decisions: packages as inspections and workstations as facts, without any file."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.facts.model import Facts, Home, OperatingSystem, PathFact, Receipt, ReceiptEntry, Space
from atsam_safe.packages.identify import identify
from atsam_safe.packages.model import ComponentPackage, Inspection, PayloadEntry, PayloadSummary, ProductFact, SignatureFact
from lab.atsam import ATSAM_VERSIONS, IDENTIFIERS, component_items
from lab.items import with_parents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Architecture
    from lab.items import Item

SESAM_VITALE: Final = "5H8W5749XS"
ANS: Final = "Y8WQ8FQ7KH"
TEAMS: Final = {"galss": SESAM_VITALE, "srvsvcnam": SESAM_VITALE, "cryptolib": ANS}
RECEIPTS: Final = "/private/var/db/receipts"
ROOM: Final = Space(free=50_000_000_000, total=250_000_000_000, writable=True)


@cache
def shipped_catalogue() -> Catalogue:
    """The catalogue of the wheel."""
    return load_catalogue(None)


def _items(component: str, version: str) -> list[Item]:
    return [item for item in with_parents(component_items(component, version)) if item.path != "."]


@cache
def part(component: str, version: str, *, identifier: str | None = None) -> ComponentPackage:
    """One component package with its payload's entries."""
    items = _items(component, version)
    entries = tuple(
        PayloadEntry(
            path=f"/{item.path}",
            kind=item.kind,  # type: ignore[arg-type]  # shorthand of tests
            mode=item.permissions,
            uid=0,
            gid=0,
            size=len(item.data),
            link=item.link or None,
        )
        for item in items
    )
    size = sum(entry.size for entry in entries)
    return ComponentPackage(
        identifier=identifier or IDENTIFIERS[component],
        version=version,
        payload=PayloadSummary(files=len(entries), bytes=size, compression="gzip"),
        entries=entries,
    )


def package(
    versions: Mapping[str, str],
    *,
    verdict: str = "developer-id",
    team: str | None = SESAM_VITALE,
    path: str = "/packages/a.pkg",
    form: str = "macos-flat-package",
    product: ProductFact | None = None,
    extra: Sequence[ComponentPackage] = (),
    catalogue: Catalogue | None = None,
) -> Inspection:
    """A package with these components, identified by the catalogue as ``packages`` does it."""
    inspection = Inspection(
        path=path,
        sha256="ab" * 32,
        size=1_000_000,
        format=form,  # type: ignore[arg-type]  # shorthand of tests
        product=product,
        components=(*(part(component, version) for component, version in versions.items()), *extra),
        signature=SignatureFact(verdict=verdict, team_id=team, signer=None if team is None else f"Publisher ({team})"),  # type: ignore[arg-type]  # shorthand of tests
    )
    return identify(inspection, catalogue or shipped_catalogue())


def atsam(build: str) -> Inspection:
    """The ATSAM product package of a build."""
    return package(ATSAM_VERSIONS[build], path=f"/packages/ATSAM-{build}.pkg")


def system(version: str | None, *, hardware: Architecture | None = "x86_64", rosetta: bool | None = None) -> OperatingSystem:
    """A macOS release."""
    return OperatingSystem(family="macos", name="macOS", version=version, hardware=hardware, rosetta=rosetta)


def installed(component: str, version: str) -> tuple[Receipt, tuple[PathFact, ...]]:
    """The receipt of a component and what an observation sees of its files."""
    items = _items(component, version)
    entries = tuple(
        ReceiptEntry(path=f"/{item.path}", kind=item.kind, mode=item.permissions, size=len(item.data), link=item.link or None)  # type: ignore[arg-type]  # shorthand of tests
        for item in items
    )
    facts = tuple(
        PathFact(
            path=entry.path,
            kind=entry.kind,
            mode=entry.mode,
            uid=0,
            gid=0,
            size=entry.size,
            link=entry.link,
            bundle={"CFBundleShortVersionString": _declared(item)} if item.path.endswith("Info.plist") else None,
        )
        for entry, item in zip(entries, items, strict=True)
    )
    identifier = IDENTIFIERS[component]
    receipt = Receipt(
        identifier=identifier,
        version=version,
        store=f"{RECEIPTS}/{identifier}.plist",
        bom=f"{RECEIPTS}/{identifier}.bom",
        entries=entries,
    )
    return receipt, facts


def _declared(item: Item) -> str:
    text = item.data.decode()
    return text.split("<key>CFBundleShortVersionString</key>", 1)[1].split("<string>", 1)[1].split("</string>", 1)[0]


def workstation(version: str | None, components: Mapping[str, str] | None = None, *, hardware: Architecture | None = "x86_64") -> Facts:
    """A Mac with these components, everything whole."""
    receipts: list[Receipt] = []
    paths: dict[str, PathFact] = {}
    for component, release in (components or {}).items():
        receipt, facts = installed(component, release)
        receipts.append(receipt)
        paths |= {fact.path: fact for fact in facts}
    return Facts(
        adapter="offline",
        os=system(version, hardware=hardware, rosetta=hardware == "arm64" or None),
        homes=(Home(user="docteur", path="/Users/docteur", uid=501),),
        receipts=tuple(receipts),
        paths=tuple(sorted(paths.values(), key=lambda fact: fact.path)),
        space=ROOM,
    )
