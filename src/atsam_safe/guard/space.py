"""How much room a run needs: staged and installed packages, the snapshot, and the reserve that keeps the way back open.

Deliberately on the safe side: an estimate that is too small strands a workstation, one that is too large asks for some tidying.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.catalogue.patterns import Covering, expand_homes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.packages.model import Inspection

_BLOCK: Final = 4096
_MARGIN: Final = 64 * 1024 * 1024


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes needed, in total and by purpose."""

    total: int
    parts: dict[str, int]


def _rounded(size: int) -> int:
    """Room a file takes on the disk."""
    return -(-max(size, 1) // _BLOCK) * _BLOCK


def installed_bytes(facts: Facts, catalogue: Catalogue) -> int:
    """Room of what is installed now and would go into the snapshot: receipts' files and catalogue paths, whichever knows more."""
    sizes: dict[str, int] = {}
    for receipt in facts.receipts:
        for entry in receipt.entries or ():
            if entry.kind == "file":
                sizes[entry.path] = entry.size
    ruled = Covering(
        (path, rule.scope == "tree", None)
        for component in catalogue.core
        for rule in component.paths
        if rule.role != "private"
        for path in expand_homes(rule.path, facts.homes)
    )
    for fact in facts.paths:
        if fact.kind == "file" and (fact.path in sizes or ruled.covers(fact.path)):
            sizes[fact.path] = fact.size
    return sum(_rounded(size) for size in sizes.values())


def estimate(facts: Facts, catalogue: Catalogue, inspections: Iterable[Inspection]) -> Room:
    """Room a run needs: payload twice (staged, then in place), the snapshot, the same again as reserve, and a margin."""
    payload = 0
    for inspection in inspections:
        for content in inspection.components:
            if content.entries is not None:
                payload += sum(_rounded(entry.size) for entry in content.entries if entry.kind == "file")
            elif content.payload is not None:
                payload += _rounded(content.payload.bytes) + content.payload.files * _BLOCK
    snapshot = installed_bytes(facts, catalogue)
    parts = {"staging": payload, "installed": payload, "snapshot": snapshot, "reserve": snapshot, "margin": _MARGIN}
    return Room(total=sum(parts.values()), parts=parts)
