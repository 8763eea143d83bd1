"""Which files lie in the folders of components although neither a receipt nor the catalogue names them: listed, never opened.

These folders go as a whole; a person should know beforehand what else goes with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from atsam_safe.catalogue.model import Catalogue, PathRule
    from atsam_safe.facts.model import Home
    from atsam_safe.workstation.lens import Lens

# Genuine folders have some dozen files, six levels deep.
MAX_FILES: Final = 1000
MAX_DEPTH: Final = 16
_OWN_ROLES: Final = frozenset({"program", "library"})


def goes_as_a_whole(rule: PathRule) -> bool:
    """True for a folder of programs that only one component has and that is removed with everything in it."""
    return rule.scope == "tree" and rule.role in _OWN_ROLES and rule.on_uninstall == "remove" and not rule.shared_with


def unclaimed_files(lens: Lens, catalogue: Catalogue, homes: Sequence[Home], known: Container[str]) -> tuple[str, ...]:
    """Files and links in such folders of core components that are not ``known``, in order, not without end."""
    trees = {path for one in catalogue.core for rule in one.paths if goes_as_a_whole(rule) for path in lens.expand(rule.path, homes)}
    found: list[str] = []
    for tree in sorted(trees):
        for path in _files(lens, tree, 0):
            if len(found) >= MAX_FILES:
                lens.note(f"more than {MAX_FILES} files in the folders of components, the rest was not looked at")
                return tuple(found)
            if path not in known:
                found.append(path)
    return tuple(dict.fromkeys(found))


def _files(lens: Lens, folder: str, depth: int) -> Iterator[str]:
    for name in lens.names(folder):
        path = f"{folder}/{name}"
        seen = lens.entry(path)
        if seen is None:
            continue
        if seen.kind in {"file", "symlink"}:  # sockets and FIFOs are nobody's work
            yield path
        elif seen.kind == "directory" and depth < MAX_DEPTH:
            yield from _files(lens, path, depth + 1)
