"""Strict reader of the xar archive inside a flat package.

Rules that look severe and why they are there:

- All ``<name>`` of one file must be equal. productsign repeats them (two or three equal ones are usual); different ones would
  make two readers see two different archives.
- Integers are canonical decimals below 2**63: signs, hexadecimal and leading zeros are read differently by different readers.
- The header is 28 bytes: Apple's library adds that constant, not the header's own field, to find the heap.
- Extended attributes (``<ea>``) are never read: productsign relocates them wrongly in genuine packages.
- A file without checksums, or with ``none`` or ``md5``, is not covered by the signature and is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import struct
import zlib
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from atsam_safe.packages.background import WORTHWHILE, read_ahead
from atsam_safe.packages.errors import PackageError, damaged, too_large
from atsam_safe.packages.limits import DEFAULT_LIMITS, Limits
from atsam_safe.packages.streams import decoded, hashed
from atsam_safe.packages.strictxml import Node, parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.packages.reading import PinnedFile

MAGIC: Final = b"xar!"
_HEADER: Final = struct.Struct(">4sHHQQI")
# 0 (none) and 2 (MD5) exist in the format; Apple's library refuses them too.
_CHECKSUMS: Final = {1: "sha1", 3: "sha256", 4: "sha512"}
_ACCEPTED_STYLES: Final = frozenset(_CHECKSUMS.values())
_INTEGER: Final = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z", re.ASCII)
_TOC: Final = "table of contents"
_TRAILER: Final = struct.Struct("<4sHHII")
_TRAILER_MAGIC: Final = b"t8lr"
_SHORTEST_TICKET_END: Final = 2 * _TRAILER.size
_FIRST_TRAILER: Final = _TRAILER.pack(_TRAILER_MAGIC, 1, 1, 0, 0)
_TICKET_MAGIC: Final = b"s8ch"
_MOST_STALE: Final = 4095

EntryKind = Literal["file", "directory", "symlink", "hardlink"]
_KINDS: Final[dict[str, EntryKind]] = {"file": "file", "directory": "directory", "symlink": "symlink", "hardlink": "hardlink"}


class Checksum(msgspec.Struct, frozen=True, kw_only=True):
    """A checksum of the table of contents: algorithm name and lower-case hex digest."""

    style: str
    digest: str


class XarEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One member of the archive. ``offset`` counts from the heap's start, ``length`` is stored, ``size`` extracted bytes."""

    path: str
    kind: EntryKind
    has_data: bool = False
    offset: int = 0
    length: int = 0
    size: int = 0
    encoding: str = ""
    archived: Checksum | None = None
    extracted: Checksum | None = None


class XarSignature(msgspec.Struct, frozen=True, kw_only=True):
    """A signature of the table of contents: ``style`` (RSA, CMS), its bytes and the certificates listed with it (DER)."""

    style: str
    data: bytes
    certificates: tuple[bytes, ...]


