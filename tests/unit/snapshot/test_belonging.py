"""A state folder outside of the workstation: it knows its workstation, the workstation knows it, and nobody is given another's files."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest

from atsam_safe.plan.model import ScopeEntry
from atsam_safe.snapshot import SnapshotStore, open_state
from atsam_safe.snapshot.belonging import MARK
from atsam_safe.transaction import recover, run_transaction
from atsam_safe.transaction.lock import RunLock
from atsam_safe.volume import Volume, primitives
from atsam_safe.volume.errors import failure
from atsam_safe.volume.state_place import default_state_path
from atsam_safe.words.model import RefusedError, WorkstationError
from lab.heart import NoPackages, PlainWorkstation, install_plan, lay_out
from lab.heart_runs import killed_at

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.volume import Metadata

SCOPE = (ScopeEntry(path="/etc/galss.ini", kind="file"),)


def workstation(folder: Path, content: str) -> Path:
    (folder / "private/etc").mkdir(parents=True)
    (folder / "private/etc/galss.ini").write_text(content)
    return folder


@pytest.fixture
def practice(tmp_path: Path) -> Path:
    return workstation(tmp_path / "a", "ours")


def keep(root: Path, place: Path) -> None:
    with open_state(root, place) as state, Volume(root) as volume:
        SnapshotStore(state).create(volume, SCOPE, label="x", run_id="x", reason="x")


def refusal(root: Path, place: Path | None = None, *, create: bool = True) -> str:
    with pytest.raises(RefusedError) as caught:
        open_state(root, place, create=create)
    (problem,) = caught.value.problems
    return problem.ref


@pytest.mark.parametrize("create", [True, False])
def test_a_folder_that_holds_anything_serves_its_own_workstation_only(practice: Path, tmp_path: Path, *, create: bool) -> None:
    keep(practice, tmp_path / "state")
    other = workstation(tmp_path / "c", "another practice")
    assert refusal(other, tmp_path / "state", create=create) == "state.other-workstation"
    assert not default_state_path(other).exists()
    with open_state(practice, tmp_path / "state", create=create) as state:
        assert SnapshotStore(state).latest() is not None


@pytest.mark.parametrize("create", [True, False])
def test_a_workstation_whose_state_lies_elsewhere_is_not_begun_anew(practice: Path, tmp_path: Path, *, create: bool) -> None:
    """A run interrupted with --state-dir was once invisible without it."""
    keep(practice, tmp_path / "state")
    assert refusal(practice, create=create) == "state.elsewhere"
    assert refusal(practice, tmp_path / "third", create=create) == "state.elsewhere"
    assert not (tmp_path / "third").exists()


def test_a_run_at_the_default_place_is_not_passed_over(practice: Path, tmp_path: Path) -> None:
    with open_state(practice) as state:
        (state.path / "run/journal.log").write_text("half of something")
    assert refusal(practice, tmp_path / "state") == "state.elsewhere"


def test_the_default_place_may_be_named(practice: Path) -> None:
    with open_state(practice, default_state_path(practice)) as state:
        assert not state.files.exists("/workstation")
    with open_state(practice) as state:
        assert state.path == default_state_path(practice)


def test_the_default_place_may_be_named_by_another_way(practice: Path, tmp_path: Path) -> None:
    """It was told as the folder of another workstation."""
    keep(practice, default_state_path(practice))
    (tmp_path / "way").symlink_to(practice)
    with open_state(practice, default_state_path(tmp_path / "way")) as state:
        assert SnapshotStore(state).latest() is not None


def test_both_may_move_together(practice: Path, tmp_path: Path) -> None:
    keep(practice, tmp_path / "state")
    moved, place = practice.rename(tmp_path / "b"), (tmp_path / "state").rename(tmp_path / "moved state")
    with open_state(moved, place) as state:
        assert SnapshotStore(state).latest() is not None
    assert str(place) in (default_state_path(moved) / MARK).read_text()


def test_a_start_that_was_killed_between_the_two_files_is_finished_by_the_next(practice: Path, tmp_path: Path) -> None:
    open_state(practice, tmp_path / "state").close()
    number = (tmp_path / "state/workstation").read_text()
    shutil.rmtree(default_state_path(practice))
    with open_state(practice, tmp_path / "state", create=False):
        pass
    assert not default_state_path(practice).exists()
    open_state(practice, tmp_path / "state").close()
    now = (tmp_path / "state/workstation").read_text()
    assert (default_state_path(practice) / MARK).read_text() == f"{now}{tmp_path / 'state'}\n"
    # it may as well have been another workstation that once began there, and that still bears the first number
    assert now != number


def test_a_folder_in_which_nothing_was_kept_passes_to_who_keeps_first(practice: Path, tmp_path: Path) -> None:
    """Both bore one number then, and the first was given the other's files."""
    open_state(practice, tmp_path / "state").close()
    other = workstation(tmp_path / "c", "another practice")
    keep(other, tmp_path / "state")
    for create in (True, False):
        assert refusal(practice, tmp_path / "state", create=create) in {"state.other-workstation", "state.elsewhere"}
    with open_state(other, tmp_path / "state") as state:
        assert SnapshotStore(state).latest() is not None


