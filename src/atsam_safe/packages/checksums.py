"""The two forms of CRC-32 that packages use: POSIX ``cksum`` (bills of materials) and the one of gzip.

They find mistakes, they prove nothing: what proves are the digests of the archive. Both are computed by ``fastcrc``, whose wheels use the
processor's carry-less multiplication and let other threads run; the standard library's CRC-32 needs four times as long for gzip, and
twenty times for ``cksum``, whose bit order it does not know.
"""

from __future__ import annotations

from typing import Final

from fastcrc import crc32

_NOTHING_YET: Final = 0xFFFFFFFF
"""What ``fastcrc`` gives for no content at all: the form inverts its result."""


class Cksum:
    """POSIX ``cksum`` of content that comes in pieces."""

    __slots__ = ("_length", "_state")

    def __init__(self) -> None:
        """Starts empty."""
        self._state = _NOTHING_YET
        self._length = 0

    def update(self, data: bytes | memoryview) -> None:
        """Add ``data``."""
        self._state = crc32.cksum(data, self._state)
        self._length += len(data)

    def value(self) -> int:
        """The checksum of everything added so far (the length is part of it)."""
        length = self._length
        tail = length.to_bytes((length.bit_length() + 7) // 8, "little")
        return crc32.cksum(tail, self._state)


def cksum(data: bytes) -> int:
    """POSIX ``cksum`` of ``data``."""
    checksum = Cksum()
    checksum.update(data)
    return checksum.value()


def gzip_crc(data: bytes | memoryview, before: int = 0) -> int:
    """The CRC-32 of gzip after ``data``, ``before`` being that of everything that came ahead of it."""
    return crc32.iso_hdlc(data, before)
