"""The oracle's own eyes: a fingerprint of a whole volume, made without any code of the product."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

STATE_FOLDER = "Library/Application Support/atsam-safe"
# the folder that holds ours gets a new time when ours is made; its name and rights are still compared
HOLDER = "Library/Application Support"
SECOND = 1_000_000_000

# path → kind, rights, owner, group, time in seconds, content hash or link target, extended attributes
Entry = tuple[str, int, int, int, int, str, str]
Fingerprint = dict[str, Entry]


def fingerprint(root: Path) -> Fingerprint:
    """Every path of the volume outside the state folder. Times in whole seconds: what the stand-alone script can put back."""
    found: Fingerprint = {}
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if path == STATE_FOLDER:
                    continue
                found[path] = _entry(entry, path)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
    return found


def _entry(entry: os.DirEntry[str], path: str) -> Entry:
    status = entry.stat(follow_symlinks=False)
    rights = stat.S_IMODE(status.st_mode)
    seconds = 0 if path == HOLDER else status.st_mtime_ns // SECOND
    if stat.S_ISLNK(status.st_mode):
        return "link", 0, status.st_uid, status.st_gid, seconds, os.readlink(entry.path), ""  # noqa: PTH115 - asked a million times
    if stat.S_ISDIR(status.st_mode):
        return "folder", rights, status.st_uid, status.st_gid, seconds, "", _attributes(entry.path)
    if stat.S_ISREG(status.st_mode):
        with open(entry.path, "rb", buffering=0) as stream:  # noqa: PTH123 - as above
            digest = hashlib.sha256(stream.readall()).hexdigest()
        return "file", rights, status.st_uid, status.st_gid, seconds, digest, _attributes(entry.path)
    return "other", rights, status.st_uid, status.st_gid, seconds, "", ""


def _attributes(path: str) -> str:
    try:
        names = sorted(os.listxattr(path, follow_symlinks=False))
        return ";".join(f"{name}={os.getxattr(path, name, follow_symlinks=False).hex()}" for name in names if name.startswith("user."))
    except OSError:
        return ""


def digest(found: Fingerprint) -> str:
    """One line for a whole fingerprint."""
    return hashlib.sha256(repr(sorted(found.items())).encode("utf-8", "surrogateescape")).hexdigest()


def differences(one: Fingerprint, other: Fingerprint) -> tuple[str, ...]:
    """The paths at which two states differ, sorted."""
    return tuple(sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path)))


class Expected:
    """A state that is reached by a run: ``samples`` of it made at different seconds say what depends on the moment, by observation.

    Nothing is listed by hand: a field that is the same in both samples must be the same in every run.
    """

    def __init__(self, samples: tuple[Fingerprint, Fingerprint]) -> None:
        first, second = samples
        if first.keys() != second.keys():
            raise ValueError(differences(first, second))
        self._fixed = {path: self._mask(first[path], second[path]) for path in first}
        self.moving = tuple(path for path, mask in self._fixed.items() if None in mask)

    @staticmethod
    def _mask(one: Entry, other: Entry) -> tuple[object, ...]:
        return tuple(left if left == right else None for left, right in zip(one, other, strict=True))

    def differences(self, found: Fingerprint) -> tuple[str, ...]:
        """The paths at which ``found`` is not this state."""
        wrong = set(found.keys() ^ self._fixed.keys())
        for path in found.keys() & self._fixed.keys():
            fixed = self._fixed[path]
            if any(wanted is not None and wanted != seen for wanted, seen in zip(fixed, found[path], strict=True)):
                wrong.add(path)
        return tuple(sorted(wrong))
