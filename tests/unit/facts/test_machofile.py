from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.facts.machofile import MAX_ARCHITECTURES, MAX_COMMANDS, DamagedImageError, ReadAt, read_image
from lab.macho import image, thin_image


def reader(data: bytes) -> ReadAt:
    def read(offset: int, size: int) -> bytes:
        assert size <= 1 << 20, "an untrusted length reached the file unchecked"
        return data[offset : offset + size]

    return read


NAME, VERSION = "/usr/local/lib/libcps3_pkcs11_osx.dylib", "3.1.0"


@pytest.mark.parametrize(
    ("architectures", "minimum"),
    [(("x86_64",), ("10.15",)), (("i386",), ("10.15",)), (("arm64",), ("10.15",)), (("x86_64", "arm64"), ("10.15", "10.15"))],
)
def test_thin_and_universal_libraries(architectures: tuple[str, ...], minimum: tuple[str, ...]) -> None:
    found = read_image(reader(image(architectures, minimum_os="10.15", dylib_name=NAME, dylib_version=VERSION)))
    assert found is not None
    assert found.architectures == architectures
    assert found.current_version == "3.1.0"
    assert found.minimum_os == minimum


def test_a_program_declares_no_library_version() -> None:
    found = read_image(reader(image(("x86_64",), minimum_os="10.6.8")))
    assert found is not None
    assert found.current_version is None
    assert found.minimum_os == ("10.6.8",)


def test_a_64_bit_universal_header() -> None:
    thin = thin_image("arm64", dylib_name=NAME, dylib_version=VERSION)
    offset = 1 << 14
    header = struct.pack(">4sI", b"\xca\xfe\xba\xbf", 1) + struct.pack(">IIQQII", 0x0100000C, 0, offset, len(thin), 14, 0)
    found = read_image(reader(header.ljust(offset, b"\0") + thin))
    assert found is not None
    assert found.architectures == ("arm64",)


def test_old_big_endian_images_are_read() -> None:
    header = struct.pack(">7I", 0xFEEDFACE, 18, 0, 6, 1, 24, 0) + struct.pack(">6I", 0x0D, 24, 24, 2, 0x00030100, 0)
    found = read_image(reader(header))
    assert found is not None
    assert (found.architectures, found.current_version, found.minimum_os) == (("ppc",), "3.1.0", ("",))


@pytest.mark.parametrize("data", [b"", b"\xca", b"#!/bin/sh\n", b"MZ\x90\0", b"\x7fELF"])
def test_other_files_are_no_image(data: bytes) -> None:
    assert read_image(reader(data)) is None


def test_a_java_class_is_not_taken_for_a_universal_image() -> None:
    assert read_image(reader(b"\xca\xfe\xba\xbe\x00\x00\x00\x34" + bytes(100))) is None


def fat(*slices: tuple[int, int], count: int | None = None) -> bytes:
    header = struct.pack(">4sI", b"\xca\xfe\xba\xbe", len(slices) if count is None else count)
    return header + b"".join(struct.pack(">5I", 0x01000007, 3, offset, size, 12) for offset, size in slices)


@pytest.mark.parametrize(
    "data",
    [
        b"\xcf\xfa\xed\xfe",
        thin_image("x86_64")[:40],
        struct.pack("<7I", 0xFEEDFACF, 7, 0, 2, MAX_COMMANDS + 1, 8, 0) + bytes(64),
        struct.pack("<7I", 0xFEEDFACF, 7, 0, 2, 1, 0xFFFFFFFF, 0) + bytes(64),
        struct.pack("<8I", 0xFEEDFACF, 7, 0, 2, 1, 16, 0, 0) + struct.pack("<4I", 0x0D, 0, 0, 0),
        struct.pack("<8I", 0xFEEDFACF, 7, 0, 2, 1, 16, 0, 0) + struct.pack("<4I", 0x0D, 999, 0, 0),
        struct.pack("<8I", 0xFEEDFACF, 7, 0, 2, 1, 8, 0, 0) + struct.pack("<2I", 0x0D, 8),
        struct.pack("<8I", 0xFEEDFACF, 7, 0, 2, 3, 8, 0, 0) + struct.pack("<2I", 0x19, 8),
        fat(count=0),
        fat((1 << 30, 100)),
        fat((0, 100)),
        fat(count=MAX_ARCHITECTURES),
    ],
)
def test_contradictory_headers_are_damaged(data: bytes) -> None:
    with pytest.raises(DamagedImageError):
        read_image(reader(data))


MAGICS = [
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xca\xfe\xba\xbe\0\0\0\1",
    b"\xca\xfe\xba\xbf\0\0\0\1",
]


@given(st.sampled_from(MAGICS), st.binary(max_size=200))
def test_garbage_behind_a_magic_never_crashes(magic: bytes, rest: bytes) -> None:
    with contextlib.suppress(DamagedImageError):
        read_image(reader(magic + rest))


WHOLE = image(("i386", "x86_64"), dylib_name=NAME, dylib_version=VERSION)


@given(st.integers(0, 4300), st.integers(0, 255))
def test_one_changed_byte_never_crashes(position: int, value: int) -> None:
    data = bytearray(WHOLE)
    data[position % len(data)] = value
    with contextlib.suppress(DamagedImageError):
        read_image(reader(bytes(data)))
