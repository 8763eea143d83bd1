"""What no file holds is kept with the snapshot, brought back around the files, and never trusted when damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot.state import open_state
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction.executor import recover, rollback, run_transaction
from atsam_safe.transaction.journal import JournalDamagedError
from atsam_safe.volume import Volume
from atsam_safe.words.model import Problem, RefusedError, WorkstationError
from lab.heart import NoPackages, PlainWorkstation, install_plan, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from atsam_safe.plan.model import ScopeEntry
    from atsam_safe.snapshot.state import StateFolder


class Switchboard(PlainWorkstation):
    """A workstation with one thing no file holds: ``switch``. Steps turn it; the way back must turn it back."""

    def __init__(self, root: Path, switch: Path, fail_at: int | None = None) -> None:
        super().__init__(root, self._turn)
        self.switch = switch
        self.fail_at = fail_at
        self.calls: list[str] = []
        self.stuck = False

    def _turn(self, step: int) -> None:
        self.switch.write_text(f"step {step}")
        if step == self.fail_at:
            raise WorkstationError(Problem(ref="workstation.needs-live", params={"step": "x"}))

    def capture(self, folder: Path, scope: Sequence[ScopeEntry]) -> None:
        assert scope, "what the run may change is told"
        self.calls.append("capture")
        (folder / "switch.txt").write_text(self.switch.read_text())

    def prepare_back(self, folder: Path) -> None:
        self.calls.append("prepare")
        assert (folder / "switch.txt").exists()

    def bring_back(self, folder: Path) -> None:
        self.calls.append("bring")
        if self.stuck:
            raise WorkstationError(Problem(ref="workstation.needs-live", params={"step": "switch"}))
        self.switch.write_text((folder / "switch.txt").read_text())


class Bench:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "volume"
        self.root.mkdir()
        lay_out(self.root)
        self.switch = folder / "switch"
        self.switch.write_text("before")
        self.state: StateFolder = open_state(self.root)
        self.volume = Volume(self.root)

    def run(self, workstation: Switchboard) -> str:
        return run_transaction(install_plan(), workstation=workstation, packages=NoPackages(), state=self.state).outcome

    def workstation(self, fail_at: int | None = None) -> Switchboard:
        return Switchboard(self.root, self.switch, fail_at)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.volume.close()
    made.state.close()


def test_a_failed_run_brings_back_what_no_file_holds(bench: Bench) -> None:
    workstation = bench.workstation(fail_at=1)
    assert bench.run(workstation) == "rolled-back"
    assert workstation.calls == ["capture", "prepare", "bring"]
    assert bench.switch.read_text() == "before"
    assert SnapshotStore(bench.state).check().problems == ()


def test_a_rollback_uses_what_the_snapshot_kept_and_can_itself_be_undone(bench: Bench) -> None:
    workstation = bench.workstation()
    assert bench.run(workstation) == "committed"
    after = bench.switch.read_text()
    assert after != "before"
    assert rollback(bench.state, bench.volume, system=workstation).outcome == "committed"
    assert bench.switch.read_text() == "before"
    assert rollback(bench.state, bench.volume, system=workstation).outcome == "committed"
    assert bench.switch.read_text() == after


def test_what_does_not_come_back_is_told_as_broken_and_tried_again(bench: Bench) -> None:
    workstation = bench.workstation(fail_at=1)
    workstation.stuck = True
    assert bench.run(workstation) == "broken"
    assert bench.switch.read_text() != "before"
    workstation.stuck = False
    assert recover(bench.state, bench.volume, system=workstation).outcome == "rolled-back"
    assert bench.switch.read_text() == "before"


def test_damaged_knowledge_is_never_used(bench: Bench) -> None:
    workstation = bench.workstation()
    assert bench.run(workstation) == "committed"
    store = SnapshotStore(bench.state)
    kept = bench.state.path / "snapshots" / (store.latest() or "") / "system" / "switch.txt"
    kept.write_text("forged")
    assert {problem.ref for problem in store.check().problems} == {"snapshot.system-state-damaged"}
    workstation.calls.clear()
    with pytest.raises(RefusedError) as refusal:
        rollback(bench.state, bench.volume, system=workstation)
    assert refusal.value.problems[0].ref == "snapshot.system-state-damaged"
    assert workstation.calls == []


def test_an_export_takes_it_along(bench: Bench, tmp_path: Path) -> None:
    assert bench.run(bench.workstation()) == "committed"
    store = SnapshotStore(bench.state)
    latest = store.latest() or ""
    copy = store.export(latest, tmp_path / "copy")
    assert (copy / "snapshots" / latest / "system" / "switch.txt").read_text() == "before"
    assert (copy / "snapshots" / latest / "system" / "SHA256SUMS").exists()


@pytest.mark.parametrize("damage", [lambda content: bytes(len(content)), lambda content: content[:60] + b"~" + content[61:]])
def test_of_a_run_without_records_what_no_file_holds_is_brought_back_before_it_is_called_ended(
    bench: Bench, damage: Callable[[bytes], bytes]
) -> None:
    """All files were right again, so the run was once called ended: the services it had stopped stayed stopped."""
    workstation = bench.workstation(fail_at=1)
    workstation.stuck = True
    assert bench.run(workstation) == "broken"
    bench.state.journal.write_bytes(damage(bench.state.journal.read_bytes()))
    with pytest.raises(JournalDamagedError):
        recover(bench.state, bench.volume, system=workstation)
    assert bench.state.journal.exists()
    workstation.stuck = False
    assert recover(bench.state, bench.volume, system=workstation).outcome in {"unchanged", "rolled-back"}
    assert bench.switch.read_text() == "before"
    assert recover(bench.state, bench.volume, system=workstation).outcome == "nothing-to-do"
