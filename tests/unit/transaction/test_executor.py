from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.snapshot import KeepPolicy, SnapshotStore, open_state, scope_digest
from atsam_safe.transaction import RunLock, VerificationOutcome, interrupted, prune, recover, rollback, run_transaction
from atsam_safe.transaction.journal import read_journal
from atsam_safe.volume import Metadata, Volume, primitives
from atsam_safe.words.model import BusyError, InterruptedRunError, Problem, RefusedError, UntrustedPackageError
from atsam_safe.words.registry import find
from lab.heart import FOLDER, NEW_FILES, NoPackages, PlainWorkstation, install_plan, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atsam_safe.plan.model import Plan
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.transaction import TransactionResult


class Bench:
    def __init__(self, root: Path) -> None:
        self.root = root
        lay_out(root)
        self.state: StateFolder = open_state(root)
        self.volume = Volume(root)
        self.plan = install_plan()
        self.before = self.tree()

    def tree(self) -> dict[str, bytes | str | None]:
        found: dict[str, bytes | str | None] = {}
        for folder, folders, files in os.walk(self.root):
            if folder.endswith("Application Support"):
                folders.clear()
            for name in folders + files:
                path = Path(folder) / name
                key = str(path.relative_to(self.root))
                found[key] = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        return found

    def digest(self) -> str:
        return scope_digest(self.volume, self.plan.scope)

    def install(
        self,
        before_step: Callable[[int], None] | None = None,
        *,
        plan: Plan | None = None,
        verification: Callable[[], VerificationOutcome] = lambda: VerificationOutcome(ok=True, data="seen"),
        lock: RunLock | None = None,
    ) -> TransactionResult:
        return run_transaction(
            plan or self.plan,
            workstation=PlainWorkstation(self.root, before_step),
            packages=NoPackages(),
            state=self.state,
            verification=verification,
            lock=lock,
        )

    def leftovers(self) -> list[str]:
        state = self.state.path
        return [
            *(str(path.relative_to(state)) for path in (state / "run").iterdir()),
            *(path.name for path in state.iterdir() if path.name == "lock"),
            *(str(path) for path in self.root.rglob("*.tmp")),
            *(path.name for path in (state / "snapshots").iterdir() if path.name.startswith(".")),
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    root = tmp_path / "root"
    root.mkdir()
    made = Bench(root)
    yield made
    made.state.close()
    made.volume.close()


def test_a_run_commits_and_can_be_rolled_back_and_forth(bench: Bench) -> None:
    result = bench.install()
    after = bench.tree()
    assert (result.outcome, result.exit_code, result.verification) == ("committed", 0, "seen")
    assert [step.outcome for step in result.steps] == ["done"] * 5
    assert result.digest_after == bench.digest()
    assert after["usr/local/galss/bin/galsvr"] == NEW_FILES["bin/galsvr"]
    assert bench.leftovers() == []
    assert [path.stem for path in (bench.state.path / "history").iterdir()] == [result.id]
    back = rollback(bench.state, bench.volume)
    assert (back.outcome, back.digest_after) == ("committed", result.digest_before)
    assert bench.tree() == bench.before
    forth = rollback(bench.state, bench.volume)
    assert forth.outcome == "committed"
    assert bench.tree() == after
    assert bench.digest() == result.digest_after
    named = rollback(bench.state, bench.volume, result.snapshot)
    assert named.outcome == "committed"
    assert bench.tree() == bench.before
    assert bench.leftovers() == []


FAILURES: tuple[tuple[Exception, str], ...] = (
    (OSError(errno.EIO, "bad block"), "volume.io-error"),
    (OSError(errno.EMFILE, "", "part.py"), "volume.too-many-open"),
    (ModuleNotFoundError("", name="part"), "program.part-missing"),
    (OSError(errno.EBADF, ""), "transaction.internal-error"),
    (ValueError(), "transaction.internal-error"),
)


@pytest.mark.parametrize(("index", "error", "ref"), [(index, *failure) for index, failure in enumerate(FAILURES)])
def test_a_failure_at_any_step_is_undone_and_proven(bench: Bench, index: int, error: Exception, ref: str) -> None:
    def fail(number: int) -> None:
        if number == index:
            raise error

    result = bench.install(fail)
    assert (result.outcome, result.exit_code) == ("rolled-back", 20)
    assert result.digest_after == result.digest_before == bench.digest()
    assert bench.tree() == bench.before
    assert [step.outcome for step in result.steps] == ["done"] * index + ["failed"]
    assert result.problems[0].ref == ref
    assert bench.leftovers() == []
    assert recover(bench.state, bench.volume).outcome == "nothing-to-do"
    assert bench.install().outcome == "committed"


@pytest.fixture(autouse=True)
def _signals_are_heard() -> Iterator[None]:
    """A shell that starts the tests in the background lets them ignore SIGINT, and the program respects what is to be ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("index", [0, 2, 4])
def test_a_signal_is_undone_and_said(bench: Bench, number: signal.Signals, index: int) -> None:
    handler = signal.getsignal(number)

    def ask(step: int) -> None:
        if step == index:
            os.kill(os.getpid(), number)

    result = bench.install(ask)
    assert (result.outcome, result.signal, result.exit_code) == ("rolled-back", number, 128 + number)
    assert bench.tree() == bench.before
    assert signal.getsignal(number) is handler


def test_a_second_signal_waits_for_the_way_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(step: int) -> None:
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    renaming = primitives.rename

    def impatient(source: str, source_fd: int, target: str, target_fd: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        renaming(source, source_fd, target, target_fd)

    def start_impatience(number: int) -> None:
        monkeypatch.setattr(primitives, "rename", impatient)
        ask(number)

    result = bench.install(lambda number: start_impatience(number) if number == 2 else None)
    assert (result.outcome, result.signal) == ("rolled-back", signal.SIGTERM)
    assert bench.tree() == bench.before


def test_a_signal_before_anything_is_touched_changes_nothing(bench: Bench) -> None:
    def progress(name: str, done: int, total: int) -> None:
        del done, total
        if name == "snapshot":
            os.kill(os.getpid(), signal.SIGINT)

    result = run_transaction(
        bench.plan, workstation=PlainWorkstation(bench.root), packages=NoPackages(), state=bench.state, progress=progress
    )
    assert (result.outcome, result.exit_code) == ("unchanged", 130)
    assert bench.tree() == bench.before
    assert bench.leftovers() == []


def test_a_failed_verification_is_undone(bench: Bench) -> None:
    problem = Problem(ref="bundle.mixed")
    result = bench.install(verification=lambda: VerificationOutcome(ok=False, problems=(problem,), data={"seen": 1}))
    assert (result.outcome, result.problems, result.verification) == ("rolled-back", (problem,), {"seen": 1})
    assert bench.tree() == bench.before


def test_residue_fails_the_run_and_is_named(bench: Bench) -> None:
    plan = msgspec.structs.replace(bench.plan, residue_rules=("/usr/local/foreign", "/usr/local/galss/current"))
    result = bench.install(plan=plan)
    assert (result.outcome, result.residue) == ("rolled-back", ("/usr/local/foreign",))
    assert result.problems[0].ref == "state.residue"
    assert bench.tree() == bench.before


def test_an_untrusted_package_stops_before_anything_is_touched(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def stage(*_: object) -> None:
        raise UntrustedPackageError(Problem(ref="package.damaged"))

    monkeypatch.setattr(PlainWorkstation, "stage", stage)
    with pytest.raises(UntrustedPackageError):
        bench.install()
    assert bench.tree() == bench.before
    assert bench.leftovers() == []
    assert SnapshotStore(bench.state).latest() is None


def test_no_room_for_the_way_back_stops_before_anything_is_touched(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{fd} {size}")

    with monkeypatch.context() as patch:
        patch.setattr(primitives, "allocate", full)
        with pytest.raises(RefusedError) as caught:
            bench.install()
    assert caught.value.problems[0].ref == "space.too-little"
    with monkeypatch.context() as patch:
        patch.setattr(primitives, "free_bytes", lambda _: (1000, 2000, True))
        with pytest.raises(RefusedError) as caught:
            bench.install()
    assert caught.value.problems[0].ref == "space.too-little"
    assert bench.tree() == bench.before
    assert bench.leftovers() == []


def test_the_reserve_is_really_allocated_and_released_first(bench: Bench) -> None:
    seen: list[int] = []

    def look(number: int) -> None:
        reserve = bench.state.path / "run" / "reserve"
        seen.append(reserve.stat().st_blocks * 512)
        if number == 3:
            raise RuntimeError

    result = bench.install(look)
    assert result.outcome == "rolled-back"
    assert min(seen) >= result.bytes_reserved > 8_000_000


def test_a_way_back_that_fails_is_said_and_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(number: int) -> None:
        if number == 3:
            monkeypatch.setattr(primitives, "rename", refuse)
            raise RuntimeError

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    result = bench.install(fail)
    assert (result.outcome, result.exit_code) == ("broken", 21)
    assert result.problems[0].ref == "transaction.rollback-incomplete"
    assert Path(result.problems[0].params["script"]).exists()
    assert "volume.io-error" in {problem.ref for problem in result.problems}
    assert read_journal(bench.state) is not None
    assert interrupted(bench.state) is not None
    with pytest.raises(InterruptedRunError):
        bench.install()
    with pytest.raises(InterruptedRunError):
        rollback(bench.state, bench.volume)
    with pytest.raises(InterruptedRunError):
        prune(bench.state, KeepPolicy())
    assert recover(bench.state, bench.volume).outcome == "broken"
    monkeypatch.undo()
    mended = recover(bench.state, bench.volume)
    assert (mended.outcome, mended.id, mended.exit_code) == ("rolled-back", result.id, 0)
    assert bench.tree() == bench.before
    assert recover(bench.state, bench.volume).outcome == "nothing-to-do"
    assert bench.leftovers() == []


def test_a_way_back_that_cannot_be_proven_is_never_called_done(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = Volume._place

    def meddle(volume: Volume, source_name: str, source_fd: int, path: str, target_fd: int, metadata: Metadata) -> None:
        keep(volume, source_name, source_fd, path, target_fd, metadata)
        if path.endswith("galss.conf"):
            (bench.root / path[1:]).write_bytes(b"somebody else was here")

    def fail(number: int) -> None:
        if number == 3:
            monkeypatch.setattr(Volume, "_place", meddle)
            raise RuntimeError

    result = bench.install(fail)
    assert (result.outcome, result.exit_code) == ("broken", 21)
    assert [problem.ref for problem in result.problems[:2]] == ["transaction.rollback-incomplete", "snapshot.proof-failed"]
    assert f"{FOLDER}/galss.conf" in result.problems[1].params["paths"]
    monkeypatch.undo()
    assert recover(bench.state, bench.volume).outcome == "rolled-back"
    assert bench.tree() == bench.before


def test_every_reference_of_a_result_is_explained(bench: Bench) -> None:
    for ref in ("transaction.rollback-incomplete", "transaction.internal-error", "snapshot.proof-failed", "state.residue", "state.locked"):
        assert find(ref) is not None
    with RunLock(bench.state, "install"), pytest.raises(BusyError):
        bench.install()


def test_one_lock_covers_observe_plan_and_run(bench: Bench) -> None:
    with RunLock(bench.state, "install") as lock:
        assert recover(bench.state, bench.volume, lock=lock).outcome == "nothing-to-do"
        assert bench.install(lock=lock).outcome == "committed"
        assert lock.held


def test_rollback_refuses_what_it_cannot_bring_back_whole(bench: Bench) -> None:
    with pytest.raises(RefusedError) as caught:
        rollback(bench.state, bench.volume)
    assert caught.value.problems[0].ref == "snapshot.none"
    bench.install()
    after = bench.tree()
    victim = next(path for path in (bench.state.path / "objects").rglob("*") if path.is_file())
    victim.unlink()
    with pytest.raises(RefusedError) as caught:
        rollback(bench.state, bench.volume)
    assert caught.value.problems[0].ref == "snapshot.not-restorable"
    assert bench.tree() == after
    assert bench.leftovers() == []


def test_a_signal_while_the_journal_is_begun_leaves_no_journal(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name was there, and nobody remembered it: the run ended as undone, and the next start found one that had been cut off."""
    real = primitives.open_append

    def signalled(name: str, dir_fd: int) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return real(name, dir_fd)

    monkeypatch.setattr(primitives, "open_append", signalled)
    result = bench.install()
    assert (result.outcome, result.signal) == ("unchanged", signal.SIGTERM)
    assert bench.leftovers() == []
    assert interrupted(bench.state) is None
    assert bench.tree() == bench.before