class XarArchive:
    """The archive behind one descriptor, opened with its table of contents checked against the checksum in the heap.

    Raises ``PackageError``: ``package.empty``, ``package.not-a-package`` or ``package.damaged``.
    """

    def __init__(self, file: PinnedFile, limits: Limits = DEFAULT_LIMITS) -> None:
        """Reads the header and the table of contents only."""
        self._file = file
        self._limits = limits
        self.warnings: list[str] = []
        self.entries: dict[str, XarEntry] = {}
        self._heap: int = _HEADER.size
        self._toc_length: int = 0
        compressed = self._read_header()
        self.toc_digest = hashlib.new(self.checksum_name, compressed).digest()
        toc = parse_xml(self._inflate_toc(compressed), place=_TOC, limits=limits, utf8_only=True)
        if toc.tag != "xar":
            raise damaged(_TOC, "root-element")
        toc = toc.required("toc")
        self._regions: list[tuple[int, int, str]] = []
        self._attribute_regions: list[tuple[int, int]] = []
        self._check_toc_digest(toc)
        self.rsa_signature = self._signature(toc, "signature")
        self.cms_signature = self._signature(toc, "x-signature")
        self._announced = 0
        self._walk(toc, "", 0)
        self._heap_end = self._check_regions()
        self.ticket: bytes | None = self._find_ticket()

    def _read_header(self) -> bytes:
        size = self._file.size
        if size == 0:
            raise PackageError("package.empty", path=self._file.name)
        head = self._file.read_at(0, min(size, _HEADER.size), "header")
        if head[:4] != MAGIC:
            raise PackageError("package.not-a-package", path=self._file.name, fault="not-xar")
        if len(head) < _HEADER.size:
            raise damaged("header", "cut-short")
        _, header_size, version, compressed_length, self._toc_length, algorithm = _HEADER.unpack(head)
        if header_size != _HEADER.size:
            raise damaged("header", "header-size")
        if version != 1:
            raise damaged("header", "version")
        if algorithm not in _CHECKSUMS:
            raise damaged("header", "checksum-algorithm")
        if compressed_length > self._limits.toc_compressed or self._toc_length > self._limits.toc:
            raise too_large(_TOC, self._limits.toc)
        self.checksum_name = _CHECKSUMS[algorithm]
        self._heap += compressed_length
        return self._file.read_at(_HEADER.size, compressed_length, _TOC)

    def _inflate_toc(self, compressed: bytes) -> bytes:
        inflater = zlib.decompressobj()
        try:
            toc = inflater.decompress(compressed, self._toc_length + 1)
        except zlib.error:
            raise damaged(_TOC, "zlib") from None
        if len(toc) != self._toc_length or not inflater.eof:
            raise damaged(_TOC, "length")
        if inflater.unused_data:
            raise damaged(_TOC, "data-after-zlib")
        return toc

    def _check_toc_digest(self, toc: Node) -> None:
        checksum = toc.required("checksum")
        if checksum.attributes.get("style", "").lower() != self.checksum_name:
            raise damaged(_TOC, "checksum-style")
        offset = _integer(checksum, "offset")
        size = _integer(checksum, "size")
        if size != len(self.toc_digest):
            raise damaged(_TOC, "checksum-size")
        stored = self._heap_bytes(offset, size, "checksum")
        if not hmac.compare_digest(stored, self.toc_digest):
            raise damaged(_TOC, "toc-checksum")

    def _heap_bytes(self, offset: int, size: int, place: str) -> bytes:
        self._regions.append((offset, size, place))
        return self._file.read_at(self._heap + offset, size, place)

    def _signature(self, toc: Node, tag: str) -> XarSignature | None:
        node = toc.only(tag)
        if node is None:
            return None
        size = _integer(node, "size")
        if size > self._limits.signature:
            raise too_large(tag, self._limits.signature)
        data = self._heap_bytes(_integer(node, "offset"), size, tag)
        certificates = [
            _base64(certificate.text, tag)
            for info in node.all("KeyInfo")
            for x509 in info.all("X509Data")
            for certificate in x509.all("X509Certificate")
        ]
        return XarSignature(style=node.attributes.get("style", ""), data=data, certificates=tuple(certificates))

    def _walk(self, parent: Node, prefix: str, depth: int) -> None:
        if depth > self._limits.archive_depth:
            raise damaged(_TOC, "too-deep")
        if any(node.tag.endswith(":file") for node in parent.children):
            # readers that go by the local name list it (libarchive does): it would be a file that only some of them see
            raise damaged(_TOC, "file-of-a-namespace")
        for node in parent.all("file"):
            path = prefix + _name(node)
            entry = self._entry(node, path)
            if path in self.entries:
                raise damaged(path, "repeated-member")
            if len(self.entries) >= self._limits.archive_members:
                raise too_large(_TOC, self._limits.archive_members, "entries")
            self.entries[path] = entry
            if node.all("file") and entry.kind != "directory":
                raise damaged(path, "children-below-a-file")
            self._walk(node, f"{path}/", depth + 1)

    def _entry(self, node: Node, path: str) -> XarEntry:
        kind = _kind(node, path)
        self._note_attributes(node)
        data = node.only("data")
        if data is None:
            return XarEntry(path=path, kind=kind)
        if kind == "directory":
            raise damaged(path, "directory-with-data")
        encoding = data.only("encoding")
        # xar 1.7 of OS X 10.10 wrote <unarchived-checksum>.
        extracted = data.only("extracted-checksum")
        alias = data.only("unarchived-checksum")
        if extracted is not None and alias is not None:
            raise damaged(path, "repeated-extracted-checksum")
        entry = XarEntry(
            path=path,
            kind=kind,
            has_data=True,
            offset=_integer(data, "offset"),
            length=_integer(data, "length"),
            size=_integer(data, "size"),
            encoding="application/octet-stream" if encoding is None else encoding.attributes.get("style", ""),
            archived=_checksum(data.only("archived-checksum"), path),
            extracted=_checksum(alias if extracted is None else extracted, path),
        )
        if self._heap + entry.offset + entry.length > self._file.size:
            raise damaged(path, "past-end-of-file")
        self._announced += entry.size
        if entry.size > (most := self._limits.unpacked(entry.length)):
            raise too_large(path, most)
        if self._announced > (most := self._limits.unpacked(self._file.size)):
            raise too_large(_TOC, most)
        self._regions.append((entry.offset, entry.length, ""))
        return entry

    def _note_attributes(self, node: Node) -> None:
        """Remember where attributes claim to lie; whatever is wrong with them is nobody's concern, since they are never read."""
        for attribute in node.all("ea"):
            try:
                offset = _integer(attribute, "offset")
                length = _integer(attribute, "length")
            except PackageError:
                continue
            if self._heap + offset + length <= self._file.size:
                self._attribute_regions.append((offset, length))

    def _check_regions(self) -> int:
        """Refuse partly overlapping regions; note bytes of the heap that nothing authenticates. Returns where the heap ends."""
        end: int = 0
        unclaimed = 0
        for offset, length, _ in sorted(set(self._regions)):
            if length == 0:
                continue
            if offset < end:
                raise damaged("heap", "overlapping-regions")
            if offset > end and not any(start <= end and offset <= start + size for start, size in self._attribute_regions):
                unclaimed += offset - end
            end = offset + length
        if unclaimed:
            self.warnings.append(f"unauthenticated-heap-bytes:{unclaimed}")
        for start, size in self._attribute_regions:
            if start <= end:
                end = max(end, start + size)
        return self._heap + end

    def _find_ticket(self) -> bytes | None:
        """The stapled ticket, looked for from the end of the file: stale bytes or attributes may lie before it."""
        end = self._file.size
        ticket: bytes | None = None
        if end - self._heap_end >= _SHORTEST_TICKET_END:
            ticket = self._ticket_at(end)
            if ticket is not None:
                end -= _SHORTEST_TICKET_END + len(ticket)
        if end > self._heap_end:
            self._check_rest(end)
            self.warnings.append(f"trailing-bytes:{end - self._heap_end}")
        return ticket

    def _check_rest(self, end: int) -> None:
        """What neither the heap nor a whole ticket accounts for: old stale bytes are usual, the remains of a ticket are damage.

        libxar up to about OS X 10.10 copies the heap in blocks of 4096 bytes and leaves stale bytes behind. A download that was cut short
        would otherwise pass as a package that never had a ticket. Where attributes were relocated, the heap's end is not known that well.
        """
        length = end - self._heap_end
        if length > _MOST_STALE and not self._attribute_regions:
            raise damaged("heap", "data-after-heap")
        rest = self._file.read_at(self._heap_end, min(length, _MOST_STALE + self._limits.ticket), "heap")
        if _TRAILER_MAGIC in rest or _TICKET_MAGIC in rest or _FIRST_TRAILER.startswith(rest[: _TRAILER.size]):
            raise damaged("ticket", "cut-short")

    def _ticket_at(self, end: int) -> bytes | None:
        magic, version, kind, length, _ = _TRAILER.unpack(self._file.read_at(end - _TRAILER.size, _TRAILER.size, "ticket"))
        if magic != _TRAILER_MAGIC:
            return None
        if (version, kind) != (1, 2) or length > self._limits.ticket or end - _SHORTEST_TICKET_END - length < self._heap_end:
            raise damaged("ticket", "trailer")
        block = self._file.read_at(end - _SHORTEST_TICKET_END - length, length + _TRAILER.size, "ticket")
        if _TRAILER.unpack(block[: _TRAILER.size])[:4] != (_TRAILER_MAGIC, 1, 1, 0):
            raise damaged("ticket", "trailer")
        return block[_TRAILER.size :]

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self._file.size

    @property
    def signed(self) -> bool:
        """True when there is any signature at all."""
        return self.rsa_signature is not None or self.cms_signature is not None

    def chunks(self, entry: XarEntry, *, idle: bool = False) -> Iterator[bytes]:
        """The extracted bytes of ``entry``, never more than its size.

        ``idle``: the caller does nothing with them, so that its thread has time for a part of the hashing.
        Both checksums are compared when the last byte was handed out: what was read before is not yet known to be good.
        Raises ``PackageError`` (``package.damaged``).
        """
        archived = _required_checksum(entry.archived, entry.path, "archived-checksum")
        extracted = _required_checksum(entry.extracted, entry.path, "extracted-checksum")
        if not entry.has_data or entry.kind not in ("file", "hardlink"):
            raise damaged(entry.path, "no-data")
        stored = self._stored(entry, archived, idle=idle)
        if entry.encoding == "application/octet-stream" and entry.length == entry.size and archived == extracted:
            # Same bytes, same digest: hash once.
            yield from stored
            return
        plain = decoded(stored, entry.encoding, size=entry.size, place=entry.path, limits=self._limits)
        yield from hashed(plain, extracted.style, extracted.digest, place=entry.path, fault="extracted-checksum", length=entry.size)

    def _stored(self, entry: XarEntry, archived: Checksum, *, idle: bool) -> Iterator[bytes]:
        """The stored bytes, compared with their checksum; those of a large entry are read and hashed a few buffers ahead.

        The digest of the whole file is taken from them too: by the thread that reads, or by an idle caller's.
        """
        start = self._heap + entry.offset
        raw = self._file.chunks(start, entry.length, entry.path)
        large = entry.length >= WORTHWHILE
        digest = self._file.digest if large else None
        if digest is not None and not idle:
            raw = digest.beside(start, raw)
        stored = hashed(raw, archived.style, archived.digest, place=entry.path, fault="archived-checksum")
        if large:
            stored = read_ahead(stored)
        return digest.beside(start, stored) if digest is not None and idle else stored

    def read(self, path: str, limit: int) -> bytes:
        """The whole content of member ``path``, at most ``limit`` bytes; raises ``PackageError``."""
        entry = self.entries.get(path)
        if entry is None:
            raise damaged(path, "missing-member")
        if entry.size > limit:
            raise too_large(path, limit)
        if not entry.has_data:
            return b""
        return b"".join(self.chunks(entry))

    def verify(self, entry: XarEntry) -> None:
        """Read ``entry`` to its end only to compare its checksums."""
        if entry.has_data:
            for _ in self.chunks(entry, idle=True):
                pass


