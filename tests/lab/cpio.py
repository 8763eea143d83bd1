"""Writers of cpio archives and of the compressions a payload can have."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.items import Item

Compression = Literal["gzip", "pbzx", "xz", "bzip2", "none"]
CpioFormat = Literal["odc", "newc", "crc"]
FORMATS: Final = {
    "file": stat.S_IFREG,
    "directory": stat.S_IFDIR,
    "symlink": stat.S_IFLNK,
    "character-device": stat.S_IFCHR,
    "block-device": stat.S_IFBLK,
    "fifo": stat.S_IFIFO,
    "socket": stat.S_IFSOCK,
}
_TRAILER: Final = b"TRAILER!!!"


def stored_name(path: str) -> bytes:
    """``./path`` as productbuild stores it; absolute and odd names are kept as they are (hostile packages)."""
    name = path if path == "." or path.startswith(("/", "./", "../")) else f"./{path}"
    return name.encode("utf-8", "surrogateescape")


def _body(item: Item) -> bytes:
    if item.kind == "symlink":
        return item.link.encode("utf-8", "surrogateescape")
    return item.data if item.kind == "file" else b""


def _odc_header(numbers: Sequence[int], mtime: int, name: bytes, size: int) -> bytes:
    head = b"070707" + b"".join(b"%06o" % number for number in numbers)
    return head + b"%011o%06o%011o" % (mtime, len(name) + 1, size) + name + b"\0"


def _newc_header(numbers: Sequence[int], name: bytes, checksum: int, *, checked: bool) -> bytes:
    inode, mode, uid, gid, links, mtime, size = numbers
    fields = (inode, mode, uid, gid, links, mtime, size, 0, 0, 0, 0, len(name) + 1, checksum)
    head = (b"070702" if checked else b"070701") + b"".join(b"%08x" % field for field in fields) + name + b"\0"
    return head + b"\0" * (-len(head) % 4)


def cpio_archive(items: Sequence[Item], form: CpioFormat = "odc") -> bytes:
    """The items in their order, as a cpio archive with zero padding after the trailer."""
    out = io.BytesIO()
    group_sizes: dict[int, int] = {}
    for item in items:
        if item.hard_link_group is not None:
            group_sizes[item.hard_link_group] = group_sizes.get(item.hard_link_group, 0) + 1
    seen: dict[int, int] = {}
    for number, item in enumerate(items, start=1):
        body = _body(item)
        links = 2 if item.kind == "directory" else 1
        inode = number & 0o777777
        if item.hard_link_group is not None:
            links = group_sizes[item.hard_link_group]
            if item.hard_link_group in seen:
                body = b""
            inode = seen.setdefault(item.hard_link_group, inode)
        mode = FORMATS[item.kind] | item.permissions
        name = stored_name(item.path)
        if form == "odc":
            out.write(_odc_header((0, inode, mode, item.uid, item.gid, links, 0), item.mtime, name, len(body)))
            out.write(body)
        else:
            checksum = sum(body) & 0xFFFFFFFF if form == "crc" else 0
            numbers = (inode, mode, item.uid, item.gid, links, item.mtime, len(body))
            out.write(_newc_header(numbers, name, checksum, checked=form == "crc"))
            out.write(body)
            out.write(b"\0" * (-len(body) % 4))
    if form == "odc":
        out.write(_odc_header((0, 0, 0, 0, 0, 1, 0), 0, _TRAILER, 0))
    else:
        out.write(_newc_header((0, 0, 0, 0, 1, 0, 0), _TRAILER, 0, checked=form == "crc"))
    out.write(b"\0" * (-out.tell() % 512))
    return out.getvalue()


def pbzx(data: bytes, chunk: int = 1 << 24) -> bytes:
    """``data`` in Apple's chunked xz form; a chunk that does not shrink is stored as it is."""
    out = [b"pbzx" + struct.pack(">Q", chunk)]
    for start in range(0, len(data), chunk):
        plain = data[start : start + chunk]
        stored = lzma.compress(plain, lzma.FORMAT_XZ, preset=1)
        if len(stored) >= len(plain):
            stored = plain
        out.append(struct.pack(">QQ", len(plain), len(stored)) + stored)
    return b"".join(out)


def compress(data: bytes, compression: Compression, level: int = 6) -> bytes:
    """``data`` compressed as a payload."""
    if compression == "gzip":
        return gzip.compress(data, level, mtime=0)
    if compression == "pbzx":
        return pbzx(data)
    if compression == "xz":
        return lzma.compress(data, lzma.FORMAT_XZ, preset=1)
    if compression == "bzip2":
        return bz2.compress(data)
    return data
