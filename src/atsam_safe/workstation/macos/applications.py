"""Application bundles: since macOS 13 changing another publisher's takes a permission of its own (« App Management »), for root as well.

It belongs to the program in whose window this one runs (the Terminal). macOS answers EPERM without it, and only an attempt makes it ask.
So each bundle of the scope is tried before anything is touched: found out in the middle, neither the change nor the way back could end.
That making a file directly in the bundle is such an attempt is known from the source of Homebrew, which does the same; no Mac was at hand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from atsam_safe.versions import MacosRelease, VersionError
from atsam_safe.volume.errors import is_ref
from atsam_safe.words.model import Problem, WorkstationError
from atsam_safe.workstation.macos import system

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.workstation.macos.mac import Mac

FIRST_FAMILY: Final = (13,)
# <sys/stat.h>: immutable or append-only, by its owner or by the system. A lock answers EPERM, too, and no permission opens it.
LOCKED: Final = 0x00000002 | 0x00000004 | 0x00020000 | 0x00040000
_OUTERMOST: Final = re.compile(r"(?i)(/.+?\.app)(?:/|\Z)")


def require_changeable(workstation: Mac, paths: Iterable[tuple[str, str]]) -> None:
    """Raise ``macos.applications-protected`` when a bundle that a run may change cannot be. ``paths``: path and kind (``tree``, ``file``).

    Nothing is left behind: what a killed attempt left is known by its name and goes with the next one, or with the next way back.
    """
    if not _protects(workstation):
        return
    refused: list[str] = []
    for bundle in bundles_of(workstation, paths):
        try:
            workstation.volume.remove_temporaries(bundle)
            workstation.volume.try_writing(bundle)
        except WorkstationError as error:
            entry = workstation.volume.lstat(bundle)
            if not is_ref(error, "volume.not-permitted") or entry is None or entry.flags & LOCKED:
                raise
            refused.append(bundle)
    if refused:
        params = {"paths": ", ".join(refused)}
        raise WorkstationError(Problem(ref="macos.applications-protected", params=params, evidence={"paths": refused}))


def bundles_of(workstation: Mac, paths: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The bundles that are there, outermost ones only: those that hold a path, and those inside a tree."""
    found: dict[str, None] = {}
    for path, kind in paths:
        match = _OUTERMOST.match(path)
        if match is not None:
            entry = workstation.volume.lstat(match[1])
            if entry is not None and entry.kind == "directory":
                found[match[1]] = None
        elif kind == "tree":
            for entry in workstation.volume.walk(path):
                inside = _OUTERMOST.match(entry.path)
                if inside is not None and inside[1] == entry.path and entry.kind == "directory":
                    found[entry.path] = None
    return tuple(sorted(found))


def _protects(workstation: Mac) -> bool:
    """Whether this macOS has that permission; a release that is not known has."""
    release = system.RELEASE.ask(workstation.runner)
    try:
        return release is None or MacosRelease.parse(release.version).family >= FIRST_FAMILY
    except VersionError:
        return True
