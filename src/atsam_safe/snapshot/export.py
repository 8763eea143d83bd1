"""Taking one snapshot out of the store, whole and verified, as a folder or a tar file that ``restore.sh`` works from.

The copy has the layout of a store (``objects/``, ``snapshots/ID/``, ``latest``, ``format``), so at the default place of a volume it is one.
"""

from __future__ import annotations

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
from atsam_safe.volume.errors import failure, printable
from atsam_safe.volume.scratch_folder import scratch_folder
from atsam_safe.words.model import Problem, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.snapshot.model import Manifest
    from atsam_safe.snapshot.state import StateFolder

MODES = {"restore.sh": 0o700}


def _members(state: StateFolder, manifest: Manifest) -> Iterator[tuple[str, int, BinaryIO]]:
    """Every file of the copy: relative name, size, content."""
    format_line = b"atsam-safe state %d\n" % STATE_FORMAT
    pointer = f"{manifest.id}\n".encode("ascii")
    yield "format", len(format_line), io.BytesIO(format_line)
    yield "latest", len(pointer), io.BytesIO(pointer)
    if RUN_ID.match(manifest.run_id):
        # where the copy is used as a store, its run is one that ended, not one whose journal is missing
        yield f"history/{manifest.run_id}.log", 0, io.BytesIO(b"")
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
        raise RefusedError(Problem(ref="snapshot.export-exists", params={"path": printable(str(destination))}))
    try:
        # beside its place, so that it appears whole and at once; what a killed export left there is removed
        with scratch_folder(f".{destination.name}.pending-", destination.parent) as folder:
            pending = folder / "copy"
            if destination.suffix == ".tar":
                _write_tar(state, manifest, pending)
            else:
                _write_folder(state, manifest, pending)
            pending.rename(destination)
    except OSError as error:
        raise failure(error, str(destination)) from error
    return destination


def _write_tar(state: StateFolder, manifest: Manifest, place: Path) -> None:
    fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as stream:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for name, size, content in _members(state, manifest):
                member = tarfile.TarInfo(f"{manifest.id}/{name}")
                member.size = size
                member.mode = MODES.get(Path(name).name, 0o600)
                member.mtime = manifest.created_seconds
                archive.addfile(member, content)
        stream.flush()
        os.fsync(stream.fileno())


def _write_folder(state: StateFolder, manifest: Manifest, place: Path) -> None:
    place.mkdir(mode=0o700)
    for folder in FOLDERS:
        (place / folder).mkdir(mode=0o700)
    for name, _, content in _members(state, manifest):
        target = place / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODES.get(target.name, 0o600))
        with os.fdopen(fd, "wb") as stream:
            shutil.copyfileobj(content, stream, 1 << 20)
            stream.flush()
            os.fsync(stream.fileno())
