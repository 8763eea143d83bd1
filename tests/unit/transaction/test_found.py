"""What somebody did since a run was cut off is kept by the recovery that takes it; a state in between is never one to go back to."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import KeepPolicy, SnapshotStore, open_state
from atsam_safe.snapshot.manifest import FOUND
from atsam_safe.transaction import prune, recover, rollback
from atsam_safe.transaction.executor import interrupted
from atsam_safe.transaction.found import KEPT_PER_RUN, SLACK_SECONDS, changed_since, is_elsewhen
from atsam_safe.transaction.journal import JournalDamagedError
from atsam_safe.volume import Volume
from faults.blackouts import fingerprint, half_installed
from faults.fingerprint import differences
from lab.heart import CONFIGURATION, FOLDER, PlainWorkstation
from lab.heart_runs import copy_of, digest, install, killed_at, mend, prepared
from unit.transaction.test_kills import assert_sound
from unit.transaction.test_lost_records import JOURNAL, half_done

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from atsam_safe.plan.model import ScopeEntry

__all__ = ["half_done"]


@pytest.fixture
def repaired(half_done: tuple[Path, str], tmp_path: Path) -> Path:
    """A workstation whose installation was killed, and which somebody repaired by hand since."""
    root = copy_of(half_done[0], tmp_path, 0)
    note = root / FOLDER[1:] / "doc" / "repaired"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_bytes(b"weeks of work")
    return root


def snapshots(root: Path) -> list[str]:
    with open_state(root) as state:
        return list(SnapshotStore(state).identifiers())


def test_what_a_recovery_finds_can_be_gone_back_to(half_done: tuple[Path, str], repaired: Path) -> None:
    """It was gone, its bytes nowhere in the store, while a rollback has always kept the present state first."""
    found = digest(repaired)
    with open_state(repaired) as state, Volume(repaired) as volume:
        latest = SnapshotStore(state).latest()
        result = recover(state, volume)
        assert (result.outcome, result.exit_code, result.notices) == ("rolled-back", 0, ())
        assert digest(repaired) == half_done[1]
        assert result.found is not None
        kept = SnapshotStore(state).manifest(result.found)
        assert (kept.digest, kept.reason, kept.run_id) == (found, FOUND, result.id)
        assert SnapshotStore(state).latest() == latest
        assert interrupted(state) is None
        assert recover(state, volume).outcome == "nothing-to-do"
        assert rollback(state, volume, result.found).outcome == "committed"
    assert digest(repaired) == found
    assert (repaired / FOLDER[1:] / "doc" / "repaired").read_bytes() == b"weeks of work"


def test_a_state_that_is_right_already_is_not_kept_again(half_done: tuple[Path, str], tmp_path: Path) -> None:
    root = copy_of(half_done[0], tmp_path, 0)
    journal = (root / JOURNAL).read_bytes()
    assert mend(root) == "rolled-back"
    (root / JOURNAL).write_bytes(journal)
    before = snapshots(root)
    with open_state(root) as state, Volume(root) as volume:
        result = recover(state, volume)
    assert (result.outcome, result.found) == ("rolled-back", None)
    assert snapshots(root) == before


def test_a_recovery_killed_again_and_again_keeps_little(half_done: tuple[Path, str], repaired: Path) -> None:
    before = len(snapshots(repaired))
    for count in range(3, 90, 3):
        killed_at(count, mend, repaired)
    assert_sound(repaired, half_done[1])
    assert 1 <= len(snapshots(repaired)) - before <= 8
    with open_state(repaired) as state:
        assert any(b"weeks of work" in path.read_bytes() for path in (state.path / "objects").rglob("*") if path.is_file())


def test_a_state_in_between_is_never_taken_for_the_one_before(half_done: tuple[Path, str], repaired: Path) -> None:
    """Records lost after the recovery kept what it found: the newest snapshot then is the present state, and no proof of anything."""
    before = len(snapshots(repaired))
    for count in range(1, 200):
        killed_at(count, mend, repaired)
        if len(snapshots(repaired)) > before:
            break
    assert digest(repaired) != half_done[1]
    with open_state(repaired) as state:
        assert SnapshotStore(state).unended() == sorted(snapshots(repaired))[before - 1]
    for damage in (bytes, lambda _: None):
        journal = repaired / JOURNAL
        content = damage(journal.stat().st_size)
        journal.unlink()
        if content is not None:
            journal.write_bytes(content)
        with open_state(repaired) as state, Volume(repaired) as volume, pytest.raises(JournalDamagedError):
            recover(state, volume)


class NotToBeAsked(PlainWorkstation):
    """Nothing was observed: what no file holds cannot be asked for."""

    asked = 0

    def capture(self, folder: Path, scope: Sequence[ScopeEntry]) -> None:
        del folder, scope
        self.asked += 1


def test_files_alone_are_kept(repaired: Path) -> None:
    """The adapters of a running system can only tell the rest of what they observed: it was never kept, and asked for in vain."""
    with open_state(repaired) as state, Volume(repaired) as volume:
        system = NotToBeAsked(repaired)
        result = recover(state, volume, system=system)
        assert result.found is not None
        assert system.asked == 0
        assert not (state.path / "snapshots" / result.found / "system").exists()


@pytest.mark.parametrize("broken", ["free_space", "create"])
def test_what_cannot_be_kept_is_told_and_in_nobody_s_way(
    half_done: tuple[Path, str], repaired: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def failing(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError

    with open_state(repaired) as state, Volume(repaired) as volume:
        if broken == "free_space":
            monkeypatch.setattr(Volume, "free_space", lambda _: 1000)
        else:
            monkeypatch.setattr(SnapshotStore, "create", failing)
        result = recover(state, volume)
    assert (result.outcome, result.found) == ("rolled-back", None)
    assert [notice.ref for notice in result.notices] == ["transaction.found-not-kept"]
    assert digest(repaired) == half_done[1]


def test_pruning_lets_it_go_with_the_snapshot_that_was_gone_back_to(repaired: Path) -> None:
    with open_state(repaired) as state, Volume(repaired) as volume:
        found = recover(state, volume).found
    for keep, there in ((2, True), (1, True)):
        with open_state(repaired) as state:
            prune(state, KeepPolicy(count=keep))
        assert (found in snapshots(repaired)) is there
    assert install(repaired) == install(repaired) == "committed"
    with open_state(repaired) as state:
        important = {one.run_id for one in SnapshotStore(state).list() if one.important}
        report = prune(state, KeepPolicy(count=1))
        kept = {one.id: one for one in SnapshotStore(state).list()}
        assert (found in kept) is any(one.run_id in important and one.reason == FOUND for one in kept.values())
        assert set(report.kept) == set(kept)
        assert SnapshotStore(state).check().problems == ()


def test_changes_long_after_the_run_are_seen_and_those_of_the_run_are_not(
    half_done: tuple[Path, str], repaired: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "more").mkdir()
    by_hand = copy_of(half_done[0], tmp_path / "more", 0)
    assert mend(by_hand) == "rolled-back"
    (by_hand / JOURNAL).write_bytes((repaired / JOURNAL).read_bytes())

    def late(root: Path, *passing: str) -> tuple[str, ...]:
        with open_state(root) as state, Volume(root) as volume:
            return changed_since(state, volume, lambda path: path in passing)

    assert late(repaired) == ()
    monkeypatch.setattr("atsam_safe.transaction.found.SLACK_SECONDS", -SLACK_SECONDS)
    assert f"{FOLDER}/doc/repaired" in late(repaired)
    assert f"{FOLDER}/doc/repaired" not in late(repaired, f"{FOLDER}/doc/repaired")
    assert late(by_hand) == ()
    assert prepared(tmp_path / "more")
    assert late(tmp_path / "more" / "template") == ()


def test_a_repair_that_is_one_too_many_to_be_kept_is_told(half_done: tuple[Path, str], repaired: Path) -> None:
    """From the ninth state on it went without a word."""
    note = repaired / FOLDER[1:] / "doc" / "repaired"

    def cut_off(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def killed_before_it_goes_back(root: Path) -> str:
        setattr(SnapshotStore, "restore_to", cut_off)  # noqa: B010 - a method, in a child that does not live to take it back
        return mend(root)

    before = len(snapshots(repaired))
    for number in range(KEPT_PER_RUN):
        note.write_bytes(b"repair number %d" % number)
        assert killed_at(10**9, killed_before_it_goes_back, repaired)
    assert len(snapshots(repaired)) - before == KEPT_PER_RUN
    note.write_bytes(b"one too many")
    with open_state(repaired) as state, Volume(repaired) as volume:
        result = recover(state, volume)
    assert (result.outcome, result.exit_code, result.found) == ("rolled-back", 0, None)
    (notice,) = result.notices
    assert (notice.ref, notice.told) == ("transaction.found-not-kept", "transaction.found-not-kept.enough")
    assert notice.params == {"count": str(KEPT_PER_RUN)}
    assert digest(repaired) == half_done[1]


FUTURE = 4_084_000_000.0
HOUR = 3600.0


@pytest.mark.parametrize(
    ("begun", "ended"),
    [(FUTURE, FUTURE), (-HOUR, FUTURE), (FUTURE, -HOUR), (-HOUR, -HOUR), (0.0, -HOUR)],
    ids=["in the future", "set ahead meanwhile", "set right meanwhile", "an hour ago", "set back meanwhile"],
)
def test_a_repair_is_seen_whatever_the_clock_said_in_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: float, ended: float
) -> None:
    """With records of 2099 nothing was ever late, and every command undid the repair in passing. Below 0 and 0: from now on."""
    root, _ = prepared(tmp_path)
    clock = time.time()
    said = [moment if moment > 1e9 else clock + moment for moment in (begun, ended)]

    class Set:
        """Another clock from the fifth record on."""

        asked = 0

        def time(self) -> float:
            self.asked += 1
            return said[self.asked > 4] + self.asked / 1000

    with monkeypatch.context() as patch:
        patch.setattr("atsam_safe.transaction.journal.time", Set())
        half_installed(root)
    with open_state(root) as state, Volume(root) as volume:
        assert (f"{FOLDER}/galss.conf" in changed_since(state, volume, lambda _: False)) is (begun != 0.0)
        assert changed_since(state, volume, lambda _: True) == ()
        assert recover(state, volume).outcome == "rolled-back"


def test_what_a_run_with_a_wrong_clock_changed_itself_is_no_repair() -> None:
    """By the clock of that run its own files are of its time, also in the middle of a long step; and a folder tells nothing."""
    run = (FUTURE, FUTURE + 10, FUTURE + 10 + 5 * HOUR)
    for own in (FUTURE - 60, FUTURE + 5, FUTURE + 2 * HOUR, FUTURE + 5 * HOUR + 600):
        assert not is_elsewhen(int(own * 1e9), run)
    for other in (FUTURE - HOUR, FUTURE + 6 * HOUR, 1_795_000_000.0):
        assert is_elsewhen(int(other * 1e9), run)
    assert not is_elsewhen(0, run)
    jumped = (1_795_000_000.0, FUTURE)
    assert is_elsewhen(int((1_795_000_000.0 + 2 * HOUR) * 1e9), jumped)


@pytest.mark.parametrize("kind", ["file", "link"])
def test_somebody_s_folder_in_the_place_of_one_file_keeps_no_other_from_coming_back(tmp_path: Path, kind: str) -> None:
    """It stopped the whole way back: libraries and jobs stayed away until somebody had moved it."""
    root, _ = prepared(tmp_path)
    ini = root / CONFIGURATION[1:]
    if kind == "link":
        ini.unlink()
        ini.symlink_to("galss.conf")
    before = fingerprint(root)
    half_installed(root)
    ini.unlink()
    ini.mkdir()
    (ini / "mine").write_bytes(b"somebody's")
    for _ in range(2):
        with open_state(root) as state, Volume(root) as volume:
            result = recover(state, volume)
        assert (result.outcome, result.exit_code) == ("broken", 21)
        told = [(problem.ref, problem.params.get("path")) for problem in result.problems]
        assert told[1:] == [("snapshot.folder-in-the-way", CONFIGURATION)]
        assert (ini / "mine").read_bytes() == b"somebody's"
        assert set(differences(fingerprint(root), before)) == {str(path.relative_to(root)) for path in (ini, ini / "mine")}
    ini.rename(tmp_path / "moved")
    assert mend(root) == "rolled-back"
    assert fingerprint(root) == before
