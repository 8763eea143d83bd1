"""``restore.sh`` gives the room back that a killed run kept for the way back: beside it a full disk would stop the script itself."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import SnapshotStore, open_state
from atsam_safe.volume import Volume
from atsam_safe.volume.state_place import RESERVE, RESERVE_BESIDE, default_state_path
from lab.heart import FOLDER, lay_out
from lab.heart_runs import PLAN

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A workstation, its state on another disk (so to speak), and the script of the one snapshot; both reserves lie there."""
    root, elsewhere = tmp_path / "poste", tmp_path / "state"
    root.mkdir()
    lay_out(root)
    with open_state(root, elsewhere) as state, Volume(root) as volume:
        snapshot = SnapshotStore(state).create(volume, PLAN.scope, label="", run_id="", reason="test")
        script = state.path / "snapshots" / snapshot.id / "restore.sh"
    for reserve in (elsewhere / RESERVE, default_state_path(root) / RESERVE_BESIDE):
        reserve.write_bytes(bytes(1000))
    return root, elsewhere, script


def run(script: Path, *arguments: str) -> int:
    return subprocess.run(["/bin/sh", str(script), *arguments], check=False, capture_output=True).returncode


def test_both_are_given_back_once_the_snapshot_is_known_to_be_whole(kept: tuple[Path, Path, Path]) -> None:
    root, elsewhere, script = kept
    reserves = (elsewhere / RESERVE, default_state_path(root) / RESERVE_BESIDE)
    assert run(script, "--check", str(root)) == 0
    assert all(reserve.exists() for reserve in reserves)
    for _ in range(2):
        assert run(script, str(root)) == 0
        assert not any(reserve.exists() for reserve in reserves)


def test_nothing_is_removed_through_a_link(kept: tuple[Path, Path, Path], tmp_path: Path) -> None:
    root, elsewhere, script = kept
    for number, folder in enumerate(((elsewhere / RESERVE).parent, default_state_path(root))):
        others = folder.rename(tmp_path / f"others{number}")
        folder.symlink_to(others)
    assert run(script, str(root)) == 0
    assert (tmp_path / "others0/reserve").exists()
    assert (tmp_path / "others1" / RESERVE_BESIDE).exists()


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_is_no_file_of_ours_stops_nothing(kept: tuple[Path, Path, Path], tmp_path: Path, kind: str) -> None:
    root, elsewhere, script = kept
    reserve = elsewhere / RESERVE
    reserve.unlink()
    target = tmp_path / "target"
    target.write_bytes(b"somebody else's")
    if kind == "folder":
        (reserve / "x").mkdir(parents=True)
    else:
        reserve.symlink_to(target)
    library = root / FOLDER[1:] / "libgalss.dylib"
    library.write_bytes(b"changed")
    assert run(script, str(root)) == 0
    assert library.read_bytes() != b"changed"
    assert target.read_bytes() == b"somebody else's"
    assert reserve.exists() is (kind == "folder")
