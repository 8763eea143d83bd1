"""Files in a run's scope that others write in the course of an ordinary day: that they changed tells of nobody's repair.

macOS appends to its history of installations at each update in the background; the cards' cache and the traces are written whenever a
card is used. The names of some of them tell of a patient or a card (law 9): one more reason to name none of them.
"""

from __future__ import annotations

import ntpath
from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.patterns import Covering, fold, is_below

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.catalogue.model import Catalogue

_HISTORY: Final = fold("/Library/Receipts/InstallHistory.plist")
_CACHES: Final = fold("/Library/Caches")
_ROLES: Final = frozenset({"cache", "log", "private"})
# ANS-MSI: what the vendors call so is no variable of the system; where another folder stands for it, its files count as anybody's
_PLACES: Final = (("%SANTESOCIAL%", "/ProgramData/santesocial"), ("~", "/Users/*"))


def passing_files(catalogue: Catalogue) -> Callable[[str], bool]:
    """The question whether a path inside the workstation is one that changes by itself."""
    written = [rule.path for component in catalogue.components for rule in component.paths if rule.role in _ROLES]
    for component in catalogue.components:
        rules = () if component.windows is None else component.windows.paths
        written += [rule.path for rule in rules if rule.role in _ROLES]
    places = Covering((fold(_inside(path)), True, None) for path in written)

    def is_passing(path: str) -> bool:
        folded = fold(path)
        return folded == _HISTORY or is_below(folded, _CACHES) or places.covers(folded)

    return is_passing


def _inside(path: str) -> str:
    for mark, place in _PLACES:
        if path.startswith(mark):
            return place + path[len(mark) :].replace(ntpath.sep, "/")
    return path
