"""Whether what several components bring can lie side by side on one disk: a pure rule, of one archive and of packages given together.

Each payload is sound by itself; only together do they meet. A disk that takes two spellings for one path keeps whichever came last, and a
link of the one leads the files of the other elsewhere. What genuine components share is allowed: folders, and a file or link that is the
same in both to the last bit and right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.packages.model import PayloadEntry
from atsam_safe.packages.paths import folded_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """``path`` of ``owner`` and ``other`` of ``other_owner`` are one place, and not the same thing."""

    path: str
    owner: str
    other: str
    other_owner: str


class _Taken(msgspec.Struct, frozen=True, gc=False):
    """What lies at one place so far. ``entry`` is ``None`` for a folder that only a path below it implies."""

    path: str
    owner: str
    entry: PayloadEntry | None


def meetings(payloads: Iterable[tuple[str, Iterable[PayloadEntry]]]) -> Iterator[Meeting]:
    """Where the payloads of different owners cannot both have what they bring, in their order.

    What one owner brings is held against itself while it is read (``PathPolicy``), and two payloads of one owner are never both installed.
    """
    taken: dict[str, _Taken] = {}
    for owner, entries in payloads:
        above: set[str] = set()
        for entry in entries:
            key = folded_path(entry.path)
            found = _below(taken, above, entry, key, owner)
            present = taken.setdefault(key, _Taken(entry.path, owner, entry))
            if found is None and present.owner != owner and not _same(present, entry):
                found = Meeting(path=entry.path, owner=owner, other=present.path, other_owner=present.owner)
            if found is not None:
                yield found


def _below(taken: dict[str, _Taken], above: set[str], entry: PayloadEntry, key: str, owner: str) -> Meeting | None:
    """Take the folders that lead to ``entry``, too; one that is something else for another owner, or spelt otherwise, is told once."""
    path, found = entry.path, None
    while (cut := key.rfind("/")) > 0:
        key, path = key[:cut], path[: path.rfind("/")]
        if key in above:
            break
        above.add(key)
        present = taken.setdefault(key, _Taken(path, owner, None))
        if present.owner != owner and not _is_folder(present, path):
            found = Meeting(path=path, owner=owner, other=present.path, other_owner=present.owner)
    return found


def _is_folder(present: _Taken, path: str) -> bool:
    return present.path == path and (present.entry is None or present.entry.kind == "directory")


def _same(present: _Taken, entry: PayloadEntry) -> bool:
    """True for one folder that both list, and for one file or link that is the same in both: whichever comes last, nothing differs."""
    other = present.entry
    if entry.kind == "directory" or other is None:
        return entry.kind == "directory" and _is_folder(present, entry.path)
    if present.path != entry.path:
        return False
    if (other.kind, other.size, other.link, _sum(other)) != (entry.kind, entry.size, entry.link, _sum(entry)):
        return False
    # of rights a bill of materials says what nobody relies on (``declared``)
    read = other.checksum is not None and entry.checksum is not None
    return not read or (other.mode, other.uid, other.gid) == (entry.mode, entry.uid, entry.gid)


def _sum(entry: PayloadEntry) -> int | None:
    if entry.kind == "symlink":
        return None  # its target says it all
    return entry.listed if entry.checksum is None else entry.checksum
