"""Handles of Windows behind small numbers: what ``volume.windows`` is built on. Loaded on Windows only."""

from __future__ import annotations

import ctypes
import errno
import itertools
import msvcrt
import os
import sys
import threading
from ctypes import wintypes
from typing import Any, Final, NamedTuple

import tenacity

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this module is for

FIRST_FOLDER: Final = 1 << 30
INVALID: Final = ctypes.c_void_p(-1).value
GENERIC_READ: Final = 0x80000000
GENERIC_WRITE: Final = 0x40000000
READ_ATTRIBUTES: Final = 0x80
LIST_FOLDER: Final = 0x1
SHARE_ALL: Final = 0x7
SHARE_NO_DELETION: Final = 0x3
CREATE_NEW: Final = 1
OPEN_EXISTING: Final = 3
OPEN_ALWAYS: Final = 4
AS_ITSELF: Final = 0x00200000
BACKUP_SEMANTICS: Final = 0x02000000
ATTRIBUTE_READONLY: Final = 0x1
ATTRIBUTE_DIRECTORY: Final = 0x10
ATTRIBUTE_REPARSE: Final = 0x400
REPLACE_EXISTING: Final = 0x1
WRITE_THROUGH: Final = 0x8
READ_ONLY_VOLUME: Final = 0x80000
LOCK_AT_ONCE: Final = 0x1
LOCK_ALONE: Final = 0x2
# the lock covers a byte far behind the text that says who holds it: on Windows a locked range cannot be read by others
LOCK_OFFSET: Final = 1 << 40
DELETE_PENDING_CODES: Final = frozenset({5, 303})
# How long (seconds) a refusal is met with another try: antivirus programs and indexers hold a file for a moment after it was written, a
# deleted one stays until its last handle is closed. Without rights, or with something in a folder, nothing changes by waiting longer.
PASSING: Final = {32: 2.0, 33: 2.0, 303: 2.0, 1224: 2.0, 5: 0.5, 145: 0.2}
_PAUSE: Final = 0.05
_MOST_OF_A_PATH: Final = 1024
KEPT_ATTRIBUTES: Final = {"R": 0x1, "H": 0x2, "S": 0x4}
ACCESS_NAME: Final = "windows.access"
ATTRIBUTES_NAME: Final = "windows.attributes"

kernel32: Any = ctypes.WinDLL("kernel32", use_last_error=True)
kernel32.CreateFileW.restype = ctypes.c_void_p
kernel32.CreateFileW.argtypes = [
    wintypes.LPCWSTR,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.c_void_p,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.c_void_p,
]
kernel32.CloseHandle.argtypes = [ctypes.c_void_p]
kernel32.FlushFileBuffers.argtypes = [ctypes.c_void_p]
kernel32.GetFinalPathNameByHandleW.argtypes = [ctypes.c_void_p, ctypes.c_wchar_p, wintypes.DWORD, wintypes.DWORD]
kernel32.LockFileEx.argtypes = [
    ctypes.c_void_p,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.c_void_p,
]


def system_folder() -> str:
    r"""``C:\Windows\System32`` as the system itself tells it: a variable of the environment may have been set by anybody."""
    buffer = ctypes.create_unicode_buffer(_MOST_OF_A_PATH)
    length = kernel32.GetSystemDirectoryW(buffer, _MOST_OF_A_PATH)
    if not 0 < length < _MOST_OF_A_PATH:
        raise ctypes.WinError(ctypes.get_last_error())
    return buffer.value


class Status(NamedTuple):
    """The fields of ``os.stat_result`` that callers use, made the same whether asked by path or by descriptor."""

    st_mode: int
    st_ino: int
    st_dev: int
    st_nlink: int
    st_uid: int
    st_gid: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int


