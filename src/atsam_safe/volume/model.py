"""What a volume knows of one path, and the names of our temporary files: whoever finds one knows that a run of ours was killed there."""

from __future__ import annotations

import os
import re
from typing import Literal

import msgspec

# the second form: a file of restore.sh, which knows no better number than its process's
TEMPORARY_NAME = re.compile(r"\.atsam-safe-(?:[0-9a-f]{16}|restore-[0-9]{1,10})\.tmp\Z")

# macOS: immutable or append-only, set by a user (« Locked » in the Finder, « chflags uchg ») or by root. Not even root changes such a file.
LOCKED_FLAGS = 0x2 | 0x4 | 0x20000 | 0x40000
EntryKind = Literal["file", "directory", "link", "other"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One existing path, not followed when it is a link.

    ``path``: absolute inside the volume. ``mode``: permission bits including set-uid and sticky (07777); 0 for a link, whose bits mean
    nothing. ``size``: bytes, 0 for anything but a file. ``mtime_ns``, ``ctime_ns``: nanoseconds since 1970. ``link``: the link's target
    as it is written. ``other`` is a socket, FIFO or device; ``socket`` and ``fifo`` tell the harmless kinds apart.
    """

    path: str
    kind: EntryKind
    mode: int
    uid: int
    gid: int
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    link: str | None = None
    device: int = 0
    inode: int = 0
    links: int = 1
    flags: int = 0
    socket: bool = False
    fifo: bool = False


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What to set on a path; ``None`` leaves a field as it is.

    The owner is set only when running as root (nobody else may). ``xattrs`` is the complete wanted set: others are removed.
    """

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    mtime_ns: int | None = None
    xattrs: dict[str, bytes] | None = None


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """Room on the file system in bytes, and whether it is mounted writable."""

    free: int
    total: int
    writable: bool


def is_temporary(name: str) -> bool:
    """True for the name of a temporary file of ours: whatever a killed run left behind is known by it."""
    return TEMPORARY_NAME.match(name) is not None


def temporary_name() -> str:
    """A fresh name for a temporary file of ours."""
    # the system's randomness itself: the module ``secrets`` would load five others, and ``status`` must start fast
    return f".atsam-safe-{os.urandom(8).hex()}.tmp"