def test_a_person_may_say_that_a_folder_is_that_of_a_workstation_without_a_sign(practice: Path, tmp_path: Path) -> None:
    """A sign that is gone once left no way back at all."""
    keep(practice, tmp_path / "state")
    mark = default_state_path(practice) / MARK
    written = mark.read_text()
    mark.unlink()
    assert refusal(practice, tmp_path / "state", create=False) == "state.other-workstation"
    assert not mark.exists()
    with open_state(practice, tmp_path / "state", create=False, confirmed=True) as state:
        assert SnapshotStore(state).latest() is not None
    assert mark.read_text() == written
    with open_state(practice, tmp_path / "state", create=False):
        pass


def test_nobody_may_say_so_of_a_workstation_that_bears_another_sign(practice: Path, tmp_path: Path) -> None:
    keep(practice, tmp_path / "state")
    other = workstation(tmp_path / "c", "another practice")
    keep(other, tmp_path / "other state")
    for create in (True, False):
        with pytest.raises(RefusedError) as caught:
            open_state(other, tmp_path / "state", create=create, confirmed=True)
        (problem,) = caught.value.problems
        assert (problem.ref, problem.told) == ("state.other-workstation", None)
    (tmp_path / "state/workstation").unlink()
    (default_state_path(practice) / MARK).unlink()
    with pytest.raises(RefusedError):
        open_state(practice, tmp_path / "state", confirmed=True)


def test_the_script_asks_for_the_same_word(practice: Path, tmp_path: Path) -> None:
    keep(practice, tmp_path / "state")
    script = next((tmp_path / "state/snapshots").glob("0*/restore.sh"))
    mark = default_state_path(practice) / MARK
    written = mark.read_text()
    ini = practice / "private/etc/galss.ini"

    def run(*words: str) -> tuple[int, str]:
        ini.write_text("changed")
        done = subprocess.run(["/bin/sh", str(script), *words], capture_output=True, text=True, check=False, cwd="/")
        return done.returncode, ini.read_text()

    assert run(str(practice)) == (0, "ours")
    mark.write_text(written.replace(written.split()[2], "0" * 32))
    assert run(str(practice)) == run("--this-one", str(practice)) == (1, "changed")
    mark.unlink()
    assert run(str(practice)) == (1, "changed")
    assert run("--this-one", str(practice)) == (0, "ours")


@pytest.mark.parametrize("content", [b"", b"atsam-safe workstation 12\n", b"\xff\xfe", b"x" * 30_000])
def test_a_damaged_number_is_no_number(practice: Path, tmp_path: Path, content: bytes) -> None:
    keep(practice, tmp_path / "state")
    (tmp_path / "state/workstation").write_bytes(content)
    assert refusal(practice, tmp_path / "state") == "state.other-workstation"


@pytest.mark.parametrize("create", [True, False])
def test_a_sign_of_a_store_that_never_held_a_snapshot_leads_to_nothing(practice: Path, tmp_path: Path, *, create: bool) -> None:
    """A kill leaves it, or a disk that could not be written to when it was to be removed."""
    open_state(practice, tmp_path / "state").close()
    (tmp_path / "state/history/20261127T120000Z-00000000.log").write_text("a run that ended unchanged")
    mark = default_state_path(practice) / MARK
    if create:
        open_state(practice).close()
        assert not mark.exists()
    else:
        assert refusal(practice, create=False) == "state.missing"
        assert mark.exists()
        # what another sign would say is written over it
        with open_state(practice, tmp_path / "third"):
            assert str(tmp_path / "third") in mark.read_text()


