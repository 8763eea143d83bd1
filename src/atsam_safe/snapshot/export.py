"""Taking one snapshot out of the store, whole and verified, as a folder or a tar file that ``restore.sh`` works from.

The copy has the layout of a store (``objects/``, ``snapshots/ID/``, ``latest``, ``format``), so at the default place of a volume it is one.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from atsam_safe.snapshot import batch, beyond, powershell
from atsam_safe.snapshot.check import require_restorable, sizes_needed
from atsam_safe.snapshot.manifest import MANIFEST_LIMIT, RUN_ID, snapshot_folder
from atsam_safe.snapshot.objects import object_path
from atsam_safe.snapshot.state import FOLDERS, STATE_FORMAT
from atsam_safe.volume import primitives
from atsam_safe.volume.errors import failure, printable
from atsam_safe.volume.scratch_folder import open_scratch_folder
from atsam_safe.words.model import Problem, RefusedError, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atsam_safe.snapshot.model import Manifest
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.volume.scratch_folder import Scratch

MODES = {"restore.sh": 0o700}
COPY = "copy"


def _members(state: StateFolder, manifest: Manifest) -> Iterator[tuple[str, int, BinaryIO]]:
    """Every file of the copy: relative name, size, content."""
    format_line = b"atsam-safe state %d\n" % STATE_FORMAT
    pointer = f"{manifest.id}\n".encode("ascii")
    yield "format", len(format_line), io.BytesIO(format_line)
    yield "latest", len(pointer), io.BytesIO(pointer)
    if RUN_ID.match(manifest.run_id):
        # where the copy is used as a store, its run is one that ended, as it ended, and not one whose journal is missing
        history = f"history/{manifest.run_id}.log"
        records = b""
        with contextlib.suppress(WorkstationError):  # the way back does not hang on it
            if state.files.exists(f"/{history}"):
                records = state.files.read_bytes(f"/{history}", MANIFEST_LIMIT)
        yield history, len(records), io.BytesIO(records)
    folder = snapshot_folder(manifest.id)
    names = ["manifest.json", "restore.sh"]
    names += [name for name in (powershell.NAME, batch.NAME) if state.files.exists(f"{folder}/{name}")]
    for name in names:
        content = state.files.read_bytes(f"{folder}/{name}", MANIFEST_LIMIT)
        yield f"{folder[1:]}/{name}", len(content), io.BytesIO(content)
    for name in beyond.members(state, manifest.id):
        inside = f"{beyond.system_folder(manifest.id)}/{name}"
        entry = state.files.lstat(inside)
        with state.files.open_read(inside) as stream:
            yield inside[1:], 0 if entry is None else entry.size, stream
    for sha256, size in sorted(sizes_needed([manifest]).items()):
        path = object_path(sha256)
        with state.files.open_read(path) as stream:
            yield path[1:], size, stream


def export(state: StateFolder, manifest: Manifest, destination: Path) -> Path:
    """Write the copy to ``destination``: a tar file when its name ends in ``.tar``, a new folder otherwise. Never overwrites.

    Raises ``snapshot.not-restorable`` when any content is damaged, ``snapshot.export-exists`` when something is there already.
    """
    require_restorable(state, manifest)
    if os.path.lexists(destination):
        raise _exists(destination)
    try:
        # beside its place, so that it appears whole and at once; what a killed export left there is removed
        with open_scratch_folder(f".{destination.name}.pending-", destination.parent) as scratch:
            if destination.suffix == ".tar":
                _write_tar(state, manifest, scratch.fd)
            else:
                _write_folder(state, manifest, scratch.fd)
            _put_in_place(scratch, destination)
    except OSError as error:
        raise failure(error, str(destination)) from error
    return destination


def _exists(destination: Path) -> RefusedError:
    return RefusedError(Problem(ref="snapshot.export-exists", params={"path": printable(str(destination))}))


def _put_in_place(scratch: Scratch, destination: Path) -> None:
    """Give the copy its name, for good; when the disk does not confirm it, it is taken back and goes with the scratch folder."""
    with contextlib.suppress(FileNotFoundError):
        primitives.lstat(destination.name, scratch.above)
        raise _exists(destination)
    primitives.rename(COPY, scratch.fd, destination.name, scratch.above)
    try:
        primitives.sync_file(scratch.above)
    except OSError:
        with contextlib.suppress(OSError):
            primitives.rename(destination.name, scratch.above, COPY, scratch.fd)
        raise


@contextlib.contextmanager
def _new_file(name: str, mode: int, folder: int) -> Iterator[BinaryIO]:
    """A new file to write to, on stable storage after the block."""
    fd = primitives.create_file(name, mode, folder)
    try:
        with os.fdopen(fd, "wb", closefd=False) as stream:
            yield stream
        primitives.sync_file(fd)
    finally:
        primitives.close(fd)


@contextlib.contextmanager
def _folder(parts: Sequence[str], top: int) -> Iterator[int]:
    """The folder below ``top``, made as far as it is not there, opened name by name."""
    with contextlib.ExitStack() as opened:
        fd = top
        for part in parts:
            with contextlib.suppress(FileExistsError):
                primitives.make_directory(part, 0o700, fd)
            fd = primitives.open_directory(part, fd)
            opened.callback(primitives.close, fd)
        yield fd


def _write_tar(state: StateFolder, manifest: Manifest, top: int) -> None:
    with _new_file(COPY, 0o600, top) as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        for name, size, content in _members(state, manifest):
            member = tarfile.TarInfo(f"{manifest.id}/{name}")
            member.size = size
            member.mode = MODES.get(Path(name).name, 0o600)
            member.mtime = manifest.created_seconds
            archive.addfile(member, content)


def _write_folder(state: StateFolder, manifest: Manifest, top: int) -> None:
    """Below ``top``, by descriptors alone: the folder may lie where somebody else can rename it, and put a link in its place."""
    made: set[tuple[str, ...]] = {(COPY,), *((COPY, folder) for folder in FOLDERS)}
    for parts in sorted(made):
        with _folder(parts, top):
            pass
    for path, _, content in _members(state, manifest):
        *folders, name = COPY, *path.split("/")
        made.update(tuple(folders[:depth]) for depth in range(1, len(folders) + 1))
        with _folder(folders, top) as folder, _new_file(name, MODES.get(name, 0o600), folder) as stream:
            shutil.copyfileobj(content, stream, 1 << 20)
    for parts in sorted(made, reverse=True):
        with _folder(parts, top) as folder:
            primitives.sync_file(folder)
