"""A way back is advised only where a snapshot holds another ``galss.ini`` than the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atsam_safe.cli.arguments import GlobalOptions
from atsam_safe.cli.kept_files import snapshot_with, way_back
from atsam_safe.cli.session import Session
from atsam_safe.plan.model import ScopeEntry
from atsam_safe.snapshot.state import open_state
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.volume.volume import Volume
from atsam_safe.words.model import Problem, UsageError
from atsam_safe.workstation.offline import OfflineWorkstation

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.workstation.port import Workstation

INSIDE = "/Library/Preferences/galss.ini"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    found = tmp_path / "poste" / INSIDE.lstrip("/")
    found.parent.mkdir(parents=True)
    return found


def _keep(tmp_path: Path) -> str:
    with open_state(tmp_path / "poste", tmp_path / "state") as state, Volume(tmp_path / "poste") as volume:
        return SnapshotStore(state).create(volume, [ScopeEntry(path=INSIDE, kind="file")], label="", run_id="", reason="").id


def _found(tmp_path: Path, place: Path, inside: str = INSIDE) -> str:
    options = GlobalOptions(root=str(tmp_path / "poste"), state_dir=str(tmp_path / "state"))
    return snapshot_with(Session(options, "fr"), place, inside)


def test_without_a_state_folder_there_is_none_and_none_is_made(tmp_path: Path, place: Path) -> None:
    place.write_bytes(b"now")
    assert _found(tmp_path, place) == ""
    assert not (tmp_path / "state").exists()


def test_the_newest_snapshot_with_another_content_is_named(tmp_path: Path, place: Path) -> None:
    place.write_bytes(b"first")
    _keep(tmp_path)
    place.write_bytes(b"second")
    second = _keep(tmp_path)
    place.write_bytes(b"third")
    third = _keep(tmp_path)
    assert _found(tmp_path, place) == second, "the newest one holds what is there now"
    place.write_bytes(b"")
    assert _found(tmp_path, place) == third
    place.unlink()
    assert _found(tmp_path, place, r"C:\LIBRARY\Preferences\GALSS.INI") == third


def test_what_brings_it_back_is_what_works_here(tmp_path: Path) -> None:
    def with_adapter(_root: str | None) -> Workstation:
        return OfflineWorkstation(tmp_path)

    def without_adapter(_root: str | None) -> Workstation:
        raise UsageError(Problem(ref="usage.no-live-adapter"))

    elsewhere = str(tmp_path / "state")
    cases = (
        (GlobalOptions(root=str(tmp_path)), without_adapter, "atsam-safe rollback 000001"),
        (GlobalOptions(), with_adapter, "atsam-safe rollback 000001"),
        (GlobalOptions(state_dir=elsewhere), without_adapter, f"sh {elsewhere}/snapshots/000001/restore.sh /"),
    )
    for options, adapter, expected in cases:
        session = Session(options, "fr", adapter)
        assert way_back(session, "000001") == expected
        assert way_back(session, "") == ""


@pytest.mark.parametrize("kept", [None, b"", b"now"], ids=["absent", "empty", "the same"])
def test_a_snapshot_that_would_bring_nothing_better_is_not_named(tmp_path: Path, place: Path, kept: bytes | None) -> None:
    if kept is not None:
        place.write_bytes(kept)
    _keep(tmp_path)
    place.write_bytes(b"now")
    assert _found(tmp_path, place) == ""


def test_a_damaged_snapshot_is_passed_over(tmp_path: Path, place: Path) -> None:
    place.write_bytes(b"first")
    first = _keep(tmp_path)
    place.write_bytes(b"second")
    second = _keep(tmp_path)
    (tmp_path / "state/snapshots" / second / "manifest.json").write_bytes(b"{}")
    place.write_bytes(b"third")
    assert _found(tmp_path, place) == first