def test_a_sign_of_nothing_that_cannot_be_removed_keeps_nobody_from_beginning(
    practice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_state(practice, tmp_path / "state").close()

    def refused(_: Volume, path: str) -> bool:
        raise failure(OSError(errno.EIO, os.strerror(errno.EIO)), path)

    monkeypatch.setattr(Volume, "remove_file", refused)
    for _ in range(2):
        with open_state(practice) as state:
            assert state.files.exists(f"/{MARK}")


def test_a_sign_is_not_passed_over_while_somebody_is_at_work_there(practice: Path, tmp_path: Path) -> None:
    with open_state(practice, tmp_path / "state") as state:
        with RunLock(state, "test"):
            assert refusal(practice) == "state.elsewhere"
            assert refusal(practice, tmp_path / "third") == "state.elsewhere"
        (tmp_path / "state/lock").write_text("left by a kill")
        open_state(practice).close()
        shutil.rmtree(default_state_path(practice))
        # a sign that was taken away between a start and its lock is there again before anything is begun
        with RunLock(state, "test"):
            assert refusal(practice) == "state.elsewhere"
        assert not default_state_path(practice).exists()


@pytest.mark.parametrize("held", ["snapshot", "latest", "journal"])
def test_a_sign_of_a_store_that_held_anything_stays(practice: Path, tmp_path: Path, held: str) -> None:
    with open_state(practice, tmp_path / "state") as state, RunLock(state, "test"):
        name = {"snapshot": "snapshots/000001-x", "latest": "latest", "journal": "run/journal.log"}[held]
        (tmp_path / "state" / name).write_text("of a run")
    assert (default_state_path(practice) / MARK).exists()
    assert refusal(practice) == "state.elsewhere"


def test_a_sign_that_cannot_be_written_leaves_no_folder(practice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Volume.write_file_durably

    def full(volume: Volume, path: str, content: bytes, metadata: Metadata) -> None:
        if path.endswith(MARK):
            raise failure(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), path)
        real(volume, path, content, metadata)

    with monkeypatch.context() as patch:
        patch.setattr(Volume, "write_file_durably", full)
        with pytest.raises(WorkstationError):
            open_state(practice, tmp_path / "state")
    assert not default_state_path(practice).exists()
    open_state(practice).close()


def test_a_lock_for_which_there_is_no_room_leaves_no_sign(practice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with open_state(practice, tmp_path / "state") as state, monkeypatch.context() as patch:
        patch.setattr(primitives, "open_for_lock", full)
        with pytest.raises(WorkstationError):
            RunLock(state, "test").acquire()
        assert not default_state_path(practice).exists()
        keep(practice, tmp_path / "state")
        with pytest.raises(WorkstationError):
            RunLock(state, "test").acquire()
        assert (default_state_path(practice) / MARK).exists()


def unchanged(root: Path, place: Path) -> str:
    """A run that is refused by the disk of its snapshots, before it touched anything."""

    def no_room(_: Volume, path: str, mode: int = 0o600) -> None:
        raise failure(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), f"{path} {mode}")

    with pytest.MonkeyPatch.context() as patch, open_state(root, place) as state:
        patch.setattr("atsam_safe.transaction.executor.RESERVE_SLACK", 0)
        patch.setattr(Volume, "create_file", no_room)
        with pytest.raises(RefusedError):
            run_transaction(install_plan(), workstation=PlainWorkstation(root), packages=NoPackages(), state=state)
    return "unchanged"


def test_a_kill_in_a_run_that_ends_unchanged_leaves_nothing_that_anybody_stands_before(tmp_path: Path) -> None:
    """Either the sign leads to nothing, or the run is told where it lies, and its end takes the sign away."""
    seen: set[str] = set()
    for count in itertools.count(1):
        root, place = tmp_path / f"poste {count}", tmp_path / f"state {count}"
        root.mkdir()
        lay_out(root)
        if not killed_at(count, partial(unchanged, place=place), root):
            assert not default_state_path(root).exists()
            break
        if (place / "run/journal.log").exists():
            assert refusal(root) == "state.elsewhere"
            with open_state(root, place) as state, Volume(root) as volume:
                assert recover(state, volume).outcome == "unchanged"
            assert not default_state_path(root).exists()
            seen.add("told")
        elif (default_state_path(root) / MARK).exists():
            seen.add("leads to nothing")
        open_state(root).close()
    assert seen == {"leads to nothing", "told"}


@pytest.mark.parametrize("there", ["gone", "empty", "another's"])
def test_a_folder_that_is_not_the_one_that_is_meant_is_told_as_such(practice: Path, tmp_path: Path, there: str) -> None:
    """“Add --state-dir” was said to who had given it."""
    keep(practice, tmp_path / "state")
    shutil.rmtree(tmp_path / "state")
    if there == "empty":
        (tmp_path / "state").mkdir(mode=0o700)
    elif there == "another's":
        keep(workstation(tmp_path / "c", "another practice"), tmp_path / "state")
    for named in (None, tmp_path / "state", tmp_path / "third"):
        with pytest.raises(RefusedError) as caught:
            open_state(practice, named)
        (problem,) = caught.value.problems
        if there == "another's" and named == tmp_path / "state":
            assert problem.ref == "state.other-workstation"
        else:
            assert (problem.ref, problem.told) == ("state.elsewhere", "state.elsewhere.not-there")
            assert problem.params["path"] == str(tmp_path / "state")


def test_after_the_mark_is_removed_the_workstation_can_begin_anew(practice: Path, tmp_path: Path) -> None:
    """What the refusal advises when the other folder is gone for good."""
    keep(practice, tmp_path / "state")
    shutil.rmtree(tmp_path / "state")
    (default_state_path(practice) / MARK).unlink()
    open_state(practice).close()
