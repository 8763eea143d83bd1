"""Which of many patterns cover a path: found by the path and the folders above it, instead of asking every pattern.

One look at a workstation asks tens of thousands of times, of hundreds of patterns; nearly all of them hold no ``*``.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter
from typing import TYPE_CHECKING, Generic, TypeVar

from atsam_safe.catalogue.patterns import has_wildcard, matches, matches_below, parents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

T = TypeVar("T")


class Covering(Generic[T]):
    """Patterns, each with a value and whether it also means everything below itself. Same answers as ``matches`` and ``matches_below``."""

    def __init__(self, patterns: Iterable[tuple[str, bool, T]]) -> None:
        """``patterns``: (pattern, also below, value); their order is that of the answers."""
        self._named: dict[str, list[tuple[int, T]]] = {}
        self._trees: dict[str, list[tuple[int, T]]] = {}
        self._starred: list[tuple[int, str, bool, T]] = []
        for number, (pattern, below, value) in enumerate(patterns):
            if has_wildcard(pattern):
                self._starred.append((number, pattern, below, value))
            else:
                (self._trees if below else self._named).setdefault(pattern, []).append((number, value))

    def values(self, path: str) -> list[T]:
        """The values of all patterns that cover ``path``, in the order in which they were given."""
        found = [*self._named.get(path, ()), *self._trees.get(path, ())]
        for folder in parents(path):
            found += self._trees.get(folder, ())
        found += [(number, value) for number, pattern, below, value in self._starred if _covers(pattern, path, below=below)]
        found.sort(key=itemgetter(0))
        return [value for _, value in found]

    def covers(self, path: str) -> bool:
        """True when any pattern covers ``path``."""
        if path in self._named or path in self._trees or any(folder in self._trees for folder in parents(path)):
            return True
        return any(_covers(pattern, path, below=below) for _, pattern, below, _ in self._starred)


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
