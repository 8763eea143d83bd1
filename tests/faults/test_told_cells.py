"""Cells in which it is the answer that could be wrong: a pruning told as none, a run that a late signal hides, a disk that reads badly."""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction.lock import RunLock
from faults.cells import Cell, run_cell
from faults.child import Call, run_child
from faults.fingerprint import fingerprint
from faults.oracle import Oracle, outcome_of

if TYPE_CHECKING:
    from pathlib import Path

    from faults.cells import Result
    from faults.scene import Prepared, Scene

pytestmark = [pytest.mark.needs("strace", "gcc")]
LOCKING = ["install over a damaged set", "install that fails its verification", "uninstall", "rollback", "recover", "prune"]


def call_of(item: Prepared, name: str, number: int) -> Call:
    return next(call for call in item.calls if (call.name, call.number) == (name, number))


def meet(scene: Scene, item: Prepared, folder: Path, call: Call, fault: str, *, sticky: bool = False) -> Result:
    group = "signals" if fault.startswith("signal") else "failing calls"
    cell = Cell(group=group, scenario=item.scenario.name, call=call, fault=fault, sticky=sticky)
    return run_cell(scene, item, cell, folder)


@pytest.mark.parametrize(
    ("name", "number", "fault", "sticky", "code"),
    [
        ("renameat", 2, "error=EIO", False, 10),
        ("renameat", 2, "error=EIO", True, 11),
        ("fsync", 1, "error=EIO", False, 10),
        ("unlinkat", 1, "error=EIO", False, 0),
        ("unlinkat", 9, "error=EIO", False, 0),
        ("unlinkat", 9, "error=EIO", True, 11),
        ("unlinkat", 40, "error=EACCES", True, 11),
        ("renameat", 1, "signal=TERM", False, 143),
        ("renameat", 2, "signal=TERM", False, 143),
        ("fsync", 1, "signal=INT", False, 130),
        ("unlinkat", 10, "signal=HUP", False, 129),
    ],
)
def test_a_pruning_tells_what_is_gone(
    scene: Scene,
    prepared: dict[str, Prepared],
    tmp_path: Path,
    name: str,
    number: int,
    fault: str,
    code: int,
    *,
    sticky: bool,
) -> None:
    item = prepared["prune"]
    found = meet(scene, item, tmp_path, call_of(item, name, number), fault, sticky=sticky)
    assert (found.hit, found.exit_code, found.violations) == (True, code, ())


@pytest.mark.parametrize(("name", "error"), [("getdents64", "EIO"), ("newfstatat", "EACCES")])
@pytest.mark.parametrize("scenario", ["prune", "recover"])
def test_one_reading_that_fails_once_leaves_nothing_about(
    scene: Scene, prepared: dict[str, Prepared], tmp_path: Path, scenario: str, name: str, error: str
) -> None:
    """From the commit point on; what is left of a command then is tidying, and it has no excuse for leaving half of it."""
    item = prepared[scenario]
    last = max(call.primitive for call in item.calls)
    first = call_of(item, "fsync", 1).primitive if scenario == "prune" else last - 9
    places = [*range(first, first + 8), *range(last - 5, last + 1)] if scenario == "prune" else range(first, last + 1)
    results = [
        meet(scene, item, tmp_path, Call(name=name, number=1, shown="", primitive=place, since=1), f"error={error}") for place in places
    ]
    assert [(result.exit_code, result.violations) for result in results if result.violations] == []
    assert any(result.hit for result in results)


@pytest.mark.parametrize("scenario", LOCKING)
def test_a_signal_while_the_lock_is_let_go_hides_nothing(
    scene: Scene, prepared: dict[str, Prepared], tmp_path: Path, scenario: str
) -> None:
    item = prepared[scenario]
    letting_go = [call for call in item.calls if call.name == "unlinkat" and '"lock"' in call.shown][-1]
    root = scene.fresh(item.scenario.template, tmp_path / "seen")
    seen = scene.disturb(root, item.scenario.arguments, letting_go, "signal=TERM").answer or {}
    outcome = "prune" if "prune" in seen["data"] else seen["data"]["transaction"]["outcome"]
    assert outcome == {0: "committed", 20: "rolled-back"}[item.scenario.code] or scenario in {"recover", "prune"}
    assert seen["errors"][0]["ref"] == "run.interrupted-by-user"
    found = meet(scene, item, tmp_path, letting_go, "signal=TERM")
    assert (found.hit, found.exit_code, found.violations) == (True, 143, ())


def test_a_way_back_that_failed_is_told_whatever_comes_then(scene: Scene, prepared: dict[str, Prepared], tmp_path: Path) -> None:
    """The one answer that must never be lost: changed, not undone, and where the snapshot lies."""
    item = prepared["install that fails its verification"]
    root = scene.fresh(item.scenario.template, tmp_path)
    oracle = Oracle(root, item.states, scene.payloads)
    carry_out = scene.action(root, item.scenario.arguments)

    def with_both() -> int:
        release = RunLock.release

        def fail(*_: object, **__: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        def asked(lock: RunLock) -> None:
            if lock.held:
                os.kill(os.getpid(), signal.SIGTERM)
            release(lock)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(SnapshotStore, "restore_to", fail)
            patched.setattr(RunLock, "release", asked)
            return carry_out()

    ended = run_child(with_both, tmp_path)
    assert (ended.code, outcome_of(ended)) == (21, "broken")
    assert oracle.judge_answer(ended) == "between"
    first = scene.run(root, ("recover",))
    oracle.judge_recovery(first, scene.run(root, ("recover",)), fingerprint(root), begun=True)
    assert oracle.violations == []
