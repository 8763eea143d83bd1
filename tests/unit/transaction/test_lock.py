from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import open_state
from atsam_safe.transaction import RunLock, run_transaction
from atsam_safe.words.model import BusyError, RefusedError
from lab.heart import NoPackages, PlainWorkstation
from lab.heart_runs import PLAN, mend, prepared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.snapshot.state import StateFolder

SOURCE = Path(__file__).parents[3] / "src"
HOLDER = """
import sys, pathlib
sys.path.insert(0, {source!r})
from atsam_safe.snapshot import open_state
from atsam_safe.transaction import RunLock
lock = RunLock(open_state(pathlib.Path({root!r})), "install")
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    with open_state(tmp_path) as opened:
        yield opened


def test_the_refusal_names_the_owner_and_a_dead_owner_is_no_owner(state: StateFolder, tmp_path: Path) -> None:
    code = HOLDER.format(source=str(SOURCE), root=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError) as caught, RunLock(state, "rollback"):
            pass
        problem = caught.value.problems[0]
        assert (problem.ref, problem.params["pid"], problem.params["command"]) == ("state.locked", str(holder.pid), "install")
        assert caught.value.exit_code == 14
        assert (state.path / "lock").exists()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with RunLock(state, "rollback"):
        assert json.loads((state.path / "lock").read_text())["pid"] == str(os.getpid())
    assert not (state.path / "lock").exists()


def test_the_same_process_cannot_hold_it_twice(state: StateFolder) -> None:
    with RunLock(state, "install") as lock:
        assert lock.held
        with pytest.raises(BusyError):
            RunLock(state, "install").acquire()
    assert not lock.held


def test_a_stale_file_means_nothing(state: StateFolder) -> None:
    (state.path / "lock").write_text('{"pid": "1"}')
    with RunLock(state, "install"):
        pass
    assert not (state.path / "lock").exists()


def test_a_link_or_folder_in_its_place_is_refused(state: StateFolder, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"keep")
    (state.path / "lock").symlink_to(victim)
    with pytest.raises(RefusedError) as caught:
        RunLock(state, "install").acquire()
    assert caught.value.problems[0].ref == "state.unsafe"
    assert victim.read_bytes() == b"keep"
    (state.path / "lock").unlink()
    (state.path / "lock").mkdir()
    with pytest.raises(RefusedError):
        RunLock(state, "install").acquire()


def test_a_nonsense_owner_is_still_a_refusal(state: StateFolder) -> None:
    with RunLock(state, "install"):
        for content in ("", "[]", "\xff", '{"pid": {"a": 1}}', "[" * 5000):
            (state.path / "lock").write_text(content, encoding="latin-1")
            with pytest.raises(BusyError):
                RunLock(state, "install").acquire()


def test_a_run_whose_lock_somebody_removed_is_still_nobody_elses_to_recover(tmp_path: Path) -> None:
    """« Everything is as before », the other had said, and the living run went on removing, with no record of it left."""
    root, _ = prepared(tmp_path)
    refs: list[str] = []

    def removed(number: int) -> None:
        if number == 2:
            (root / "Library/Application Support/atsam-safe/lock").unlink()
            with pytest.raises(BusyError) as caught:
                mend(root)
            refs.extend(problem.ref for problem in caught.value.problems)

    with open_state(root) as state:
        result = run_transaction(PLAN, workstation=PlainWorkstation(root, removed), packages=NoPackages(), state=state)
        assert (refs, result.outcome) == (["state.locked"], "committed")
        assert list(state.files.list_directory("/run")) == []
    assert mend(root) == "nothing-to-do"
