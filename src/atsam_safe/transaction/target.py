"""Where a rollback goes: to which snapshot when none is named, and what later runs have changed beyond that snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.snapshot.manifest import FOUND, ManifestError, ManifestUnreadableError, origin
from atsam_safe.snapshot.model import Manifest
from atsam_safe.snapshot.reach import reaching
from atsam_safe.transaction.journal import ended_journal
from atsam_safe.transaction.records import Ended
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.snapshot.store import SnapshotStore
    from atsam_safe.volume.volume import Volume

_NAMED = 10


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollback restores.

    ``manifest``: the snapshot's, with what ``later`` ones know beyond it. ``company``: what somebody put into folders that did not exist
    when the snapshot was made. ``unknown``: later snapshots that cannot be read, or were pruned (by their number).
    """

    manifest: Manifest
    later: tuple[str, ...] = ()
    company: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def notices(self) -> tuple[Problem, ...]:
        """What a person should know of it."""
        if not self.unknown:
            return ()
        params = {"snapshot": self.manifest.id, "count": str(len(self.unknown)), "snapshots": ", ".join(self.unknown[:_NAMED])}
        return (Problem(ref="snapshot.later-unknown", params=params, evidence={"snapshots": list(self.unknown)}),)


def left_no_change(state: StateFolder, identifier: str) -> bool:
    """True when the run that took this snapshot is known to have ended in the very state that it holds, or when no run begins there."""
    run = origin(state, identifier)
    if run is not None and run[1] == FOUND:
        return True
    if run is None or not run[0]:
        return False
    reading = ended_journal(state, run[0])
    if reading is None:
        return False
    if not reading.records:
        return not reading.torn  # an empty one is the mark of a run whose records were lost and whose state before was proven
    last = reading.records[-1]
    return isinstance(last, Ended) and last.outcome in {"rolled-back", "unchanged"}


def default_target(store: SnapshotStore) -> str | None:
    """The newest snapshot whose run left a change: going back to the others changes nothing. ``None`` when there is no snapshot."""
    latest = store.latest()
    identifiers = store.identifiers()
    if latest not in identifiers:
        return latest
    until = identifiers.index(latest) + 1
    return next((name for name in reversed(identifiers[:until]) if not left_no_change(store.state, name)), latest)


def target_of(store: SnapshotStore, volume: Volume, identifier: str) -> Target:
    """What going back to this snapshot restores. Raises ``ManifestError``."""
    manifest = store.manifest(identifier)
    later: list[Manifest] = []
    unknown: list[str] = []
    identifiers = [name for name in store.identifiers() if int(name[:6]) > manifest.sequence]
    present = {int(name[:6]) for name in identifiers}
    unknown += [f"{number:06d}" for number in range(manifest.sequence + 1, max(present, default=0)) if number not in present]
    for name in identifiers:
        if left_no_change(store.state, name):
            continue
        try:
            later.append(store.manifest(name))
        except ManifestUnreadableError:
            raise  # it may be readable in a moment: nothing is left out for that
        except ManifestError:
            unknown.append(name)
    whole, company = reaching(manifest, sorted(later, key=lambda item: item.sequence), volume.canonical)
    reached = tuple(item.id for item in later) if whole is not manifest else ()
    return Target(manifest=whole, later=reached, company=company, unknown=tuple(unknown))
