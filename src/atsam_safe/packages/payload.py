"""The payload inside a component package: compressed cpio, read as a stream.

Genuine packages hold gzip with cpio ``odc``; newer tools write ``pbzx``. xz, bzip2 and no compression exist too. Everything up
to the last byte is read, since the checksums of gzip, xz and xar are known to be good only at the end of their streams.
"""

from __future__ import annotations

import bz2
import stat
import struct
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from atsam_safe.packages.errors import PackageError, damaged, too_large
from atsam_safe.packages.gzip import GZIP_MAGIC, gzip_members
from atsam_safe.packages.limits import MEBIBYTE
from atsam_safe.packages.streams import ByteSource, pull, xz_decoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.packages.limits import Limits
    from atsam_safe.packages.streams import Allowance, Decoder

Compression = Literal["gzip", "pbzx", "xz", "bzip2", "none"]
MemberKind = Literal["file", "directory", "symlink", "character-device", "block-device", "fifo", "socket", "unknown"]

_XZ: Final = b"\xfd7zXZ\0"
_PBZX: Final = b"pbzx"
_COMPRESSIONS: Final[dict[bytes, Compression]] = {GZIP_MAGIC: "gzip", _PBZX: "pbzx", _XZ: "xz", b"BZh": "bzip2", b"0707": "none"}
_LARGEST_PBZX_CHUNK: Final = 64 << 20
_LONGEST_MAGIC: Final = 6
_LONGEST_NAME: Final = 4097
_KINDS: Final[dict[int, MemberKind]] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "character-device",
    stat.S_IFBLK: "block-device",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
