"""Carrying out one step of a plan on an offline macOS volume.

Every step may be carried out again after it stopped anywhere in the middle: what is already as wanted is left alone. All changes
go through ``Volume``, so no link is followed and nothing outside the volume is reached, whatever was put there meanwhile.
"""

from __future__ import annotations

from collections import deque
from itertools import groupby
from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.effects import owner_numbers
from atsam_safe.catalogue.system_folders import is_system_folder
from atsam_safe.packages.checksums import Cksum
from atsam_safe.plan.model import (
    ApplyEffect,
    ForgetReceipt,
    InstallPayload,
    RemovePath,
    RunInstaller,
    RunUninstaller,
    WriteReceipt,
)
from atsam_safe.volume.errors import is_ref
from atsam_safe.volume.model import Metadata
from atsam_safe.words.model import Problem, WorkstationError
from atsam_safe.workstation.receipts import OLD_RECEIPTS, RECEIPTS
from atsam_safe.workstation.staged import folder_of, new_folders, read_payload

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.plan.model import Step
    from atsam_safe.volume.volume import Volume
    from atsam_safe.workstation.staged import StagedEntry

DONE: Final = "done"
NOT_APPLICABLE: Final = "not-applicable"

# Set-uid and set-gid are never installed: no genuine component has them, and one that came to have them would run as root.
_FILE_BITS: Final = 0o0777
_FOLDER_BITS: Final = 0o1777
_DEFAULT_FOLDER: Final = Metadata(mode=0o755, uid=0, gid=0)
_DEFAULT_FILE_MODE: Final = 0o644
_CHUNK: Final = 1 << 20


def apply_step(volume: Volume, step: Step, staging: Path, notes: list[Problem]) -> str:
    """Carry out ``step``; ``done`` or ``not-applicable``. ``notes`` receives what a person should be told although nothing failed.

    Raises ``WorkstationError``.
    """
    if isinstance(step, RemovePath):
        _remove(volume, step)
    elif isinstance(step, ForgetReceipt):
        _forget(volume, step)
    elif isinstance(step, InstallPayload):
        _install(volume, step, staging)
    elif isinstance(step, ApplyEffect):
        _effect(volume, step, notes)
    elif isinstance(step, WriteReceipt):
        from atsam_safe.workstation.receipt_writer import write_receipt  # noqa: PLC0415 - needs plistlib, only installs do

        write_receipt(volume, step, folder_of(staging, step.package, step.part), notes)
    elif isinstance(step, RunInstaller | RunUninstaller):
        raise WorkstationError(Problem(ref="workstation.needs-live", params={"step": type(step).__name__}))
    else:
        # Services and processes: nothing runs on an offline volume.
        return NOT_APPLICABLE
    return DONE


def _remove(volume: Volume, step: RemovePath) -> None:
    if step.kind == "tree":
        _refuse_system_folder(volume, step.path)
        volume.remove_tree(step.path)
    elif step.kind == "directory":
        volume.remove_empty_directory(step.path)
    else:
        volume.remove_file(step.path)


def _refuse_system_folder(volume: Volume, path: str) -> None:
    """Whatever a catalogue or a plan says, « /Library » or a home is never removed or changed as a whole."""
    if is_system_folder(volume.canonical(path)):
        raise WorkstationError(Problem(ref="workstation.system-folder", params={"path": path}))


def _forget(volume: Volume, step: ForgetReceipt) -> None:
    """Remove a receipt's files, which lie in one of the two stores: a path elsewhere is a plan gone wrong, never obeyed."""
    for path in step.paths:
        folder = volume.canonical(path).rpartition("/")[0]
        if folder not in (RECEIPTS, OLD_RECEIPTS):
            raise WorkstationError(Problem(ref="workstation.not-a-receipt", params={"path": path}))
    for path in step.paths:
        volume.remove_tree(path)


# --- payload -----------------------------------------------------------------------------------------------------------------


def _install(volume: Volume, step: InstallPayload, staging: Path) -> None:
    folder = folder_of(staging, step.package, step.part)
    payload = read_payload(folder, step.identifier)
    preserved = {volume.canonical(path) for path in step.preserve}
    entries = sorted(payload.entries, key=lambda one: (one.kind != "directory", one.path.count("/"), one.path))
    new = new_folders(folder, lambda: [one.path for one in entries if one.kind == "directory" and not volume.exists(one.path)])
    made: set[str] = set()
    files: list[StagedEntry] = []
    for entry in entries:
        if entry.kind == "directory":
            _make_folder(volume, entry, made, is_new=entry.path in new)
        elif volume.canonical(entry.path) not in preserved or not volume.exists(entry.path):
            _make_parents(volume, entry.path, made)
            files.append(entry)
    for is_staged, several in groupby(files, key=lambda one: _is_staged(one, folder)):
        if is_staged:
            moves = ((one.staged_name or "", one.path, _metadata_of(one)) for one in several)
            deque(volume.place_files(folder, moves), maxlen=0)
        else:
            for one in several:
                _place_unstaged(volume, one)


