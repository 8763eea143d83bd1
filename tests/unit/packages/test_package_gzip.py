"""gzip read by ourselves must accept and refuse exactly what the C library's own gzip mode does."""

from __future__ import annotations

import gzip
import os
import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atsam_safe.packages.errors import PackageError
from atsam_safe.packages.gzip import gzip_members
from atsam_safe.packages.streams import ByteSource

CONTENT = b"The quick brown fox " * 50


def ours(data: bytes, *, size: int = 7) -> bytes | None:
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    try:
        return b"".join(gzip_members(ByteSource(pieces, "Payload")))
    except PackageError:
        return None


def theirs(data: bytes) -> bytes | None:
    decoder = zlib.decompressobj(31)
    try:
        plain = decoder.decompress(data)
    except zlib.error:
        return None
    return plain if decoder.eof and not decoder.unused_data.strip(b"\0") else None


def member(content: bytes = CONTENT, *, flags: int = 0, more: bytes = b"", checksum: bool = False) -> bytes:
    """One member with optional header fields in ``more``."""
    header = struct.pack("<2sBBIBB", b"\x1f\x8b", 8, flags | (2 if checksum else 0), 0, 0, 3) + more
    if checksum:
        header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return header + packer.compress(content) + packer.flush() + struct.pack("<II", zlib.crc32(content), len(content))


HEADERS = {
    "plain": member(),
    "empty": member(b""),
    "name": member(flags=8, more=b"cpio\0"),
    "comment": member(flags=16, more=b"\0"),
    "extra": member(flags=4, more=b"\x03\0abc"),
    "everything": member(flags=28, more=b"\x03\0abcname\0comment\0", checksum=True),
    "wrong header checksum": member(flags=2, more=b"\0\0"),
    "endless name": member(flags=8, more=b"n" * (1 << 17)),
    "reserved flag": member(flags=32),
    "other method": member()[:2] + b"\7" + member()[3:],
    "wrong checksum": member()[:-8] + bytes([member()[-8] ^ 1]) + member()[-7:],
    "wrong length": member()[:-1] + b"\1",
    "padding": member() + bytes(100),
    "rubbish after": member() + b"x",
    "cut in the trailer": member()[:-3],
    "cut in the header": member()[:7],
    "nothing": b"",
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers_and_trailers(case: str) -> None:
    assert ours(HEADERS[case]) == theirs(HEADERS[case])
    assert (ours(HEADERS[case]) is None) == (case in {*list(HEADERS)[6:12], *list(HEADERS)[13:]})


def test_members_follow_each_other() -> None:
    large = os.urandom(300_000)
    data = gzip.compress(large) + gzip.compress(b"") + gzip.compress(CONTENT)
    assert ours(data, size=1 << 16) == large + CONTENT
    broken = bytearray(gzip.compress(large) + gzip.compress(CONTENT))
    broken[len(gzip.compress(large)) - 5] ^= 1
    assert ours(bytes(broken), size=1 << 16) is None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(HEADERS)), st.integers(0, 2000), st.integers(0, 255))
def test_any_changed_byte_is_judged_as_the_library_judges_it(case: str, position: int, value: int) -> None:
    data = bytearray(HEADERS[case] if len(HEADERS[case]) < 2000 else HEADERS["plain"])
    if data:
        data[position % len(data)] = value
    assert ours(bytes(data)) == theirs(bytes(data))


def test_a_multitude_of_empty_members_is_quick() -> None:
    started = time.monotonic()
    assert ours(member(b"") * 50_000, size=1 << 18) == b""
    assert time.monotonic() - started < 20
