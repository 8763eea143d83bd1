"""The calls of macOS, on a stand-in of its library: which function with which arguments, and how each way to fail becomes an error."""

from __future__ import annotations

import ctypes
import errno
import os

import pytest

from atsam_safe.volume import darwin, primitives


class Library:
    """As much of ``libSystem`` as is asked: attributes in a dictionary, and an answer for the synchronisation."""

    def __init__(self) -> None:
        self.attributes: dict[bytes, bytes] = {}
        self.synced: list[tuple[int, int]] = []
        self.answer = 0

    def flistxattr(self, _fd: object, buffer: object, _size: object, _options: object) -> int:
        names = b"".join(name + b"\0" for name in self.attributes)
        if buffer is not None:
            ctypes.memmove(buffer, names, len(names))  # type: ignore[arg-type]  # a buffer of ours
        return len(names)

    def fgetxattr(self, _fd: object, name: bytes, buffer: object, _size: object, _position: object, _options: object) -> int:
        value = self.attributes.get(name)
        if value is None:
            ctypes.set_errno(darwin.ENOATTR)
            return -1
        if buffer is not None:
            ctypes.memmove(buffer, value, len(value))  # type: ignore[arg-type]  # as above
        return len(value)

    def fsetxattr(self, _fd: object, name: bytes, value: bytes, _size: object, _position: object, _options: object) -> int:
        self.attributes[name] = value
        return 0

    def fremovexattr(self, _fd: object, name: bytes, _options: object) -> int:
        return 0 if self.attributes.pop(name, None) is not None else -1

    def fsync_volume_np(self, fd: ctypes.c_int, flags: ctypes.c_int) -> int:
        self.synced.append((fd.value, flags.value))
        return self.answer


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    library = Library()
    monkeypatch.setattr(darwin, "_library", lambda: library)
    monkeypatch.setattr(primitives, "IS_DARWIN", True)
    monkeypatch.setattr(primitives, "IS_LINUX", False)
    return library


@pytest.mark.usefixtures("library")
def test_attributes_come_back_as_they_were_set() -> None:
    for name, value in (("com.apple.quarantine", b"0083;5f;Safari;"), ("vide", b""), ("accentué", bytes(range(256)))):
        primitives.set_xattr(7, name, value)
    assert primitives.list_xattrs(7) == ["com.apple.quarantine", "vide", "accentué"]
    assert primitives.get_xattr(7, "accentué") == bytes(range(256))
    assert primitives.get_xattr(7, "vide") == b""
    primitives.remove_xattr(7, "vide")
    assert primitives.list_xattrs(7) == ["com.apple.quarantine", "accentué"]
    with pytest.raises(OSError, match=r".") as error:
        primitives.get_xattr(7, "vide")
    assert error.value.errno == darwin.ENOATTR


def test_a_barrier_waits_for_the_drive_of_that_volume(library: Library) -> None:
    primitives.sync_volume(7)
    assert library.synced == [(7, darwin.SYNC_VOLUME_FULLSYNC | darwin.SYNC_VOLUME_WAIT)]


def test_a_barrier_that_fails_is_an_error(library: Library) -> None:
    library.answer = errno.EIO
    with pytest.raises(OSError, match=os.strerror(errno.EIO)) as error:
        primitives.sync_volume(7)
    assert error.value.errno == errno.EIO


def test_where_one_volume_cannot_be_asked_for_everything_is(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.answer = errno.ENOTSUP
    flushed: list[int] = []
    monkeypatch.setattr(primitives, "sync_file", flushed.append)
    primitives.sync_volume(7)
    assert flushed == [7]
