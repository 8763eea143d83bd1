"""Folders of a volume kept open during one observation: hundreds of looks cost one system call each, not one per path component.

The promises of ``Volume`` hold: each folder is opened below its parent, no link is followed, nothing outside the root is reached.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, Final

from atsam_safe.volume import primitives
from atsam_safe.volume.errors import failure, refused
from atsam_safe.volume.reading import stream_of

if TYPE_CHECKING:
    from atsam_safe.volume.volume import Volume

# macOS allows a process 256 open files by default.
MAX_OPEN: Final = 100


class OpenFolders:
    """Looks below the root of ``volume``. Every failure but absence is a ``WorkstationError``. Close after use."""

    def __init__(self, volume: Volume) -> None:
        """Nothing is opened before it is asked for."""
        self._volume = volume
        self._stack = contextlib.ExitStack()
        # The folder that holds « /x » is the root itself; its descriptor belongs to the volume.
        self._root = self._stack.enter_context(volume.parent("/x"))[0]
        self._open: dict[tuple[str, ...], int | None] = {}
        self._by_path: dict[str, int | None] = {}

    def close(self) -> None:
        """Close every folder; safe to call twice."""
        self._forget()
        self._stack.close()

    def _forget(self) -> None:
        for descriptor in self._open.values():
            if descriptor is not None:
                primitives.close(descriptor)
        self._open.clear()
        self._by_path.clear()

    def lstat(self, path: str) -> tuple[os.stat_result, str | None] | None:
        """Status of ``path`` itself and, for a link, its target; ``None`` when nothing is there."""
        try:
            place = self._locate(path)
            if place is None:
                return None
            name, folder = place
            status = primitives.lstat(name, folder)
            return status, primitives.read_link(name, folder) if stat.S_ISLNK(status.st_mode) else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise failure(error, path) from error

    def open_read(self, path: str) -> BinaryIO:
        """The regular file at ``path``, unbuffered."""
        try:
            place = self._locate(path)
            if place is None:
                raise refused("volume.missing", path)
            opened = primitives.open_read(*place)
            return stream_of(opened, path)
        except OSError as error:
            raise failure(error, path) from error

    def _locate(self, path: str) -> tuple[str, int] | None:
        """Last component of ``path`` and the open folder that holds it; ``None`` when that folder is absent."""
        above, _, name = path.rpartition("/")
        if not above or name in ("", ".", "..") or "\0" in name:
            # The rare forms, the root and the system's own links: the volume knows them, or refuses them.
            parts = self._volume.parts(path)
            if not parts:
                return ".", self._root
            above, name = "/" + "/".join(parts[:-1]), parts[-1]
        if above not in self._by_path:
            if len(self._open) >= MAX_OPEN:
                self._forget()
            self._by_path[above] = self._folder(self._volume.parts(above))
        folder = self._by_path[above]
        return None if folder is None else (name, folder)

    def _folder(self, parts: tuple[str, ...]) -> int | None:
        if not parts:
            return self._root
        if parts not in self._open:
            above = self._folder(parts[:-1])
            self._open[parts] = None if above is None else _open_folder(parts[-1], above)
        return self._open[parts]


def _open_folder(name: str, above: int) -> int | None:
    """A folder below an open one; ``None`` when it is absent or a file. A link in its place raises ``OSError`` with ``ELOOP``."""
    try:
        return primitives.open_directory(name, above)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        # Linux says the same for a link and for a file.
        if stat.S_ISLNK(primitives.lstat(name, above).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        return None
