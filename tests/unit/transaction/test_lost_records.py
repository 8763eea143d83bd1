"""A run whose records are lost or damaged: nothing is guessed, and there is a way out that ends in a proven state."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import KeepPolicy, SnapshotStore, open_state
from atsam_safe.transaction import prune, recover
from atsam_safe.transaction.executor import interrupted
from atsam_safe.transaction.journal import JournalDamagedError, read_journal
from atsam_safe.transaction.records import Snapshotted
from atsam_safe.volume import Volume, primitives
from atsam_safe.words.model import InterruptedRunError
from lab.heart_runs import PLAN, copy_of, digest, install, killed_at, mend, prepared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STATE = "Library/Application Support/atsam-safe"
JOURNAL = f"{STATE}/run/journal.log"
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "zeros": lambda content: bytes(len(content)),
    "nothing": lambda _content: b"",
    "other text": lambda _content: b"hello\n",
    "cut to its first record": lambda content: content[: content.index(b"\n") + 1],
    "cut in its first record": lambda content: content[:40],
    "a byte of the first record flipped": lambda content: content[:60] + bytes([content[60] ^ 1]) + content[61:],
}


@pytest.fixture(scope="module")
def half_done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workstation whose installation was killed in the middle of its changes, and the digest before."""
    folder = tmp_path_factory.mktemp("lost")
    template, before = prepared(folder)
    for count in range(60, 400, 7):
        root = copy_of(template, folder, count)
        assert killed_at(count, install, root), "no kill left a workstation in between"
        with open_state(root) as state:
            reading = read_journal(state)
            kept = reading is not None and any(isinstance(record, Snapshotted) for record in reading.records)
        if kept and digest(root) != before:
            return root, before
    raise AssertionError


def damaged(half_done: tuple[Path, str], tmp_path: Path, kind: str) -> tuple[Path, str]:
    template, before = half_done
    root = copy_of(template, tmp_path, 0)
    journal = root / JOURNAL
    journal.write_bytes(DAMAGE[kind](journal.read_bytes()))
    return root, before


