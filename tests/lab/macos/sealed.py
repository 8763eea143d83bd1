"""A laboratory Mac like every one since macOS 10.15: its system volume is read-only, and what can be written lies on other file systems.

On a real Mac these folders are one volume reached by firmlinks; here each is a file system of its own, which asks a little more.
Needs root, for mounts.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Those of macOS's own list of firmlinks that the components use.
WRITTEN: Final = ("Applications", "Library", "Users", "private", "usr/local")


@contextlib.contextmanager
def sealed(volume: Path) -> Iterator[None]:
    """Make ``volume`` read-only but for the folders of ``WRITTEN``, until the end."""
    mounted: list[Path] = []
    try:
        _mount(mounted, volume, "--bind", str(volume))
        for name in WRITTEN:
            folder = volume / name
            folder.mkdir(parents=True, exist_ok=True)
            aside = volume.parent / f"aside-{name.replace('/', '-')}"
            _run("/bin/cp", "-a", str(folder), str(aside))
            _mount(mounted, folder, "-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs")
            _run("/bin/cp", "-a", f"{aside}/.", str(folder))
            shutil.rmtree(aside)
        _run("/bin/mount", "-o", "remount,bind,ro", str(volume))
        yield
    finally:
        for place in reversed(mounted):
            _run("/bin/umount", "--lazy", str(place))


def _mount(mounted: list[Path], place: Path, *how: str) -> None:
    _run("/bin/mount", *how, str(place))
    mounted.append(place)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
