"""Where a rollback goes: before the last change when no snapshot is named, and past all that later runs changed elsewhere."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from atsam_safe.plan.model import ApplyEffect, Plan, ScopeEntry, Target
from atsam_safe.report.progress import PHASES
from atsam_safe.snapshot.manifest import FOUND
from atsam_safe.snapshot.model import KeepPolicy
from atsam_safe.snapshot.state import open_state
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction import prune, recover, rollback, run_transaction
from atsam_safe.transaction.run import Run
from atsam_safe.transaction.since import changed_after_runs
from atsam_safe.transaction.target import default_target, target_of
from atsam_safe.volume import Volume
from lab.heart import NoPackages, PlainWorkstation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atsam_safe.transaction.model import TransactionResult

OLD, NEW = "/opt/galss.ini", "/opt/extra.ini"


class Bench:
    """A workstation with one file of ours, and its state folder."""

    def __init__(self, root: Path) -> None:
        (root / "opt").mkdir(parents=True)
        (root / OLD[1:]).write_bytes(b"first")
        self.root = root
        self.volume = Volume(root)
        self.state = open_state(root)
        self.store = SnapshotStore(self.state)

    def write(self, *paths: str, content: str, failing: bool = False) -> TransactionResult:
        """A run that writes these files; it fails once all is written, if it is to fail."""

        def fail(number: int) -> None:
            if failing and number == len(paths):
                raise OSError(5, "bad block")

        steps = tuple(ApplyEffect(kind="write-file", path=path, content=content) for path in (*paths, *paths[:1] * failing))
        scope = (ScopeEntry(path="/opt", kind="directory"), *(ScopeEntry(path=path, kind="file") for path in paths))
        plan = Plan(command="install", target=Target(bundle="toy", versions={"galss": "2"}), steps=steps, scope=scope)
        result = run_transaction(plan, workstation=PlainWorkstation(self.root, fail), packages=NoPackages(), state=self.state)
        assert result.outcome == ("rolled-back" if failing else "committed")
        return result

    def files(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted((self.root / "opt").iterdir())}

    def rollback(self, snapshot: str | None = None) -> TransactionResult:
        return rollback(self.state, self.volume, snapshot)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.state.close()
    made.volume.close()


BEFORE = {"galss.ini": "first"}


def test_a_run_that_failed_does_not_stand_between_a_person_and_the_state_before(bench: Bench) -> None:
    """Once rollback restored the present state after a failed run, said that all was done, and each time moved its own goal away."""
    bench.write(OLD, content="second")
    for _ in range(2):
        bench.write(OLD, content="third", failing=True)
    assert bench.rollback().outcome == "committed"
    assert bench.files() == BEFORE
    bench.write(OLD, content="third", failing=True)
    assert bench.rollback().outcome == "committed"
    assert bench.files() == {"galss.ini": "second"}


def test_nothing_is_kept_or_done_where_all_is_as_it_was(bench: Bench) -> None:
    bench.write(OLD, content="third", failing=True)
    assert (bench.rollback().outcome, len(bench.store.identifiers())) == ("nothing-to-do", 1)
    first = bench.write(OLD, content="second").snapshot
    assert bench.rollback(first).outcome == "committed"
    kept = bench.store.identifiers()
    assert bench.rollback(first).outcome == "nothing-to-do"
    assert bench.store.identifiers() == kept
    assert list((bench.state.path / "run").iterdir()) == []
    assert bench.rollback().outcome == "committed"
    assert bench.files() == {"galss.ini": "second"}


@pytest.mark.parametrize("content", [b"", b"not a journal\n"], ids=["a mark alone", "damaged"])
def test_of_a_run_whose_end_nobody_knows_no_change_is_denied(bench: Bench, content: bytes) -> None:
    """An empty record is the mark of a run that is proven to have changed nothing; a damaged one says nothing."""
    bench.write(OLD, content="second")
    last = bench.write(OLD, content="third")
    (bench.state.path / f"history/{last.id}.log").write_bytes(content)
    bench.rollback()
    assert bench.files() == (BEFORE if content == b"" else {"galss.ini": "second"})


def test_what_a_recovery_found_is_gone_back_to_only_by_its_name(bench: Bench) -> None:
    """Whatever became of the records of the run that was cut off: it is no state before a change."""
    first = bench.write(OLD, content="second").snapshot
    scope = (ScopeEntry(path=OLD, kind="file"), ScopeEntry(path=NEW, kind="file"))
    bench.store.create(bench.volume, scope, label="", run_id="20261127T000000Z-0123abcd", reason=FOUND, pointed=False)
    bench.write(OLD, content="third", failing=True)
    assert default_target(bench.store) == first
    (bench.root / NEW[1:]).write_bytes(b"somebody's")
    bench.rollback(first)
    assert bench.files() == {**BEFORE, "extra.ini": "somebody's"}


def test_what_later_runs_changed_elsewhere_goes_back_too(bench: Bench) -> None:
    """Once the files that a later package had brought stayed, and the workstation was told to be in the state of the snapshot."""
    first = bench.write(OLD, content="second").snapshot
    bench.write(OLD, NEW, content="third")
    back = bench.rollback(first)
    assert (back.outcome, back.notices) == ("committed", ())
    assert bench.files() == BEFORE
    assert bench.rollback().outcome == "committed"
    assert bench.files() == {"extra.ini": "third", "galss.ini": "third"}


def test_what_somebody_changed_after_a_run_that_failed_stays(bench: Bench) -> None:
    """That run changed nothing, so what it knew of is no reason to change it."""
    first = bench.write(OLD, content="second").snapshot
    (bench.root / NEW[1:]).write_bytes(b"somebody's")
    bench.write(OLD, NEW, content="third", failing=True)
    (bench.root / NEW[1:]).write_bytes(b"somebody's, newer")
    bench.rollback(first)
    assert bench.files() == {**BEFORE, "extra.ini": "somebody's, newer"}


def test_a_rollback_past_later_runs_that_is_cut_off_is_undone_whole(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bench.write(OLD, content="second").snapshot
    bench.write(OLD, NEW, content="third")
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(Run, "verify", lambda *_: os._exit(9))
        bench.rollback(first)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert bench.files() == BEFORE
    assert recover(bench.state, bench.volume).outcome == "rolled-back"
    assert bench.files() == {"extra.ini": "third", "galss.ini": "third"}


@pytest.mark.parametrize("how", ["damaged", "pruned"])
def test_later_snapshots_that_are_gone_are_named(bench: Bench, how: str) -> None:
    first = bench.write(OLD, content="second").snapshot
    later = bench.write(NEW, content="third").snapshot or ""
    bench.write(OLD, content="fourth")
    if how == "pruned":
        prune(bench.state, KeepPolicy(count=1))
    else:
        (bench.state.path / "snapshots" / later / "manifest.json").write_bytes(b"{}")
    back = bench.rollback(first)
    assert (back.outcome, [notice.ref for notice in back.notices]) == ("committed", ["snapshot.later-unknown"])
    assert back.notices[0].evidence == {"snapshots": [later if how == "damaged" else later[:6]]}
    assert bench.files() == {**BEFORE, "extra.ini": "third"}


class Work:
    """Somebody's work between the runs: of each file its new content, written when the clock has gone on."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def write(self, path: str, content: str) -> None:
        time.sleep(0.02)
        (self.bench.root / path[1:]).write_text(content)
        time.sleep(0.02)

    def told(self, snapshot: str | None = None, *passing: str) -> tuple[str, ...]:
        target = target_of(self.bench.store, self.bench.volume, snapshot or default_target(self.bench.store) or "")
        return changed_after_runs(self.bench.store, self.bench.volume, target, passing.__contains__)


