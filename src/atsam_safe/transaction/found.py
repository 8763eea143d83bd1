"""What a recovery finds: the work of whoever repaired the workstation since the run was cut off is kept, and asked about, before it goes.

- The files that are found are kept as a snapshot of the interrupted run with the reason ``recover``; ``latest`` never names it.
- Keeping it MUST NOT stand in the way of going back, nor take the room that the way back needs: what cannot be kept is told.
- Only ``recover`` itself goes back over changes that are plainly nobody's of ours; every other command refuses and names them.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Final

from atsam_safe.snapshot import beyond
from atsam_safe.snapshot.manifest import FOUND, ManifestError, origin
from atsam_safe.snapshot.scope import SECOND, digest_of, list_scope, read_states, scope_digest
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction.journal import read_journal
from atsam_safe.transaction.recovery import decide
from atsam_safe.transaction.reserve import RESERVE, RESERVE_PER_PATH, RESERVE_SLACK
from atsam_safe.transaction.run import problems_of
from atsam_safe.volume import primitives
from atsam_safe.words.model import AtsamSafeError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atsam_safe.snapshot.model import Manifest
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.transaction.run import Run
    from atsam_safe.volume.model import Entry
    from atsam_safe.volume.volume import Volume

LABEL: Final = "recover"
NOT_KEPT: Final = "transaction.found-not-kept"
# one step writes no record while it works, and the system's installer may go on for a while after we were killed
SLACK_SECONDS: Final = 15 * 60
# a recovery that is killed again and again finds another state each time
KEPT_PER_RUN: Final = 8
# two records further apart than any step takes: the clock was set in between
LONGEST_STEP: Final = 6 * 3600


def keep_found(run: Run) -> None:
    """Keep the present files of what is about to be brought back, unless it is kept already. Never raises: the way back goes first."""
    try:
        manifest = run.store.manifest(run.snapshot or "")
        present = scope_digest(run.volume, manifest.scope, progress=run.progress)
        if present == manifest.digest:
            return
        kept = run.store.found(run.id)
        run.found = next((one.id for one in kept if one.digest == present), None)
        if run.found is not None:
            return
        if len(kept) >= KEPT_PER_RUN:
            full = {"count": str(len(kept))}
            run.notices = (*run.notices, Problem(ref=NOT_KEPT, told=f"{NOT_KEPT}.enough", params=full, evidence=dict(full)))
            return
        _require_room(run, manifest)
        run.found = _create(run, manifest)
    except Exception as error:  # noqa: BLE001 - whatever it is, the workstation is in between and has to be brought back
        run.found = None
        causes = problems_of(error)
        shown = {"reason": causes[0].ref if causes else "?"}
        run.notices = (*run.notices, Problem(ref=NOT_KEPT, params=shown, evidence=dict(shown)))


def _require_room(run: Run, manifest: Manifest) -> None:
    """Raise ``space.too-little`` unless the way back has its room even when everything that is found had to be copied."""
    entries = list_scope(run.volume, manifest.scope)
    needed = sum(entry.size for entry in entries.values() if entry is not None) + RESERVE_SLACK + RESERVE_PER_PATH * len(entries)
    if not run.state.files.exists(RESERVE):
        needed += manifest.bytes + RESERVE_SLACK
    if run.state.files.free_space() < needed:
        raise run.too_little(needed, run.state.files)


def _create(run: Run, manifest: Manifest) -> str:
    """Files alone: what no file holds could only be kept of an observed workstation, and none is observed before it is brought back."""
    return run.store.create(run.volume, manifest.scope, label=LABEL, run_id=run.id, reason=FOUND, progress=run.progress, pointed=False).id


def holds_files_only(state: StateFolder, snapshot: str) -> bool:
    """True for what a recovery found and kept: going back to it brings files back, and nothing else."""
    run = origin(state, snapshot)
    return run is not None and run[1] == FOUND and beyond.sealed(state, snapshot) is None


def changed_since(state: StateFolder, volume: Volume, is_passing: Callable[[str], bool]) -> tuple[str, ...]:
    """Files that going back would take and that changed at no time of the interrupted run's (long after its last record): not by that run.

    Its records tell what the clock said then. A run whose clock stood in the future, or was set while it ran, is no reason to see nothing.

    ``is_passing``: those that change by themselves, which nobody has repaired.
    """
    with contextlib.suppress(AtsamSafeError):
        reading = read_journal(state)
        decision = decide(None if reading is None else reading.records)
        if reading is None or decision.action != "restore" or decision.snapshot is None:
            return ()
        try:
            manifest = SnapshotStore(state).manifest(decision.snapshot)
        except ManifestError:
            return ()
        moments = tuple(record.at for record in reading.records)
        entries = list_scope(volume, manifest.scope)
        late = {
            path: entry
            for path, entry in entries.items()
            if entry is not None and is_elsewhen(changed_at(entry), moments) and not is_passing(path)
        }
        wanted = {item.path: digest_of([item]) for item in manifest.paths}
        return tuple(now.path for now in read_states(volume, dict(late)) if digest_of([now]) != wanted.get(now.path))
    return ()


def is_elsewhen(changed: int, moments: Sequence[float]) -> bool:
    """True when ``changed`` lies at no time at which the run was writing, by the clock that it had."""
    if changed == 0:
        return False
    if primitives.IS_WINDOWS:
        # a file that takes a name which was just given up is given the birth of the one before: what is early tells nothing
        return changed > (moments[-1] + SLACK_SECONDS) * SECOND
    spans = [(moment, moment) for moment in moments]
    spans += [(first, last) for first, last in itertools.pairwise(moments) if 0 <= last - first <= LONGEST_STEP]
    return not any((first - SLACK_SECONDS) * SECOND <= changed <= (last + SLACK_SECONDS) * SECOND for first, last in spans)


def changed_at(entry: Entry) -> int:
    """When the file was last changed; 0 for what is none: a folder changes whenever anybody makes something in it."""
    if entry.kind not in {"file", "link"}:
        return 0
    # what Windows calls so is the time at which the file was made
    return max(entry.ctime_ns, entry.mtime_ns) if primitives.IS_WINDOWS else entry.ctime_ns
