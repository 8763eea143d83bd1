"""A really full and a really read-only file system: whatever fills up, the state before comes back or nothing was touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import SnapshotStore, open_state, scope_digest
from atsam_safe.transaction import recover, run_transaction
from atsam_safe.transaction.reserve import ON_VOLUME
from atsam_safe.volume import Volume
from atsam_safe.words.model import AtsamSafeError, RefusedError
from lab.heart import NoPackages, PlainWorkstation, install_plan, lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.transaction import TransactionResult

PLAN = install_plan()
MEGABYTE = 1 << 20

pytestmark = pytest.mark.needs("mounts")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "disk"
    root.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(root)], check=True, capture_output=True)
    try:
        root.chmod(0o755)
        lay_out(root)
        yield root
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(root)], check=True)


def fill_up(root: Path, leave: int) -> Path:
    ballast = root / "ballast"
    with ballast.open("wb") as stream:
        block = bytes(MEGABYTE)
        status = os.statvfs(root)
        while status.f_bavail * status.f_frsize > leave:
            room = status.f_bavail * status.f_frsize - leave
            stream.write(block[: min(room, MEGABYTE)])
            stream.flush()
            status = os.statvfs(root)
    return ballast


def digest(root: Path) -> str:
    with Volume(root) as volume:
        return scope_digest(volume, PLAN.scope)


def run(root: Path, workstation: PlainWorkstation) -> TransactionResult:
    with open_state(root) as state:
        return run_transaction(PLAN, workstation=workstation, packages=NoPackages(), state=state)


@pytest.mark.parametrize("leave", [0, 40_000, 400_000, 4_000_000, 8_300_000, 8_420_000, 8_460_000, 8_500_000])
def test_a_full_disk_is_refused_before_anything_is_touched(disk: Path, leave: int) -> None:
    open_state(disk).close()
    before = digest(disk)
    ballast = fill_up(disk, leave)
    with pytest.raises(AtsamSafeError) as caught:
        run(disk, PlainWorkstation(disk))
    assert isinstance(caught.value, RefusedError)
    assert caught.value.problems[0].ref in {"space.too-little", "volume.no-space"}
    assert digest(disk) == before
    ballast.unlink()
    with open_state(disk) as state, Volume(disk) as volume:
        assert recover(state, volume).outcome in {"nothing-to-do", "unchanged"}
        assert list((state.path / "run").iterdir()) == []
        assert SnapshotStore(state).check().problems == ()
    assert run(disk, PlainWorkstation(disk)).outcome == "committed"


@pytest.mark.parametrize("step", range(5))
def test_a_disk_that_fills_up_during_the_steps_still_has_room_for_the_way_back(disk: Path, step: int) -> None:
    open_state(disk).close()
    before = digest(disk)

    def fill(number: int) -> None:
        if number == step:
            fill_up(disk, 0)

    result = run(disk, PlainWorkstation(disk, fill))
    assert result.outcome in {"rolled-back", "committed"}
    assert (digest(disk) == before) == (result.outcome == "rolled-back")
    assert not (disk / "Library/Application Support/atsam-safe/run/journal.log").exists()
    if step in {3, 4}:
        assert result.outcome == "rolled-back"


def test_a_read_only_disk_is_said(disk: Path) -> None:
    open_state(disk).close()
    before = digest(disk)
    subprocess.run(["/bin/mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(AtsamSafeError) as caught:
        run(disk, PlainWorkstation(disk))
    assert caught.value.problems[0].ref == "volume.read-only"
    assert caught.value.problems[0].params["error"] == "EROFS"
    assert digest(disk) == before
    with Volume(disk) as volume:
        assert not volume.is_writable()
    subprocess.run(["/bin/mount", "-o", "remount,rw", str(disk)], check=True)


def test_another_disk_inside_the_scope_is_refused_and_never_emptied(disk: Path) -> None:
    inner = disk / "usr/local/galss/mounted"
    inner.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "tmpfs", str(inner)], check=True)
    try:
        (inner / "keep").write_bytes(b"keep")
        with pytest.raises(RefusedError) as caught:
            run(disk, PlainWorkstation(disk))
        assert caught.value.problems[0].ref == "snapshot.other-file-system"
        with Volume(disk) as volume, pytest.raises(AtsamSafeError):
            volume.remove_tree("/usr/local/galss")
        assert (inner / "keep").read_bytes() == b"keep"
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(inner)], check=True)
    assert Path(disk / "usr/local/galss").is_dir()


@pytest.mark.parametrize("state_lies", ["on the workstation", "elsewhere"])
def test_the_way_back_has_its_room_on_the_workstation_s_own_disk(disk: Path, tmp_path: Path, state_lies: str) -> None:
    """With the state on another disk the room was kept there: another program filled the workstation's, and it stayed in between."""
    state_dir = None if state_lies == "on the workstation" else tmp_path / "state"
    before = digest(disk)
    kept = disk / "Library/Application Support/atsam-safe"

    seen: list[bool] = []

    def somebody_fills_the_disk(number: int) -> None:
        if number == 3:
            seen.append((kept / ON_VOLUME).exists())
            fill_up(disk, 0)
            raise RuntimeError

    with open_state(disk, state_dir) as state:
        result = run_transaction(PLAN, workstation=PlainWorkstation(disk, somebody_fills_the_disk), packages=NoPackages(), state=state)
    assert seen == [state_dir is not None]
    assert result.outcome == "rolled-back"
    assert digest(disk) == before
    assert not (kept / ON_VOLUME).exists()


