"""The snapshot store. Order of writing: objects → one barrier → manifest and script → barrier → pointer.

Invariants:

- a manifest MUST only name objects that were on stable storage before it was written;
- the pointer ``latest`` MUST only name a snapshot whose manifest was on stable storage before;
- it MUST name the snapshot of a run, on stable storage, before the first step of that run, and not before the run's journal does;
- an object MUST NOT be removed while any readable manifest names it, nor while any manifest is unreadable;
- a snapshot named by the journal of an unfinished run MUST NOT be removed;
- whoever changes the store MUST hold the workstation's lock (``transaction.lock``).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from atsam_safe import __version__
from atsam_safe.snapshot import batch, beyond, powershell
from atsam_safe.snapshot import manifest as manifests
from atsam_safe.snapshot.check import StoreCheck, require_restorable
from atsam_safe.snapshot.export import export
from atsam_safe.snapshot.keeping import unkeepable
from atsam_safe.snapshot.model import MANIFEST_FORMAT, Manifest, PathState, RestoreReport, Snapshot, no_progress
from atsam_safe.snapshot.objects import ObjectStore
from atsam_safe.snapshot.parallel import in_parallel
from atsam_safe.snapshot.prune import Pruning
from atsam_safe.snapshot.restore import Restoration
from atsam_safe.snapshot.scope import (
    FileChangedError,
    digest_of,
    list_scope,
    read_state,
    size_of_listed,
    sort_key,
    state_of,
    steady,
)
from atsam_safe.snapshot.script import render_script
from atsam_safe.volume import primitives
from atsam_safe.volume.errors import is_ref, is_refusal, printable
from atsam_safe.volume.model import Metadata, is_temporary
from atsam_safe.words.model import Problem, RefusedError, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from atsam_safe.plan.model import ScopeEntry
    from atsam_safe.snapshot.model import CheckReport, KeepPolicy, Progress, PruneReport
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.volume.model import Entry
    from atsam_safe.volume.volume import Volume

LATEST_LIMIT = 128
NAMED = 20
MAXIMUM_SNAPSHOTS = 100_000
SCRIPT_METADATA = Metadata(mode=0o700)
FILE_METADATA = Metadata(mode=0o600)


class SnapshotStore:
    """The store of one state folder."""

    def __init__(self, state: StateFolder) -> None:
        self.state = state
        self._files = state.files

    # --- reading --------------------------------------------------------------------------------------------------------------------

    def identifiers(self) -> tuple[str, ...]:
        """Ids of the snapshots in the store, oldest first (readable or not)."""
        names = self._files.list_directory("/snapshots")
        return tuple(sorted(name for name in names if manifests.SNAPSHOT_ID.match(name)))

    def list(self) -> tuple[Snapshot, ...]:
        """The readable snapshots, oldest first. Unreadable ones are found by ``check``."""
        found: list[Snapshot] = []
        for identifier in self.identifiers():
            try:
                found.append(self.show(identifier))
            except manifests.ManifestError:
                continue
        return tuple(sorted(found, key=lambda item: item.sequence))

    def damaged(self) -> dict[str, Problem]:
        """Id → fault of the snapshots whose list of files cannot be used, oldest first. One that ``latest`` names and is gone counts."""
        found: dict[str, Problem] = {}
        present = self.identifiers()
        latest = self.latest()
        for identifier in present if latest is None or latest in present else (*present, latest):
            try:
                self.manifest(identifier)
            except manifests.ManifestError as error:
                found[identifier] = error.problems[0]
        return found

    def manifest(self, identifier: str) -> Manifest:
        """The verified manifest of one snapshot. Raises ``ManifestError``."""
        return manifests.load(self.state, identifier)

    def show(self, identifier: str) -> Snapshot:
        """One snapshot. Raises ``ManifestError``."""
        return manifests.summary(self.state, self.manifest(identifier))

    def latest(self) -> str | None:
        """Id of the last committed snapshot; ``None`` when there is none.

        A pointer that is gone or says nonsense could be written anew from what it points into (``clear_leftovers`` does): the last whole
        snapshot. ``check`` tells of it.
        """
        return self._pointer() or self._last_whole()

    def _pointer(self) -> str | None:
        """What ``latest`` says; ``None`` for nonsense, and where it is not there."""
        try:
            text = self._files.read_bytes("/latest", LATEST_LIMIT).decode("ascii", "replace").strip()
        except WorkstationError as error:
            if is_refusal(error):
                raise  # what could not be read is not nonsense: the pointer may be whole
            return None
        return text if manifests.SNAPSHOT_ID.match(text) is not None else None

    def _last_whole(self) -> str | None:
        for identifier in reversed(self._before_runs()):
            try:
                return self.manifest(identifier).id
            except manifests.ManifestUnreadableError:
                raise  # it may be the last whole one
            except manifests.ManifestError:
                continue
        return None

    def found(self, run: str) -> tuple[Manifest, ...]:
        """What recoveries of ``run`` found and kept, oldest first; unusable ones are left out."""
        kept: list[Manifest] = []
        for identifier in self.identifiers():
            if manifests.origin(self.state, identifier) == (run, manifests.FOUND):
                with contextlib.suppress(manifests.ManifestError):
                    kept.append(self.manifest(identifier))
        return tuple(kept)

    def _before_runs(self) -> tuple[str, ...]:
        """Ids of the snapshots that were taken before a run; what a recovery found is none of them.

        One that does not say what it is was found by a recovery when it follows a run that never ended: nothing else can follow such a run.
        """
        origins = {identifier: manifests.origin(self.state, identifier) for identifier in self.identifiers()}
        until = self._pointed_unended(origins) if None in origins.values() else None
        return tuple(
            identifier
            for identifier, origin in origins.items()
            if (origin is None and (until is None or identifier < until)) or (origin is not None and origin[1] != manifests.FOUND)
        )

    def _pointed_unended(self, origins: Mapping[str, tuple[str, str] | None]) -> str | None:
        """The snapshot that ``latest`` names, if it says which run took it and that run was never put away."""
        pointed = self._pointer()
        origin = None if pointed is None else origins.get(pointed)
        if origin is None or manifests.RUN_ID.match(origin[0]) is None or self._is_put_away(origin[0]):
            return None
        return pointed

    def unended(self) -> str | None:
        """The newest snapshot, if the run that took it was never put away: something may have been changed since."""
        newest = max(self._before_runs(), default=None)
        if newest is None:
            return None
        try:
            run = self.manifest(newest).run_id
        except manifests.ManifestError:
            return newest  # of what cannot be read nothing is claimed
        return None if self._is_put_away(run) else newest

    def untouched(self) -> bool:
        """True when no step of a run that was never put away can have begun, whatever became of its journal.

        Either no such run came as far as a whole snapshot, or the pointer, which names it before the first step, does not name it yet.
        A pointer that says nonsense says nothing of that; nor does one that is gone, but before the very first snapshot had any.
        """
        newest = self.unended()
        if newest is None:
            return True
        if not self._files.exists("/latest"):
            return self._before_runs() == (newest,)
        pointed = self._pointer()
        return pointed is not None and pointed != newest and pointed in self.identifiers()

    def is_of(self, identifier: str, run: str) -> bool:
        """True when ``run`` took this snapshot, as far as it says so. Raises ``ManifestUnreadableError``: nobody knows yet."""
        try:
            return self.manifest(identifier).run_id == run
        except manifests.ManifestUnreadableError:
            raise
        except manifests.ManifestError:
            taken = manifests.origin(self.state, identifier)
            return taken is not None and taken[0] == run

    def lost(self) -> Manifest | None:
        """The newest snapshot, if its run was never put away; asked where no journal lies, it says that one is missing.

        Not said of a snapshot that no run took, nor where the run before has no mark either (then it is the marks that are gone), nor of a
        manifest that cannot be used (``damaged`` tells of it). The usual answer costs a few lines of one file.
        """
        names = self._before_runs()
        runs = (manifests.origin(self.state, name) for name in reversed(names))
        taken = (None if run is None else run[0] for run in runs)
        newest = next(taken, None)
        if newest is None or manifests.RUN_ID.match(newest) is None or self._is_put_away(newest):
            return None
        before = next((run for run in taken if run is not None and run != newest and manifests.RUN_ID.match(run)), None)
        if before is not None and not self._is_put_away(before):
            return None
        try:
            manifest = self.manifest(names[-1])
        except manifests.ManifestUnreadableError:
            raise
        except manifests.ManifestError:
            return None
        return manifest if manifest.run_id == newest else None

    def _is_put_away(self, run: str) -> bool:
        return self._files.exists(f"/history/{run}.log")

    # --- creating -------------------------------------------------------------------------------------------------------------------

    def create(
        self,
        volume: Volume,
        scope: Sequence[ScopeEntry],
        *,
        label: str,
        run_id: str,
        reason: str,
        progress: Progress = no_progress,
        capture: Callable[[Path], None] | None = None,
        pointed: bool = True,
    ) -> Snapshot:
        """Keep the present state of ``scope``; durable and committed when this returns. ``pointed``: as the ``latest`` one.

        ``capture`` writes what no file holds into the folder it is given; it appears together with the manifest, by the same rename.

        Raises ``snapshot.file-changed`` when the scope does not hold still, ``snapshot.special-file`` for a device in it,
        ``snapshot.other-file-system`` for a mount in it, ``snapshot.scope-holds-state`` when the store itself lies in it.
        """
        latest = self.latest()
        refuse_state_in_scope(self.state.path, volume, scope)
        paths = self._collect(volume, scope, self._known_hashes(latest), progress)
        ancestors = self._ancestors(volume, [item.path for item in paths])
        self._files.barrier()
        manifest, script = self._describe(volume, scope, paths, ancestors, (label, run_id, reason))
        self._commit(manifest, script, capture)
        if pointed:
            self.point_at(manifest.id)
        return manifests.summary(self.state, manifest)

    def _known_hashes(self, latest: str | None) -> dict[tuple[str, int], str]:
        """What the last snapshot knows: a file of the same path and size is probably the same, so it is first only read."""
        if latest is None:
            return {}
        try:
            known = self.manifest(latest)
        except manifests.ManifestError:
            return {}
        return {(item.path, item.size): item.sha256 for item in known.paths if item.sha256 is not None}

    @steady
    def _collect(
        self, volume: Volume, scope: Sequence[ScopeEntry], known: dict[tuple[str, int], str], progress: Progress
    ) -> tuple[PathState, ...]:
        objects = ObjectStore(self.state)
        entries = list_scope(volume, scope, strict=True)
        problems = unkeepable(entries, {volume.canonical(item.path) for item in scope})
        if problems:
            raise RefusedError(*problems)

        def keep(item: tuple[str, Entry | None]) -> PathState:
            path, entry = item
            if entry is None or entry.kind != "file":
                return read_state(volume, path, entry)
            return objects.keep(volume, path, entry, known.get((path, entry.size)))

        states = in_parallel(keep, entries.items(), size_of_listed, "snapshot", progress, volume, self._files)
        again = list_scope(volume, scope, strict=True)
        if again != entries:
            changed = next(path for path in sorted(again.keys() | entries.keys()) if again.get(path) != entries.get(path))
            raise FileChangedError(changed)
        return tuple(states)

    @staticmethod
    def _ancestors(volume: Volume, paths: Sequence[str]) -> tuple[PathState, ...]:
        within = set(paths)
        above: set[str] = set()
        for path in paths:
            parts = path.split("/")[1:-1]
            above.update("/" + "/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        return tuple(state_of(path, volume.lstat(path)) for path in sorted(above - within, key=sort_key))

    def _describe(
        self,
        volume: Volume,
        scope: Sequence[ScopeEntry],
        paths: tuple[PathState, ...],
        ancestors: tuple[PathState, ...],
        words: tuple[str, str, str],
    ) -> tuple[Manifest, bytes]:
        now = datetime.now(UTC).replace(microsecond=0)
        before = self.identifiers()
        sequence = 1 + max((int(name[:6]) for name in before), default=0)
        if sequence > MAXIMUM_SNAPSHOTS:
            raise RefusedError(Problem(ref="state.damaged", params={"path": str(self.state.path), "reason": "sequence"}))
        label, run_id, reason = words
        manifest = Manifest(
            format=MANIFEST_FORMAT,
            id=f"{sequence:06d}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
            sequence=sequence,
            label=label,
            reason=reason,
            run_id=run_id,
            created_at=now.isoformat(),
            created_seconds=int(now.timestamp()),
            program=__version__,
            made_for=os.path.realpath(volume.root),
            important=not before,
            digest=digest_of(paths),
            files=sum(item.kind == "file" for item in paths),
            bytes=sum(item.size for item in paths),
            script_sha256="",
            scope=tuple(scope),
            ancestors=ancestors,
            paths=paths,
        )
        script = render_script(manifest)
        return _with_script(manifest, hashlib.sha256(script).hexdigest()), script

    def _commit(self, manifest: Manifest, script: bytes, capture: Callable[[Path], None] | None) -> None:
        """Manifest and script appear together by one rename of their folder, on stable storage when this returns."""
        files = self._files
        text = manifests.render(manifest)
        if len(text) > manifests.MANIFEST_LIMIT:
            # what could never be read again would be no way back
            raise RefusedError(Problem(ref="snapshot.too-many-files", params={"count": str(len(manifest.paths))}))
        pending = f"/snapshots/.pending-{manifest.id}"
        final = manifests.snapshot_folder(manifest.id)
        try:
            files.make_directory(pending, Metadata(mode=0o700))
            files.write_file_atomic(f"{pending}/restore.sh", script, SCRIPT_METADATA)
            if primitives.IS_WINDOWS:
                files.write_file_atomic(f"{pending}/{powershell.NAME}", powershell.SCRIPT, FILE_METADATA)
                files.write_file_atomic(f"{pending}/{batch.NAME}", batch.render(manifest), FILE_METADATA)
            files.write_file_atomic(f"{pending}/manifest.json", text, FILE_METADATA)
            if capture is not None:
                beyond.write(self.state, f"{pending}/{beyond.SYSTEM}", capture)
            files.barrier()
            files.rename(pending, final)
        except BaseException:
            files.remove_tree(pending)
            raise
        files.sync_directory("/snapshots")

    def point_at(self, identifier: str) -> None:
        """Make ``latest`` name this snapshot, durably, by one rename."""
        self._files.write_file_durably("/latest", f"{identifier}\n".encode("ascii"), FILE_METADATA)

    def _clear_pointer(self) -> None:
        """Whatever lies in the pointer's place and is no file."""
        entry = self._files.lstat("/latest")
        if entry is not None and entry.kind == "directory":
            self._files.remove_tree("/latest")

    def clear_leftovers(self) -> None:
        """Remove what killed runs left: pending snapshots and temporary files. Only for whoever holds the lock."""
        files = self._files
        for folder in ("/", "/objects", "/run", "/history"):
            files.remove_temporaries(folder)
        for name in files.list_directory("/snapshots"):
            if name.startswith((".pending-", ".removed-")) or is_temporary(name):
                files.remove_tree(f"/snapshots/{name}")
        if self._pointer() is None:
            # killed between the very first snapshot and its pointer, or damaged: the last whole one is the last one
            last = self._last_whole()
            if last is not None:
                self._clear_pointer()
                self.point_at(last)

    # --- restoring ------------------------------------------------------------------------------------------------------------------

    def restore(self, volume: Volume, identifier: str, *, progress: Progress = no_progress) -> RestoreReport:
        """Bring the snapshot's scope back and prove it by digest.

        Raises ``ManifestError`` or ``snapshot.not-restorable`` with nothing touched; ``WorkstationError`` when the volume failed midway
        (the restore can be run again). ``proven`` of the report is the only word on success.
        """
        return self.restore_to(volume, self.manifest(identifier), progress=progress)

    def restore_to(self, volume: Volume, manifest: Manifest, *, progress: Progress = no_progress) -> RestoreReport:
        """Like ``restore``, to a state that may hold more than one snapshot knows (``reach``)."""
        try:
            return Restoration(volume, self.state, ObjectStore(self.state), manifest, progress).run()
        except WorkstationError as error:
            if is_ref(error, "snapshot.file-changed"):
                # somebody writes into the scope at this moment: one more look, then it is said
                return Restoration(volume, self.state, ObjectStore(self.state), manifest, progress).run()
            raise

    # --- the store itself -----------------------------------------------------------------------------------------------------------

    def require_restorable(self, manifest: Manifest) -> None:
        """Refuse (``snapshot.not-restorable``, every fault named) when any object of the snapshot is missing or damaged."""
        require_restorable(self.state, manifest)

    def check(self, *, progress: Progress = no_progress) -> CheckReport:
        """Everything that is wrong with the store, each fault as a problem; reads every byte, changes nothing."""
        return StoreCheck(self.state, progress).run()

    def pruning(self, policy: KeepPolicy) -> Pruning:
        """What the policy lets go, chosen and not yet removed. Raises ``ManifestError`` when any manifest is unreadable."""
        return Pruning(self.state, self.latest(), policy)

    def prune(self, policy: KeepPolicy) -> PruneReport:
        """Remove what the policy lets go. The caller holds the lock. Raises as ``pruning`` and ``Pruning.run`` do."""
        return self.pruning(policy).run()

    def export(self, identifier: str, destination: Path) -> Path:
        """Copy one snapshot, verified, to a new folder or ``.tar`` file from which its ``restore.sh`` works."""
        return export(self.state, self.manifest(identifier), destination)


def _with_script(manifest: Manifest, script_sha256: str) -> Manifest:
    return msgspec.structs.replace(manifest, script_sha256=script_sha256)


def refuse_state_in_scope(place: Path, volume: Volume, scope: Sequence[ScopeEntry]) -> None:
    """Raise ``snapshot.scope-holds-state`` when the state folder at ``place``, be it made or not, lies in what is to be kept."""
    inside = os.path.relpath(os.path.realpath(place), os.path.realpath(volume.root))
    if inside.startswith(".."):
        return
    own = f"/{inside}"
    for item in scope:
        path = volume.canonical(item.path)
        if path == own or path.startswith(f"{own}/") or (item.kind == "tree" and f"{own}/".startswith(f"{path.rstrip('/')}/")):
            raise RefusedError(Problem(ref="snapshot.scope-holds-state", params={"path": printable(item.path)}))
