"""Disk images (.dmg) with a small FAT volume inside: enough for the path from image to package to be walked for real."""

from __future__ import annotations

import plistlib
import struct
from typing import Final

_SECTOR: Final = 512
_ROOT_ENTRIES: Final = 16
_END_OF_CHAIN: Final = 0xFFF


def fat_volume(files: dict[str, bytes]) -> bytes:
    """A FAT12 volume with ``files`` (names in 8.3 form, upper case) in its root folder."""
    chains: list[int] = []
    directory = b""
    data = b""
    for name, content in files.items():
        stem, _, suffix = name.partition(".")
        first = 2 + len(chains)
        sectors = max(1, -(-len(content) // _SECTOR))
        chains += [*range(first + 1, first + sectors), _END_OF_CHAIN]
        directory += struct.pack("<8s3sB10xHHHI", stem.encode().ljust(8), suffix.encode().ljust(3), 0x20, 0, 0x4F2C, first, len(content))
        data += content.ljust(sectors * _SECTOR, b"\0")
    entries = [0xFF8, _END_OF_CHAIN, *chains, *([0] * (2 - (len(chains) + 2) % 2))]
    table = b"".join(
        bytes([low & 0xFF, (low >> 8) | (high & 0xF) << 4, high >> 4]) for low, high in zip(entries[::2], entries[1::2], strict=False)
    )
    table_sectors = -(-len(table) // _SECTOR)
    table = table.ljust(table_sectors * _SECTOR, b"\0")
    total = 1 + 2 * table_sectors + 1 + len(data) // _SECTOR
    boot = b"\xeb\x3c\x90" + b"LAB     "
    boot += struct.pack("<HBHBHHBHHHII", _SECTOR, 1, 1, 2, _ROOT_ENTRIES, total, 0xF8, table_sectors, 32, 2, 0, 0)
    boot += struct.pack("<BBBI11s8s", 0x80, 0, 0x29, 1, b"ESSAI".ljust(11), b"FAT12".ljust(8))
    boot = boot.ljust(510, b"\0") + b"\x55\xaa"
    return boot + table * 2 + directory.ljust(_SECTOR, b"\0") + data


def disk_image(volume: bytes) -> bytes:
    """``volume`` in a disk image with one stored run of blocks."""
    sectors = -(-len(volume) // _SECTOR)
    content = volume.ljust(sectors * _SECTOR, b"\0")
    checksum = struct.pack(">II", 0, 0) + bytes(128)
    stored = struct.pack(">IIQQQQ", 1, 0, 0, sectors, 0, len(content))
    end = struct.pack(">IIQQQQ", 0xFFFFFFFF, 0, sectors, 0, len(content), 0)
    table = b"mish" + struct.pack(">IQQQII", 1, 0, sectors, 0, 520, 0) + bytes(24) + checksum + struct.pack(">I", 2) + stored + end
    blocks = [{"Attributes": "0x0050", "Data": table, "ID": "0", "Name": "disk image (Apple_FAT : 1)"}]
    description = plistlib.dumps({"resource-fork": {"blkx": blocks}})
    trailer = b"koly" + struct.pack(">III", 4, 512, 1) + struct.pack(">QQQQQ", 0, 0, len(content), 0, 0) + struct.pack(">II", 1, 1)
    trailer += bytes(16) + checksum + struct.pack(">QQ", len(content), len(description)) + bytes(120) + checksum
    trailer += struct.pack(">IQ", 1, sectors)
    return content + description + trailer.ljust(_SECTOR, b"\0")