def test_a_reserve_that_a_killed_run_left_on_the_workstation_goes_with_the_recovery(disk: Path, tmp_path: Path) -> None:
    before = digest(disk)
    child = os.fork()
    if child == 0:
        with open_state(disk, tmp_path / "state") as state:
            dying = PlainWorkstation(disk, lambda number: os._exit(9) if number == 3 else None)
            run_transaction(PLAN, workstation=dying, packages=NoPackages(), state=state)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = disk / "Library/Application Support/atsam-safe" / ON_VOLUME
    assert left.exists()
    with open_state(disk, tmp_path / "state") as state, Volume(disk) as volume:
        assert recover(state, volume).outcome == "rolled-back"
    assert digest(disk) == before
    assert not left.exists()


def test_too_little_room_on_the_workstation_is_refused_and_leaves_none_there(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_up(disk, MEGABYTE)
    monkeypatch.setattr("atsam_safe.transaction.executor.RESERVE_SLACK", 0)
    with open_state(disk, tmp_path / "state") as state, pytest.raises(RefusedError) as caught:
        run_transaction(PLAN, workstation=PlainWorkstation(disk), packages=NoPackages(), state=state)
    assert caught.value.problems[0].ref == "space.too-little"
    assert not (disk / "Library/Application Support/atsam-safe" / ON_VOLUME).exists()


@pytest.mark.parametrize("full", ["the workstation's", "the state's"])
def test_the_disk_that_has_too_little_room_is_the_one_that_is_named(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    """With the state on a full disk of its own, the refusal told of all the room on the workstation's."""
    root, place = (disk, tmp_path / "state") if full == "the workstation's" else (tmp_path / "poste", disk / "state")
    if root != disk:
        root.mkdir()
        lay_out(root)
    monkeypatch.setattr("atsam_safe.transaction.executor.RESERVE_SLACK", 0)
    with open_state(root, place) as state:
        fill_up(disk, MEGABYTE)
        with pytest.raises(RefusedError) as caught:
            run_transaction(PLAN, workstation=PlainWorkstation(root), packages=NoPackages(), state=state)
    problem = caught.value.problems[0]
    assert (problem.ref, problem.told) == ("space.too-little", "space.too-little.disk")
    assert problem.params["disk"] == str(disk if root == disk else place)
    assert problem.evidence["free"] <= MEGABYTE
