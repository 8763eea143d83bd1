"""One descriptor per package, from the check to the use.

Reading by ``pread`` on one descriptor means that nobody can put another file under the same name between the moment a package
is checked and the moment it is unpacked, and that two threads can read at once without a shared position.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
from typing import TYPE_CHECKING, Self

from atsam_safe.packages.background import WORTHWHILE
from atsam_safe.packages.errors import PackageError, damaged, too_large
from atsam_safe.packages.limits import BUFFER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atsam_safe.packages.limits import Limits


class PinnedFile:
    """An open regular file of known size. ``name`` is only for messages; ``digest`` is computed beside other checks while it is set."""

    def __init__(self, descriptor: int, name: str) -> None:
        """Takes over ``descriptor``: closing this closes it."""
        self.name = name
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self.digest: WholeFileDigest | None = None
        self._lock = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, path: Path, limits: Limits) -> Self:
        """Open ``path``, which must be a regular file within ``limits.package``; raises ``PackageError`` otherwise."""
        # O_NONBLOCK: a FIFO with a package's name must not hang the program.
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(path, flags)
        except OSError as error:
            raise PackageError("package.unreadable", path=path, fault=errno_name(error)) from None
        try:
            file = cls(descriptor, str(path))
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        except OSError as error:
            os.close(descriptor)
            raise PackageError("package.unreadable", path=path, fault=errno_name(error)) from None
        if not is_file:
            file.close()
            raise PackageError("package.not-a-package", path=path, fault="not-a-file")
        if file.size > limits.package:
            file.close()
            raise too_large(path, limits.package)
        return file

    def close(self) -> None:
        """Close the descriptor; harmless when it is closed already."""
        if not self._closed:
            self._closed = True
            os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read_at(self, offset: int, length: int, place: str) -> bytes:
        """Exactly ``length`` bytes at ``offset``; raises ``PackageError`` when the file ends before."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise damaged(place, "past-end-of-file")
        data = self._read(offset, length)
        while len(data) < length:
            more = self._read(offset + len(data), length - len(data))
            if not more:
                raise damaged(place, "cut-short")
            data += more
        return data

    def chunks(self, offset: int, length: int, place: str) -> Iterator[bytes]:
        """The bytes of a region in buffers of at most ``BUFFER`` bytes."""
        end = offset + length
        while offset < end:
            data = self.read_at(offset, min(BUFFER, end - offset), place)
            offset += len(data)
            yield data

    def _read(self, offset: int, length: int) -> bytes:
        try:
            if hasattr(os, "pread"):
                return os.pread(self.descriptor, length, offset)
            with self._lock:
                os.lseek(self.descriptor, offset, os.SEEK_SET)
                return os.read(self.descriptor, length)
        except OSError as error:
            raise PackageError("package.unreadable", path=self.name, fault=errno_name(error)) from None


class WholeFileDigest:
    """SHA-256 of a whole file, taken from the bytes that are read for other checks anyway; what nobody read is read at the end.

    Only one stream takes part at a time: the first one that reaches a byte gives it, in the order of the file.
    """

    def __init__(self, file: PinnedFile) -> None:
        """Nothing is read yet; from now on large streams of ``file`` take part."""
        self._file = file
        self._digest = hashlib.sha256()
        self._position = 0
        self._stopped = threading.Event()
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        file.digest = self

    def in_background(self) -> None:
        """Read a large file at once, by a thread: for a reader that does not read it in order."""
        if self._file.size >= WORTHWHILE:
            self._thread = threading.Thread(target=self._run, name="package-digest", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(PackageError):
            self._reach(self._file.size)

    def beside(self, offset: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Hand ``chunks``, the bytes of the file from ``offset`` on, through."""
        self._reach(offset)
        for chunk in chunks:
            self._take(offset, chunk)
            offset += len(chunk)
            yield chunk

    def _take(self, offset: int, chunk: bytes) -> None:
        with self._turn:
            if offset == self._position:
                self._digest.update(chunk)
                self._position += len(chunk)

    def _reach(self, end: int) -> None:
        """Read what is missing before ``end``."""
        start = self._position
        for chunk in self._file.chunks(start, end - start, self._file.name):
            if self._stopped.is_set():
                return
            self._take(start, chunk)
            start += len(chunk)

    def result(self) -> str | None:
        """The digest in hex, the rest being read now; ``None`` when the file could not be read to its end."""
        if self._thread is not None:
            self._thread.join()
        else:
            self._run()
        return self._digest.hexdigest() if self._position == self._file.size else None

    def stop(self) -> None:
        """Give up early (an interrupted inspection must not leave a thread on a descriptor that is about to be closed)."""
        self._stopped.set()
        self._file.digest = None
        if self._thread is not None:
            self._thread.join()


def errno_name(error: OSError) -> str:
    """What the system answered, as a code: the C library's English words (Windows' own answer is in the language of the computer)."""
    said = os.strerror(error.errno) if error.errno else type(error).__name__
    return said.lower().replace(" ", "-")
