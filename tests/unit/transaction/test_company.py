"""What others have put into a folder that a run of ours made: it stays, the folder too, and the way back is whole all the same."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from atsam_safe.plan.model import ApplyEffect, Plan, ScopeEntry, Target
from atsam_safe.snapshot.state import open_state
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction import recover, rollback, run_transaction
from atsam_safe.transaction.journal import JournalDamagedError
from atsam_safe.volume import Volume
from lab.heart import NoPackages, PlainWorkstation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from atsam_safe.transaction.model import TransactionResult

FOLDER = "/Library/Application Support/santesocial"
OURS = (f"{FOLDER}/galss/galss.ini", f"{FOLDER}/trace.ini")
PLAN = Plan(
    command="install",
    target=Target(bundle="toy", versions={"galss": "2"}),
    steps=tuple(ApplyEffect(kind="write-file", path=path, content="new\n") for path in OURS),
    scope=(
        ScopeEntry(path="/Library", kind="directory"),
        ScopeEntry(path="/Library/Application Support", kind="directory"),
        ScopeEntry(path=FOLDER, kind="directory"),
        ScopeEntry(path=f"{FOLDER}/galss", kind="directory"),
        *(ScopeEntry(path=path, kind="file") for path in OURS),
    ),
)


class Bench:
    """A workstation without any component, and its state folder."""

    def __init__(self, root: Path) -> None:
        (root / "Library/Application Support").mkdir(parents=True)
        self.root = root
        self.volume = Volume(root)
        self.state = open_state(root)
        self.store = SnapshotStore(self.state)

    def install(self, before_step: Callable[[int], None] | None = None) -> TransactionResult:
        """Two files of ours, in folders that the run makes."""

        def step(number: int) -> None:
            (self.root / FOLDER[1:] / "galss").mkdir(parents=True, exist_ok=True)
            if before_step is not None:
                before_step(number)

        workstation = PlainWorkstation(self.root, step)
        return run_transaction(PLAN, workstation=workstation, packages=NoPackages(), state=self.state)

    def others(self, name: str) -> Path:
        place = self.root / FOLDER[1:] / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            place.mkdir()
        else:
            place.write_bytes(b"somebody else's")
        return place


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.state.close()
    made.volume.close()


def after_a_commit(bench: Bench, name: str) -> TransactionResult:
    """The others come once all is installed, and a person goes back."""
    assert bench.install().outcome == "committed"
    bench.others(name)
    return rollback(bench.state, bench.volume)


def after_a_failure(bench: Bench, name: str) -> TransactionResult:
    """The others come while the run goes on, and the run fails."""

    def fail(number: int) -> None:
        if number == 1:
            bench.others(name)
            raise OSError(5, "bad block")

    return bench.install(fail)


def kill(bench: Bench) -> None:
    """A run is cut off between its two steps."""
    child = os.fork()
    if child == 0:
        bench.install(lambda number: os._exit(9) if number == 1 else None)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def after_a_kill(bench: Bench, name: str) -> TransactionResult:
    """The others come after the run was cut off."""
    kill(bench)
    bench.others(name)
    return recover(bench.state, bench.volume)


ENDINGS = ((after_a_commit, "committed"), (after_a_failure, "rolled-back"), (after_a_kill, "rolled-back"))


@pytest.mark.parametrize("name", [".DS_Store", "galss/.DS_Store", "fsv/bin/fsv", "fsv/"])
@pytest.mark.parametrize(("go_back", "outcome"), ENDINGS)
def test_what_others_put_into_a_new_folder_stays_and_the_way_back_is_whole(
    bench: Bench, go_back: Callable[[Bench, str], TransactionResult], outcome: str, name: str
) -> None:
    """Once such a file made every way back end 21, and after a kill every command that changes something with it."""
    result = go_back(bench, name)
    kept = FOLDER + "/" + ("galss/.DS_Store" if name.startswith("galss") else name.partition("/")[0])
    assert (result.outcome, [problem.ref for problem in result.notices]) == (outcome, ["snapshot.folder-kept"])
    assert result.notices[0].evidence == {"paths": [kept]}
    assert not [path for path in OURS if (bench.root / path[1:]).exists()]
    assert (bench.root / kept[1:]).exists()
    assert (bench.root / FOLDER[1:] / "galss").exists() is name.startswith("galss")
    assert recover(bench.state, bench.volume).outcome == "nothing-to-do"
    assert bench.install().outcome == "committed"
    assert rollback(bench.state, bench.volume).notices == ()  # the folder was there before this run


def test_what_is_ours_and_stays_is_still_a_way_back_that_failed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Volume, "remove_file", lambda *_: False)
    result = after_a_failure(bench, ".DS_Store")
    assert (result.outcome, result.notices) == ("broken", ())
    assert OURS[0] in result.problems[1].params["paths"]


def test_a_run_without_records_is_ended_once_all_that_is_ours_is_back(bench: Bench) -> None:
    """The comparison with the kept state asks for nothing that the script, rightly, left."""
    kill(bench)
    bench.others(".DS_Store")
    bench.state.journal.write_bytes(b"")
    with pytest.raises(JournalDamagedError):
        recover(bench.state, bench.volume)
    script = bench.state.path / "snapshots" / bench.store.identifiers()[-1] / "restore.sh"
    assert subprocess.run(["/bin/sh", str(script)], capture_output=True, check=False).returncode == 3
    assert recover(bench.state, bench.volume).outcome == "unchanged"
    assert (bench.root / FOLDER[1:] / ".DS_Store").exists()
