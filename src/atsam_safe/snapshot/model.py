"""The snapshot's values: what is recorded of one path, the manifest, and what the store says about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from atsam_safe.plan.model import ScopeEntry
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    Progress = Callable[[str, int, int], None]

MANIFEST_FORMAT = 1
StateKind = Literal["absent", "file", "directory", "link", "other"]
KeptBecause = Literal["first", "latest", "unfinished", "young", "found"]
"""Why a pruning leaves a snapshot that its policy does not count."""


def no_progress(name: str, done: int, total: int) -> None:
    """Tell nobody."""


def as_phase(progress: Progress, phase: str) -> Progress:
    """``progress`` with its own name for what somebody else tells: one look before a change is no proof after it."""

    def tell(_name: str, done: int, total: int) -> None:
        progress(phase, done, total)

    return tell


class PathState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole state of one path. ``absent`` is a state too: a restore removes what was not there.

    ``mtime_ns``: nanoseconds since 1970 (compared in whole seconds). ``xattrs``: name → value in hex. ``sha256``: of a file's content.
    """

    path: str
    kind: StateKind
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    size: int = 0
    sha256: str | None = None
    link: str | None = None
    xattrs: dict[str, str] = {}


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a restore needs, besides the objects.

    ``sequence`` orders snapshots whatever the clock said. ``digest`` is the scope digest of the state recorded here. ``ancestors`` are
    the folders above the scope: made again when missing, removed when they were absent and are empty; never changed otherwise.
    ``important``: the state before the very first change of this workstation; kept by every retention rule.
    """

    format: int
    id: str
    sequence: int
    label: str
    reason: str
    run_id: str
    created_at: str
    created_seconds: int
    program: str
    made_for: str
    important: bool
    digest: str
    files: int
    bytes: int
    script_sha256: str
    scope: tuple[ScopeEntry, ...]
    ancestors: tuple[PathState, ...]
    paths: tuple[PathState, ...]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot as it is listed. ``place``: its folder on this machine. ``bytes``: content in scope, before de-duplication."""

    id: str
    sequence: int
    label: str
    reason: str
    run_id: str
    created_at: str
    digest: str
    files: int
    bytes: int
    important: bool
    place: str


class RestoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore did. ``proven``: the digest read back from the disk equals the snapshot's; ``differences`` names paths otherwise.

    ``company``: what others have put into folders that had not been there; those folders stay and are left out of the proof.
    ``unconfirmed``: why the disk did not confirm what was written; the proof is of what it shows, and a power cut may still undo it.
    """

    snapshot: str
    changed: int
    digest: str
    proven: bool
    differences: tuple[str, ...] = ()
    company: tuple[str, ...] = ()
    unconfirmed: tuple[Problem, ...] = ()


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the store. ``restorable`` and ``broken`` are snapshot ids; ``problems`` names each fault found."""

    snapshots: int
    objects: int
    bytes: int
    restorable: tuple[str, ...]
    broken: tuple[str, ...]
    problems: tuple[Problem, ...]


class KeepPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What ``prune`` keeps: the newest ``count``, and everything younger than ``days``.

    The last one, the important ones and whatever an interrupted run names are always kept. ``minimum_free``: with at least this many
    bytes free nothing is removed at all.
    """

    count: int = 10
    days: int = 0
    minimum_free: int | None = None


class KeptBeyond(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot that stays although the policy does not count it."""

    id: str
    because: KeptBecause


class PruneReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``prune`` removed and kept, and the bytes it freed.

    ``kept_beyond``: those of the kept ones that the policy does not count, and why each stays. ``problems``: why some of what the
    removed ones held is still there. ``signal``: one that came while they were removed.
    """

    removed: tuple[str, ...]
    kept: tuple[str, ...]
    objects_removed: int
    bytes_freed: int
    kept_beyond: tuple[KeptBeyond, ...] = ()
    problems: tuple[Problem, ...] = ()
    signal: int | None = None
