"""Path patterns of the catalogue: ``~/`` means every local user's home, ``*`` matches within one path segment only.

Pure text work; nothing here looks at a disk. Paths are absolute POSIX paths inside the workstation.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from atsam_safe.facts.model import Home

T = TypeVar("T")


# every rule asks about the same few hundred paths; a package may name many more, which must not fill the memory
REMEMBERED: Final = 4096


@lru_cache(maxsize=REMEMBERED)
def fold(path: str) -> str:
    """The form under which a usual macOS volume takes two spellings for one path: case and Unicode composition ignored.

    Used where a false match only protects more (who claims a path), never to find something to remove.
    """
    return unicodedata.normalize("NFD", path).casefold()


def expand_homes(path: str, homes: Iterable[Home]) -> tuple[str, ...]:
    """``~/x`` in every known home; any other path as it is."""
    if not path.startswith("~/"):
        return (path,)
    return tuple(f"{home.path.rstrip('/')}/{path[2:]}" for home in homes)


def has_wildcard(path: str) -> bool:
    """True when the path must be matched instead of named."""
    return "*" in path


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", "[^/]*"), re.DOTALL)


def matches(pattern: str, path: str) -> bool:
    """True when ``path`` is what ``pattern`` names; ``*`` never crosses a ``/``."""
    star = pattern.find("*")
    if star < 0:
        return pattern == path
    # most questions end here: thousands are asked in one look, and each expression that is compiled costs more than all of them
    if not path.startswith(pattern[:star]):
        return False
    return _compiled(pattern).fullmatch(path) is not None


def matches_below(pattern: str, path: str) -> bool:
    """True when ``path`` is what ``pattern`` names or lies below it."""
    star = pattern.find("*")
    if star < 0:
        return path == pattern or path.startswith(pattern + "/")
    if not path.startswith(pattern[:star]):
        return False
    depth = pattern.count("/")
    parts = path.split("/")
    if len(parts) <= depth:
        return False
    return matches(pattern, "/".join(parts[: depth + 1]))


def is_below(path: str, folder: str) -> bool:
    """True when ``path`` lies strictly below ``folder``."""
    return path != folder and path.startswith(folder.rstrip("/") + "/")


def parents(path: str) -> Iterator[str]:
    """The folders above ``path``, nearest first, without ``/`` itself."""
    while True:
        path = path.rpartition("/")[0]
        if not path:
            return
        yield path


def is_apple_double(path: str) -> bool:
    """True for a member that holds another one's attributes (``._name``).

    Genuine bills of materials list them with size 0 and checksum 0 (20 of the 115 of Cryptolib CPS); macOS puts their content into the
    attributes of the file beside, so that none of them is ever a file on a Mac's disk (facts/pkg-format 5).
    """
    return path.rpartition("/")[2].startswith("._")


def depth(path: str) -> int:
    """How many segments the path has."""
    return path.count("/")


# Links that every macOS has at its root; receipts and rules may write either spelling.
_SYSTEM_LINKS: Final = {"etc": "/private/etc", "var": "/private/var", "tmp": "/private/tmp"}


@lru_cache(maxsize=REMEMBERED)
def canonical(path: str) -> str:
    """The one spelling of an absolute macOS path used as a key: system links resolved, no double, trailing or dot segment."""
    segments = [segment for segment in path.split("/") if segment not in {"", "."}]
    if segments and segments[0] in _SYSTEM_LINKS:
        return "/".join([_SYSTEM_LINKS[segments[0]], *segments[1:]])
    return "/" + "/".join(segments)


# --- many patterns at once: one look at a workstation asks tens of thousands of times, of hundreds of patterns without a « * » ------------


class Covering(Generic[T]):
    """Patterns, each with a value and whether it also means everything below itself. Same answers as ``matches`` and ``matches_below``."""

    def __init__(self, patterns: Iterable[tuple[str, bool, T]]) -> None:
        """``patterns``: (pattern, also below, value); their order is that of the answers."""
        self._named: dict[str, list[tuple[int, T]]] = {}
        self._trees: dict[str, list[tuple[int, T]]] = {}
        self._starred: list[tuple[int, str, bool, T]] = []
        self._known: dict[str, tuple[tuple[int, T], ...]] = {"": ()}
        for number, (pattern, below, value) in enumerate(patterns):
            if has_wildcard(pattern):
                self._starred.append((number, pattern, below, value))
            else:
                (self._trees if below else self._named).setdefault(pattern, []).append((number, value))

    def values(self, path: str) -> list[T]:
        """The values of all patterns that cover ``path``, in the order in which they were given."""
        found = [*self._named.get(path, ()), *self._trees.get(path, ()), *self._above(path)]
        found += [(number, value) for number, pattern, below, value in self._starred if _covers(pattern, path, below=below)]
        found.sort(key=itemgetter(0))
        return [value for _, value in found]

    def covers(self, path: str) -> bool:
        """True when any pattern covers ``path``."""
        if path in self._named or path in self._trees or self._above(path):
            return True
        return any(_covers(pattern, path, below=below) for _, pattern, below, _ in self._starred)

    def _above(self, path: str) -> tuple[tuple[int, T], ...]:
        """What covers everything in the folder of ``path``; remembered, since the next path mostly lies in the same one."""
        folder = path.rpartition("/")[0]
        if folder not in self._known:
            found = [entry for one in (folder, *parents(folder)) for entry in self._trees.get(one, ())]
            self._known[folder] = tuple(found)
        return self._known[folder]


def _covers(pattern: str, path: str, *, below: bool) -> bool:
    return matches_below(pattern, path) if below else matches(pattern, path)


def lying_below(ordered: Sequence[str], folder: str) -> Iterator[str]:
    """Those of the ``ordered`` (sorted) paths that lie strictly below ``folder``."""
    beginning = folder.rstrip("/") + "/"
    for place in range(bisect_left(ordered, beginning), len(ordered)):
        path = ordered[place]
        if not path.startswith(beginning):
            return
        if path != folder:
            yield path