def _integer(node: Node, tag: str) -> int:
    text = node.required(tag).text.strip()
    if _INTEGER.match(text) is None or int(text) >= 1 << 63:
        raise damaged(_TOC, f"integer-{tag}")
    return int(text)


def _base64(text: str, place: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise damaged(place, "base64") from None


def _name(node: Node) -> str:
    names = set()
    for name in node.all("name"):
        text = name.text
        if name.attributes.get("enctype") == "base64":
            try:
                text = _base64(text, _TOC).decode()
            except UnicodeDecodeError:
                raise damaged(_TOC, "name-encoding") from None
        names.add(text)
    if len(names) != 1:
        raise damaged(_TOC, "differing-names" if names else "missing-name")
    text = names.pop()
    if text in ("", ".", "..") or any(character in text for character in "/\\\0"):
        raise PackageError("package.unsafe-path", path=text, fault="archive-name")
    return text


def _kind(node: Node, path: str) -> EntryKind:
    element = node.only("type")
    kind = "file" if element is None else element.text.strip()
    known = _KINDS.get(kind)
    if known is None:
        raise damaged(path, "member-type")
    return known


def _checksum(node: Node | None, path: str) -> Checksum | None:
    if node is None:
        return None
    style = node.attributes.get("style", "").lower()
    if style not in _ACCEPTED_STYLES:
        raise damaged(path, "checksum-algorithm")
    return Checksum(style=style, digest=node.text.strip().lower())


def _required_checksum(checksum: Checksum | None, path: str, fault: str) -> Checksum:
    if checksum is None:
        raise damaged(path, f"missing-{fault}")
    return checksum
