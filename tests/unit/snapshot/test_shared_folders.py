"""Folders that every program writes into: kept without their times, so that a way back is proven while others go on working."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from atsam_safe.plan.model import ScopeEntry
from atsam_safe.snapshot.scope import scope_digest
from atsam_safe.snapshot.state import open_state
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.volume import Volume

if TYPE_CHECKING:
    from pathlib import Path

OURS = "/Library/Preferences/galss.ini"


def scope(kind: str) -> tuple[ScopeEntry, ...]:
    return (
        ScopeEntry(path="/Library", kind=kind),  # type: ignore[arg-type]  # the kind under test
        ScopeEntry(path="/Library/Preferences", kind=kind),  # type: ignore[arg-type]  # as above
        ScopeEntry(path=OURS, kind="file"),
    )


def lay_out(root: Path) -> None:
    (root / "Library/Preferences").mkdir(parents=True)
    (root / OURS[1:]).write_bytes(b"[CONFIG]\r\n")
    os.utime(root / "Library/Preferences", (1_500_000_000, 1_500_000_000))


def test_another_program_s_file_changes_nothing_of_the_digest(tmp_path: Path) -> None:
    lay_out(tmp_path)
    with Volume(tmp_path) as volume:
        shared, timed = scope_digest(volume, scope("shared")), scope_digest(volume, scope("directory"))
        (tmp_path / "Library/Preferences/com.example.plist").write_bytes(b"somebody else's")
        assert scope_digest(volume, scope("shared")) == shared
        assert scope_digest(volume, scope("directory")) != timed


def test_mode_and_content_still_count_and_the_others_file_stays(tmp_path: Path) -> None:
    root = tmp_path / "volume"
    root.mkdir()
    lay_out(root)
    with Volume(root) as volume, open_state(root, tmp_path / "state") as state:
        store = SnapshotStore(state)
        snapshot = store.create(volume, scope("shared"), label="", run_id="", reason="")
        (root / OURS[1:]).write_bytes(b"changed")
        (root / "Library/Preferences").chmod(0o777)
        other = root / "Library/Preferences/com.example.plist"
        other.write_bytes(b"somebody else's")
        report = store.restore(volume, snapshot.id)
        assert report.proven
        assert (root / OURS[1:]).read_bytes() == b"[CONFIG]\r\n"
        assert (root / "Library/Preferences").stat().st_mode & 0o777 == 0o755
        assert other.exists()
        script = (state.path / "snapshots" / snapshot.id / "restore.sh").read_text()
        assert not [
            line for line in script.splitlines() if line.startswith("stamp ") and line.split()[1].endswith(("Preferences", "Library"))
        ]
