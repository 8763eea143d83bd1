"""The middleware's cache of card files: where it is, whether it belongs to the card that is in, and clearing it on request.

Clearing is a safe classic repair: the middleware rebuilds it at the next use. The file names begin with a card's serial number, so names
are compared as keyed digests and never shown; the content is never read.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.cards.model import CardError
from atsam_safe.words.model import Problem, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from atsam_safe.cards.identity import IdentityKey
    from atsam_safe.volume.volume import Volume

MAXIMUM_FILES: Final = 20_000
_NAME: Final = re.compile(r"^([0-9A-Fa-f]{6,40})_")


class CacheFact(msgspec.Struct, frozen=True, kw_only=True):
    """One cache folder. ``cards`` are keyed digests of the serial numbers in its file names; ``other`` counts files named otherwise."""

    path: str
    exists: bool
    files: int = 0
    bytes: int = 0
    cards: tuple[str, ...] = ()
    other: int = 0
    world_writable: bool = False


def _entries(folder: Path) -> list[os.DirEntry[str]] | None:
    """Entries of a real folder (a link is not one), or ``None`` when there is none."""
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return None
        with os.scandir(folder) as found:
            return [entry for entry, _ in zip(found, range(MAXIMUM_FILES), strict=False)]
    except OSError:
        return None


def inspect_cache(folder: Path, key: IdentityKey) -> CacheFact:
    """What is in the cache folder; never raises."""
    entries = _entries(folder)
    if entries is None:
        return CacheFact(path=str(folder), exists=False)
    cards: dict[str, None] = {}
    files = size = other = 0
    for entry in entries:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if not stat.S_ISREG(status.st_mode):
            continue
        files += 1
        size += status.st_size
        match = _NAME.match(entry.name)
        if match is None:
            other += 1
        else:
            cards.setdefault(cached_serial(key, match[1]))
    with contextlib.suppress(OSError):
        mode = os.lstat(folder).st_mode
        return CacheFact(
            path=str(folder),
            exists=True,
            files=files,
            bytes=size,
            cards=tuple(cards),
            other=other,
            world_writable=bool(mode & stat.S_IWOTH),
        )
    return CacheFact(path=str(folder), exists=False)


def cached_serial(key: IdentityKey, digits: str) -> str:
    """The digest under which a serial number in a cache file's name is compared."""
    return key.digest("cache", digits.upper().encode())


def digits_of(serial: bytes) -> tuple[str, ...]:
    """The spellings a middleware may give a card's serial-number file in its cache: with and without the issuer's number."""
    text = serial.hex().upper()
    return text, text[:-2], text[10:18], text[10:19]


def cached_files(volume: Volume, folder: str) -> tuple[str, ...]:
    """Everything that clearing would remove: plain files and links directly in ``folder``; nothing when it is no real folder.

    A folder in it is left alone, and so is a pipe or a socket: what cannot be put back is never removed. Anybody may write into the cache.
    """
    top = volume.lstat(folder)
    if top is None or top.kind != "directory":
        return ()
    paths = (f"{folder}/{name}" for name in volume.list_directory(folder))
    return tuple(path for path in paths if (entry := volume.lstat(path)) is not None and entry.kind in {"file", "link"})


def clear_files(volume: Volume, files: Sequence[str]) -> int:
    """Remove these files and return how many were still there; safe to repeat. Their folder stays: the middleware does not make it again.

    A link is removed, never followed. Raises ``CardError`` (``cards.cache-stays``) when one cannot be removed; it names the folder only,
    because the names of the files hold the card's serial number.
    """
    removed = 0
    for path in files:
        try:
            removed += volume.remove_file(path)
        except WorkstationError as error:
            problem = error.problems[0]
            params = {"path": path.rsplit("/", 1)[0], "reason": problem.params.get("error", problem.ref)}
            raise CardError(Problem(ref="cards.cache-stays", params=params)) from error
    return removed
