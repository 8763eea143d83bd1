"""One pass over a component's payload: every check, and optionally every byte handed to a sink.

Inspection and extraction share this pass, so that what ``check`` accepted is what ``install`` unpacks.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from atsam_safe.catalogue.patterns import is_apple_double
from atsam_safe.packages.bom import BomEntry, read_bom
from atsam_safe.packages.checksums import Cksum, cksum
from atsam_safe.packages.errors import damaged, too_large
from atsam_safe.packages.heads import ImageHead, may_be_image
from atsam_safe.packages.model import PayloadEntry, PayloadSummary
from atsam_safe.packages.paths import PathPolicy, absolute, relative_segments
from atsam_safe.packages.payload import CpioReader, Member, decompress
from atsam_safe.packages.streams import Allowance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.facts.model import BinaryImage
    from atsam_safe.packages.limits import Limits
    from atsam_safe.packages.model import PayloadKind
    from atsam_safe.packages.xar import XarArchive

_LONGEST_LINK: Final = 4096
# A bill of materials keeps the lower half of a size.
_SIZE_BITS: Final = 0xFFFFFFFF
_SET_ID: Final = stat.S_ISUID | stat.S_ISGID


class ContentSink(Protocol):
    """What becomes of the files of a payload while they are read. Nothing is certain before ``walk`` has returned."""

    def begin(self, path: str) -> None:
        """A regular file with this absolute destination starts."""

    def write(self, data: bytes | memoryview) -> None:
        """More of its content."""

    def end(self) -> None:
        """Its content is complete."""

    def same(self, path: str, original: str) -> None:
        """``path`` is a hard link to ``original``, which was handed out before."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one pass. ``warnings`` are codes with a detail after a colon."""

    entries: tuple[PayloadEntry, ...]
    summary: PayloadSummary
    warnings: tuple[str, ...]


def walk(
    archive: XarArchive,
    folder: str,
    install_location: str,
    *,
    limits: Limits,
    sink: ContentSink | None = None,
    within: Allowance | None = None,
) -> Content:
    """Read the whole payload of the component in ``folder`` (``""`` or ``name/``) of ``archive``.

    ``within``: what the whole package may still unpack to.
    Raises ``PackageError`` when any checksum, bound, path rule or the comparison with the bill of materials fails.
    """
    place = f"{folder}Payload"
    bill = bill_of(archive, folder, limits)
    entry = archive.entries[place]
    allowance = Allowance(min(limits.payload, limits.unpacked(entry.length)), within)
    require_room((line.size for line in (bill or {}).values() if line.kind == "file"), allowance, f"{folder}Bom")
    room = allowance.room
    compression, source = decompress(archive.chunks(entry), place=place, allowance=allowance, limits=limits)
    cpio = CpioReader(source, most=limits.payload_members, limit=room)
    walker = _Walker(place, PathPolicy(install_location, limits, place), bill, sink)
    for member in cpio:
        walker.member(member, cpio)
    # The cpio reader stops at its trailer only after the stream's last byte: gzip's and xar's checksums have been compared by now.
    return walker.finish(compression)


def bill_of(archive: XarArchive, folder: str, limits: Limits) -> dict[str, BomEntry] | None:
    """The bill of materials of the component in ``folder`` by path, ``None`` when it has none; raises ``PackageError``."""
    if f"{folder}Bom" not in archive.entries:
        return None
    data = archive.read(f"{folder}Bom", limits.bom)
    return {entry.path: entry for entry in read_bom(data, most=limits.payload_members, text=limits.paths)}


def require_room(sizes: Iterable[int], allowance: Allowance, place: str) -> None:
    """Raise ``PackageError`` when ``place`` announces more than may be unpacked: before anything is."""
    if sum(sizes) > allowance.room:
        raise too_large(place, allowance.room)


def keep_mode(mode: int, path: str, warnings: list[str]) -> int:
    """The permission bits of ``mode`` without set-id bits; what was removed is added to ``warnings``."""
    kept = stat.S_IMODE(mode)
    if kept & _SET_ID:
        warnings.append(f"set-id-removed:{path}")
        kept &= ~_SET_ID
    return kept


