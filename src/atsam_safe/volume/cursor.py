"""Reaching a folder below a root, component by component, no link followed; and one after another, so that neighbours cost one call.

Classes instead of generators: a look at a workstation reaches thousands of folders.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from atsam_safe.volume import primitives
from atsam_safe.volume.errors import failure

if TYPE_CHECKING:
    from types import TracebackType


def open_step(name: str, fd: int) -> int:
    """Open one folder on the way. Linux says ENOTDIR for a link and for a file alike; only the first is an attack or a mistake."""
    try:
        return primitives.open_directory(name, fd)
    except NotADirectoryError:
        if stat.S_ISLNK(primitives.lstat(name, fd).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise


class FolderCursor:
    """The folders from a root down to the one reached last, kept open for one thread. ``busy`` while its descriptor is in use."""

    __slots__ = ("_names", "_opened", "_root_fd", "busy")

    def __init__(self, root_fd: int) -> None:
        self._root_fd = root_fd
        self._names: list[str] = []
        self._opened: list[int] = []
        self.busy = False

    def reach(self, parts: tuple[str, ...]) -> int:
        """A descriptor of the folder ``parts``, good until the next call."""
        common = 0
        for have, wanted in zip(self._names, parts, strict=False):
            if have != wanted:
                break
            common += 1
        self._leave(common)
        for name in parts[common:]:
            self._opened.append(open_step(name, self._opened[-1] if self._opened else self._root_fd))
            self._names.append(name)
        return self._opened[-1] if self._opened else self._root_fd

    def _leave(self, depth: int) -> None:
        while len(self._opened) > depth:
            primitives.close(self._opened.pop())
            self._names.pop()

    def close(self) -> None:
        """Close everything it opened."""
        self._leave(0)


class Folder:
    """``with Folder(…) as fd``: a descriptor of a folder. Every ``OSError`` inside becomes a ``WorkstationError`` about ``path``."""

    __slots__ = ("_cursor", "_fd", "_parts", "_path", "_root_fd")

    def __init__(self, root_fd: int, parts: tuple[str, ...], path: str, cursor: FolderCursor | None) -> None:
        self._root_fd = root_fd
        self._parts = parts
        self._path = path
        self._cursor = None if cursor is None or cursor.busy else cursor
        self._fd = root_fd

    def __enter__(self) -> int:
        try:
            if self._cursor is not None:
                self._fd = self._cursor.reach(self._parts)
                self._cursor.busy = True
            else:
                self._descend()
        except OSError as error:
            raise failure(error, self._path) from error
        return self._fd

    def _descend(self) -> None:
        try:
            for name in self._parts:
                following = open_step(name, self._fd)
                self._close()
                self._fd = following
        except OSError:
            self._close()
            raise

    def _close(self) -> None:
        if self._fd != self._root_fd:
            primitives.close(self._fd)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._cursor is not None:
            self._cursor.busy = False
        else:
            self._close()
        if isinstance(error, OSError):
            raise failure(error, self._path) from error


class Parent(Folder):
    """``with Parent(…) as (fd, name)``: the folder that holds a path, and the path's last component."""

    __slots__ = ("_name",)

    def __init__(self, root_fd: int, parts: tuple[str, ...], path: str, cursor: FolderCursor | None) -> None:
        super().__init__(root_fd, parts[:-1], path, cursor)
        self._name = parts[-1]

    def __enter__(self) -> tuple[int, str]:  # type: ignore[override] # the folder with a name in it
        return super().__enter__(), self._name
