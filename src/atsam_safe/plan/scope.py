"""The snapshot's scope: every path any step can write, and every folder that may have to be made on the way. Nothing else is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.patterns import canonical, fold, is_below, parents
from atsam_safe.catalogue.system_folders import is_system_folder
from atsam_safe.plan.model import (
    ApplyEffect,
    ForgetReceipt,
    RemovePath,
    RestoreConfig,
    ScopeEntry,
    ScopeKind,
    WriteReceipt,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atsam_safe.facts.model import Facts
    from atsam_safe.plan.model import Step

_WEIGHT: dict[ScopeKind, int] = {"shared": 0, "directory": 1, "file": 2, "tree": 3}
# Since macOS 10.15 the folders above firmlinks belong to the sealed system volume: nothing can change them, and what lies below is
# on another volume, so they are no part of any state.
_SEALED: Final = frozenset(fold(path) for path in ("/usr", "/usr/libexec", "/usr/share", "/System", "/System/Library"))


def step_paths(step: Step) -> tuple[str, ...]:
    """The paths one step names as written. A payload's own paths are known by its inspection, not by the step."""
    if isinstance(step, RemovePath | ApplyEffect | RestoreConfig):
        return (canonical(step.path),)
    if isinstance(step, ForgetReceipt):
        return tuple(canonical(path) for path in step.paths)
    if isinstance(step, WriteReceipt):
        base = f"/private/var/db/receipts/{step.identifier}"
        return (f"{base}.plist", f"{base}.bom", "/Library/Receipts/InstallHistory.plist")
    return ()


def merge(*groups: Iterable[tuple[str, ScopeKind]]) -> dict[str, ScopeKind]:
    """Unite groups of paths; of two kinds for one path the one that covers more stays, a file that may be a folder becomes a tree."""
    found: dict[str, ScopeKind] = {}
    for group in groups:
        for path, kind in group:
            key = canonical(path)
            present = found.get(key)
            if present is None:
                found[key] = kind
            elif "file" in {present, kind} and {present, kind} & {"directory", "shared"}:
                found[key] = "tree"
            elif _WEIGHT[kind] > _WEIGHT[present]:
                found[key] = kind
    return found


def build_scope(paths: Mapping[str, ScopeKind], *, live: bool = False) -> tuple[ScopeEntry, ...]:
    """The scope of these paths: what lies below a tree is dropped, every folder above is added as a folder of its own.

    On a running system (``live``) everybody's folders are in it without their times, and sealed ones not at all.
    """
    trees = {path for path, kind in paths.items() if kind == "tree"}
    scope = {path: kind for path, kind in paths.items() if not any(folder in trees for folder in parents(path))}
    for path in list(scope):
        for folder in parents(path):
            scope.setdefault(folder, "shared" if live else "directory")
    if live:
        scope = {
            path: "shared" if kind == "directory" and is_system_folder(path) else kind
            for path, kind in scope.items()
            if fold(path) not in _SEALED or kind not in {"directory", "shared"}
        }
    return tuple(ScopeEntry(path=path, kind=kind) for path, kind in sorted(scope.items()) if path != "/")


def covers(scope: Iterable[ScopeEntry], path: str) -> bool:
    """True when the scope knows ``path``: itself, or below one of its trees."""
    return any(entry.path == path or (entry.kind == "tree" and is_below(path, entry.path)) for entry in scope)


def bytes_in_scope(facts: Facts, scope: tuple[ScopeEntry, ...]) -> int:
    """About how many bytes the snapshot holds: files seen, and files that receipts list below a tree of the scope."""
    sizes: dict[str, int] = {}
    for receipt in facts.receipts:
        sizes |= {canonical(entry.path): entry.size for entry in receipt.entries or () if entry.kind == "file"}
    sizes |= {canonical(fact.path): fact.size for fact in facts.paths if fact.kind == "file"}
    named = {entry.path for entry in scope if entry.kind not in {"directory", "shared"}}
    trees = {entry.path for entry in scope if entry.kind == "tree"}
    return sum(size for path, size in sizes.items() if path in named or any(folder in trees for folder in parents(path)))