@pytest.mark.parametrize("kind", [*DAMAGE, "gone"])
def test_what_a_recovery_found_and_nobody_can_read_is_no_run_of_its_own(half_done: tuple[Path, str], tmp_path: Path, kind: str) -> None:
    """« Nothing was touched », it had said of the half-done run, and had put its journal away; « nothing to do », the next start."""
    template, _ = half_done
    root = copy_of(template, tmp_path, 0)
    kept = set((root / STATE / "snapshots").iterdir())

    def cut_off(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def killed_before_it_goes_back(place: Path) -> str:
        setattr(SnapshotStore, "restore_to", cut_off)  # noqa: B010 - a method, in a child that does not live to take it back
        return mend(place)

    assert killed_at(10**9, killed_before_it_goes_back, root)
    (found,) = set((root / STATE / "snapshots").iterdir()) - kept
    (found / "manifest.json").write_bytes(b"")
    journal = root / JOURNAL
    if kind == "gone":
        journal.unlink()
    else:
        journal.write_bytes(DAMAGE[kind](journal.read_bytes()))
    between = digest(root)
    for _ in range(2):
        with open_state(root) as state, Volume(root) as volume, pytest.raises(JournalDamagedError) as caught:
            recover(state, volume)
        (problem,) = caught.value.problems
        assert problem.params["snapshot"] == next(iter(kept)).name
    assert digest(root) == between


@pytest.mark.parametrize("kind", DAMAGE)
def test_of_a_half_done_run_without_its_records_nothing_is_claimed(half_done: tuple[Path, str], tmp_path: Path, kind: str) -> None:
    """Zeros in the journal's place were once “dealt with”: the journal was removed, and the workstation stayed in between."""
    root, before = damaged(half_done, tmp_path, kind)
    found, content = digest(root), (root / JOURNAL).read_bytes()
    assert found != before
    with open_state(root) as state, Volume(root) as volume, pytest.raises(JournalDamagedError) as caught:
        recover(state, volume)
    (problem,) = caught.value.problems
    assert problem.ref == "state.journal-damaged"
    assert problem.params["by_hand"].startswith("sh '/")
    assert (digest(root), (root / JOURNAL).read_bytes()) == (found, content)


@pytest.mark.parametrize("kind", DAMAGE)
def test_brought_back_by_hand_it_is_put_away(half_done: tuple[Path, str], tmp_path: Path, kind: str) -> None:
    root, before = damaged(half_done, tmp_path, kind)
    with open_state(root) as state, Volume(root) as volume, pytest.raises(JournalDamagedError) as caught:
        recover(state, volume)
    # what the person is told is pasted into a shell as it stands
    subprocess.run(["/bin/sh", "-c", caught.value.problems[0].params["by_hand"]], check=True, capture_output=True)
    assert digest(root) == before
    with open_state(root) as state, Volume(root) as volume:
        assert recover(state, volume).outcome in {"unchanged", "rolled-back"}
        assert recover(state, volume).outcome == "nothing-to-do"
        assert SnapshotStore(state).check().problems == ()
    assert install(root) == "committed"


def without_journal(half_done: tuple[Path, str], tmp_path: Path) -> Path:
    root = copy_of(half_done[0], tmp_path, 0)
    (root / JOURNAL).unlink()
    return root


def test_a_half_done_run_whose_journal_is_missing_is_not_nothing_to_do(half_done: tuple[Path, str], tmp_path: Path) -> None:
    """It was: recovery ended 0 on a workstation in between, and the next run took that for the state before."""
    root = without_journal(half_done, tmp_path)
    found = digest(root)
    with open_state(root) as state, Volume(root) as volume:
        newest = max(SnapshotStore(state).identifiers())
        problem = interrupted(state)
        assert problem is not None
        assert (problem.ref, problem.params["command"], problem.params["snapshot"]) == ("state.interrupted-run", "install", newest)
        with pytest.raises(InterruptedRunError):
            prune(state, KeepPolicy(count=1))
        with pytest.raises(JournalDamagedError) as caught:
            recover(state, volume)
    (told,) = caught.value.problems
    assert (told.ref, told.told, told.params["snapshot"]) == ("state.journal-damaged", "state.journal-damaged.missing", newest)
    assert digest(root) == found
    subprocess.run(["/bin/sh", "-c", told.params["by_hand"]], check=True, capture_output=True)
    assert digest(root) == half_done[1]
    with open_state(root) as state, Volume(root) as volume:
        assert recover(state, volume).outcome == "rolled-back"
        assert recover(state, volume).outcome == "nothing-to-do"
        assert interrupted(state) is None
    assert install(root) == "committed"


def marks_gone(root: Path) -> None:
    for mark in (root / STATE / "history").iterdir():
        mark.unlink()


def by_hand(root: Path) -> None:
    with open_state(root) as state, Volume(root) as volume:
        SnapshotStore(state).create(volume, PLAN.scope, label="by hand", run_id="by hand", reason="by hand")


def damaged_list(root: Path) -> None:
    manifest = max((root / STATE / "snapshots").iterdir()) / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"run_id": "2', b'"run_id": "1', 1))


def exported(root: Path) -> None:
    """A copy in the store's place is a store."""
    with open_state(root) as state:
        copy = SnapshotStore(state).export(max(SnapshotStore(state).identifiers()), root.parent / "copy")
    shutil.rmtree(root / STATE)
    shutil.move(copy, root / STATE)


@pytest.mark.parametrize("happened", [lambda _: None, by_hand, marks_gone, damaged_list, exported])
def test_what_was_never_interrupted_is_not_told_as_a_missing_journal(tmp_path: Path, happened: Callable[[Path], None]) -> None:
    root, _ = prepared(tmp_path, install, install)
    happened(root)
    found = digest(root)
    with open_state(root) as state, Volume(root) as volume:
        assert interrupted(state) is None
        assert recover(state, volume).outcome == "nothing-to-do"
    assert digest(root) == found


@pytest.mark.parametrize("kind", ["zeros", "nothing", "cut in its first record"])
def test_a_run_that_had_only_just_begun_is_tidied(tmp_path: Path, kind: str) -> None:
    """The first record may be torn by a power cut: an earlier run that ended must not make that a refusal."""
    template, _ = prepared(tmp_path, install)
    before = digest(template)
    for count in range(1, 60):
        root = copy_of(template, tmp_path, count)
        killed_at(count, install, root)
        journal = root / JOURNAL
        if journal.exists() and journal.stat().st_size:
            break
    journal.write_bytes(DAMAGE[kind](journal.read_bytes()))
    with open_state(root) as state, Volume(root) as volume:
        assert recover(state, volume).outcome == "unchanged"
    assert digest(root) == before


def test_a_script_that_was_killed_leaves_nothing_that_the_next_start_does_not_know(half_done: tuple[Path, str], tmp_path: Path) -> None:
    template, before = half_done
    root = copy_of(template, tmp_path, 0)
    left = root / "usr/local/lib/.atsam-safe-restore-4242.tmp"
    beside = next(path for path in (root / "opt", root / "Library/Preferences", root) if path.is_dir()) / ".atsam-safe-restore-1.tmp"
    for place in (left, beside):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"half")
    with open_state(root) as state, Volume(root) as volume:
        scope_folders = {item.path.rpartition("/")[0] for item in SnapshotStore(state).manifest(SnapshotStore(state).latest() or "").paths}
        assert recover(state, volume).outcome == "rolled-back"
    assert digest(root) == before
    for place in (left, beside):
        if f"/{place.parent.relative_to(root)}" in scope_folders:
            assert not place.exists()


