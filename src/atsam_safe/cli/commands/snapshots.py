"""``snapshots list|show|check|prune|export``: the store of kept states."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from atsam_safe.cli.changing import Changing
from atsam_safe.report.result import OK, SIGNAL_BASE, UNFIT, CommandResult, origin_of
from atsam_safe.snapshot.model import KeepPolicy
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction.executor import prune
from atsam_safe.words.model import Problem, RefusedError, UsageError

if TYPE_CHECKING:
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
            data, exit_code, problems = _pruned(changing, state, keep)
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
    if action == "list":
        return CommandResult(command=changing.command, exit_code=OK, data={"snapshots": [], "damaged": [], "latest": None})
    raise RefusedError(Problem(ref="snapshot.none"))


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


def _pruned(changing: Changing, state: StateFolder, keep: int) -> tuple[dict[str, Any], int, tuple[Problem, ...]]:
    """What is gone, whatever else happened. 11: removed, but the store still holds what should have gone with it."""
    with changing.told_whole():
        report = prune(state, KeepPolicy(count=keep), watch=changing.watch)
    problems = report.problems
    exit_code = UNFIT if problems else OK
    number = report.signal if report.signal is not None else changing.watch.received
    if number is not None:
        exit_code, problems = SIGNAL_BASE + number, (Problem(ref="run.interrupted-by-user"), *problems)
    return {"prune": _without_problems(report)}, exit_code, problems


def _exported(state: StateFolder, identifier: str, folder: str) -> dict[str, Any]:
    target = Path(folder).absolute()
    if target.exists() or target.is_symlink():
        raise UsageError(Problem(ref="usage.folder-exists", params={"path": folder}))
    written = SnapshotStore(state).export(identifier, target)
    return {"export": {"snapshot": identifier, "folder": str(written)}}
