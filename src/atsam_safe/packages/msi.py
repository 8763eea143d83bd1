"""Windows Installer packages (.msi): the database read table by table, never run, on any system.

An .msi is a compound file (OLE); ``olefile`` reads its streams. The tables are stored column by column, with every text in one pool.
Facts of the format that other readers get wrong: stream names pack two characters into one; codepage 0 means the system's own, which is
Windows-1252 for French packages, not UTF-8; a text longer than 64 KiB takes two entries of the pool; product codes come in any case.

Every length is compared with what is really there before it is believed; whatever is wrong is ``package.damaged`` with the place.
"""

from __future__ import annotations

import codecs
import os
import struct
from typing import TYPE_CHECKING, Any, Final, Self

import olefile

from atsam_safe.packages.errors import PackageError, damaged, malformed, too_large
from atsam_safe.packages.limits import MEBIBYTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.packages.limits import Limits
    from atsam_safe.packages.reading import PinnedFile

MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SIGNATURE_STREAM: Final = "\x05DigitalSignature"
EXTENDED_SIGNATURE_STREAM: Final = "\x05MsiDigitalSignatureEx"
SUMMARY_STREAM: Final = "\x05SummaryInformation"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
_PAIR_FIRST, _PAIR_END = 0x3800, 0x4800
_SINGLE_END: Final = 0x4840
_TABLE_MARK: Final = 0x4840
_NEUTRAL: Final = "cp1252"
_UTF_8: Final = 65001
_LONG_REFERENCES: Final = 0x8000
_STRING: Final = 0x0800
_SIZE_MASK: Final = 0x00FF
_TYPE_MASK: Final = 0xFFFF
_WORD: Final = 2
_SUMMARY_LIMIT: Final = MEBIBYTE
_MOST_STREAMS: Final = 10_000
_MOST_STRINGS: Final = 2_000_000
_MOST_TABLES: Final = 1_000
_MOST_COLUMNS: Final = 64
_MOST_ROWS: Final = 1_000_000
_LARGEST: Final = 1024 * MEBIBYTE
_CATALOGUE: Final = (("Table", _STRING | 64), ("Number", _WORD), ("Name", _STRING | 64), ("Type", _WORD))

Row = dict[str, Any]


def stream_name(stored: str) -> str:
    """The name a stored stream name stands for (tables without their mark)."""
    found = ""
    for character in stored:
        code = ord(character)
        if _PAIR_FIRST <= code < _PAIR_END:
            code -= _PAIR_FIRST
            found += _ALPHABET[code & 63] + _ALPHABET[code >> 6]
        elif _PAIR_END <= code < _SINGLE_END:
            found += _ALPHABET[code - _PAIR_END]
        elif code != _TABLE_MARK:
            found += character
    return found


