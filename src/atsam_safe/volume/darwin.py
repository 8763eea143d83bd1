"""Calls of macOS that Python's ``os`` does not offer: extended attributes, and bringing one volume to the disk. Loaded on macOS only."""

from __future__ import annotations

import ctypes
import os

LIMIT = 16 * 1024 * 1024
ENOATTR = 93
# <unistd.h>, since 10.8: through the drive's cache, and not before it is done. ``sync`` alone only schedules there.
SYNC_VOLUME_FULLSYNC = 0x01
SYNC_VOLUME_WAIT = 0x02


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("/usr/lib/libSystem.B.dylib", use_errno=True)
    library.flistxattr.restype = ctypes.c_ssize_t
    library.fgetxattr.restype = ctypes.c_ssize_t
    return library


def _failure() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


def list_xattrs(fd: int) -> list[str]:
    """Names of the extended attributes of an open file."""
    library = _library()
    size = library.flistxattr(ctypes.c_int(fd), None, ctypes.c_size_t(0), ctypes.c_int(0))
    if size < 0:
        raise _failure()
    buffer = ctypes.create_string_buffer(min(max(size, 1), LIMIT))
    size = library.flistxattr(ctypes.c_int(fd), buffer, ctypes.c_size_t(len(buffer)), ctypes.c_int(0))
    if size < 0:
        raise _failure()
    return [os.fsdecode(name) for name in buffer.raw[:size].split(b"\0") if name]


def get_xattr(fd: int, name: str) -> bytes:
    """Value of one extended attribute of an open file; refused above 16 MiB."""
    library = _library()
    raw = os.fsencode(name)
    position = ctypes.c_uint32(0)
    size = library.fgetxattr(ctypes.c_int(fd), raw, None, ctypes.c_size_t(0), position, ctypes.c_int(0))
    if size < 0 or size > LIMIT:
        raise _failure()
    buffer = ctypes.create_string_buffer(max(size, 1))
    size = library.fgetxattr(ctypes.c_int(fd), raw, buffer, ctypes.c_size_t(len(buffer)), position, ctypes.c_int(0))
    if size < 0:
        raise _failure()
    return buffer.raw[:size]


def set_xattr(fd: int, name: str, value: bytes) -> None:
    """Set one extended attribute of an open file."""
    result = _library().fsetxattr(
        ctypes.c_int(fd), os.fsencode(name), value, ctypes.c_size_t(len(value)), ctypes.c_uint32(0), ctypes.c_int(0)
    )
    if result != 0:
        raise _failure()


def remove_xattr(fd: int, name: str) -> None:
    """Remove one extended attribute of an open file."""
    if _library().fremovexattr(ctypes.c_int(fd), os.fsencode(name), ctypes.c_int(0)) != 0:
        raise _failure()


def sync_volume(fd: int) -> None:
    """Bring the volume that holds ``fd`` to stable storage and wait for it. The call answers with an error number, not with -1."""
    result = _library().fsync_volume_np(ctypes.c_int(fd), ctypes.c_int(SYNC_VOLUME_FULLSYNC | SYNC_VOLUME_WAIT))
    if result == -1:
        raise _failure()
    if result != 0:
        raise OSError(result, os.strerror(result))
