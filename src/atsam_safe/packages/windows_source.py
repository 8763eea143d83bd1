"""What a Windows Installer package needs beside itself: archives or single files that are not in it.

Whether a file lies in an archive is said by the summary's word count for all of them, and by a file's own attributes for that one. An
archive is inside when its name begins with « # » and a stream of that name is there: the copy that an old Windows keeps has lost it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atsam_safe.packages.errors import printable
from atsam_safe.packages.limits import DEFAULT_LIMITS
from atsam_safe.packages.msi import MsiDatabase
from atsam_safe.packages.reading import PinnedFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atsam_safe.packages.limits import Limits

_WORD_COUNT, _COMPRESSED = 15, 2
_FILE_UNCOMPRESSED, _FILE_COMPRESSED = 0x2000, 0x4000
_MOST_NAMED: Final = 20


def needed_beside(path: Path, limits: Limits = DEFAULT_LIMITS) -> tuple[str, ...]:
    """Names of what the package at ``path`` needs beside itself, at most twenty. Raises ``PackageError`` when it cannot be read."""
    with PinnedFile.open(path, limits) as file, MsiDatabase(file, limits) as database:
        return names_beside(database)


def names_beside(database: MsiDatabase) -> tuple[str, ...]:
    """The same of an open package."""
    found = dict.fromkeys((*_archives(database), *_files(database)))
    return tuple(printable(name) for name in list(found)[:_MOST_NAMED])


def is_compressed(database: MsiDatabase) -> bool:
    """True when its files lie in archives, where a file does not say otherwise."""
    return bool(number(database.summary().get(_WORD_COUNT)) & _COMPRESSED)


def number(value: Any) -> int:  # noqa: ANN401 - a cell of a table
    """A cell's positive number, else 0."""
    return value if isinstance(value, int) and value > 0 else 0


def _archives(database: MsiDatabase) -> Iterator[str]:
    streams = {name.casefold() for name in database.stream_names}
    used = [number(row.get("Sequence")) for row in database.table("File")]
    first = 0
    for row in sorted(database.table("Media"), key=lambda row: number(row.get("LastSequence"))):
        last = number(row.get("LastSequence"))
        name = str(row.get("Cabinet") or "")
        lost = name.startswith("#") and name[1:].casefold() not in streams and any(first < place <= last for place in used)
        if lost or (name and not name.startswith("#")):
            yield name.removeprefix("#")
        first = last


def _files(database: MsiDatabase) -> Iterator[str]:
    compressed = is_compressed(database)
    for row in database.table("File"):
        told = number(row.get("Attributes"))
        if told & _FILE_UNCOMPRESSED or not (compressed or told & _FILE_COMPRESSED):
            yield str(row.get("FileName") or row.get("File") or "").rpartition("|")[2]
