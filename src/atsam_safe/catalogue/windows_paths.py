r"""Paths of the Windows rules: ``%NAME%`` for the system's folders, ``*`` within one name. Pure text work.

Windows takes no notice of case: two spellings of one path are one path here. ``folders`` (``Facts.folders``) says where the system's
folders are on this very workstation; a rule whose folder is not known there speaks of nothing.
"""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atsam_safe.catalogue.windows import WindowsProcessRule

_VARIABLE: Final = re.compile(r"%([^%\\/]+)%")


def key(path: str) -> str:
    r"""The one form of a path for comparison: back slashes, lower case, no slash at the end."""
    return path.replace("/", "\\").rstrip("\\").casefold()


def expand(path: str, folders: Mapping[str, str]) -> str | None:
    """``path`` with every ``%NAME%`` replaced; ``None`` when a name is not known here."""
    known = {name.casefold(): place.rstrip("\\/") for name, place in folders.items()}
    missing: list[str] = []

    def place(match: re.Match[str]) -> str:
        found = known.get(match[1].casefold())
        if found is None:
            missing.append(match[1])
            return ""
        return found

    expanded = _VARIABLE.sub(place, path)
    return None if missing else expanded


def has_wildcard(path: str) -> bool:
    """True when the path has a ``*`` in one of its names."""
    return "*" in path


def covers(pattern: str, path: str, *, below: bool) -> bool:
    """True when ``path`` is ``pattern``, or (``below``) lies inside it."""
    wanted, seen = key(pattern).split("\\"), key(path).split("\\")
    if len(seen) < len(wanted) or (len(seen) > len(wanted) and not below):
        return False
    return all(fnmatch.fnmatchcase(name, part) for name, part in zip(seen, wanted, strict=False))


def name(path: str) -> str:
    """The last name of a path."""
    return path.replace("/", "\\").rstrip("\\").rpartition("\\")[2]


def is_program(rule: WindowsProcessRule, path: str, folders: Mapping[str, str]) -> bool:
    """True when ``path`` is the program ``rule`` means: in its folder, or of that name anywhere when the rule gives no folder."""
    if rule.folder is None:
        return covers(rule.name, name(path), below=False)
    pattern = expand(f"{rule.folder}\\{rule.name}", folders)
    return pattern is not None and covers(pattern, path, below=False)


def parents(path: str) -> tuple[str, ...]:
    r"""Every folder above, outermost first, without the drive itself."""
    parts = path.replace("/", "\\").rstrip("\\").split("\\")
    return tuple("\\".join(parts[:end]) for end in range(2, len(parts)))


def system_folders(folders: Mapping[str, str]) -> frozenset[str]:
    """The system's own folders as keys: they are on the way to components and belong to none."""
    found = {key(place) for place in folders.values()}
    found |= {f"{key(place)}\\{name}" for place in folders.values() for name in ("system32", "syswow64")}
    return frozenset(found | {key(parent) for place in folders.values() for parent in parents(place)})


def unique(paths: Iterable[str]) -> tuple[str, ...]:
    """Each path once, in the first spelling met."""
    return tuple({key(path): path for path in reversed(list(paths))}.values())[::-1]
