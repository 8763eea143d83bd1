"""A filled volume with an opened store of snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.snapshot import SnapshotStore, open_state, scope_digest
from atsam_safe.snapshot.objects import object_path
from atsam_safe.volume import Volume
from lab.scopes import SCOPE, fill

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.plan.model import ScopeEntry
    from atsam_safe.snapshot.model import Snapshot
    from atsam_safe.snapshot.state import StateFolder


class Bench:
    """A filled volume with an opened store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        fill(root)
        self.volume = Volume(root)
        self.state: StateFolder = open_state(root)
        self.store = SnapshotStore(self.state)

    def keep(self, scope: tuple[ScopeEntry, ...] = SCOPE) -> Snapshot:
        return self.store.create(self.volume, scope, label="before", run_id="run", reason="test")

    def digest(self) -> str:
        return scope_digest(self.volume, SCOPE)

    def object_of(self, snapshot: Snapshot, path: str) -> Path:
        state = next(item for item in self.store.manifest(snapshot.id).paths if item.path == path)
        return self.state.path / object_path(state.sha256 or "")[1:]

    def refs(self) -> set[str]:
        return {problem.ref for problem in self.store.check().problems}
