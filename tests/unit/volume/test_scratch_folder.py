from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.volume import primitives
from atsam_safe.volume.scratch_folder import MARK, scratch_folder
from atsam_safe.words.model import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PREFIX = "scratch-"
OWNER = """
import sys
from pathlib import Path
from atsam_safe.volume.scratch_folder import scratch_folder
with scratch_folder("scratch-", Path(sys.argv[1])) as folder:
    (folder / "deep" / "closed").mkdir(parents=True)
    (folder / "deep" / "closed" / "file").write_bytes(b"x")
    (folder / "deep" / "link").symlink_to(sys.argv[2])
    (folder / "deep" / "closed").chmod(0)
    (folder / "deep").chmod(0o500)
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def owner(place: Path, linked: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that has a scratch folder in ``place``, with content of rights that hinder, and a link to ``linked``."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(place), str(linked)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_a_scratch_folder_is_private_and_goes_with_its_command(tmp_path: Path) -> None:
    with scratch_folder(PREFIX, tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_command_left_goes_with_the_next_and_what_a_living_one_uses_stays(tmp_path: Path) -> None:
    place, outside = tmp_path / "place", tmp_path / "outside"
    place.mkdir()
    outside.mkdir()
    (outside / "precious").write_bytes(b"x")
    with owner(place, outside) as (first, left), owner(place, outside) as (second, used):
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert left.exists()
        with scratch_folder(PREFIX, place):
            assert not left.exists()
            assert (used / "deep/link").is_symlink()
        second.communicate("")
    assert second.returncode == 0
    assert list(place.iterdir()) == []
    assert (outside / "precious").exists()


def _linked(place: Path) -> None:
    real = place / "elsewhere"
    real.mkdir(mode=0o700)
    (real / MARK).touch()
    (place / f"{PREFIX}abcdefgh").symlink_to(real)


def _open_to_others(place: Path) -> None:
    folder = place / f"{PREFIX}abcdefgh"
    folder.mkdir()
    (folder / MARK).touch()
    folder.chmod(0o755)


def _without_mark(place: Path) -> None:
    (place / f"{PREFIX}abcdefgh/notes").mkdir(parents=True)
    (place / f"{PREFIX}abcdefgh").chmod(0o700)


def _linked_mark(place: Path) -> None:
    (place / "precious").touch()
    (place / f"{PREFIX}abcdefgh").mkdir(mode=0o700)
    (place / f"{PREFIX}abcdefgh" / MARK).symlink_to(place / "precious")


def _other_name(place: Path) -> None:
    folder = place / f"{PREFIX}of-mine"
    folder.mkdir(mode=0o700)
    (folder / MARK).touch()


def _file(place: Path) -> None:
    (place / f"{PREFIX}abcdefgh").touch()


@pytest.mark.parametrize("lay", [_linked, _open_to_others, _without_mark, _linked_mark, _other_name, _file])
def test_what_is_not_surely_ours_is_never_removed(tmp_path: Path, lay: Callable[[Path], None]) -> None:
    lay(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with scratch_folder(PREFIX, tmp_path):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_of_one_killed_at_once_goes(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}abcdefgh").mkdir(mode=0o700)
    with scratch_folder(PREFIX, tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_no_folder_can_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught, scratch_folder(PREFIX, tmp_path / "absent"):
        pass
    assert caught.value.problems[0].ref == "volume.missing"


def test_a_signal_while_it_is_removed_does_not_leave_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = primitives.unlink, []

    def interrupted(name: str, folder: int) -> None:
        calls.append(name)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(name, folder)

    opened = contextlib.ExitStack()
    (opened.enter_context(scratch_folder(PREFIX, tmp_path)) / "file").touch()
    monkeypatch.setattr(primitives, "unlink", interrupted)
    with pytest.raises(KeyboardInterrupt):
        opened.close()
    assert list(tmp_path.iterdir()) == []
