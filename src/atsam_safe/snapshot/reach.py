"""The state to go back to when later runs reached further than the snapshot that is gone back to.

A snapshot knows the paths of its own run. Whoever goes back past later runs also wants back what those changed elsewhere: of each path the
earliest record, from that snapshot onwards, is how it was then. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.catalogue.patterns import parents
from atsam_safe.plan.model import ScopeEntry, ScopeKind
from atsam_safe.snapshot.model import PathState
from atsam_safe.snapshot.scope import digest_of, sort_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from atsam_safe.snapshot.model import Manifest

# A folder named twice is looked at as each kind says, and the last one counts: a folder of everybody's stays one without times.
_ORDER = {"tree": 0, "file": 1, "directory": 1, "shared": 2}


def reaching(manifest: Manifest, later: Iterable[Manifest], canonical: Callable[[str], str]) -> tuple[Manifest, tuple[str, ...]]:
    """``manifest`` with what the ``later`` ones (oldest first) know beyond it, and the paths that a later one found in folders absent then.

    Those paths are nobody's that is known: they come back as the later snapshot found them, and the folder stays for them.
    """
    scope = {(canonical(entry.path), entry.kind): entry for entry in manifest.scope}
    paths = {item.path: item for item in manifest.paths}
    ancestors = {item.path: item for item in manifest.ancestors}
    folders: dict[str, PathState] = {}
    for one in later:
        trees = tuple(f"{path}/" for path, kind in scope if kind == "tree")
        before = frozenset(paths)
        for item in one.paths:
            if item.kind == "directory":
                folders.setdefault(item.path, item)
            if item.path not in before and not f"{item.path}/".startswith(trees):
                paths[item.path] = item
        for entry in one.scope:
            path = canonical(entry.path)
            if not f"{path}/".startswith(trees) and (path not in before or entry.kind == "tree"):
                scope[path, entry.kind] = entry
        for item in one.ancestors:
            ancestors.setdefault(item.path, item)
            if item.kind == "directory":
                folders.setdefault(item.path, item)
    if len(scope) == len(manifest.scope) and len(paths) == len(manifest.paths):
        return manifest, ()
    found = _settled(paths, folders, {path for path, _ in scope})
    above = {folder for path, item in paths.items() if item.kind != "absent" for folder in parents(path)}
    ancestors.update({path: folders[path] for path in above & ancestors.keys() & folders.keys() if ancestors[path].kind == "absent"})
    return _described(manifest, paths, scope, ancestors), found


def _settled(paths: dict[str, PathState], folders: dict[str, PathState], named: set[str]) -> tuple[str, ...]:
    """Make the records of several moments one state: nothing lies where no folder is. Changes ``paths``."""
    found: set[str] = set()
    gone: set[str] = set()
    for path in sorted(paths, key=sort_key):
        above = path.rpartition("/")[0]
        if above in gone or (above in paths and paths[above].kind in {"file", "link"}):
            gone.add(path)
        elif paths[path].kind != "absent" and above in paths and paths[above].kind == "absent" and above in folders:
            found.add(path)
            while above in paths and paths[above].kind == "absent" and above in folders:
                paths[above] = folders[above]
                above = above.rpartition("/")[0]
    for path in gone:
        if path in named:
            paths[path] = PathState(path=path, kind="absent")
        else:
            del paths[path]
    return tuple(sorted(found, key=sort_key))


def _described(
    manifest: Manifest, paths: dict[str, PathState], scope: dict[tuple[str, ScopeKind], ScopeEntry], ancestors: dict[str, PathState]
) -> Manifest:
    states = tuple(paths[path] for path in sorted(paths, key=sort_key))
    entries = sorted(scope.items(), key=lambda item: (_ORDER[item[0][1]], sort_key(item[0][0])))
    return msgspec.structs.replace(
        manifest,
        digest=digest_of(states),
        files=sum(item.kind == "file" for item in states),
        bytes=sum(item.size for item in states),
        scope=tuple(ScopeEntry(path=path, kind=entry.kind) for (path, _), entry in entries),
        ancestors=tuple(ancestors[path] for path in sorted(ancestors.keys() - paths.keys(), key=sort_key)),
        paths=states,
    )
