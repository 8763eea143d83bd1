"""Whether what a plan would change can be kept and brought back: every obstacle at once, found by looking alone.

The snapshot refuses the same things when it is taken; who asks ``check`` first is told of them then, and of all of them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from atsam_safe.snapshot.scope import UNTIMED, list_scope, sort_key
from atsam_safe.volume.errors import is_ref, is_refusal, printable
from atsam_safe.volume.model import LOCKED_FLAGS
from atsam_safe.words.model import Problem, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from atsam_safe.plan.model import ScopeEntry
    from atsam_safe.volume.model import Entry
    from atsam_safe.volume.volume import Volume

NAMED: Final = 20
LINK: Final = "volume.link-in-the-way"
NO_FOLDER: Final = "volume.not-a-folder"
# bytes below the volume: a shell names a path as a whole, macOS takes 1,024 bytes, and some are the volume's and a temporary name's
LONGEST_PATH: Final = 900


def obstacles(
    volume: Volume, scope: Sequence[ScopeEntry], residue: Iterable[str] = (), folders: Iterable[str] = (), *, entitled: bool = True
) -> tuple[Problem, ...]:
    """Why a change of ``scope`` would be refused, one problem for each reason. ``residue``: what is looked at once the old files are gone.

    ``folders``: what must be a folder, or absent, by then (``Plan.folders``): a file there stops the building when the old files are gone.
    ``entitled``: false for a user who may only look: what the system does not show him, it will show who carries the change out.
    """
    entries: dict[str, Entry | None] = {}
    behind: list[str] = []
    others: dict[str, Problem] = {}

    def failed(error: WorkstationError, path: str) -> None:
        if is_ref(error, LINK):
            behind.append(path)
        elif entitled or not is_refusal(error):
            others.setdefault(error.problems[0].ref, error.problems[0])

    for item in scope:
        try:
            entries.update(list_scope(volume, (item,), strict=True))
        except WorkstationError as error:
            failed(error, volume.canonical(item.path))
    for path in residue:
        try:
            volume.exists(path)
        except WorkstationError as error:
            failed(error, volume.canonical(path))
    no_folders: list[str] = []
    for path in folders:
        try:
            found = volume.lstat(path)
        except WorkstationError as error:
            failed(error, volume.canonical(path))
            continue
        if found is not None and found.kind == "link":
            behind.append(f"{volume.canonical(path)}/")
        elif found is not None and found.kind != "directory":
            no_folders.append(volume.canonical(path))
    in_the_way = [_links_problem(volume, dict.fromkeys(behind))] if behind else []
    in_the_way += [_no_folders_problem(no_folders)] if no_folders else []
    return (*in_the_way, *unkeepable(entries, {volume.canonical(item.path) for item in scope}), *others.values())


def unkeepable(entries: Mapping[str, Entry | None], named: Container[str]) -> tuple[Problem, ...]:
    """What of the listed paths no snapshot can hold, or no way back could replace.

    A FIFO is made anew by whoever uses it (GALSS does), so that one inside a folder is only recorded; in the place of a path that the
    scope itself has ``named`` it would have to be brought back.
    """
    found: list[Problem] = []
    # what everybody uses (« shared », without times) is never replaced: only what stands in a run's way counts
    locked = [path for path, entry in entries.items() if entry is not None and entry.flags & LOCKED_FLAGS and entry.mtime_ns != UNTIMED]
    others = {path: entry for path, entry in entries.items() if entry is not None and entry.kind == "other"}
    special = [path for path, entry in others.items() if path in named or not entry.fifo]
    devices = {path: entry.device for path, entry in entries.items() if entry is not None and entry.kind == "directory"}
    mounted = [
        path for path, entry in entries.items() if entry is not None and devices.get(path.rsplit("/", 1)[0], entry.device) != entry.device
    ]
    nameless = [path for path in entries if len(path) > LONGEST_PATH // 4 and len(os.fsencode(path)) > LONGEST_PATH]
    reasons = (
        ("snapshot.locked-file", locked),
        ("snapshot.special-file", special),
        ("snapshot.other-file-system", mounted),
        ("volume.unusable-path", nameless),
    )
    for ref, paths in reasons:
        if paths:
            shown = [printable(path) for path in sorted(paths, key=sort_key)]
            params = {"path": shown[0], "count": str(len(shown))}
            found.append(Problem(ref=ref, params=params, evidence={"paths": shown[:NAMED]}))
    return tuple(found)


def _no_folders_problem(paths: Sequence[str]) -> Problem:
    shown = [printable(path) for path in sorted(paths, key=sort_key)]
    params = {"path": shown[0], "count": str(len(shown)), "paths": ", ".join(shown[:NAMED])}
    return Problem(ref=NO_FOLDER, told=f"{NO_FOLDER}.needed", params=params, evidence={"paths": shown[:NAMED]})


def _links_problem(volume: Volume, behind: Iterable[str]) -> Problem:
    """The links themselves, with where they lead to: the paths behind them would name none."""
    paths = [printable(path) for path in behind]
    links: dict[str, str] = {}
    for path in behind:
        found = _link_above(volume, path)
        if found is not None:
            links[printable(found.path)] = printable(found.link or "")
    params = {"path": paths[0], "count": str(len(paths)), "links": ", ".join(f"{link} → {target}" for link, target in links.items())}
    evidence = {"path": paths[0], "links": links, "paths": paths[:NAMED]}
    return Problem(ref=LINK, told=f"{LINK}.named" if links else None, params=params, evidence=evidence)


def _link_above(volume: Volume, path: str) -> Entry | None:
    """The first link among the folders that lead to ``path``."""
    parts = path.split("/")[1:-1]
    for depth in range(1, len(parts) + 1):
        entry = volume.lstat("/" + "/".join(parts[:depth]))
        if entry is None or entry.kind == "link":
            return entry
    return None