_OCTAL: Final = frozenset(b"01234567")
_HEXADECIMAL: Final = frozenset(b"0123456789abcdefABCDEF")
_ODC_WIDTHS: Final = (6, 6, 6, 6, 6, 6, 6, 11, 6, 11)
_TRAILER: Final = b"TRAILER!!!"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One cpio header. ``name`` is as stored; ``mode`` has the type bits too."""

    name: bytes
    mode: int
    uid: int
    gid: int
    links: int
    mtime: int
    size: int
    device: int
    inode: int
    checksum: int | None = None

    @property
    def kind(self) -> MemberKind:
        """What the type bits of ``mode`` say."""
        return _KINDS.get(stat.S_IFMT(self.mode), "unknown")


def decompress(chunks: Iterator[bytes], *, place: str, allowance: Allowance, limits: Limits) -> tuple[Compression, ByteSource]:
    """Recognise the compression by content and return its name and the plain cpio stream, which ``allowance`` bounds.

    Apple Archive (``AA01``), ``pbze`` and ``pbz4`` are refused by ``package.unreadable``, garbage by ``package.damaged``.
    """
    source = ByteSource(chunks, place)
    head = source.peek(_LONGEST_MAGIC)
    compression, plain = _open_stream(head, source, place, limits)
    return compression, ByteSource(allowance.bounded(plain, place), place)


def _open_stream(head: bytes, source: ByteSource, place: str, limits: Limits) -> tuple[Compression, Iterator[bytes]]:
    compression = recognise(head, place)
    if compression == "gzip":
        return compression, gzip_members(source)
    if compression == "pbzx":
        return compression, _pbzx(source, place, limits)
    if compression == "xz":
        return compression, _single(xz_decoder(limits), source, place)
    if compression == "bzip2":
        return compression, _single(bz2.BZ2Decompressor(), source, place)
    return compression, source.rest()


def recognise(head: bytes, place: str) -> Compression:
    """The compression of a payload by its first bytes; raises ``PackageError`` for one that cannot be read."""
    for magic, compression in _COMPRESSIONS.items():
        if head.startswith(magic):
            return compression
    if head[:4] in (b"AA01", b"pbze", b"pbz4", b"pbzb"):
        raise PackageError("package.unreadable", path=place, fault=f"compression-{head[:4].decode()}")
    raise damaged(place, "payload-format")


def _single(decoder: Decoder, source: ByteSource, place: str) -> Iterator[bytes]:
    yield from pull(decoder, source.rest(), place=place)
    source.give_back(len(decoder.unused_data))
    if source.skip_zeros():
        raise damaged(place, "data-after-stream")


def _pbzx(source: ByteSource, place: str, limits: Limits) -> Iterator[bytes]:
    """``pbzx``, u64 chunk size, then {u64 plain, u64 stored, data}: an xz stream, or as it is when both sizes are equal."""
    header = source.take(12)
    largest = struct.unpack(">Q", header[4:])[0]
    if not 0 < largest <= _LARGEST_PBZX_CHUNK:
        raise damaged(place, "pbzx-chunk-size")
    while not source.at_end():
        plain, stored = struct.unpack(">QQ", source.take(16))
        if not 0 < plain <= largest or not 0 < stored <= largest + MEBIBYTE:
            raise damaged(place, "pbzx-chunk-size")
        if plain == stored and source.peek(len(_XZ)) != _XZ:
            yield from map(bytes, source.pieces(stored))
            continue
        total = 0
        pieces = source.pieces(stored)
        decoder = xz_decoder(limits)
        for piece in pull(decoder, pieces, place=place):
            total += len(piece)
            yield piece
        if total != plain or decoder.unused_data or any(pieces):
            raise damaged(place, "pbzx-chunk")


# Archives end on a whole block; the largest block in use is far below this, and a bomb of zeros far above.
_LONGEST_PADDING: Final = 1 << 20
_SHORTEST_HEADER: Final = 76


class CpioReader:
    """The members of a cpio archive in order.

    Iterate; within each step ``pieces()`` hands out the member's data. What is not read is skipped. After the trailer only zeros
    may follow. Raises ``PackageError``.
    """

    def __init__(self, source: ByteSource, *, most: int, limit: int | None = None) -> None:
        """``most``: how many members are believed at most; ``limit``: how many bytes they may announce together.

        What is announced is refused before it is unpacked: a hundred gigabytes of zeros take minutes even when none is kept.
        """
        self._source = source
        self._most = most
        self._limit = limit
        self._announced = 0
        self._left = 0
        self._padding = 0
        self._expected_sum: int | None = None

    def __iter__(self) -> Iterator[Member]:
        for _ in range(self._most):
            for _ in self.pieces():
                pass
            self._source.take(self._padding)
            self._padding = 0
            member = self._header()
            if member.name == _TRAILER and member.size == 0:
                self._finish()
                return
            self._announced += _SHORTEST_HEADER + member.size
            if self._limit is not None and self._announced > self._limit:
                raise too_large(self._source.place, self._limit)
            yield member
        raise too_large(self._source.place, self._most, "entries")

    def pieces(self) -> Iterator[bytes | memoryview]:
        """What is left of the current member's data."""
        left, self._left = self._left, 0
        expected, self._expected_sum = self._expected_sum, None
        if expected is None:
            yield from self._source.pieces(left)
            return
        total = 0
        for piece in self._source.pieces(left):
            total += sum(piece)
            yield piece
        if total & 0xFFFFFFFF != expected:
            raise damaged(self._source.place, "cpio-checksum")

    def _finish(self) -> None:
        padding = 0
        for rest in self._source.rest():
            padding += len(rest)
            if padding > _LONGEST_PADDING or rest.strip(b"\0"):
                raise damaged(self._source.place, "data-after-cpio")

    def _header(self) -> Member:
        magic = self._source.take(6)
        if magic == b"070707":
            return self._odc()
        if magic in (b"070701", b"070702"):
            return self._newc(checked=magic == b"070702")
        raise damaged(self._source.place, "cpio-magic")

    def _odc(self) -> Member:
        raw = self._source.take(70)
        if not _OCTAL.issuperset(raw):
            raise damaged(self._source.place, "cpio-header")
        values = []
        position = 0
        for width in _ODC_WIDTHS:
            values.append(int(raw[position : position + width], 8))
            position += width
        device, inode, mode, uid, gid, links, _, mtime, name_size, size = values
        name = self._name(name_size, 0)
        self._left = size
        return Member(name=name, mode=mode, uid=uid, gid=gid, links=links, mtime=mtime, size=size, device=device, inode=inode)

    def _newc(self, *, checked: bool) -> Member:
        raw = self._source.take(104)
        if not _HEXADECIMAL.issuperset(raw):
            raise damaged(self._source.place, "cpio-header")
        values = [int(raw[start : start + 8], 16) for start in range(0, 104, 8)]
        inode, mode, uid, gid, links, mtime, size, major, minor, _, _, name_size, checksum = values
        name = self._name(name_size, -(110 + name_size) % 4)
        self._left = size
        self._padding = -size % 4
        self._expected_sum = checksum if checked and size else None
        device = major << 20 | minor
        return Member(name=name, mode=mode, uid=uid, gid=gid, links=links, mtime=mtime, size=size, device=device, inode=inode)

    def _name(self, size: int, padding: int) -> bytes:
        if not 1 <= size <= _LONGEST_NAME:
            raise damaged(self._source.place, "cpio-name")
        name = self._source.take(size)
        self._source.take(padding)
        if not name.endswith(b"\0") or b"\0" in name[:-1]:
            raise damaged(self._source.place, "cpio-name")
        return name[:-1]
