"""The part of a snapshot that is not files of the volume: ``snapshots/ID/system/``, written by the workstation's adapter, sealed here.

``SHA256SUMS`` names every file beside it, in the form ``shasum -c`` reads. What is not sealed is not used: a way back on damaged knowledge
could start the wrong job or open a right.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from atsam_safe.snapshot.manifest import snapshot_folder
from atsam_safe.volume.errors import failure, printable
from atsam_safe.volume.model import Metadata
from atsam_safe.words.model import AtsamSafeError, Problem, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.snapshot.state import StateFolder

SYSTEM: Final = "system"
SUMS: Final = "SHA256SUMS"
SUMS_LIMIT: Final = 1 << 20
CHUNK: Final = 1 << 20
MAXIMUM_FILES: Final = 1000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._{}-]{0,127}\Z")
_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S+)\Z")


class BeyondDamagedError(RefusedError):
    """What a snapshot keeps beside the files cannot be trusted."""


def system_folder(identifier: str) -> str:
    """The folder inside the state folder."""
    return f"{snapshot_folder(identifier)}/{SYSTEM}"


def write(state: StateFolder, folder: str, capture: Callable[[Path], None]) -> None:
    """Let ``capture`` fill ``folder`` (inside a pending snapshot) and seal it; an empty one is removed again."""
    files = state.files
    files.make_directory(folder, Metadata(mode=0o700))
    try:
        capture(state.path / folder.lstrip("/"))
    except OSError as error:
        raise failure(error, folder) from error
    names = files.list_directory(folder)
    if not names:
        files.remove_empty_directory(folder)
        return
    lines = []
    for name in sorted(names):
        entry = files.lstat(f"{folder}/{name}")
        if _NAME.match(name) is None or entry is None or entry.kind != "file" or len(names) > MAXIMUM_FILES:
            raise _damaged(folder, name)
        files.set_metadata(f"{folder}/{name}", Metadata(mode=0o600))
        lines.append(f"{_hash(state, folder, name)}  {name}\n")
    files.write_file_atomic(f"{folder}/{SUMS}", "".join(lines).encode("ascii"), Metadata(mode=0o600))


def sealed(state: StateFolder, identifier: str) -> Path | None:
    """The verified folder of one snapshot; ``None`` when it keeps nothing but files. Raises ``BeyondDamagedError``."""
    folder = system_folder(identifier)
    if not state.files.exists(folder):
        return None
    _verify(state, folder)
    return state.path / folder.lstrip("/")


def fault(state: StateFolder, identifier: str) -> Problem | None:
    """What is wrong with the sealed part of one snapshot, for a check of the store."""
    try:
        sealed(state, identifier)
    except AtsamSafeError as error:
        return error.problems[0]
    return None


def members(state: StateFolder, identifier: str) -> tuple[str, ...]:
    """Names of the sealed files and their sums, for a copy; empty when there are none. Raises ``BeyondDamagedError``."""
    folder = system_folder(identifier)
    if not state.files.exists(folder):
        return ()
    return (*_verify(state, folder), SUMS)


def _verify(state: StateFolder, folder: str) -> tuple[str, ...]:
    files = state.files
    if not files.exists(f"{folder}/{SUMS}"):
        raise _damaged(folder, SUMS)
    sums: dict[str, str] = {}
    for line in files.read_bytes(f"{folder}/{SUMS}", SUMS_LIMIT).decode("ascii", "replace").splitlines():
        match = _LINE.match(line)
        if match is None or _NAME.match(match[2]) is None:
            raise _damaged(folder, SUMS)
        sums[match[2]] = match[1]
    present = set(files.list_directory(folder)) - {SUMS}
    if present != set(sums):
        raise _damaged(folder, min(present ^ set(sums)))
    for name, expected in sums.items():
        entry = files.lstat(f"{folder}/{name}")
        if entry is None or entry.kind != "file" or _hash(state, folder, name) != expected:
            raise _damaged(folder, name)
    return tuple(sorted(sums))


def _hash(state: StateFolder, folder: str, name: str) -> str:
    digest = hashlib.sha256()
    with state.files.open_read(f"{folder}/{name}") as stream:
        while piece := stream.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _damaged(folder: str, name: str) -> BeyondDamagedError:
    params = {"path": printable(f"{folder}/{name}")}
    return BeyondDamagedError(Problem(ref="snapshot.system-state-damaged", params=params, evidence=dict(params)))
