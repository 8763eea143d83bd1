"""Retention: what goes, in an order that survives a kill anywhere: the manifest first, by one rename; content only when nobody names it.

Clock-safe: order is the sequence number's; a snapshot from the future counts as new, never as infinitely old.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from atsam_safe.snapshot import manifest as manifests
from atsam_safe.snapshot.check import sizes_needed
from atsam_safe.snapshot.model import KeptBeyond, PruneReport
from atsam_safe.snapshot.objects import HASH, object_path
from atsam_safe.words.model import Problem, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from atsam_safe.snapshot.model import KeepPolicy, KeptBecause, Manifest
    from atsam_safe.snapshot.state import StateFolder

DAY = 86_400
JOURNAL_LIMIT = 64 * 1024 * 1024
ASIDE = ".removed-"
TRIES = 2


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


def kept_beyond(
    snapshots: Sequence[Manifest], policy: KeepPolicy, going: Collection[str], *, now: float, latest: str | None
) -> tuple[KeptBeyond, ...]:
    """Why more stay than the policy counts (pure): whoever asked for two and sees three must not have to guess."""
    ordered = sorted(snapshots, key=lambda item: item.sequence, reverse=True)
    before_runs = [item for item in ordered if item.reason != manifests.FOUND]
    counted = {item.id for item in before_runs[: max(policy.count, 1)]}
    staying = (item for item in ordered if item.id not in counted and item.id not in going)
    return tuple(KeptBeyond(id=item.id, because=_because(item, policy, now, latest)) for item in staying)


def _because(item: Manifest, policy: KeepPolicy, now: float, latest: str | None) -> KeptBecause:
    if item.reason == manifests.FOUND:
        return "found"
    if item.important:
        return "first"
    if item.id == latest:
        return "latest"
    return "young" if now - item.created_seconds < policy.days * DAY else "unfinished"


def _aside(name: str) -> str:
    return f"/snapshots/{ASIDE}{name}"


class Pruning:
    """One pruning of one store: chosen when it is made, carried out by ``run``.

    The snapshots are gone once their new names are on the disk. From there on nothing can make that undone, so nothing raises: what of
    their content could not be removed is told beside what is gone.
    """

    def __init__(self, state: StateFolder, latest: str | None, policy: KeepPolicy) -> None:
        """Choose. Raises where any manifest cannot be read: it may name any object."""
        self._files = state.files
        self._latest = latest
        self._objects_removed = 0
        self._bytes_freed = 0
        names = tuple(name for name in self._files.list_directory("/snapshots") if manifests.SNAPSHOT_ID.match(name))
        self._readable = [manifests.load(state, name) for name in names]
        self._enough = policy.minimum_free is not None and self._files.free_space() >= policy.minimum_free
        self._going: tuple[str, ...] = ()
        self._beyond: tuple[KeptBeyond, ...] = ()
        if not self._enough:
            now = time.time()
            self._going = choose(self._readable, policy, now=now, protected=self._protected(names))
            self._beyond = kept_beyond(self._readable, policy, self._going, now=now, latest=latest)

    @property
    def going(self) -> tuple[str, ...]:
        """Ids of what would be removed."""
        return self._going

    @property
    def beyond(self) -> tuple[KeptBeyond, ...]:
        """What stays although the policy does not count it, and why."""
        return self._beyond

    def run(self) -> PruneReport:
        """Remove what was chosen. Raises ``WorkstationError`` when nothing could be removed, and nothing was."""
        if self._enough:
            return self._report((), ())
        gone, problems = self._take_away()
        if not problems:
            problems = self._clear(frozenset(gone))
        return self._report(gone, problems)

    def _report(self, gone: tuple[str, ...], causes: tuple[Problem, ...]) -> PruneReport:
        problems: tuple[Problem, ...] = ()
        if causes:
            params = {"count": str(len(gone))}
            problems = (Problem(ref="snapshot.prune-untidy", params=params, evidence={"removed": list(gone)}), *causes)
        return PruneReport(
            removed=gone,
            kept=tuple(manifest.id for manifest in self._readable if manifest.id not in gone),
            kept_beyond=self.beyond,
            objects_removed=self._objects_removed,
            bytes_freed=self._bytes_freed,
            problems=problems,
        )

    def _take_away(self) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
        """Give the snapshots names under which they count for nothing; all of them keep their own when the disk does not confirm it.

        Returns which are gone, and why no content may go: of those that did not get their name back the disk has confirmed nothing.
        """
        try:
            for name in self._going:
                self._files.rename(manifests.snapshot_folder(name), _aside(name))
            self._files.sync_directory("/snapshots")  # content goes only after no manifest can come back that names it
        except WorkstationError as error:
            for _ in range(TRIES):
                for name in self._going:
                    with contextlib.suppress(WorkstationError):
                        self._files.rename(_aside(name), manifests.snapshot_folder(name))
            gone = tuple(name for name in self._going if not self._is_there(name))
            if not gone:
                raise
            return gone, error.problems
        return self._going, ()

    def _is_there(self, name: str) -> bool:
        """True when the snapshot is seen under its own name; one that cannot be looked at is not promised to be there."""
        for _ in range(TRIES):
            with contextlib.suppress(WorkstationError):
                return self._files.exists(manifests.snapshot_folder(name))
        return False

    def _clear(self, gone: frozenset[str]) -> tuple[Problem, ...]:
        """Remove what counts for nothing any more, as much of it as goes; once more what failed. Returns why some of it stays."""
        named = frozenset(sizes_needed([manifest for manifest in self._readable if manifest.id not in gone]))
        problems: list[Problem] = []
        for _ in range(TRIES):
            problems.clear()
            self._each("/snapshots", problems, self._remove_aside)
            self._each("/objects", problems, lambda folder: self._remove_unnamed(folder, named, problems))
            if not problems:
                break
        return tuple(problems[:1])

    def _each(self, folder: str, problems: list[Problem], remove: Callable[[str], None]) -> None:
        """Do ``remove`` with every name in ``folder``; what fails is noted and keeps nothing else."""
        try:
            names = self._files.list_directory(folder)
        except WorkstationError as error:
            problems += error.problems
            return
        for name in names:
            try:
                remove(name)
            except WorkstationError as error:
                problems += error.problems

    def _remove_aside(self, name: str) -> None:
        if name.startswith(ASIDE):
            self._files.remove_tree(f"/snapshots/{name}")

    def _remove_unnamed(self, folder: str, named: frozenset[str], problems: list[Problem]) -> None:
        place = f"/objects/{folder}"
        entry = self._files.lstat(place)
        if entry is None or entry.kind != "directory":
            return

        def remove(rest: str) -> None:
            sha256 = folder + rest
            found = self._files.lstat(f"{place}/{rest}")
            if HASH.match(sha256) is None or sha256 in named or found is None or found.kind != "file":
                return
            self._files.remove_file(object_path(sha256))
            self._objects_removed += 1
            self._bytes_freed += found.size

        self._each(place, problems, remove)
        self._files.remove_empty_directory(place)

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
