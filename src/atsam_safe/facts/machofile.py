"""A small bounded reader of Mach-O files: architectures, declared library version, minimum macOS.

Only headers and load commands are read (a few kilobytes), through a ``read`` function that the caller bounds to one open
file or to one member of a payload. Format: Apple's ``mach-o/fat.h`` and ``mach-o/loader.h``. Existing readers load every command
eagerly and without a limit, so a damaged file costs them unbounded memory; here every count and length is checked against a limit
first.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from atsam_safe.facts.model import BinaryImage

ReadAt = Callable[[int, int], bytes]
"""``read(offset, size)`` returns up to ``size`` bytes at ``offset``, fewer only at the end of the file."""

MAX_ARCHITECTURES: Final = 16
MAX_COMMANDS: Final = 4096
MAX_COMMAND_BYTES: Final = 1 << 20

_FAT: Final = b"\xca\xfe\xba\xbe"
_FAT_64: Final = b"\xca\xfe\xba\xbf"
_THIN: Final[dict[bytes, tuple[str, int]]] = {
    b"\xce\xfa\xed\xfe": ("<", 28),
    b"\xcf\xfa\xed\xfe": ("<", 32),
    b"\xfe\xed\xfa\xce": (">", 28),
    b"\xfe\xed\xfa\xcf": (">", 32),
}
_CPU_NAMES: Final[dict[int, str]] = {
    7: "i386",
    0x01000007: "x86_64",
    12: "arm",
    0x0100000C: "arm64",
    0x0200000C: "arm64_32",
    18: "ppc",
    0x01000012: "ppc64",
}
_LC_ID_DYLIB: Final = 0x0D
_LC_VERSION_MIN_MACOSX: Final = 0x24
_LC_BUILD_VERSION: Final = 0x32
_PLATFORM_MACOS: Final = 1
_COMMAND_HEADER: Final = 8


class DamagedImageError(ValueError):
    """The file begins like a Mach-O file but its header contradicts itself, or ends too early. It never leaves the caller's room."""


class _Slice:
    """What one architecture of the file declares."""

    def __init__(self, architecture: str, current: str | None, minimum: str) -> None:
        self.architecture = architecture
        self.current = current
        self.minimum = minimum


def read_image(read: ReadAt) -> BinaryImage | None:
    """Describe the Mach-O file behind ``read``; ``None`` when it is something else.

    ``minimum_os`` has one entry per architecture, ``""`` where the file does not say.
    Raises ``DamagedImageError`` when it is cut short or contradicts itself.
    """
    magic = read(0, 4)
    if magic in _THIN:
        slices = [_read_slice(read, 0)]
    elif magic in (_FAT, _FAT_64):
        offsets = _fat_offsets(read, wide=magic == _FAT_64)
        if offsets is None:
            return None
        slices = [_read_slice(read, offset) for offset in offsets]
    else:
        return None
    versions = [one.current for one in slices if one.current is not None]
    return BinaryImage(
        architectures=tuple(one.architecture for one in slices),
        current_version=versions[0] if versions else None,
        minimum_os=tuple(one.minimum for one in slices),
    )


def _fat_offsets(read: ReadAt, *, wide: bool) -> list[int] | None:
    (count,) = struct.unpack(">I", _exactly(read, 4, 4))
    if count > MAX_ARCHITECTURES:
        # A Java class file has the same magic; its next four bytes are a version of 45 or more, read here as a count.
        return None
    if count == 0:
        raise DamagedImageError("universal file without architectures")
    form = struct.Struct(">IIQQII" if wide else ">IIIII")
    table = _exactly(read, 8, form.size * count)
    return [form.unpack_from(table, form.size * index)[2] for index in range(count)]


def _read_slice(read: ReadAt, start: int) -> _Slice:
    magic = _exactly(read, start, 4)
    if magic not in _THIN:
        raise DamagedImageError("no Mach-O header where the universal header points")
    order, header_size = _THIN[magic]
    header = _exactly(read, start, header_size)
    cpu, _subtype, _kind, count, size = struct.unpack_from(f"{order}IIIII", header, 4)
    if count > MAX_COMMANDS or size > MAX_COMMAND_BYTES:
        raise DamagedImageError(f"{count} load commands in {size} bytes")
    commands = _exactly(read, start + header_size, size)
    current: str | None = None
    minimum = ""
    position = 0
    for _index in range(count):
        if position + _COMMAND_HEADER > size:
            raise DamagedImageError("load commands end early")
        command, length = struct.unpack_from(f"{order}II", commands, position)
        if length < _COMMAND_HEADER or position + length > size:
            raise DamagedImageError("load command of impossible length")
        body = commands[position : position + length]
        if command == _LC_ID_DYLIB:
            current = _dotted(_field(body, order, 16), always_three=True)
        elif command == _LC_VERSION_MIN_MACOSX:
            minimum = _dotted(_field(body, order, 8), always_three=False)
        elif command == _LC_BUILD_VERSION and _field(body, order, 8) == _PLATFORM_MACOS:
            minimum = _dotted(_field(body, order, 12), always_three=False)
        position += length
    return _Slice(_CPU_NAMES.get(cpu, f"cpu-{cpu:#x}"), current, minimum)


def _field(body: bytes, order: str, offset: int) -> int:
    if offset + 4 > len(body):
        raise DamagedImageError("load command too short for its kind")
    value: int = struct.unpack_from(f"{order}I", body, offset)[0]
    return value


def _dotted(packed: int, *, always_three: bool) -> str:
    """``0x00030100`` → ``3.1.0`` (libraries, as ``otool -L`` prints them) or ``3.1`` (systems, as ``vtool`` prints them)."""
    major, minor, patch = packed >> 16, packed >> 8 & 0xFF, packed & 0xFF
    return f"{major}.{minor}.{patch}" if always_three or patch else f"{major}.{minor}"


def _exactly(read: ReadAt, offset: int, size: int) -> bytes:
    data = read(offset, size)
    if len(data) != size:
        raise DamagedImageError("file cut short")
    return data
