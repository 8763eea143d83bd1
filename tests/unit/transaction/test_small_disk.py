"""A really full and a really read-only file system: whatever fills up, the state before comes back or nothing was touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import SnapshotStore, open_state, scope_digest
from atsam_safe.transaction import recover, run_transaction
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
