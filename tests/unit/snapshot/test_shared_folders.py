"""Folders that every program writes into: kept without their times, so that a way back is proven while others go on working."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

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


LIBRARY = "/usr/local/lib/libcps3_pkcs11_osx.dylib"


def kept(root: Path, *scope: tuple[str, str]) -> Path:
    """Keep these paths as they are; the script that brings them back."""
    entries = tuple(ScopeEntry(path=path, kind=kind) for path, kind in scope)  # type: ignore[arg-type]  # the kind under test
    with Volume(root) as volume, open_state(root) as state:
        snapshot = SnapshotStore(state).create(volume, entries, label="", run_id="", reason="")
        return state.path / "snapshots" / snapshot.id / "restore.sh"


def run_script(script: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", str(script)], capture_output=True, text=True, check=False, cwd="/")


@pytest.mark.parametrize("kind", ["shared", "directory"])
def test_the_script_never_takes_what_others_put_into_a_folder_that_was_not_there(tmp_path: Path, kind: str) -> None:
    """Once a folder of everybody's that was absent on the day of the first installation went with all that had come since."""
    (tmp_path / "usr/local").mkdir(parents=True)
    script = kept(tmp_path, ("/usr/local", kind), ("/usr/local/lib", kind), (LIBRARY, "file"))
    other = tmp_path / "usr/local/lib/vendor/data.db"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"years of work")
    (tmp_path / LIBRARY[1:]).write_bytes(b"ours")
    for _ in range(2):
        done = run_script(script)
        assert (done.returncode, done.stderr) == (3, "")
        assert "Folder not empty, left: usr/local/lib" in done.stdout
        assert other.read_bytes() == b"years of work"
        assert not (tmp_path / LIBRARY[1:]).exists()
    other.unlink()
    other.parent.rmdir()
    assert run_script(script).returncode == 0
    assert not (tmp_path / "usr/local/lib").exists()


@pytest.mark.parametrize("before", [None, b"ours"], ids=["absent", "a file"])
def test_the_script_never_takes_a_folder_in_the_place_of_a_file(tmp_path: Path, before: bytes | None) -> None:
    """The rest comes back all the same, as with the program itself."""
    place, later = tmp_path / "usr/local/tool", tmp_path / "usr/local/tools.conf"
    place.parent.mkdir(parents=True)
    later.write_bytes(b"as it was")
    if before is not None:
        place.write_bytes(before)
    script = kept(tmp_path, ("/usr/local", "shared"), ("/usr/local/tool", "file"), ("/usr/local/tools.conf", "file"))
    later.write_bytes(b"changed")
    place.unlink(missing_ok=True)
    place.mkdir()
    (place / "data").write_bytes(b"somebody else's")
    done = run_script(script)
    assert done.returncode == (3 if before is None else 1)
    assert ("left: usr/local/tool" in done.stdout) if before is None else ("has taken: \nusr/local/tool\n" in done.stderr)
    assert (place / "data").read_bytes() == b"somebody else's"
    assert later.read_bytes() == b"as it was"
    (place / "data").unlink()
    assert run_script(script).returncode == 0
    assert not place.exists() if before is None else place.read_bytes() == before


def test_a_link_in_the_place_of_a_folder_that_was_absent_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/sub").mkdir(parents=True)
    script = kept(tmp_path, ("/opt", "directory"), ("/opt/new", "directory"), ("/opt/new/sub", "directory"))
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt/new").symlink_to(tmp_path / "elsewhere")
    done = run_script(script)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "opt").exists()
    assert (tmp_path / "elsewhere/sub").is_dir()
