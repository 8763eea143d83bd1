"""Small, well-formed Mach-O files: enough header and load commands for a version witness to be read."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_CPU: Final = {"i386": (7, 3), "x86_64": (0x01000007, 3), "arm64": (0x0100000C, 0)}
_MH_EXECUTE: Final = 2
_MH_DYLIB: Final = 6
_LC_ID_DYLIB: Final = 0x0D
_LC_VERSION_MIN_MACOSX: Final = 0x24
_LC_BUILD_VERSION: Final = 0x32
_ALIGNMENT_EXPONENT: Final = 12


def packed_version(version: str) -> int:
    """``X.Y.Z`` in the 16.8.8 bits form of load commands."""
    numbers = [int(part) for part in version.split(".")]
    major, minor, patch = ([*numbers, 0, 0])[:3]
    return major << 16 | minor << 8 | patch


def _id_dylib(name: str, version: str) -> bytes:
    text = name.encode() + b"\0"
    text += b"\0" * (-len(text) % 8)
    return struct.pack("<6I", _LC_ID_DYLIB, 24 + len(text), 24, 2, packed_version(version), packed_version("1.0.0")) + text


def _minimum_os(architecture: str, version: str) -> bytes:
    if architecture == "arm64":
        return struct.pack("<6I", _LC_BUILD_VERSION, 24, 1, packed_version(version), packed_version(version), 0)
    return struct.pack("<4I", _LC_VERSION_MIN_MACOSX, 16, packed_version(version), packed_version(version))


def thin_image(
    architecture: str,
    *,
    minimum_os: str = "10.10",
    dylib_name: str | None = None,
    dylib_version: str | None = None,
    filling: bytes = b"",
) -> bytes:
    """One Mach-O image; with ``dylib_name`` and ``dylib_version`` a dynamic library, otherwise a program."""
    cpu_type, cpu_subtype = _CPU[architecture]
    commands = [_minimum_os(architecture, minimum_os)]
    file_type = _MH_EXECUTE
    if dylib_name is not None and dylib_version is not None:
        file_type = _MH_DYLIB
        commands.insert(0, _id_dylib(dylib_name, dylib_version))
    body = b"".join(commands)
    wide = architecture != "i386"
    header = struct.pack("<7I", 0xFEEDFACF if wide else 0xFEEDFACE, cpu_type, cpu_subtype, file_type, len(commands), len(body), 0x85)
    if wide:
        header += struct.pack("<I", 0)
    return header + body + filling


def image(
    architectures: Sequence[str],
    *,
    minimum_os: str = "10.10",
    dylib_name: str | None = None,
    dylib_version: str | None = None,
    filling: bytes = b"",
) -> bytes:
    """A thin image for one architecture, a universal file for several."""
    thin = [
        thin_image(architecture, minimum_os=minimum_os, dylib_name=dylib_name, dylib_version=dylib_version, filling=filling)
        for architecture in architectures
    ]
    if len(thin) == 1:
        return thin[0]
    header = struct.pack(">2I", 0xCAFEBABE, len(thin))
    offset = 1 << _ALIGNMENT_EXPONENT
    records = b""
    body = b""
    for architecture, content in zip(architectures, thin, strict=True):
        padding = -(len(body)) % (1 << _ALIGNMENT_EXPONENT)
        body += b"\0" * padding
        records += struct.pack(">5I", *_CPU[architecture], offset + len(body), len(content), _ALIGNMENT_EXPONENT)
        body += content
    return (header + records).ljust(offset, b"\0") + body
