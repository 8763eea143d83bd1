"""A state folder outside of the workstation: it knows its workstation, the workstation knows it, and nobody is given another's files."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from atsam_safe.plan.model import ScopeEntry
from atsam_safe.snapshot import SnapshotStore, open_state
from atsam_safe.snapshot.belonging import MARK
from atsam_safe.volume import Volume
from atsam_safe.volume.state_place import default_state_path
from atsam_safe.words.model import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

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
    assert (default_state_path(practice) / MARK).read_text().startswith(number)


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


def test_after_the_mark_is_removed_the_workstation_can_begin_anew(practice: Path, tmp_path: Path) -> None:
    """What the refusal advises when the other folder is gone for good."""
    keep(practice, tmp_path / "state")
    shutil.rmtree(tmp_path / "state")
    (default_state_path(practice) / MARK).unlink()
    open_state(practice).close()
