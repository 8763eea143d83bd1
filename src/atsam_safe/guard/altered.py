"""Files that only a receipt calls a component's, and that are not what the receipt recorded: they may be somebody's own by now.

A receipt tells what a package once put there. Where no catalogue entry knows the place and another content lies in it, nothing says that
this content is the component's: it is left alone, and a package that would write over it is asked about like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.catalogue.patterns import canonical, fold, is_apple_double
from atsam_safe.guard.places import Places
from atsam_safe.verify.witnesses import component_receipts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atsam_safe.catalogue.model import Component
    from atsam_safe.facts.model import Facts, PathFact, ReceiptEntry


def altered(facts: Facts, components: Iterable[Component]) -> tuple[str, ...]:
    """The paths, as the receipts write them, in order. ``facts``: observed with ownership, or only sizes can be compared."""
    members = tuple(components)
    seen = {fact.path: fact for fact in facts.paths}
    listed: dict[str, list[ReceiptEntry]] = {}
    for entry in _listed(facts, members):
        listed.setdefault(entry.path, []).append(entry)
    other = [entries[0] for path, entries in listed.items() if path in seen and all(_is_other(entry, seen[path]) for entry in entries)]
    if not other:
        return ()
    places = [Places(component, facts.homes) for component in members]
    claimed = {fold(canonical(claim.path)) for claim in facts.foreign_claims}  # their owner is known, and named by its own rule
    strange = (entry.path for entry in other if fold(canonical(entry.path)) not in claimed)
    return tuple(sorted(path for path in strange if not any(known.has(path) for known in places)))


def _listed(facts: Facts, components: Iterable[Component]) -> Iterator[ReceiptEntry]:
    for component in components:
        for receipt in component_receipts(component, facts):
            entries = (entry for entry in receipt.entries or () if entry.kind in {"file", "symlink"})
            yield from (entry for entry in entries if not is_apple_double(entry.path))


def _is_other(entry: ReceiptEntry, fact: PathFact) -> bool:
    """True for another kind, target, size or content. Of a folder nothing is said: it goes only when it is empty."""
    if fact.kind != entry.kind:
        return fact.kind != "directory"
    if entry.kind == "symlink":
        return entry.link is not None and fact.link != entry.link
    return fact.size != entry.size or (None not in {entry.checksum, fact.checksum} and fact.checksum != entry.checksum)
