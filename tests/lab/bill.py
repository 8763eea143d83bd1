"""Writer of bills of materials with trees of several leaves, as mkbom makes them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from atsam_safe.packages.checksums import cksum
from lab.cpio import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.items import Item

_TYPES: Final = {"file": 1, "directory": 2, "symlink": 3}
_DEVICE: Final = 4
_TREE_BLOCK: Final = 4096


class _Blocks:
    def __init__(self) -> None:
        self.blocks: list[bytes] = [b""]
        self.variables: list[tuple[str, int]] = []

    def add(self, content: bytes) -> int:
        self.blocks.append(content)
        return len(self.blocks) - 1

    def tree(self, name: str, pairs: Sequence[tuple[int, int]]) -> None:
        per_leaf = (_TREE_BLOCK - 12) // 8
        leaves = [pairs[start : start + per_leaf] for start in range(0, len(pairs), per_leaf)] or [[]]
        first = len(self.blocks)
        for position, leaf in enumerate(leaves):
            forward = first + position + 1 if position + 1 < len(leaves) else 0
            backward = first + position - 1 if position else 0
            body = struct.pack(">HHII", 1, len(leaf), forward, backward) + b"".join(struct.pack(">II", *pair) for pair in leaf)
            self.add(body.ljust(_TREE_BLOCK, b"\0"))
        child = first
        if len(leaves) > 1:
            body = struct.pack(">HHII", 0, len(leaves), 0, 0)
            body += b"".join(struct.pack(">II", first + position, leaf[-1][1]) for position, leaf in enumerate(leaves))
            child = self.add(body.ljust(_TREE_BLOCK, b"\0"))
        self.variables.append((name, self.add(b"tree" + struct.pack(">IIIIB", 1, child, _TREE_BLOCK, len(pairs), 0))))

    def serialised(self) -> bytes:
        out = bytearray(512)
        variables = struct.pack(">I", len(self.variables))
        variables += b"".join(struct.pack(">IB", number, len(name)) + name.encode() for name, number in self.variables)
        variables_offset = len(out)
        out += variables
        index = []
        for block in self.blocks:
            index.append((len(out), len(block)) if block else (0, 0))
            out += block
        index_offset = len(out)
        table = struct.pack(">I", len(index)) + b"".join(struct.pack(">II", *row) for row in index) + b"\0" * 20
        out += table
        header = struct.pack(">6I", 1, len(self.blocks) - 1, index_offset, len(table), variables_offset, len(variables))
        out[:32] = b"BOMStore" + header
        return bytes(out)


def bill_of_materials(items: Sequence[Item]) -> bytes:
    """The bill of ``items`` (with ``.`` and every parent, see ``with_parents``)."""
    blocks = _Blocks()
    total = sum(len(item.data) for item in items if item.kind == "file")
    blocks.variables.append(
        ("BomInfo", blocks.add(struct.pack(">3I", 1, len(items) + 1, 1) + struct.pack(">4I", 0, 0, total & 0xFFFFFFFF, 0))),
    )
    ordered = sorted(items, key=lambda item: (item.path != ".", item.path.count("/"), item.path))
    numbers = {item.path: number for number, item in enumerate(ordered, start=1)}
    hard_links: dict[int | None, bytes] = {
        item.hard_link_group: item.data for item in reversed(items) if item.hard_link_group is not None and item.data
    }
    rows = []
    for item in ordered:
        parent_path, _, name = item.path.rpartition("/")
        parent = 0 if item.path == "." else numbers[parent_path or "."]
        rows.append((parent, name.encode("utf-8", "surrogateescape"), item))
    rows.sort(key=lambda row: (row[0], row[1]))
    pairs = []
    for parent, name_bytes, item in rows:
        record = blocks.add(_record(item, hard_links.get(item.hard_link_group, item.data)))
        value = blocks.add(struct.pack(">II", numbers[item.path], record))
        pairs.append((value, blocks.add(struct.pack(">I", parent) + name_bytes + b"\0")))
    blocks.tree("Paths", pairs)
    blocks.tree("HLIndex", [])
    blocks.tree("Size64", [])
    return blocks.serialised()


def _record(item: Item, data: bytes) -> bytes:
    link = item.link.encode("utf-8", "surrogateescape") if item.kind == "symlink" else b""
    content = link if item.kind == "symlink" else data if item.kind == "file" else b""
    apple_double = item.path.rsplit("/", 1)[-1].startswith("._")
    size = 0 if apple_double else len(content)
    checksum = 0 if apple_double or item.kind == "directory" else cksum(content)
    mode = FORMATS[item.kind] | item.permissions
    kind = _TYPES.get(item.kind, _DEVICE)
    record = struct.pack(">BBHHIIIIB", kind, 1, 15, mode, item.uid, item.gid, item.mtime, size & 0xFFFFFFFF, 1)
    if item.kind == "directory":
        return record
    record += struct.pack(">I", checksum)
    if item.kind == "symlink":
        record += struct.pack(">I", len(link) + 1) + link + b"\0"
    return record
