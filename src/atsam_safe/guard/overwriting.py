"""What a payload would put in the place of something that is not ours.

A payload goes wherever its author wrote it to go. Three kinds of places are not his to write: what another product's receipt lists or a
dependent owns, private data, and whatever lies there although neither the catalogue nor a receipt of ours accounts for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.catalogue.patterns import Covering, canonical, expand_homes, fold
from atsam_safe.catalogue.system_folders import is_system_folder
from atsam_safe.guard.altered import altered
from atsam_safe.guard.candidate import known_parts
from atsam_safe.guard.places import Places
from atsam_safe.verify.witnesses import component_receipts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.candidate import Part
    from atsam_safe.packages.model import Inspection, PayloadEntry

_FLAT: Final = ("macos-flat-package", "macos-disk-image")


class PayloadPaths(msgspec.Struct, frozen=True, kw_only=True):
    """Every path that the parts of packages would write, in one spelling: those of core components, and those of optional ones.

    ``again``: what an earlier look saw and a later one is held against, whoever names it by then: a receipt that is gone names nothing.
    """

    core: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    again: frozenset[str] = frozenset()

    @property
    def paths(self) -> frozenset[str]:
        """All of them."""
        return self.core | self.optional


def _entries(inspections: Sequence[Inspection], part: Part) -> tuple[PayloadEntry, ...]:
    inspection = inspections[part.package]
    return (inspection.components[part.part].entries or ()) if inspection.format in _FLAT else ()


def payload_paths(catalogue: Catalogue, inspections: Sequence[Inspection]) -> PayloadPaths:
    """What an observation has to look at before these packages are judged. Folders of the system or of everybody are left out."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for part in known_parts(catalogue, inspections):
        found[part.core].update(path for entry in _entries(inspections, part) if not is_system_folder(path := canonical(entry.path)))
    return PayloadPaths(core=frozenset(found[True]), optional=frozenset(found[False]))


def overwritten(facts: Facts, catalogue: Catalogue, inspections: Sequence[Inspection], parts: Sequence[Part]) -> dict[str, str | None]:
    """Path → whose it is, in the order of the packages; ``None`` when nobody knows. ``facts``: observed with these packages' paths."""
    claims = {fold(canonical(claim.path)): claim.receipt for claim in facts.foreign_claims}
    present = {fold(canonical(fact.path)): fact.kind for fact in facts.paths}
    found: dict[str, str | None] = {}
    for part in parts:
        owners = _Owners(facts, catalogue, part)
        for entry in _entries(inspections, part):
            path = canonical(entry.path)
            key = fold(path)
            if entry.kind != "directory":
                owner = claims.get(key) or owners.beside(path)
                if owner is not None:
                    found[path] = owner
                    continue
            kind = present.get(key)
            in_the_way = kind is not None and {kind, entry.kind} != {"directory"}
            if in_the_way and not is_system_folder(path) and not owners.ours(path, entry):
                found[path] = claims.get(key)
    return found


class _Owners:
    """Who has a path, seen from one part of a package."""

    def __init__(self, facts: Facts, catalogue: Catalogue, part: Part) -> None:
        self._facts = facts
        # the unit goes and comes as a whole: a file may move from one of its components to another
        members = [item for item in catalogue.components if item.id == part.component or (part.core and item.core)]
        self._places = [Places(item, facts.homes) for item in members]
        strange = {fold(canonical(path)) for path in altered(facts, members)}
        self._listed = frozenset(self._receipt_files(members)) - strange
        others = [item for item in catalogue.components if item.id != part.component]
        beside = [(path, dependent.name) for dependent in catalogue.dependents for path in dependent.owns]
        beside += [(rule.path, item.name) for item in others for rule in item.paths if rule.role == "private"]
        self._beside = Covering((fold(canonical(one)), True, name) for path, name in beside for one in expand_homes(path, facts.homes))

    def _receipt_files(self, members: Sequence[Component]) -> Iterator[str]:
        for member in members:
            for receipt in component_receipts(member, self._facts):
                yield from (fold(canonical(entry.path)) for entry in receipt.entries or () if entry.kind != "directory")

    def beside(self, path: str) -> str | None:
        """A dependent that owns the path, or another component whose private folder it lies in."""
        return next(iter(self._beside.values(fold(path))), None)

    def ours(self, path: str, entry: PayloadEntry) -> bool:
        """True for a file that the set before put there, or may have: the catalogue names it, or one of its receipts with this content."""
        return fold(path) in self._listed or any(places.know(entry) for places in self._places)
