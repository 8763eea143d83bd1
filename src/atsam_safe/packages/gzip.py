"""gzip members as a stream, with a checksum that costs next to nothing.

The C library's own gzip mode makes the slowest part of reading a large package slower by a quarter: its CRC-32 is slow. Everything it
checks is checked here: header, header checksum, CRC-32 and length of the plain bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from atsam_safe.packages.checksums import gzip_crc
from atsam_safe.packages.errors import damaged
from atsam_safe.packages.streams import ZlibDecoder, pull

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.packages.streams import ByteSource

GZIP_MAGIC: Final = b"\x1f\x8b"
_DEFLATE: Final = 8
_RAW: Final = -15
_FIXED: Final = struct.Struct("<2sBBIBB")
_TRAILER: Final = struct.Struct("<II")
_HEADER_CHECKSUM: Final = 0x02
_EXTRA: Final = 0x04
_NAME: Final = 0x08
_COMMENT: Final = 0x10
_RESERVED: Final = 0xE0
_LONGEST_TEXT: Final = 1 << 16
_BITS: Final = 0xFFFFFFFF


def gzip_members(source: ByteSource) -> Iterator[bytes]:
    """The plain bytes of one gzip member after another; only zeros may follow the last. Raises ``PackageError``."""
    place = source.place
    while True:
        _skip_header(source)
        decoder = ZlibDecoder(_RAW)
        checksum = length = 0
        for plain in pull(decoder, source.growing(), place=place):
            checksum = gzip_crc(plain, checksum)
            length += len(plain)
            yield plain
        source.give_back(len(decoder.unused_data))
        if (checksum, length & _BITS) != _TRAILER.unpack(source.take(_TRAILER.size)):
            raise damaged(place, "compressed-data")
        if source.peek(2) == GZIP_MAGIC:
            continue
        if not source.skip_zeros():
            return
        if source.peek(2) != GZIP_MAGIC:
            raise damaged(place, "data-after-stream")


def _skip_header(source: ByteSource) -> None:
    header = source.take(_FIXED.size)
    magic, method, flags, _, _, _ = _FIXED.unpack(header)
    if magic != GZIP_MAGIC or method != _DEFLATE or flags & _RESERVED:
        raise damaged(source.place, "compressed-data")
    if flags & _EXTRA:
        length = source.take(2)
        header += length + source.take(int.from_bytes(length, "little"))
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            header += _text(source)
    if flags & _HEADER_CHECKSUM and int.from_bytes(source.take(2), "little") != gzip_crc(header) & 0xFFFF:
        raise damaged(source.place, "compressed-data")


def _text(source: ByteSource) -> bytes:
    """A text up to its zero byte, which is part of it."""
    text = bytearray()
    while not text.endswith(b"\0"):
        if len(text) >= _LONGEST_TEXT:
            raise damaged(source.place, "compressed-data")
        text += source.take(1)
    return bytes(text)