def _make_folder(volume: Volume, entry: StagedEntry, made: set[str], *, is_new: bool) -> None:
    """A folder that was there keeps its mode and owner: it may be another product's too, as « /Library/Preferences » is."""
    _make_parents(volume, entry.path, made)
    metadata = Metadata(mode=entry.mode & _FOLDER_BITS, uid=entry.uid, gid=entry.gid)
    if not volume.make_directory(entry.path, metadata) and is_new:
        volume.set_metadata(entry.path, metadata)
    made.add(entry.path)


def _make_parents(volume: Volume, path: str, made: set[str]) -> None:
    parent = path.rpartition("/")[0]
    if parent and parent not in made:
        volume.make_directories(parent, _DEFAULT_FOLDER)
        made.add(parent)


def _metadata_of(entry: StagedEntry) -> Metadata:
    return Metadata(mode=entry.mode & _FILE_BITS, uid=entry.uid, gid=entry.gid, mtime_ns=entry.mtime * 1_000_000_000)


def _is_staged(entry: StagedEntry, folder: Path) -> bool:
    """False for a link, and for a file that was put in place before a stop."""
    return entry.kind == "file" and entry.staged_name is not None and (folder / entry.staged_name).is_file()


def _place_unstaged(volume: Volume, entry: StagedEntry) -> None:
    if entry.kind == "symlink":
        volume.make_symlink_atomic(entry.path, entry.link or "", _metadata_of(entry))
    elif _is_placed(volume, entry):
        volume.set_metadata(entry.path, _metadata_of(entry))
    else:
        raise WorkstationError(
            Problem(ref="workstation.not-staged", params={"identifier": entry.path, "detail": "missing"}, evidence={"path": entry.path}),
        )


def _is_placed(volume: Volume, entry: StagedEntry) -> bool:
    """True when the file at the entry's path has exactly the staged content: it was placed before the stop."""
    found = volume.lstat(entry.path)
    if found is None or found.kind != "file" or found.size != entry.size:
        return False
    checksum = Cksum()
    with volume.open_read(entry.path) as stream:
        while piece := stream.read(_CHUNK):
            checksum.update(piece)
    return checksum.value() == entry.checksum


# --- vetted effects ----------------------------------------------------------------------------------------------------------


def _effect(volume: Volume, step: ApplyEffect, notes: list[Problem]) -> None:
    mode = _mode_of(step)
    uid, gid = _owner_of(step)
    if step.kind != "write-file":
        _refuse_system_folder(volume, step.path)
    if step.kind == "remove":
        volume.remove_tree(step.path)
    elif step.kind == "mode":
        if mode is None:
            raise _unusable_mode(step)
        _set_mode(volume, step, Metadata(mode=mode, uid=uid, gid=gid), notes)
    elif step.kind == "create-directory":
        _make_parent_of(volume, step.path)
        volume.make_directory(step.path, _DEFAULT_FOLDER)
        # Also when it was there: the vendor's script sets the mode it wants either way.
        volume.set_metadata(step.path, Metadata(mode=mode, uid=uid, gid=gid))
    else:
        _make_parent_of(volume, step.path)
        metadata = Metadata(mode=_DEFAULT_FILE_MODE if mode is None else mode, uid=uid or 0, gid=gid or 0)
        volume.write_file_atomic(step.path, (step.content or "").encode("utf-8"), metadata)


def _make_parent_of(volume: Volume, path: str) -> None:
    volume.make_directories(path.rstrip("/").rpartition("/")[0] or "/", _DEFAULT_FOLDER)


def _set_mode(volume: Volume, step: ApplyEffect, wanted: Metadata, notes: list[Problem]) -> None:
    """As ``chmod`` and ``chown`` of the vendors' scripts, but a link is left alone, and so is what is not there.

    A file with other names is left alone as well, and told: anybody who may write into the folder could have given a file of the system
    a name there.
    """
    top = volume.lstat(step.path)
    if top is None:
        return
    for entry in volume.walk(step.path) if step.recursive else (top,):
        if entry.kind not in ("file", "directory"):
            continue
        try:
            volume.set_metadata(entry.path, wanted)
        except WorkstationError as error:
            if not is_ref(error, "volume.shared-file"):
                raise
            notes.append(Problem(ref="workstation.shared-file-kept", params=error.problems[0].params, evidence=error.problems[0].evidence))


def _owner_of(step: ApplyEffect) -> tuple[int | None, int | None]:
    """Numbers of ``user:group``; only names whose numbers are fixed on every macOS can be given to a volume that does not run."""
    if step.owner is None:
        return None, None
    numbers = owner_numbers(step.owner)
    if numbers is None:
        raise WorkstationError(Problem(ref="workstation.unusable-owner", params={"path": step.path, "owner": step.owner}))
    return numbers


def _mode_of(step: ApplyEffect) -> int | None:
    if step.mode is None:
        return None
    try:
        mode = int(step.mode, 8)
    except ValueError:
        raise _unusable_mode(step) from None
    if not 0 <= mode <= _FOLDER_BITS:
        raise _unusable_mode(step)
    return mode


def _unusable_mode(step: ApplyEffect) -> WorkstationError:
    return WorkstationError(Problem(ref="workstation.unusable-mode", params={"path": step.path, "mode": step.mode or ""}))
