"""``snapshots list|show|check|prune|export``: the store of kept states."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.cli.changing import Changing
from atsam_safe.report.result import OK, SIGNAL_BASE, UNFIT, WRONG_COMMAND_LINE, CommandResult, origin_of
from atsam_safe.report.views.stores import removal_blocks
from atsam_safe.snapshot.model import CheckReport, KeepPolicy, PruneReport
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction.executor import interrupted, prune
from atsam_safe.transaction.journal import JournalDamagedError
from atsam_safe.words.model import Problem, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.cli.session import Session
    from atsam_safe.snapshot.state import StateFolder


def run(session: Session, *, action: str, snapshot: str | None = None, keep: int = 0, folder: str = "") -> CommandResult:
    """Answer from the store; only ``prune`` changes it, only ``export`` writes elsewhere."""
    changing = Changing(session, f"snapshots {action}")
    with changing.existing_state() as state:
        if state is None:
            return _without_store(changing, action)
        exit_code = OK
        problems: tuple[Problem, ...] = ()
        notices: tuple[Problem, ...] = ()
        store = SnapshotStore(state)
        if action == "list":
            data: dict[str, Any] = _listed(store)
            notices = tuple(store.damaged().values())
        elif action == "show":
            data = _shown(store, snapshot or "")
        elif action == "check":
            with session.progress() as progress:
                report = store.check(progress=progress)
            problems = report.problems
            exit_code = UNFIT if report.broken or problems else OK
            data = {"check": _without_problems(report)}
        elif action == "prune":
            data, exit_code, problems = _pruned(changing, state, KeepPolicy(count=keep))
        else:
            data = _exported(state, snapshot or "", folder)
    return CommandResult(
        command=changing.command,
        exit_code=exit_code,
        data=data,
        problems=problems,
        notices=notices,
        catalogue=origin_of(changing.catalogue),
    )


def _without_store(changing: Changing, action: str) -> CommandResult:
    """A workstation on which nothing was ever changed has no store, and that is in order."""
    if action not in _OF_NOTHING:
        raise RefusedError(Problem(ref="snapshot.none"))
    return CommandResult(command=changing.command, exit_code=OK, data=_OF_NOTHING[action](), catalogue=origin_of(changing.catalogue))


def _listed(store: SnapshotStore) -> dict[str, Any]:
    """The snapshots newest first; a damaged one is there, too: nobody may believe that there was nothing to lose."""
    return {
        "snapshots": [msgspec.to_builtins(item) for item in reversed(store.list())],
        "damaged": list(reversed(store.damaged())),
        "latest": store.latest(),
    }


def _without_problems(report: msgspec.Struct) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.to_builtins(report)
    value.pop("problems", None)
    value.pop("signal", None)  # the exit code says it
    return value


def _shown(store: SnapshotStore, identifier: str) -> dict[str, Any]:
    manifest = store.manifest(identifier)
    return {"snapshot": msgspec.to_builtins(store.show(identifier)), "manifest": msgspec.to_builtins(manifest)}


_OF_NOTHING: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "list": lambda: {"snapshots": [], "damaged": [], "latest": None},
    "check": lambda: {"check": _without_problems(CheckReport(snapshots=0, objects=0, bytes=0, restorable=(), broken=(), problems=()))},
    "prune": lambda: {"prune": _without_problems(PruneReport(removed=(), kept=(), objects_removed=0, bytes_freed=0))},
}
"""What may be asked of a store that was never made: nothing to look at is in order, and no refusal."""


def _pruned(changing: Changing, state: StateFolder, policy: KeepPolicy) -> tuple[dict[str, Any], int, tuple[Problem, ...]]:
    """What is gone, whatever else happened. 11: removed, but the store still holds what should have gone with it.

    What would go is shown and asked about first, as before every change: a way back that is gone cannot be had again.
    """
    going, beyond = _chosen(state, policy)
    if going:
        missing = changing.consent(removal_blocks(going, beyond, changing.session.language))
        if missing is not None:
            return {"plan": {"remove": going, "kept_beyond": beyond}}, WRONG_COMMAND_LINE, (missing,)
    with changing.told_whole():
        report = prune(state, policy, watch=changing.watch, agreed=None if changing.session.options.yes else [item["id"] for item in going])
    problems = report.problems
    exit_code = UNFIT if problems else OK
    number = report.signal if report.signal is not None else changing.watch.received
    if number is not None:
        exit_code, problems = SIGNAL_BASE + number, (Problem(ref="run.interrupted-by-user"), *problems)
    return {"prune": _without_problems(report)}, exit_code, problems


def _chosen(state: StateFolder, policy: KeepPolicy) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """What would go, oldest first, and why more than was asked for stays. Nothing where a run is not ended: the removal itself refuses."""
    try:
        if interrupted(state) is not None:
            return [], []
    except JournalDamagedError:
        return [], []
    store = SnapshotStore(state)
    pruning = store.pruning(policy)
    return [msgspec.to_builtins(store.show(name)) for name in pruning.going], msgspec.to_builtins(pruning.beyond)


def _exported(state: StateFolder, identifier: str, folder: str) -> dict[str, Any]:
    target = Path(folder).absolute()
    if target.exists() or target.is_symlink():
        raise UsageError(Problem(ref="usage.folder-exists", params={"path": folder}))
    written = SnapshotStore(state).export(identifier, target)
    return {"export": {"snapshot": identifier, "folder": str(written)}}
