"""Folders that were absent and now hold what others have put into them: they stay, they are named, and they are no part of any proof.

Only what the scope names is ours. A tree of ours is ours with all that lies below it, so it is never such a folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.snapshot.model import PathState, as_phase, no_progress
from atsam_safe.snapshot.scope import digest_of, observe_scope, sort_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atsam_safe.snapshot.model import Manifest, Progress
    from atsam_safe.volume.volume import Volume


def without_company(
    volume: Volume, manifest: Manifest, wanted: Mapping[str, PathState], states: Sequence[PathState]
) -> tuple[list[PathState], tuple[str, ...]]:
    """``states`` with such folders told as absent, and the paths that keep them.

    A folder in which something of ours is left is told as absent as well: what is left is a difference by itself.
    """
    found = {item.path: item for item in states}
    trees = {volume.canonical(entry.path) for entry in manifest.scope if entry.kind == "tree"}
    kept: set[str] = set()
    keepers: set[str] = set()
    new = [
        path
        for path, item in found.items()
        if item.kind == "directory" and path in wanted and _is_absent(wanted[path]) and path not in trees
    ]
    for path in sorted(new, key=lambda item: (-item.count("/"), sort_key(item))):
        within = {volume.canonical(f"{path}/{name}") for name in volume.list_directory(path)}
        others = {child for child in within if _is_absent(found.get(child))}
        if others or within & kept:
            kept.add(path)
            keepers |= others
    settled = [PathState(path=item.path, kind="absent") if item.path in kept else item for item in states]
    return settled, tuple(sorted(keepers, key=sort_key))


def _is_absent(state: PathState | None) -> bool:
    return state is None or state.kind == "absent"


def present_digest(volume: Volume, manifest: Manifest, *, progress: Progress = no_progress) -> str:
    """The digest of the present state of a snapshot's scope, without what keeps no state from being the one before."""
    states = observe_scope(volume, manifest.scope, progress=as_phase(progress, "observe"))
    wanted = {item.path: item for item in manifest.paths}
    return digest_of(without_company(volume, manifest, wanted, states)[0])
