"""The heads of the Mach-O files of a payload, kept while the content streams past: processors and minimum macOS of every program.

A universal file has a header of its own for each processor, far inside; of each of these places only a window is kept. Every other file
costs one comparison of four bytes.
"""

from __future__ import annotations

import struct
from typing import Final

from atsam_safe.facts.machofile import MAX_ARCHITECTURES, DamagedImageError, read_image
from atsam_safe.facts.model import BinaryImage

# Load commands of genuine files take 2 to 8 kB.
_WINDOW: Final = 1 << 17
_TABLE: Final = 8 + 32 * MAX_ARCHITECTURES
_FAT: Final = {b"\xca\xfe\xba\xbe": ">IIIII", b"\xca\xfe\xba\xbf": ">IIQQII"}
_MAGIC: Final = frozenset({*_FAT, b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf"})
_SHORTEST: Final = 4


def may_be_image(first: bytes | memoryview) -> bool:
    """True when a file that begins like this may be a Mach-O file."""
    return len(first) < _SHORTEST or bytes(first[:_SHORTEST]) in _MAGIC


class ImageHead:
    """What of one file is needed to know its architectures, collected from its content piece by piece."""

    def __init__(self) -> None:
        self._position = 0
        self._windows: list[tuple[int, bytearray]] = [(0, bytearray())]
        self._placed = False

    def write(self, piece: bytes | memoryview) -> None:
        """The next piece of the content."""
        self._keep(self._windows[0], piece)
        if not self._placed and len(self._windows[0][1]) >= _TABLE:
            self._place()
        for window in self._windows[1:]:
            self._keep(window, piece)
        self._position += len(piece)

    def _keep(self, window: tuple[int, bytearray], piece: bytes | memoryview) -> None:
        start, kept = window
        begin = start + len(kept) - self._position
        if 0 <= begin < len(piece):
            kept += piece[begin : begin + _WINDOW - len(kept)]

    def _place(self) -> None:
        """Open a window where each architecture of a universal file begins."""
        self._placed = True
        head = self._windows[0][1]
        form = _FAT.get(bytes(head[:_SHORTEST]))
        if form is None:
            return
        (count,) = struct.unpack_from(">I", head, 4)
        if count <= MAX_ARCHITECTURES:
            table = struct.Struct(form)
            self._windows += [(table.unpack_from(head, 8 + table.size * index)[2], bytearray()) for index in range(count)]

    def image(self) -> BinaryImage | None:
        """``None`` for what is no Mach-O file; without architectures when it is one whose head contradicts itself or is too long."""
        try:
            return read_image(self._read)
        except (DamagedImageError, OverflowError):
            return BinaryImage(architectures=())

    def _read(self, offset: int, size: int) -> bytes:
        for start, kept in self._windows:
            if start <= offset and offset + size <= start + len(kept):
                return bytes(kept[offset - start : offset - start + size])
        start, kept = self._windows[0]
        return bytes(kept[offset : offset + size])