class Overlapped(ctypes.Structure):
    """Where in a file a lock lies."""

    _fields_ = (
        ("internal", ctypes.c_void_p),
        ("internal_high", ctypes.c_void_p),
        ("offset", wintypes.DWORD),
        ("offset_high", wintypes.DWORD),
        ("event", ctypes.c_void_p),
    )


class Folders:
    """Open folders by number."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._numbers = itertools.count(FIRST_FOLDER)
        self._open: dict[int, tuple[int, str]] = {}

    def add(self, handle: int, path: str) -> int:
        """Remember an open folder; its number."""
        with self._guard:
            number = next(self._numbers)
            self._open[number] = (handle, path)
        return number

    def path(self, number: int) -> str:
        """Where the folder is; ``EBADF`` when it is closed."""
        with self._guard:
            if number not in self._open:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            return self._open[number][1]

    def handle(self, number: int) -> int:
        """The open handle."""
        with self._guard:
            return self._open[number][0]

    def remove(self, number: int) -> int:
        """Forget a folder; its handle, to be closed."""
        with self._guard:
            if number not in self._open:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            return self._open.pop(number)[0]


FOLDERS = Folders()
# Files written and not yet flushed: the barrier of a user who may not flush the whole volume.
UNFLUSHED: set[str] = set()


def _is_passing(error: BaseException) -> bool:
    return getattr(error, "winerror", None) in PASSING


def _enough(state: tenacity.RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome is not None else None
    return (state.seconds_since_start or 0.0) >= PASSING.get(getattr(error, "winerror", None) or 0, 0.0)


# For operations that can simply be tried again.
patiently: Any = tenacity.retry(
    retry=tenacity.retry_if_exception(_is_passing), stop=_enough, wait=tenacity.wait_fixed(_PAUSE), reraise=True
)


def last_error(path: str | None = None) -> OSError:
    """The last error of the system as an ``OSError``."""
    code = ctypes.get_last_error()
    if path is None:
        return ctypes.WinError(code)
    return OSError(0, ctypes.FormatError(code).strip(), path, code)


def refuse_link(attributes: int) -> None:
    """``ELOOP`` for a link, a junction or another reparse point."""
    if attributes & ATTRIBUTE_REPARSE:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def require_folder(attributes: int) -> None:
    """``ENOTDIR`` for anything but a folder."""
    if not attributes & ATTRIBUTE_DIRECTORY:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def refuse_folder(attributes: int) -> None:
    """``EISDIR`` for a folder."""
    if attributes & ATTRIBUTE_DIRECTORY:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def long_path(path: str) -> str:
    r"""``path`` in the form without a length limit and without any rewriting of its names (``\\?\``)."""
    if path.startswith("\\\\"):
        return path
    return "\\\\?\\" + path


def path_below(name: str, dir_fd: int) -> str:
    """The path of ``name`` in the folder ``dir_fd``."""
    return os.path.join(FOLDERS.path(dir_fd), name)  # noqa: PTH118 - names are not normalised any further


def open_handle(path: str, access: int, share: int, disposition: int, flags: int) -> int:
    """``CreateFile``; raises ``OSError``."""
    handle = kernel32.CreateFileW(path, access, share, None, disposition, flags, None)
    if handle is None or handle == INVALID:
        raise last_error(path)
    return int(handle)


def attributes_of(path: str) -> int:
    """The attributes of what lies at ``path`` itself."""
    return os.lstat(path).st_file_attributes


def lock_exclusive(fd: int) -> None:
    """See ``primitives``."""
    _lock(fd, LOCK_AT_ONCE | LOCK_ALONE)


def lock_shared(fd: int) -> None:
    """See ``primitives``."""
    _lock(fd, LOCK_AT_ONCE)


def _lock(fd: int, how: int) -> None:
    place = Overlapped(offset=LOCK_OFFSET & 0xFFFFFFFF, offset_high=LOCK_OFFSET >> 32)
    if not kernel32.LockFileEx(msvcrt.get_osfhandle(fd), how, 0, 1, 0, ctypes.byref(place)):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
