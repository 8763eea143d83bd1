"""Configuration that outlives a change: a private copy is taken before anything is touched, and put back byte for byte afterwards.

The vendors' own programs take it along, or write another, on every system: what a person has set up (which readers, on which ports) is in
no package. Content alone decides whether there is anything to do.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.volume.metadata import read_xattrs
from atsam_safe.volume.model import Metadata
from atsam_safe.words.model import Problem, RefusedError, WorkstationError

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.plan.model import RestoreConfig
    from atsam_safe.volume.volume import Volume

MAX_CONFIG_BYTES: Final = 1 << 20


class KeptConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration file as it was before the run, with its content beside this record.

    ``xattrs``: name → value in hex; on Windows access lists and attributes (« hidden ») are among them. ``None``: not to be set.
    """

    path: str
    sha256: str
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    xattrs: dict[str, str] | None = None


def config_file(staging: Path, path: str) -> Path:
    """Where the content of a kept configuration file lies; its record has the suffix ``.json``."""
    return staging / f"config-{hashlib.sha256(path.encode()).hexdigest()[:16]}"


def stage_config(volume: Volume, step: RestoreConfig, staging: Path, *, xattrs: bool = False) -> None:
    """Take the copy. Raises ``RefusedError`` (``run.changed-meanwhile``) when the file is no longer what the plan was made for."""
    entry = volume.lstat(step.path)
    data = volume.read_bytes(step.path, MAX_CONFIG_BYTES) if entry is not None and entry.kind == "file" else b""
    if entry is None or hashlib.sha256(data).hexdigest() != step.sha256:
        raise RefusedError(Problem(ref="run.changed-meanwhile", evidence={"path": step.path}))
    kept = KeptConfig(
        path=step.path,
        sha256=step.sha256,
        mode=entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        mtime_ns=entry.mtime_ns,
        xattrs=_xattrs_of(volume, step.path) if xattrs else None,
    )
    place = config_file(staging, step.path)
    place.write_bytes(data)
    place.with_suffix(".json").write_bytes(msgspec.json.encode(kept))


def _xattrs_of(volume: Volume, path: str) -> dict[str, str]:
    with volume.open_read(path) as stream:
        return {name: value.hex() for name, value in read_xattrs(stream.fileno()).items()}


def read_config(staging: Path, step: RestoreConfig) -> tuple[KeptConfig, bytes]:
    """The kept configuration. Raises ``workstation.not-staged``."""
    place = config_file(staging, step.path)
    try:
        data = place.read_bytes()
        kept = msgspec.json.decode(place.with_suffix(".json").read_bytes(), type=KeptConfig)
    except (OSError, msgspec.MsgspecError) as error:
        raise not_staged(step.path, type(error).__name__) from error
    if kept.path != step.path or hashlib.sha256(data).hexdigest() != step.sha256:
        raise not_staged(step.path, "changed")
    return kept, data


def restore_config(volume: Volume, step: RestoreConfig, staging: Path) -> bool:
    """Content as it was, byte for byte; false when it is. Rights are left as the vendor's program set them, unless it removed the file."""
    kept, data = read_config(staging, step)
    now = volume.lstat(step.path)
    if now is not None and now.kind == "file" and now.size == len(data) and volume.read_bytes(step.path, len(data) + 1) == data:
        return False
    same = now is not None and now.kind == "file"
    metadata = Metadata(
        mode=now.mode if now is not None and same else kept.mode,
        uid=now.uid if now is not None and same else kept.uid,
        gid=now.gid if now is not None and same else kept.gid,
        mtime_ns=kept.mtime_ns,
        xattrs=None if kept.xattrs is None else {name: bytes.fromhex(value) for name, value in kept.xattrs.items()},
    )
    volume.make_directories(step.path.rpartition("/")[0] or step.path.rpartition("\\")[0], Metadata(mode=0o755, uid=0, gid=0))
    volume.write_file_atomic(step.path, data, metadata)
    return True


def not_staged(path: str, detail: str) -> WorkstationError:
    """What should have been brought in before anything was touched is not there, or is something else."""
    params = {"identifier": path, "detail": detail}
    return WorkstationError(Problem(ref="workstation.not-staged", params=params, evidence=dict(params)))
