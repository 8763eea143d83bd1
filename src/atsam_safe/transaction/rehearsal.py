"""Rehearsal: the same transaction, really executed, on a scratch copy of everything it would touch or look at.

Nothing of the workstation is written. What is copied: the plan's scope with its content, and of the rest only what the observation that
led to the plan had seen (system version, receipts, the catalogue's paths): never a private path, for it is in neither.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from atsam_safe.plan.model import Plan, ScopeEntry
from atsam_safe.snapshot.model import no_progress
from atsam_safe.snapshot.scope import list_scope, sort_key
from atsam_safe.snapshot.state import open_state
from atsam_safe.transaction.executor import run_transaction
from atsam_safe.transaction.model import RunOptions, TransactionResult, VerificationOutcome
from atsam_safe.volume.errors import is_ref, refused
from atsam_safe.volume.model import Metadata
from atsam_safe.volume.scratch_folder import scratch_folder
from atsam_safe.volume.volume import Volume
from atsam_safe.words.model import WorkstationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from atsam_safe.facts.model import Facts
    from atsam_safe.snapshot.model import Progress
    from atsam_safe.volume.model import Entry
    from atsam_safe.workstation.port import OpenedPackages, Workstation

SYSTEM_PATHS = (
    ScopeEntry(path="/System/Library/CoreServices/SystemVersion.plist", kind="file"),
    ScopeEntry(path="/Library/Receipts", kind="tree"),
    ScopeEntry(path="/private/var/db/receipts", kind="tree"),
)
UNPRIVILEGED_BITS = 0o700
SCRATCH_PREFIX = "atsam-safe-rehearsal-"


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """How it went. ``seconds`` is the transaction's own time, ``copy_seconds`` that of the copy made only to rehearse.

    ``bytes_needed``: most room the real run will take: snapshot, reserve for the way back, and what is installed.
    """

    transaction: TransactionResult
    seconds: float
    copy_seconds: float
    files_copied: int
    bytes_copied: int
    bytes_kept: int
    bytes_needed: int


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """Size of a scratch copy."""

    files: int
    bytes: int


def paths_to_copy(plan: Plan, facts: Facts) -> tuple[ScopeEntry, ...]:
    """What a scratch workstation needs: the plan's scope whole, and each single path the observation saw."""
    seen: dict[str, ScopeEntry] = {entry.path: entry for entry in (*SYSTEM_PATHS, *plan.scope)}
    single = [fact.path for fact in facts.paths]
    single.extend(fact.path for fact in facts.configs)
    single.extend(fact.path for fact in facts.services)
    single.extend(home.path for home in facts.homes)
    for path in single:
        seen.setdefault(path, ScopeEntry(path=path, kind="file"))
    return tuple(seen.values())


def copy_to_scratch(source: Volume, target: Volume, wanted: Iterable[ScopeEntry], progress: Progress = no_progress) -> Copied:
    """Copy the wanted paths with their metadata, and the folders above them. Links are copied as links, special files left out."""
    listed = list_scope(source, wanted)
    entries: dict[str, Entry] = {path: entry for path, entry in listed.items() if entry is not None and entry.kind != "other"}
    total = sum(entry.size for entry in entries.values())
    if target.free_space() < total:
        raise refused("volume.no-space", "/", error="ENOSPC")
    files = 0
    done = 0
    for path in sorted(entries, key=sort_key):
        entry = entries[path]
        _copy_above(source, target, path)
        files += _copy_one(source, target, path, entry)
        done += entry.size
        progress("copy", done, total)
    for path in sorted(entries, key=sort_key, reverse=True):
        if entries[path].kind == "directory":
            target.set_metadata(path, _metadata(source, path, entries[path]))
    return Copied(files=files, bytes=done)


def _metadata(source: Volume, path: str, entry: Entry) -> Metadata:
    xattrs = source.xattrs(path) if entry.kind in {"file", "directory"} else None
    return Metadata(mode=entry.mode, uid=entry.uid, gid=entry.gid, mtime_ns=entry.mtime_ns, xattrs=xattrs)


def _copy_above(source: Volume, target: Volume, path: str) -> None:
    parts = path.split("/")[1:-1]
    for depth in range(1, len(parts) + 1):
        above = "/" + "/".join(parts[:depth])
        entry = source.lstat(above)
        if entry is None or entry.kind != "directory":
            raise refused("volume.missing", above)
        target.make_directory(above, Metadata(mode=entry.mode | UNPRIVILEGED_BITS, uid=entry.uid, gid=entry.gid))


def _copy_one(source: Volume, target: Volume, path: str, entry: Entry) -> int:
    if entry.kind == "directory":
        target.make_directory(path, Metadata(mode=UNPRIVILEGED_BITS))
        return 0
    if entry.kind == "link":
        target.make_symlink_atomic(path, entry.link or "", Metadata(uid=entry.uid, gid=entry.gid, mtime_ns=entry.mtime_ns))
        return 0
    try:
        with source.open_read(path) as stream:
            target.write_file_atomic(path, stream, _metadata(source, path, entry))
    except WorkstationError as error:
        if is_ref(error, "volume.missing"):
            return 0  # gone since it was listed: the rehearsal sees what a run starting now would see
        raise
    return 1


def rehearse(  # noqa: PLR0913 - two worlds: the one looked at and the one worked on
    plan: Plan,
    facts: Facts,
    *,
    volume: Volume,
    packages: OpenedPackages,
    open_workstation: Callable[[Path], Workstation],
    verification: Callable[[Workstation], VerificationOutcome],
    options: RunOptions = RunOptions(),  # noqa: B008 - a frozen value
    scratch: Path | None = None,
    progress: Progress = no_progress,
) -> Rehearsal:
    """Carry out ``plan`` on a scratch copy through the same code as a real run, measure, and throw the copy away.

    ``open_workstation`` makes the adapter for the scratch volume; ``verification`` is asked with it. ``scratch``: the folder in which the
    copy is made (default: the system's folder for temporary files). The copy needs no privileges: without root it keeps no owners.
    Raises what ``run_transaction`` raises, and ``volume.no-space`` when the copy does not fit.
    """
    with scratch_folder(SCRATCH_PREFIX, scratch) as folder:
        root = folder / "volume"
        root.mkdir(mode=0o755)
        started = time.monotonic()
        with Volume(root) as target:
            copied = copy_to_scratch(volume, target, paths_to_copy(plan, facts), progress)
        copy_seconds = time.monotonic() - started
        workstation = open_workstation(root)
        with open_state(root) as state:
            started = time.monotonic()
            result = run_transaction(
                plan,
                workstation=workstation,
                packages=packages,
                state=state,
                verification=lambda: verification(workstation),
                options=options,
                progress=progress,
            )
            seconds = time.monotonic() - started
            kept = sum(entry.size for entry in state.files.walk("/objects") if entry.kind == "file")
    return Rehearsal(
        transaction=result,
        seconds=round(seconds, 3),
        copy_seconds=round(copy_seconds, 3),
        files_copied=copied.files,
        bytes_copied=copied.bytes,
        bytes_kept=kept,
        bytes_needed=kept + result.bytes_reserved + plan.bytes_to_write,
    )
