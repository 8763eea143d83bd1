"""The demonstration is also a test: it ends 0 only when every command of the story ended as it should."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scripts import demo_story
from scripts.demo_story import prepare
from scripts.stand_in_installer import BSDTAR

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.system
@pytest.mark.slow
def test_the_story_goes_as_it_should(tmp_path: Path) -> None:
    command = [sys.executable, str(PROJECT / "scripts/demo_story.py"), str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "Tout s’est passé comme prévu" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    # what an unguarded installation would have done is shown by the commands that did it
    assert "$ /usr/bin/bsdtar -xf ATSAM-4.50.pkg" in done.stdout


def test_the_stand_in_of_the_system_installer_takes_everything_from_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, receipts and bills are those that the package itself brings, and both ways of the demonstration leave the same files."""
    prepare(tmp_path)
    (tmp_path / "copie").rename(tmp_path / "gabarit")
    left = []
    for tool in (BSDTAR, "/nowhere/bsdtar"):
        shutil.copytree(tmp_path / "gabarit", tmp_path / "copie", symlinks=True)
        monkeypatch.setattr(demo_story, "BSDTAR", tool)
        assert "ATSAM-4.50.pkg" in demo_story.install_unguarded(tmp_path)
        assert not list(tmp_path.glob("paquet-*"))
        receipt = plistlib.loads((tmp_path / "copie/private/var/db/receipts/fr.sesamvitale.galss.pkg.plist").read_bytes())
        assert receipt["PackageVersion"] == "3.43.02"
        left.append(contents(tmp_path / "copie"))
        shutil.rmtree(tmp_path / "copie")
    assert left[0] == left[1]
    assert left[0] != contents(tmp_path / "gabarit")


def contents(volume: Path) -> dict[str, tuple[int, bytes]]:
    """Modes and contents of all files; what only has the hour in it apart."""
    files = [path for path in volume.rglob("*") if path.is_file() and not path.is_symlink()]
    dated = {"InstallHistory.plist"} | {path.name for path in volume.glob("private/var/db/receipts/*.plist")}
    return {str(path.relative_to(volume)): (path.stat().st_mode, path.read_bytes()) for path in files if path.name not in dated}
