"""What commands that write outside the state folder leave when they are killed, and who removes it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from lab.stage import Stage

# command → what is under way when it is killed, what lies in its place at its end
KILLED = {
    "rehearse": ("atsam_safe.transaction.run.Run.commit", []),
    "export": ("atsam_safe.snapshot.export.shutil.copyfileobj", ["copy"]),
    "export.tar": ("atsam_safe.snapshot.export.tarfile.TarFile.addfile", ["copy.tar"]),
}


@pytest.mark.parametrize("command", KILLED)
def test_what_a_killed_command_left_goes_with_the_next_one(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """A scratch copy holds a workstation's files: it lay in the folder for temporary files for good."""
    place = tmp_path / "scratch"
    place.mkdir()
    under_way, at_the_end = KILLED[command]
    package = stage.package("ATSAM-4.41.pkg")
    words: tuple[str, ...] = ("rehearse", package, "--scratch", str(place))
    if at_the_end:
        snapshot = stage.run("--json", *stage.on, "--yes", "install", package).json["data"]["snapshot"]
        words = ("snapshots", "export", snapshot, str(place / at_the_end[0]))
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(under_way, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        stage.run(*stage.on, *words)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert len(list(place.iterdir())) == 1
    assert stage.run(*stage.on, *words).code == 0
    assert [path.name for path in place.iterdir()] == at_the_end
