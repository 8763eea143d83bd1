"""Windows programs that carry installers (the ATSAM program): the packages inside are found and read without running it.

An .msi that lies uncompressed in the program is recognised by its first bytes; its own tables say where it ends. What is compressed cannot
be seen that way: a program in which nothing is found is refused, never run to see what it does.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from atsam_safe.packages.limits import BUFFER
from atsam_safe.packages.msi import MAGIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.packages.reading import PinnedFile

_HEADER: Final = 512
_SECTOR_SHIFTS: Final = (9, 12)
_SHIFT_PLACE: Final = 30
_FAT_COUNT_PLACE: Final = 44
_FIRST_LIST_PLACE: Final = 76
_LISTED: Final = 109
_NEXT_LIST_PLACE: Final = 68
_LIST_COUNT_PLACE: Final = 72
_FREE: Final = 0xFFFF_FFFF
_MOST_FAT_SECTORS: Final = 20_000
_LOOKED_AT: Final = 8 << 20
_TECHNOLOGIES: Final = (
    (b".wixburn", "WiX Burn"),
    (b"Inno Setup", "Inno Setup"),
    (b"Nullsoft", "NSIS"),
    (b"InstallShield", "InstallShield"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"WEXTRACT", "IExpress"),
    (b"MSCF\0\0\0\0", "Cabinet"),
)


def embedded_installers(file: PinnedFile, most: int) -> Iterator[tuple[int, int]]:
    """Place and length of every compound file inside, at most ``most``; ones that lie inside another are not told again."""
    position = 0
    found = 0
    while found < most and (start := _find(file, position)) is not None:
        length = _length(file, start)
        if length is None:
            position = start + 1
            continue
        yield start, length
        found += 1
        position = start + length


def technology(file: PinnedFile) -> str:
    """What made a program that unpacks its content by itself, by the marks such programs carry; ``?`` when none is known."""
    head = file.read_at(0, min(file.size, _LOOKED_AT), "program")
    return next((name for mark, name in _TECHNOLOGIES if mark in head), "?")


def _find(file: PinnedFile, position: int) -> int | None:
    """The next place from ``position`` on where a compound file may begin."""
    overlap = len(MAGIC) - 1
    while position + len(MAGIC) <= file.size:
        data = file.read_at(position, min(BUFFER + overlap, file.size - position), "program")
        place = data.find(MAGIC)
        if place >= 0:
            return position + place
        position += max(len(data) - overlap, 1)
    return None


def _length(file: PinnedFile, start: int) -> int | None:
    """Length of the compound file at ``start`` by its allocation table; ``None`` when it is none after all."""
    if start + _HEADER > file.size:
        return None
    header = file.read_at(start, _HEADER, "program")
    (shift,) = struct.unpack_from("<H", header, _SHIFT_PLACE)
    (fat_count,) = struct.unpack_from("<I", header, _FAT_COUNT_PLACE)
    if shift not in _SECTOR_SHIFTS or not 0 < fat_count <= _MOST_FAT_SECTORS:
        return None
    size = 1 << shift
    sectors = _fat_sectors(file, start, header, size, fat_count)
    if sectors is None:
        return None
    for index in range(len(sectors) - 1, -1, -1):
        place = start + (sectors[index] + 1) * size
        if place + size > file.size:
            return None
        table = struct.unpack(f"<{size // 4}I", file.read_at(place, size, "program"))
        used = next((number for number in range(len(table) - 1, -1, -1) if table[number] != _FREE), None)
        if used is not None:
            end = (index * (size // 4) + used + 2) * size
            return end if start + end <= file.size else None
    return None


def _fat_sectors(file: PinnedFile, start: int, header: bytes, size: int, count: int) -> list[int] | None:
    """Numbers of the sectors that hold the allocation table: 109 in the header, the rest in a chain of lists."""
    sectors = list(struct.unpack_from(f"<{_LISTED}I", header, _FIRST_LIST_PLACE))
    (following,) = struct.unpack_from("<I", header, _NEXT_LIST_PLACE)
    (lists,) = struct.unpack_from("<I", header, _LIST_COUNT_PLACE)
    for _ in range(min(lists, _MOST_FAT_SECTORS)):
        place = start + (following + 1) * size
        if len(sectors) >= count or place + size > file.size:
            break
        *more, following = struct.unpack(f"<{size // 4}I", file.read_at(place, size, "program"))
        sectors += more
    sectors = sectors[:count]
    return None if len(sectors) < count or any(sector >= file.size // size for sector in sectors) else sectors
