"""A large payload as its bill of materials declares it, for a decision that comes before the payload is unpacked.

What is believed here is held against the payload itself while that is staged, before anything of the workstation is touched.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.patterns import is_apple_double
from atsam_safe.packages.content import Content, keep_mode, require_room
from atsam_safe.packages.errors import damaged
from atsam_safe.packages.model import PayloadEntry, PayloadSummary
from atsam_safe.packages.paths import PathPolicy, absolute, relative_segments
from atsam_safe.packages.payload import recognise
from atsam_safe.packages.streams import Allowance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atsam_safe.packages.bom import BomEntry
    from atsam_safe.packages.limits import Limits
    from atsam_safe.packages.model import PayloadKind
    from atsam_safe.packages.paths import Segments
    from atsam_safe.packages.xar import XarArchive

_SIZE_BITS: Final = 0xFFFFFFFF


def declare(
    archive: XarArchive, folder: str, install_location: str, bill: Mapping[str, BomEntry], limits: Limits, within: Allowance
) -> Content:
    """Authenticate the payload's stored bytes without unpacking them, and apply the path rules to its bill of materials.

    The archive's own checksums of the payload are compared to the last byte. The entries carry no checksums of files but the listed ones.
    Raises ``PackageError``.
    """
    place = f"{folder}Payload"
    stored = archive.entries[place].length
    allowance = Allowance(min(limits.payload, limits.unpacked(stored)), within)
    require_room((line.size for line in bill.values() if line.kind == "file"), allowance, f"{folder}Bom")
    head = b""
    for chunk in archive.chunks(archive.entries[place], idle=True):
        head = head or chunk
    policy = PathPolicy(install_location, limits, place)
    entries: list[PayloadEntry] = []
    warnings: list[str] = []
    for line in bill.values():
        relative = relative_segments(line.path.encode())
        segments = policy.place(relative, "unknown" if line.kind == "device" else line.kind)
        if not relative:
            continue
        kind = policy.admit(segments, "character-device" if line.kind == "device" else line.kind)
        if kind == "file" and is_apple_double(relative[-1]):
            continue
        entries.append(_entry(segments, kind, line, warnings))
    size = sum(entry.size for entry in entries if entry.kind == "file")
    allowance.take(size, place)
    writable = sum(entry.kind != "symlink" and bool(entry.mode & stat.S_IWOTH) for entry in entries)
    if writable:
        warnings.append(f"world-writable:{writable}")
    summary = PayloadSummary(files=sum(entry.kind != "directory" for entry in entries), bytes=size, compression=recognise(head, place))
    return Content(entries=tuple(entries), summary=summary, warnings=tuple(warnings))


def _entry(segments: Segments, kind: PayloadKind, line: BomEntry, warnings: list[str]) -> PayloadEntry:
    path = absolute(segments)
    mode = keep_mode(line.mode, path, warnings)
    link = PathPolicy.link(segments, line.link.encode()) if kind == "symlink" else None
    size = len(line.link.encode()) if kind == "symlink" else line.size if kind == "file" else 0
    listed = line.checksum if kind == "file" else None
    return PayloadEntry(path=path, kind=kind, mode=mode, uid=line.uid, gid=line.gid, mtime=line.mtime, size=size, link=link, listed=listed)


def require_declared(declared: Iterable[PayloadEntry], unpacked: Iterable[PayloadEntry], place: str) -> None:
    """Raise ``PackageError`` unless the payload has exactly the paths that were decided upon.

    Modes, owners and times may differ: genuine bills of materials do, and no decision rests on them.
    """
    if {_identity(entry) for entry in declared} != {_identity(entry) for entry in unpacked}:
        raise damaged(place, "not-as-declared")


def _identity(entry: PayloadEntry) -> tuple[str, str, int, str | None]:
    return entry.path, entry.kind, entry.size & _SIZE_BITS, entry.link
