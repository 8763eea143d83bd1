r"""A library that another program has loaded, on a way back: renamed into our private folder, removed there by the next restart.

Windows refuses to replace or to remove a loaded file and allows to rename it. The private folder of ``aside.Aside`` and not the file's own
one: what a component's folder held before is then exactly what it holds again, and what the restart removes by its path lies where nobody
but an administrator can put anything else in its place. The program goes on with what it has loaded until it is started again.
Loaded on Windows only.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Final

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this module is for

from atsam_safe.volume.aside import ASIDE  # noqa: E402 - what follows exists on that system alone
from atsam_safe.volume.model import is_temporary, temporary_name  # noqa: E402 - as above
from atsam_safe.volume.windows_handles import (  # noqa: E402 - as above
    ATTRIBUTE_DIRECTORY,
    ATTRIBUTE_REPARSE,
    WRITE_THROUGH,
    attributes_of,
    kernel32,
    long_path,
)

UNTIL_RESTART: Final = 0x4
# What Windows answers for a loaded file: access denied, a sharing violation, a section mapped by somebody.
LOADED: Final = frozenset({5, 32, 1224})


def put_aside(path: str, error: OSError) -> str | None:
    """Where the file at ``path`` was renamed to; ``None``: it may not be, cannot be, or ``error`` is not that of a loaded file."""
    folder = ASIDE.folder
    if folder is None or getattr(error, "winerror", None) not in LOADED:
        return None
    place = long_path(os.path.join(str(folder), temporary_name()))  # noqa: PTH118 - names are not normalised any further
    if path.casefold().startswith(long_path(str(folder.parent)).casefold() + "\\"):
        return None  # our own records are never put out of the way
    try:
        if attributes_of(path) & (ATTRIBUTE_DIRECTORY | ATTRIBUTE_REPARSE):
            return None
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)  # noqa: PTH102 - text
    except OSError:
        return None
    return place if kernel32.MoveFileExW(path, place, WRITE_THROUGH) else None


def put_back(place: str, path: str) -> None:
    """The right file could not be brought after all: the one that was there is there again."""
    kernel32.MoveFileExW(place, path, WRITE_THROUGH)


def let_go(place: str, path: str) -> None:
    """The name is free: the file goes at once when Windows lets it, else by the next restart."""
    _remove(place)
    ASIDE.taken.append(path.removeprefix("\\\\?\\"))


def _remove(place: str) -> bool:
    if kernel32.DeleteFileW(place):
        return True
    kernel32.MoveFileExW(place, None, UNTIL_RESTART)
    return False


def tidy(folder: str) -> bool:
    """Remove what earlier runs put aside, a killed one's too; true when one is still loaded (it goes by the next restart)."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - text
    except FileNotFoundError:
        return False
    removed = [_remove(long_path(os.path.join(folder, name))) for name in names if is_temporary(name)]  # noqa: PTH118 - as above
    return not all(removed)


ASIDE.tidy = tidy
