"""The n-th change of a file fails, once or from then on: the result says exactly what the disk shows."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.snapshot import KeepPolicy, SnapshotStore, open_state
from atsam_safe.snapshot.scope import digest_of, observe_scope, scope_digest
from atsam_safe.transaction import recover, rollback, run_transaction
from atsam_safe.volume import Volume, primitives
from atsam_safe.words.model import AtsamSafeError, BusyError, Problem, RefusedError, WorkstationError
from lab.heart import NoPackages, PlainWorkstation, install_plan, lay_out
from lab.heart_runs import prepared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAN = install_plan()
PLAIN_ENDINGS = {"committed", "rolled-back", "broken", "unchanged"}


def digest(root: Path) -> str:
    with Volume(root) as volume:
        return scope_digest(volume, PLAN.scope)


def timeless(root: Path) -> str:
    with Volume(root) as volume:
        return digest_of(msgspec.structs.replace(state, mtime_ns=0) for state in observe_scope(volume, PLAN.scope))


def install(root: Path) -> str:
    with open_state(root) as state:
        return run_transaction(PLAN, workstation=PlainWorkstation(root), packages=NoPackages(), state=state).outcome


def go_back(root: Path) -> str:
    with open_state(root) as state, Volume(root) as volume:
        return rollback(state, volume).outcome


class Failing:
    """Replaces every changing primitive; the ``at``-th call fails with ``number``, and with ``sticky`` all later ones too."""

    def __init__(self, at: int, number: int, *, sticky: bool) -> None:
        self.left = at
        self.number = number
        self.sticky = sticky
        self.hit = False

    def __call__(self, operation: Callable[..., object]) -> Callable[..., object]:
        def guarded(*arguments: object) -> object:
            self.left -= 1
            if self.left == 0 or (self.sticky and self.left < 0):
                self.hit = True
                raise OSError(self.number, os.strerror(self.number))
            return operation(*arguments)

        return guarded


def run_failing(what: Callable[[Path], str], root: Path, failing: Failing) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name in primitives.CHANGING:
            patch.setattr(primitives, name, failing(getattr(primitives, name)))
        try:
            outcome = what(root)
        except BusyError:
            raise
        except AtsamSafeError:
            outcome = "refused"
    return outcome


def assert_truthful(root: Path, outcome: str, before: str, after: str) -> None:
    """Zero false success, zero false rolled back; and whatever was said, the next start ends in before or after."""
    found = digest(root)
    if outcome == "committed":
        assert timeless(root) == after
    elif outcome in {"rolled-back", "unchanged", "refused"}:
        assert found == before
    else:
        assert outcome == "broken"
    with open_state(root) as state, Volume(root) as volume:
        ended = recover(state, volume)
        assert ended.outcome in {"nothing-to-do", "unchanged", "rolled-back"}
        if outcome == "committed":
            assert ended.outcome == "nothing-to-do"
        else:
            assert digest(root) == before
        assert list((state.path / "run").iterdir()) == []
        assert SnapshotStore(state).check().problems == ()
    assert list(root.rglob(".atsam-safe-*")) == []


CASES = {"install": (False, install), "rollback": (True, go_back)}
FAULTS = [
    (errno.ENOSPC, True, 11),
    (errno.EIO, False, 7),
    (errno.EACCES, False, 13),
    (errno.EROFS, True, 13),
    (errno.EMFILE, False, 17),
    (errno.EDQUOT, False, 19),
]


@pytest.mark.parametrize(("number", "sticky", "stride"), FAULTS, ids=[errno.errorcode[fault[0]] for fault in FAULTS])
@pytest.mark.parametrize("name", CASES)
def test_a_failing_call_is_told_as_it_is(tmp_path: Path, name: str, number: int, *, sticky: bool, stride: int) -> None:
    installed, what = CASES[name]
    template = tmp_path / "template"
    template.mkdir()
    lay_out(template)
    if installed:
        install(template)
    open_state(template).close()
    before = digest(template)
    reference = tmp_path / "reference"
    subprocess.run(["/bin/cp", "-a", str(template), str(reference)], check=True)
    what(reference)
    after = timeless(reference)
    at = 1
    seen = set()
    while True:
        root = tmp_path / f"run{at}"
        subprocess.run(["/bin/cp", "-a", str(template), str(root)], check=True)
        failing = Failing(at, number, sticky=sticky)
        outcome = run_failing(what, root, failing)
        seen.add(outcome)
        assert outcome in PLAIN_ENDINGS | {"refused"}
        assert_truthful(root, outcome, before, after)
        shutil.rmtree(root)
        if not failing.hit:
            break
        at += stride
    assert outcome == "committed"
    assert seen & {"rolled-back", "broken", "refused"}


def test_a_pruning_that_the_disk_does_not_confirm_removes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, _ = prepared(tmp_path, install, go_back, go_back)
    with open_state(root) as state:
        store = SnapshotStore(state)
        before = store.identifiers()

        def refuses(_volume: Volume, path: str) -> None:
            raise WorkstationError(Problem(ref="volume.no-space", params={"path": path}))

        with monkeypatch.context() as patched:
            patched.setattr(Volume, "sync_directory", refuses)
            with pytest.raises(WorkstationError):
                store.prune(KeepPolicy(count=1))
        assert store.identifiers() == before
        assert sorted(item.name for item in (state.path / "snapshots").iterdir()) == sorted(before)
        assert store.check().problems == ()


def test_a_disk_that_confirms_nothing_is_told_before_anything_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A barrier that can never pass would fail at the commit and again on the way back, at every start."""
    lay_out(tmp_path)
    before = digest(tmp_path)
    with open_state(tmp_path) as state:
        monkeypatch.setattr(primitives, "sync_volume", _unable)
        with pytest.raises(RefusedError) as refusal:
            run_transaction(PLAN, workstation=PlainWorkstation(tmp_path), packages=NoPackages(), state=state)
        assert refusal.value.problems[0].ref == "volume.io-error"
        assert not (state.path / "run/journal.log").exists()
        assert not any((state.path / "snapshots").iterdir())
    assert digest(tmp_path) == before


def test_a_way_back_that_the_disk_does_not_confirm_keeps_its_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not called done, and is tried again at the next start; but that the files are as before is not hidden."""
    lay_out(tmp_path)
    before = digest(tmp_path)

    def fail_now(step: int) -> None:
        if step == 1:
            monkeypatch.setattr(primitives, "sync_volume", _unable)
            raise WorkstationError(Problem(ref="volume.io-error", params={"path": "/", "error": "EIO"}))

    with open_state(tmp_path) as state:
        result = run_transaction(PLAN, workstation=PlainWorkstation(tmp_path, fail_now), packages=NoPackages(), state=state)
        assert (result.outcome, result.digest_after == result.digest_before == before) == ("broken", True)
        assert "volume.io-error" in [problem.ref for problem in result.problems]
        assert (state.path / "run/journal.log").exists()
        monkeypatch.undo()
        with Volume(tmp_path) as volume:
            assert recover(state, volume).outcome == "rolled-back"
    assert digest(tmp_path) == before


def _unable(_fd: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))
