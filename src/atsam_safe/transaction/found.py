"""What a recovery finds: the work of whoever repaired the workstation since the run was cut off is kept, and asked about, before it goes.

- The files that are found are kept as a snapshot of the interrupted run with the reason ``recover``; ``latest`` never names it.
- Keeping it MUST NOT stand in the way of going back, nor take the room that the way back needs: what cannot be kept is told.
- Only ``recover`` itself goes back over changes that are plainly nobody's of ours; every other command refuses and names them.
"""

from __future__ import annotations

import contextlib
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
    from collections.abc import Callable

    from atsam_safe.snapshot.model import Manifest
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.transaction.run import Run
    from atsam_safe.volume.model import Entry
    from atsam_safe.volume.volume import Volume

LABEL: Final = "recover"
# one step writes no record while it works, and the system's installer may go on for a while after we were killed
SLACK_SECONDS: Final = 15 * 60
# a recovery that is killed again and again finds another state each time
KEPT_PER_RUN: Final = 8


def keep_found(run: Run) -> None:
    """Keep the present files of what is about to be brought back, unless it is kept already. Never raises: the way back goes first."""
    try:
        manifest = run.store.manifest(run.snapshot or "")
        present = scope_digest(run.volume, manifest.scope, progress=run.progress)
        if present == manifest.digest:
            return
        kept = run.store.found(run.id)
        run.found = next((one.id for one in kept if one.digest == present), None)
        if run.found is None and len(kept) < KEPT_PER_RUN:
            _require_room(run, manifest)
            run.found = _create(run, manifest)
    except Exception as error:  # noqa: BLE001 - whatever it is, the workstation is in between and has to be brought back
        run.found = None
        causes = problems_of(error)
        shown = {"reason": causes[0].ref if causes else "?"}
        run.notices = (*run.notices, Problem(ref="transaction.found-not-kept", params=shown, evidence=dict(shown)))


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
    """Files that going back would take and that changed long after the interrupted run's last record: not by that run.

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
        limit = int((reading.records[-1].at + SLACK_SECONDS) * SECOND)
        entries = list_scope(volume, manifest.scope)
        late = {path: entry for path, entry in entries.items() if entry is not None and changed_at(entry) > limit and not is_passing(path)}
        wanted = {item.path: digest_of([item]) for item in manifest.paths}
        return tuple(now.path for now in read_states(volume, dict(late)) if digest_of([now]) != wanted.get(now.path))
    return ()


def changed_at(entry: Entry) -> int:
    """When the file was last changed; 0 for what is none: a folder changes whenever anybody makes something in it."""
    if entry.kind not in {"file", "link"}:
        return 0
    # what Windows calls so is the time at which the file was made
    return max(entry.ctime_ns, entry.mtime_ns) if primitives.IS_WINDOWS else entry.ctime_ns
