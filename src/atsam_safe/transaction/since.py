"""What was changed on the workstation after the runs that a rollback goes back past: nobody's run of ours, and it goes back too.

It is lost to nobody, since the present state is kept first; but whoever goes back must be told of it before, and where it is afterwards.
When a file was changed is asked of the file system, when a run ended of its record: without the record of the last one nothing is told.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

from atsam_safe.snapshot.manifest import ManifestError, origin
from atsam_safe.snapshot.model import Manifest
from atsam_safe.snapshot.scope import SECOND, digest_of, list_scope, read_states
from atsam_safe.transaction.found import changed_at
from atsam_safe.transaction.journal import ended_journal
from atsam_safe.transaction.records import Ended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atsam_safe.snapshot.model import PathState
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.snapshot.store import SnapshotStore
    from atsam_safe.transaction.target import Target
    from atsam_safe.volume.model import Entry
    from atsam_safe.volume.volume import Volume


class _Ran(msgspec.Struct, frozen=True):
    """A run and what it may have written: when it ended (nanoseconds; ``None``: nobody knows), and its snapshot if that can be read."""

    end: int | None
    kept: Manifest | None
    paths: frozenset[str]
    trees: tuple[str, ...]

    def reaches(self, path: str) -> bool:
        """True when the path is in the run's scope, or when nobody knows what is."""
        return self.kept is None or path in self.paths or f"{path}/".startswith(self.trees)


def changed_after_runs(store: SnapshotStore, volume: Volume, target: Target, is_passing: Callable[[str], bool]) -> tuple[str, ...]:
    """Files that the rollback would take or replace, and that were changed since the last run which could write them, or between two.

    ``is_passing``: those that change by themselves, which nobody has worked on.
    """
    runs = _runs(store, volume, target)
    between = _changed_between(runs)
    wanted = {item.path: digest_of([item]) for item in target.manifest.paths}
    last: dict[str, bool] = {}
    entries: dict[str, Entry | None] = {}
    for path, entry in list_scope(volume, target.manifest.scope).items():
        if entry is None or is_passing(path):
            continue
        end = next((run.end for run in reversed(runs) if run.reaches(path)), None)
        last[path] = end is not None and changed_at(entry) > end
        if last[path] or path in between:
            entries[path] = entry
    found = [(now.path, digest_of([now])) for now in read_states(volume, entries)]
    return tuple(path for path, digest in found if digest != wanted.get(path) and (last[path] or digest == digest_of([between[path]])))


def changed_since_last_run(store: SnapshotStore, volume: Volume, paths: Sequence[str]) -> tuple[str, int, tuple[str, ...]] | None:
    """Which of the files at ``paths`` somebody changed after the last run, its snapshot's id and when it ended (seconds since 1970).

    ``None`` where there was none, or nobody knows when it ended. A file that is what the run found is not changed, whenever it was written;
    nor is one that was only moved to another disk with all the rest: its own time counts.
    """
    identifier = next(reversed(store.identifiers()), None)
    end = None if identifier is None else _end(store.state, identifier)
    if identifier is None or end is None:
        return None
    try:
        kept = {item.path: digest_of([item]) for item in store.manifest(identifier).paths}
    except ManifestError:
        kept = {}
    entries = {path: entry for path in paths if (entry := volume.lstat(path)) is not None and entry.mtime_ns > end}
    states = read_states(volume, dict(entries))
    return identifier, end // SECOND, tuple(now.path for now in states if digest_of([now]) != kept.get(now.path))


def _runs(store: SnapshotStore, volume: Volume, target: Target) -> list[_Ran]:
    """The runs from the target's on, oldest first."""
    found: list[_Ran] = []
    for name in store.identifiers():
        if int(name[:6]) < target.manifest.sequence:
            continue
        try:
            kept = store.manifest(name)
        except ManifestError:
            found.append(_Ran(end=_end(store.state, name), kept=None, paths=frozenset(), trees=()))
            continue
        trees = tuple(f"{volume.canonical(entry.path)}/" for entry in kept.scope if entry.kind == "tree")
        paths = frozenset(item.path for item in kept.paths)
        found.append(_Ran(end=_end(store.state, name), kept=kept, paths=paths, trees=trees))
    return found


def _end(state: StateFolder, identifier: str) -> int | None:
    run = origin(state, identifier)
    if run is None or not run[0]:
        return None
    reading = ended_journal(state, run[0])
    last = reading.records[-1] if reading is not None and reading.records else None
    return int(last.at * SECOND) if isinstance(last, Ended) else None


def _changed_between(runs: Sequence[_Ran]) -> dict[str, PathState]:
    """Files that a later run found, written since the run before it had ended: as that later run kept them."""
    found: dict[str, PathState] = {}
    for earlier, later in itertools.pairwise(runs):
        if earlier.end is not None and later.kept is not None:
            written = (item for item in later.kept.paths if item.kind in {"file", "link"} and item.mtime_ns > earlier.end)
            found.update({item.path: item for item in written})
    return found