class _Walker:
    def __init__(self, place: str, policy: PathPolicy, bill: dict[str, BomEntry] | None, sink: ContentSink | None) -> None:
        self._place = place
        self._policy = policy
        self._bill = bill
        self._sink = sink
        self._entries: dict[str, PayloadEntry] = {}
        self._seen: set[str] = set()
        self._bytes = 0
        self._world_writable = 0
        self._modes_differ = 0
        self._warnings: list[str] = []
        # Hard links: members that share an inode; the ones without data wait for the one that has it.
        self._with_data: dict[tuple[int, int], PayloadEntry] = {}
        # Files whose checksum is compared once everything was read, and what the bill of materials says of each: a flipped bit is
        # then told as damage of the archive, not as a publisher's mistake.
        self._to_compare: dict[str, BomEntry | None] = {}
        self._without_data: list[tuple[tuple[int, int], PayloadEntry, BomEntry | None]] = []

    def member(self, member: Member, cpio: CpioReader) -> None:
        """Check one member and read its data."""
        relative = relative_segments(member.name)
        key = "/".join(relative) or "."
        line = self._line(key, member)
        segments = self._policy.place(relative, member.kind)
        if not relative:
            # The install location itself: it is not the package's to change.
            return
        kind = self._policy.admit(segments, member.kind)
        path = absolute(segments)
        if kind == "directory" and path in self._entries:
            return
        apple_double = kind == "file" and is_apple_double(relative[-1])
        if line is not None and not apple_double:
            self._compare_record(member, kind, line)
        if kind == "directory":
            self._keep(self._entry(path, kind, member))
        elif kind == "symlink":
            self._link(path, segments, member, cpio, line)
        elif not apple_double:
            # AppleDouble members are authenticated like all the rest and then left: they are attributes, not files.
            self._file(path, member, cpio, line)

    def _line(self, key: str, member: Member) -> BomEntry | None:
        if key in self._seen and member.kind != "directory":
            raise damaged(self._place, "repeated-member")
        self._seen.add(key)
        if self._bill is None:
            return None
        line = self._bill.get(key)
        if line is None:
            raise damaged(f"{self._place}: {key}", "not-in-bom")
        return line

    def _compare_record(self, member: Member, kind: PayloadKind, line: BomEntry) -> None:
        if line.kind != kind:
            raise damaged(f"{self._place}: {line.path}", "bom-kind")
        if (line.mode, line.uid, line.gid) != (member.mode, member.uid, member.gid):
            self._modes_differ += 1

    def _entry(self, path: str, kind: PayloadKind, member: Member) -> PayloadEntry:
        mode = keep_mode(member.mode, path, self._warnings)
        if mode & stat.S_IWOTH and kind != "symlink":
            self._world_writable += 1
        return PayloadEntry(path=path, kind=kind, mode=mode, uid=member.uid, gid=member.gid, mtime=member.mtime)

    def _keep(self, entry: PayloadEntry) -> None:
        self._entries[entry.path] = entry

    def _link(self, path: str, segments: tuple[str, ...], member: Member, cpio: CpioReader, line: BomEntry | None) -> None:
        if member.size > _LONGEST_LINK:
            raise damaged(f"{self._place}: {path}", "link-target")
        raw = b"".join(cpio.pieces())
        target = self._policy.link(segments, raw)
        checksum = cksum(raw)
        if line is not None and (line.link != target or line.checksum not in (checksum, cksum(raw + b"\0"), 0)):
            raise damaged(f"{self._place}: {path}", "bom-link")
        entry = self._entry(path, "symlink", member)
        self._keep(msgspec.structs.replace(entry, link=target, size=len(raw), checksum=checksum))

    def _file(self, path: str, member: Member, cpio: CpioReader, line: BomEntry | None) -> None:
        entry = self._entry(path, "file", member)
        inode = (member.device, member.inode)
        if member.links > 1 and member.size == 0 and (line is None or line.size > 0):
            self._keep(entry)
            self._without_data.append((inode, entry, line))
            return
        if line is not None and line.size != member.size & _SIZE_BITS:
            raise damaged(f"{self._place}: {path}", "bom-checksum")
        self._to_compare[path] = line
        checksum, image = self._content(path, cpio)
        entry = msgspec.structs.replace(entry, size=member.size, checksum=checksum, image=image)
        self._keep(entry)
        self._bytes += member.size
        if member.links > 1:
            self._with_data[inode] = entry

    def _content(self, path: str, cpio: CpioReader) -> tuple[int, BinaryImage | None]:
        """Read one file's data and hand it to the sink; its checksum, and what it declares if it is a program."""
        checksum = Cksum()
        head: ImageHead | None = None
        first = True
        if self._sink is not None:
            self._sink.begin(path)
        for piece in cpio.pieces():
            checksum.update(piece)
            if first:
                head = ImageHead() if may_be_image(piece) else None
                first = False
            if head is not None:
                head.write(piece)
            if self._sink is not None:
                self._sink.write(piece)
        if self._sink is not None:
            self._sink.end()
        return checksum.value(), None if head is None else head.image()

    def finish(self, compression: str) -> Content:
        """Settle the comparison with the bill of materials and resolve hard links."""
        for path, line in self._to_compare.items():
            if line is not None and line.checksum != self._entries[path].checksum:
                raise damaged(f"{self._place}: {path}", "bom-checksum")
        for inode, entry, line in self._without_data:
            self._resolve(inode, entry, line)
        if self._bill is None:
            self._warnings.append("bom-missing")
        else:
            missing = [path for path in self._bill if path not in self._seen and path != "."]
            if missing:
                raise damaged(f"{self._place}: {missing[0]}", "missing-from-payload")
        if self._world_writable:
            self._warnings.append(f"world-writable:{self._world_writable}")
        if self._modes_differ:
            self._warnings.append(f"bom-modes-differ:{self._modes_differ}")
        files = sum(entry.kind != "directory" for entry in self._entries.values())
        summary = PayloadSummary(files=files, bytes=self._bytes, compression=compression)
        return Content(entries=tuple(self._entries.values()), summary=summary, warnings=tuple(self._warnings))

    def _resolve(self, inode: tuple[int, int], entry: PayloadEntry, line: BomEntry | None) -> None:
        original = self._with_data.get(inode)
        if original is None:
            if line is not None:
                raise damaged(f"{self._place}: {entry.path}", "hard-link-without-data")
            # Without a bill of materials an empty file with several names cannot be told from a link: it is empty either way.
            self._keep(msgspec.structs.replace(entry, checksum=cksum(b"")))
            if self._sink is not None:
                self._sink.begin(entry.path)
                self._sink.end()
            return
        if line is not None and (line.size != original.size & _SIZE_BITS or line.checksum != original.checksum):
            raise damaged(f"{self._place}: {entry.path}", "bom-checksum")
        self._keep(msgspec.structs.replace(entry, size=original.size, checksum=original.checksum, image=original.image))
        self._bytes += original.size
        if self._sink is not None:
            self._sink.same(entry.path, original.path)