@pytest.mark.parametrize("readable_first", [True, False])
def test_a_recovery_that_can_open_nothing_says_where_the_state_before_lies(
    half_done: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, readable_first: bool
) -> None:
    """« Not complete » without the name of the snapshot leaves a person alone with a workstation in between."""
    root = copy_of(half_done[0], tmp_path, 0)
    with open_state(root) as state, Volume(root) as volume:
        newest = max(SnapshotStore(state).identifiers())
        failing = not readable_first

        def refusing(operation: Callable[..., int], *, begins: bool = False) -> Callable[..., int]:
            def call(*arguments: object) -> int:
                nonlocal failing
                failing = failing or begins
                if failing:
                    raise OSError(errno.EACCES, os.strerror(errno.EACCES))
                return operation(*arguments)

            return call

        for name in ("open_directory", "open_read", "open_append", "create_file"):
            monkeypatch.setattr(primitives, name, refusing(getattr(primitives, name)))
        monkeypatch.setattr(primitives, "open_for_lock", refusing(primitives.open_for_lock, begins=True))
        result = recover(state, volume)
        place = state.path / "snapshots"
    assert (result.outcome, result.exit_code) == ("broken", 21)
    assert [problem.ref for problem in result.problems] == ["transaction.rollback-incomplete", "volume.not-permitted"]
    incomplete = result.problems[0]
    if readable_first:
        assert (result.snapshot, incomplete.params["place"], incomplete.told) == (newest, str(place / newest), None)
    else:
        assert (incomplete.params["place"], incomplete.told) == (str(place), "transaction.rollback-incomplete.unnamed")
        # a script that is none was once named in the evidence
        assert not incomplete.evidence.keys() & {"script", "by_hand"}
    monkeypatch.undo()
    with open_state(root) as state, Volume(root) as volume:
        assert recover(state, volume).outcome == "rolled-back"
    assert digest(root) == half_done[1]