class MsiDatabase:
    """The tables, properties and summary of one package. Raises ``PackageError`` for anything that is not as it must be."""

    def __init__(self, file: PinnedFile, limits: Limits) -> None:
        self._limits = limits
        if file.size > _LARGEST:
            raise too_large(file.name, _LARGEST)
        self._stream = os.fdopen(os.dup(file.descriptor), "rb")
        try:
            self._open()
        except BaseException:
            self._stream.close()
            raise

    def close(self) -> None:
        """Let go of the file; harmless when repeated."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        try:
            self._stream.seek(0)
            self._ole = olefile.OleFileIO(self._stream)
            names = self._ole.listdir()
        except Exception as error:  # noqa: BLE001 - the library raises whatever its input makes it stumble over
            raise damaged("compound file", malformed(error)) from None
        if len(names) > _MOST_STREAMS:
            raise too_large("streams", _MOST_STREAMS, "entries")
        self._streams = {stream_name(path[0]): path[0] for path in names if len(path) == 1}
        if "_StringPool" not in self._streams or "_Columns" not in self._streams:
            raise PackageError("package.not-a-package", path="_StringPool", fault="no-installer-database")
        self._strings = self._read_strings()
        self._columns = self._read_columns()

    @property
    def stream_names(self) -> tuple[str, ...]:
        """Every stream at the top of the file, as a person would write it."""
        return tuple(self._streams)

    @property
    def signed(self) -> bool:
        """True when the file carries a signature."""
        return SIGNATURE_STREAM in self._streams

    @property
    def extended_signature(self) -> bool:
        """True when the signature covers the streams' names and times as well."""
        return EXTENDED_SIGNATURE_STREAM in self._streams

    def _raw(self, name: str, limit: int) -> bytes:
        if name not in self._streams:
            return b""
        stored = self._streams[name]
        if self._size(stored, name) > limit:
            raise too_large(name, limit)
        try:
            data: bytes = self._ole.openstream(stored).read(limit + 1)
        except Exception as error:  # noqa: BLE001 - see _open
            raise damaged(name, malformed(error)) from None
        return data

    def _size(self, stored: str, name: str) -> int:
        try:
            return int(self._ole.get_size(stored))
        except Exception as error:  # noqa: BLE001 - see _open
            raise damaged(name, malformed(error)) from None

    # --- texts ---------------------------------------------------------------------------------------------------------------------

    def _read_strings(self) -> list[str | None]:
        pool = self._raw("_StringPool", self._limits.string_pool)
        data = self._raw("_StringData", self._limits.table)
        if len(pool) < 2 * _WORD:
            raise damaged("_StringPool", "cut-short")
        codepage, flags = struct.unpack_from("<HH", pool)
        self._reference = 3 if flags & _LONG_REFERENCES else 2
        self._encoding = _encoding_of(codepage)
        strings: list[str | None] = [None]
        for size, offset in _pool_entries(pool):
            if offset + size > len(data):
                raise damaged("_StringData", "cut-short")
            strings.append(data[offset : offset + size].decode(self._encoding, "replace"))
            if len(strings) > _MOST_STRINGS:
                raise too_large("_StringPool", _MOST_STRINGS, "entries")
        return strings

    def _string(self, index: int) -> str | None:
        if index >= len(self._strings):
            raise damaged("_StringPool", "unknown-text")
        return self._strings[index]

    # --- tables --------------------------------------------------------------------------------------------------------------------

    def _read_columns(self) -> dict[str, list[tuple[str, int]]]:
        columns: dict[str, list[tuple[int, str, int]]] = {}
        for row in self._rows("_Columns", _CATALOGUE):
            table, number, name, kind = row["Table"], row["Number"], row["Name"], row["Type"]
            if not isinstance(table, str) or not isinstance(name, str) or number is None or kind is None:
                raise damaged("_Columns", "empty-cell")
            known = columns.setdefault(table, [])
            known.append((number, name, kind & _TYPE_MASK))
            if len(columns) > _MOST_TABLES or len(known) > _MOST_COLUMNS:
                raise too_large("_Columns", _MOST_COLUMNS, "entries")
        return {table: [(name, kind) for _number, name, kind in sorted(known)] for table, known in columns.items()}

    def _width(self, kind: int) -> int:
        if kind & _STRING:
            return self._reference
        return _WORD if kind & _SIZE_MASK <= _WORD else 4

    def _rows(self, table: str, columns: tuple[tuple[str, int], ...] | list[tuple[str, int]]) -> Iterator[Row]:
        widths = [self._width(kind) for _name, kind in columns]
        raw = self._raw(table, self._limits.table)
        if not widths:
            return
        count, rest = divmod(len(raw), sum(widths))
        if rest:
            raise damaged(table, "cut-short")
        if count > _MOST_ROWS:
            raise too_large(table, _MOST_ROWS, "entries")
        starts = [count * sum(widths[:place]) for place in range(len(widths))]
        for index in range(count):
            row: Row = {}
            for (name, kind), width, start in zip(columns, widths, starts, strict=True):
                place = start + index * width
                row[name] = self._cell(int.from_bytes(raw[place : place + width], "little"), kind, width)
            yield row

    def _cell(self, value: int, kind: int, width: int) -> str | int | None:
        if kind & _STRING:
            return self._string(value)
        if value == 0:
            return None
        return value - (0x8000 if width == _WORD else 0x8000_0000)

    def has_table(self, table: str) -> bool:
        """True when the package declares the table."""
        return table in self._columns

    def table(self, table: str) -> list[Row]:
        """The rows of a table as column → text, number or ``None``; empty when the package has no such table."""
        return list(self._rows(table, self._columns.get(table, [])))

    def properties(self) -> dict[str, str]:
        """The Property table."""
        return {str(row.get("Property")): str(row.get("Value") or "") for row in self.table("Property")}

    def summary(self) -> dict[int, str | int]:
        """Texts and numbers of the summary stream by property number (7: platforms and languages, 9: package code, 15: flags)."""
        if SUMMARY_STREAM not in self._streams:
            return {}
        if self._size(self._streams[SUMMARY_STREAM], "SummaryInformation") > _SUMMARY_LIMIT:
            raise too_large("SummaryInformation", _SUMMARY_LIMIT)
        try:
            found = self._ole.getproperties(self._streams[SUMMARY_STREAM])
        except Exception as error:  # noqa: BLE001 - see _open
            raise damaged("SummaryInformation", malformed(error)) from None
        encoding = _encoding_of(found.get(1)) if isinstance(found.get(1), int) else _NEUTRAL
        return {
            number: value.decode(encoding, "replace").rstrip("\0") if isinstance(value, bytes) else value
            for number, value in found.items()
            if isinstance(value, bytes | str | int)
        }


def _encoding_of(codepage: object) -> str:
    if not isinstance(codepage, int) or codepage == 0:
        return _NEUTRAL
    if codepage & _TYPE_MASK == _UTF_8:
        return "utf-8"
    name = f"cp{codepage & _TYPE_MASK}"
    try:
        codecs.lookup(name)
    except LookupError:
        return _NEUTRAL
    return name


def _pool_entries(pool: bytes) -> Iterator[tuple[int, int]]:
    """Size and offset of every text. An empty size with references says that the size stands in the next entry."""
    position = 2 * _WORD
    offset = 0
    while position + 4 <= len(pool):
        size, references = struct.unpack_from("<HH", pool, position)
        position += 4
        if size == 0 and references:
            if position + 4 > len(pool):
                raise damaged("_StringPool", "cut-short")
            low, high = struct.unpack_from("<HH", pool, position)
            size = low | (high << 16) if (low or high) else 0
            position += 4
        yield size, offset
        offset += size
