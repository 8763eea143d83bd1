"""The content-addressed store of kept states."""

from __future__ import annotations

from atsam_safe.snapshot.model import CheckReport, KeepPolicy, Manifest, PruneReport, RestoreReport, Snapshot
from atsam_safe.snapshot.scope import scope_digest
from atsam_safe.snapshot.state import StateFolder, open_state
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.volume.state_place import default_state_path

__all__ = [
    "CheckReport",
    "KeepPolicy",
    "Manifest",
    "PruneReport",
    "RestoreReport",
    "Snapshot",
    "SnapshotStore",
    "StateFolder",
    "default_state_path",
    "open_state",
    "scope_digest",
]
