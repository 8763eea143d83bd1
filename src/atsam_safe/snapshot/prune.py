"""Retention: what goes, in an order that survives a kill anywhere: the manifest first, by one rename; content only when nobody names it.

Clock-safe: order is the sequence number's; a snapshot from the future counts as new, never as infinitely old.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from atsam_safe.snapshot import manifest as manifests
from atsam_safe.snapshot.check import sizes_needed
from atsam_safe.snapshot.model import KeepPolicy, PruneReport
from atsam_safe.snapshot.objects import HASH, object_path
from atsam_safe.words.model import WorkstationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.snapshot.model import Manifest
    from atsam_safe.snapshot.state import StateFolder

DAY = 86_400
JOURNAL_LIMIT = 64 * 1024 * 1024


def choose(snapshots: Sequence[Manifest], policy: KeepPolicy, *, now: float, protected: frozenset[str]) -> tuple[str, ...]:
    """Ids that may go (pure). Important ones, the newest ``count``, those younger than ``days`` and ``protected`` ones stay.

    What a recovery found goes with the snapshot that was gone back to, and takes no other's place.
    """
    ordered = sorted(snapshots, key=lambda item: item.sequence, reverse=True)
    before_runs = [item for item in ordered if item.reason != manifests.FOUND]
    counted = {item.id for item in before_runs[: max(policy.count, 1)]}
    runs = {item.run_id for item in before_runs if _stays(item, counted, policy, now, protected)}
    going = [
        item.id
        for item in ordered
        if not (_stays(item, counted, policy, now, protected) or (item.reason == manifests.FOUND and item.run_id in runs))
    ]
    return tuple(reversed(going))


def _stays(item: Manifest, counted: set[str], policy: KeepPolicy, now: float, protected: frozenset[str]) -> bool:
    return item.id in counted or now - item.created_seconds < policy.days * DAY or item.important or item.id in protected


def _aside(name: str) -> str:
    return f"/snapshots/.removed-{name}"


class Pruning:
    """One pruning of one store."""

    def __init__(self, state: StateFolder, latest: str | None) -> None:
        self._state = state
        self._files = state.files
        self._latest = latest

    def run(self, policy: KeepPolicy) -> PruneReport:
        """Remove what the policy lets go. Nothing is removed from a store of which any manifest cannot be read."""
        names = tuple(name for name in self._files.list_directory("/snapshots") if manifests.SNAPSHOT_ID.match(name))
        readable = [manifests.load(self._state, name) for name in names]  # an unreadable one stops here: it may name any object
        if policy.minimum_free is not None and self._files.free_space() >= policy.minimum_free:
            return PruneReport(removed=(), kept=names, objects_removed=0, bytes_freed=0)
        protected = self._protected(names)
        going = choose(readable, policy, now=time.time(), protected=protected)
        self._take_away(going)
        for name in self._files.list_directory("/snapshots"):
            if name.startswith(".removed-"):
                self._files.remove_tree(f"/snapshots/{name}")
        kept = [manifest for manifest in readable if manifest.id not in going]
        removed, freed = self._remove_unnamed(frozenset(sizes_needed(kept)))
        return PruneReport(removed=going, kept=tuple(item.id for item in kept), objects_removed=removed, bytes_freed=freed)

    def _take_away(self, going: tuple[str, ...]) -> None:
        """Give the snapshots names under which they count for nothing; all of them keep their own when the disk does not confirm it."""
        try:
            for name in going:
                self._files.rename(manifests.snapshot_folder(name), _aside(name))
            self._files.sync_directory("/snapshots")  # content goes only after no manifest can come back that names it
        except WorkstationError:
            for name in going:
                with contextlib.suppress(WorkstationError):
                    if self._files.exists(_aside(name)):
                        self._files.rename(_aside(name), manifests.snapshot_folder(name))
            raise

    def _protected(self, names: tuple[str, ...]) -> frozenset[str]:
        """The last one, and every one that the journal of an unfinished run mentions, even where that journal is damaged."""
        kept = {self._latest} if self._latest is not None else set()
        with contextlib.suppress(WorkstationError):
            if self._files.exists("/run/journal.log"):
                text = self._files.read_bytes("/run/journal.log", JOURNAL_LIMIT)
                kept.update(name for name in names if name.encode("ascii") in text)
                return frozenset(kept)
            return frozenset(kept)
        return frozenset(names)

    def _remove_unnamed(self, named: frozenset[str]) -> tuple[int, int]:
        removed = 0
        freed = 0
        for folder in self._files.list_directory("/objects"):
            entry = self._files.lstat(f"/objects/{folder}")
            if entry is None or entry.kind != "directory":
                continue
            for rest in self._files.list_directory(f"/objects/{folder}"):
                sha256 = folder + rest
                found = self._files.lstat(f"/objects/{folder}/{rest}")
                if HASH.match(sha256) is None or sha256 in named or found is None or found.kind != "file":
                    continue
                self._files.remove_file(object_path(sha256))
                removed += 1
                freed += found.size
            self._files.remove_empty_directory(f"/objects/{folder}")
        return removed, freed
