"""Reader of Apple's bill of materials (``Bom`` in packages, ``*.bom`` beside receipts)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from atsam_safe.packages.errors import damaged, too_large

if TYPE_CHECKING:
    from collections.abc import Iterator

BomKind = Literal["file", "directory", "symlink", "device"]

_PLACE: Final = "Bom"
_MAGIC: Final = b"BOMStore"
_HEADER: Final = struct.Struct(">8s6I")
_NODE: Final = struct.Struct(">HHII")
_RECORD: Final = struct.Struct(">BBHHIIIIB")
_KINDS: Final[dict[int, BomKind]] = {1: "file", 2: "directory", 3: "symlink", 4: "device"}
_MOST_PATHS: Final = 1_000_000
_LONGEST_PATH: Final = 4096
_LONGEST_NAME_LIST: Final = 64


class BomEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One path of a bill of materials.

    ``path`` is relative to the install prefix without ``./`` (``.`` is the prefix itself). ``mode`` has the type bits too (0 for
    some ``.``). ``checksum`` is the POSIX ``cksum`` of the content, of the target for links, 0 otherwise.
    """

    path: str
    kind: BomKind
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int = 0
    checksum: int = 0
    link: str = ""


def read_bom(data: bytes, *, most: int = _MOST_PATHS, text: int | None = None) -> tuple[BomEntry, ...]:
    """Every path of a bill of materials, in its own order.

    ``most``: how many paths are believed at most; ``text``: how many characters they and the targets of links may have together. One block
    can be the record of every path, so that the size of the bill bounds neither.

    Raises ``PackageError`` (``package.damaged``, place ``Bom``) for anything malformed: wrong magic, blocks out of bounds, loops,
    a child before its parent, names that are not UTF-8, a path twice.
    """
    try:
        return tuple(_Store(data).paths(most, text))
    except (struct.error, IndexError):
        raise damaged(_PLACE, "short-block") from None
    except UnicodeDecodeError:
        raise damaged(_PLACE, "name-encoding") from None


class _Store:
    """The block store: numbered blocks and named variables that point to them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        if len(data) < _HEADER.size or not data.startswith(_MAGIC):
            raise damaged(_PLACE, "magic")
        _, version, _, index_offset, index_length, variables_offset, variables_length = _HEADER.unpack_from(data)
        if version != 1:
            raise damaged(_PLACE, "version")
        if index_offset + index_length > len(data) or variables_offset + variables_length > len(data):
            raise damaged(_PLACE, "out-of-bounds")
        self._index_offset = index_offset
        self._count = self._number(index_offset)
        if 4 + 8 * self._count > index_length:
            raise damaged(_PLACE, "index")
        self._variables = dict(self._read_variables(variables_offset, variables_length))

    def _number(self, offset: int) -> int:
        value: int = struct.unpack_from(">I", self._data, offset)[0]
        return value

    def _read_variables(self, offset: int, length: int) -> Iterator[tuple[bytes, int]]:
        end = offset + length
        position = offset + 4
        count = self._number(offset)
        if count > _LONGEST_NAME_LIST:
            raise damaged(_PLACE, "variables")
        for _ in range(count):
            if position + 5 > end:
                raise damaged(_PLACE, "variables")
            size = self._data[position + 4]
            yield self._data[position + 5 : position + 5 + size], self._number(position)
            position += 5 + size

    def _block(self, number: int) -> bytes:
        if not 0 <= number < self._count:
            raise damaged(_PLACE, "block-number")
        offset, length = struct.unpack_from(">II", self._data, self._index_offset + 4 + 8 * number)
        if offset + length > len(self._data):
            raise damaged(_PLACE, "out-of-bounds")
        return self._data[offset : offset + length]

    def _leaves(self, variable: bytes) -> Iterator[tuple[int, int]]:
        """The (value block, key block) pairs of a tree, in order."""
        if variable not in self._variables:
            raise damaged(_PLACE, "missing-paths")
        tree = self._block(self._variables[variable])
        if tree[:4] != b"tree":
            raise damaged(_PLACE, "tree")
        child = struct.unpack_from(">I", tree, 8)[0]
        if not child:
            return
        seen = {child}
        node = self._block(child)
        while not _NODE.unpack_from(node)[0]:
            child = struct.unpack_from(">I", node, _NODE.size)[0]
            if child in seen:
                raise damaged(_PLACE, "tree-loop")
            seen.add(child)
            node = self._block(child)
        while True:
            leaf, count, forward, _ = _NODE.unpack_from(node)
            if not leaf:
                raise damaged(_PLACE, "tree")
            for position in range(count):
                yield struct.unpack_from(">II", node, _NODE.size + 8 * position)
            if not forward:
                return
            if forward in seen:
                raise damaged(_PLACE, "tree-loop")
            seen.add(forward)
            node = self._block(forward)

    def paths(self, most: int, text: int | None) -> Iterator[BomEntry]:
        """Join names to paths (a child names its parent's number) and read each path's record."""
        by_number: dict[int, str] = {}
        seen: set[str] = set()
        characters = 0
        for value, key in self._leaves(b"Paths"):
            if len(by_number) >= most:
                raise too_large(_PLACE, most, "entries")
            number, record = struct.unpack_from(">II", self._block(value))
            node = self._block(key)
            parent = struct.unpack_from(">I", node)[0]
            name = node[4:].split(b"\0", 1)[0].decode()
            path = self._join(by_number, parent, name)
            if number in by_number or path in seen:
                raise damaged(_PLACE, "repeated-path")
            by_number[number] = path
            seen.add(path)
            entry = self._entry(path, self._block(record))
            characters += len(path) + len(entry.link)
            if text is not None and characters > text:
                raise too_large(_PLACE, text)
            yield entry

    @staticmethod
    def _join(by_number: dict[int, str], parent: int, name: str) -> str:
        if not parent:
            path = name
        elif parent in by_number:
            above = by_number[parent]
            path = name if above == "." else f"{above}/{name}"
        else:
            raise damaged(_PLACE, "parent-after-child")
        if not name or len(path) > _LONGEST_PATH:
            raise damaged(_PLACE, "path-length")
        return path

    @staticmethod
    def _entry(path: str, record: bytes) -> BomEntry:
        # 23 bytes for folders, 27 with the checksum for files, 31 + n for links, more for Mach-O; some writers pad all to 31.
        number, _, _, mode, uid, gid, mtime, size, _ = _RECORD.unpack_from(record)
        kind = _KINDS.get(number)
        if kind is None:
            raise damaged(_PLACE, "path-type")
        checksum = 0
        if len(record) >= _RECORD.size + 4:
            checksum = struct.unpack_from(">I", record, _RECORD.size)[0]
        link = ""
        if kind == "symlink":
            length = struct.unpack_from(">I", record, _RECORD.size + 4)[0]
            if length > _LONGEST_PATH:
                raise damaged(_PLACE, "path-length")
            start = _RECORD.size + 8
            link = record[start : start + length].split(b"\0", 1)[0].decode()
        return BomEntry(
            path=path,
            kind=kind,
            mode=mode,
            uid=uid,
            gid=gid,
            mtime=mtime,
            size=size,
            checksum=checksum if kind in ("file", "symlink") else 0,
            link=link,
        )
