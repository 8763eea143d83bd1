"""A scratch copy of a workstation for a rehearsal: every path that an observation looks at, and every path that the plan may write.

What to copy is not guessed: the observation itself is watched, so a copy that is observed answers exactly as the workstation did (the
caller compares the two). Nothing outside is read; private folders stay unread because the observation never asks for them (law 9).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from atsam_safe.volume.model import Metadata
from atsam_safe.volume.volume import Volume
from atsam_safe.workstation.offline_observe import observe_volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.overwriting import PayloadPaths


class ScratchCopy(msgspec.Struct, frozen=True, kw_only=True):
    """What was copied. ``left_out``: sockets and devices, which cannot be."""

    files: int
    bytes: int
    left_out: tuple[str, ...]


def watch_observation(volume: Volume, catalogue: Catalogue, payload: PayloadPaths) -> tuple[Facts, frozenset[str]]:
    """Observe the volume; returns the facts and every path that was asked about on the way."""
    asked: set[str] = set()
    facts = observe_volume(volume, catalogue, ownership=True, payload=payload, asked=asked)
    return facts, frozenset(volume.canonical(path) for path in asked)


def copy_paths(source: Volume, target_root: Path, paths: Iterable[str], progress: Callable[[str, int, int], None]) -> ScratchCopy:
    """Copy these paths (those that exist) with the folders above them into the empty folder ``target_root``."""
    wanted = _with_folders_above(paths)
    target = Volume(target_root)
    files = 0
    size = 0
    left_out: list[str] = []
    try:
        for number, path in enumerate(wanted):
            progress("copy", number, len(wanted))
            entry = source.lstat(path)
            if entry is None or path == "/":
                continue
            metadata = Metadata(mode=entry.mode, uid=entry.uid, gid=entry.gid, mtime_ns=entry.mtime_ns)
            if entry.kind == "directory":
                target.make_directory(path, metadata)
            elif entry.kind == "link":
                target.make_symlink_atomic(path, entry.link or "", metadata)
            elif entry.kind == "file":
                with source.open_read(path) as stream:
                    target.write_file_atomic(path, stream, msgspec.structs.replace(metadata, xattrs=source.xattrs(path)))
                files += 1
                size += entry.size
            else:
                left_out.append(path)
        _set_folder_times(source, target, wanted)
    finally:
        target.close()
    return ScratchCopy(files=files, bytes=size, left_out=tuple(left_out))


def _with_folders_above(paths: Iterable[str]) -> list[str]:
    """The paths and all folders that lead to them, a folder before what is in it."""
    wanted: set[str] = set()
    for path in paths:
        parts = [part for part in path.split("/") if part]
        wanted.update("/" + "/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return sorted(wanted, key=lambda path: (path.count("/"), path))


def _set_folder_times(source: Volume, target: Volume, wanted: list[str]) -> None:
    """Filling a folder changed its time: put the original ones back, deepest first."""
    for path in reversed(wanted):
        entry = source.lstat(path)
        if entry is not None and entry.kind == "directory" and target.exists(path):
            with contextlib.suppress(PermissionError):
                target.set_metadata(path, Metadata(mtime_ns=entry.mtime_ns))