@pytest.fixture
def work(bench: Bench) -> Work:
    return Work(bench)


def test_what_somebody_changed_after_the_run_is_told_and_nothing_else(bench: Bench, work: Work) -> None:
    """Settings that were edited after an installation went back with it, and nobody was told."""
    first = bench.write(OLD, NEW, content="second").snapshot
    assert work.told() == ()
    work.write(OLD, "edited")
    assert work.told() == work.told(first) == (OLD,)
    assert work.told(None, OLD) == ()
    work.write(OLD, "first")
    kept = bench.store.manifest(first or "")
    os.utime(bench.root / OLD[1:], ns=(0, next(item.mtime_ns for item in kept.paths if item.path == OLD)))
    assert work.told() == ()  # as it was before: going back takes nothing of it
    work.write(NEW, "edited")
    assert work.told() == (NEW,)
    assert bench.rollback().outcome == "committed"
    assert work.told() == work.told(first) == ()


def test_what_was_changed_between_two_runs_is_told_where_it_is_still_there(bench: Bench, work: Work) -> None:
    first = bench.write(OLD, content="second").snapshot
    work.write(OLD, "edited")
    last = bench.write(NEW, content="third").snapshot
    assert work.told(first) == (OLD,)
    assert work.told(last) == ()  # that snapshot knows nothing of it
    bench.write(OLD, content="fourth")
    assert work.told(first) == ()  # a run of ours has replaced it: the snapshot of that run keeps it


def test_a_run_that_failed_is_nobodys_work(bench: Bench, work: Work) -> None:
    first = bench.write(OLD, content="second").snapshot
    time.sleep(0.02)
    bench.write(OLD, content="third", failing=True)
    assert work.told(first) == ()
    work.write(OLD, "edited")
    assert work.told(first) == (OLD,)


@pytest.mark.parametrize("content", [b"", b"not a journal\n", None], ids=["a mark alone", "damaged", "missing"])
def test_without_the_record_of_the_last_run_nobody_is_said_to_have_worked(bench: Bench, work: Work, content: bytes | None) -> None:
    run = bench.write(OLD, content="second")
    work.write(OLD, "edited")
    record = bench.state.path / f"history/{run.id}.log"
    record.unlink()
    if content is not None:
        record.write_bytes(content)
    assert work.told(run.snapshot) == ()


def test_no_phase_of_a_way_back_ever_goes_backwards(bench: Bench) -> None:
    """« Going back to the state before » stood at 100 %, then at 8 %, then at 100 %: its files were only being prepared."""
    names = tuple(f"/opt/{number}.ini" for number in range(12))
    for name in names:
        (bench.root / name[1:]).write_text("first")
    bench.write(*names, content="second")
    told: list[tuple[str, float]] = []

    def progress(phase: str, done: int, total: int) -> None:
        told.append((PHASES[phase], done / total if total else 0))

    assert rollback(bench.state, bench.volume, progress=progress).outcome == "committed"
    shares = [share for words, share in told if words == PHASES["rollback"]]
    assert shares == sorted(shares)
    assert len(set(shares)) > 2
    words = [told[0][0], *(after for (before, _), (after, _) in pairwise(told) if after != before)]
    assert words.index(PHASES["observe"]) < words.index(PHASES["stage"]) < len(words) - words[::-1].index(PHASES["rollback"])
