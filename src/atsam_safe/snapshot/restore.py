"""Bringing a scope back to a snapshot: verify everything first, then make each path as it was, then prove it by digest.

Idempotent: every step looks at what is there now, so a restore that was killed anywhere is finished by running it again.
Order: needed objects are copied out of the store and hashed (a fault there refuses the whole restore, nothing touched) → what was absent
is removed, deepest first → folders → files and links by rename → folders' own metadata, deepest first → barrier → digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.snapshot.company import without_company
from atsam_safe.snapshot.model import PathState, RestoreReport, as_phase, no_progress
from atsam_safe.snapshot.parallel import in_parallel
from atsam_safe.snapshot.scope import UNTIMED, digest_of, list_scope, observe_scope, read_states, sort_key
from atsam_safe.volume import primitives
from atsam_safe.volume.errors import is_ref, printable, refused
from atsam_safe.volume.model import Metadata
from atsam_safe.words.model import Problem, RefusedError, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.snapshot.model import Manifest, Progress
    from atsam_safe.snapshot.objects import ObjectStore
    from atsam_safe.snapshot.scope import Known
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.volume.model import Entry
    from atsam_safe.volume.volume import Volume

RESTORING = "/run/restoring"
OWNER_ACCESS = 0o700
NAMED = 20


def metadata_of(state: PathState) -> Metadata:
    """What to set on a path to make it as recorded."""
    return Metadata(
        mode=state.mode,
        uid=state.uid,
        gid=state.gid,
        mtime_ns=None if state.mtime_ns == UNTIMED else state.mtime_ns,
        xattrs={name: bytes.fromhex(value) for name, value in state.xattrs.items()},
    )


def _ancestor_metadata(state: PathState) -> Metadata:
    return Metadata(mode=state.mode, uid=state.uid, gid=state.gid, mtime_ns=state.mtime_ns)


def _depth(path: str) -> int:
    return path.count("/")


class Restoration:
    """One restore of one manifest onto one volume."""

    def __init__(
        self, volume: Volume, state: StateFolder, objects: ObjectStore, manifest: Manifest, progress: Progress = no_progress
    ) -> None:
        self._volume = volume
        self._state = state
        self._objects = objects
        self._manifest = manifest
        self._progress = progress
        self._wanted = {item.path: item for item in manifest.paths}
        self._ancestors = {item.path: item for item in manifest.ancestors}
        # ours with all that lies below
        self._trees = tuple(f"{volume.canonical(entry.path)}/" for entry in manifest.scope if entry.kind == "tree")
        self._made: list[PathState] = []
        self._reached: set[str] = set()
        self._unlocked: set[str] = set()
        # where somebody's folder, with what he keeps in it, stands in the place of a file or link
        self._taken: set[str] = set()
        self._known: Known = {}
        self._changed = 0

    def run(self) -> RestoreReport:
        """Restore and prove. Raises ``snapshot.not-restorable`` (nothing touched) or ``WorkstationError`` (touched: run it again)."""
        self._state.files.remove_tree(RESTORING)
        self._remove_temporaries()
        seen = list_scope(self._volume, self._manifest.scope)
        now = {item.path: item for item in read_states(self._volume, seen, progress=as_phase(self._progress, "observe"))}
        needed = [item for item in self._manifest.paths if item.kind == "file" and self._needs_content(item, now.get(item.path))]
        staged = self._stage(needed)
        self._remove_extras(now)
        with self._volume.neighbours():  # no folder is removed here
            self._make_folders(now)
        self._place([item for item in needed if item.path not in self._taken], staged)
        with self._volume.neighbours():
            self._make_links(now)
            exchanged = self._correct_files(now, seen, {item.path for item in needed})
        self._place(exchanged, self._stage(exchanged))
        with self._volume.neighbours():
            self._correct_folders()
        self._remove_new_ancestors()
        self._state.files.remove_tree(RESTORING)
        unconfirmed = self._confirm()
        if self._taken:
            # said last: what is in the place of one file keeps no other from coming back
            told = [
                problem for path in sorted(self._taken, key=sort_key) for problem in refused("snapshot.folder-in-the-way", path).problems
            ]
            raise WorkstationError(*told[:NAMED], *unconfirmed)
        return self._prove(unconfirmed)

    def _confirm(self) -> tuple[Problem, ...]:
        """Why the disk does not confirm what was written. What is there is looked at all the same: a proof that holds is not hidden."""
        try:
            self._volume.barrier()
        except WorkstationError as error:
            return error.problems
        return ()

    # --- before anything is touched -------------------------------------------------------------------------------------------------

    def _remove_temporaries(self) -> None:
        """Whatever a killed run left beside the paths in scope goes first: it is ours by its name and belongs to no state."""
        folders = {path.rsplit("/", 1)[0] or "/" for path in self._wanted}
        folders.update(path for path, item in self._wanted.items() if item.kind == "directory")
        for folder in sorted(folders, key=sort_key):
            try:
                self._volume.remove_temporaries(folder)
            except WorkstationError as error:
                if not is_ref(error, "volume.link-in-the-way"):  # what a link shows was not written by us
                    raise

    def _needs_content(self, wanted: PathState, now: PathState | None) -> bool:
        if now is None or now.kind != "file" or now.sha256 != wanted.sha256:
            return True
        # other names of the same file exist: rights are never changed through a shared inode, the file is written anew
        entry = self._volume.lstat(wanted.path)
        return entry is not None and entry.links > 1 and not same_state(wanted, now)

    def _stage(self, needed: list[PathState]) -> dict[str, str]:
        """Copy every needed object beside the volume, hashed while copied; all faults are told at once."""
        if not needed:
            return {}
        files = self._state.files
        files.make_directory(RESTORING, Metadata(mode=0o700))
        staged: dict[str, str] = {}

        def bring(numbered: tuple[int, PathState]) -> tuple[str | None, int]:
            return self._objects.stage(numbered[1], f"{RESTORING}/{numbered[0]:07d}")

        try:
            answers = in_parallel(bring, enumerate(needed), lambda numbered: numbered[1].size, "stage", self._progress, files)
            faults = [(item, fault) for item, (fault, _) in zip(needed, answers, strict=True) if fault is not None]
            if faults:
                self._refuse(faults, len(needed))
        except BaseException:
            files.remove_tree(RESTORING)
            raise
        for number, (item, (_, inode)) in enumerate(zip(needed, answers, strict=True)):
            staged[item.path] = f"{number:07d}"
            self._known[item.path] = ((inode, item.size, item.mtime_ns), item.sha256 or "")
        return staged

    def _refuse(self, faults: list[tuple[PathState, str]], needed: int) -> None:
        damaged = len({item.path for item, _ in faults})
        files = sum(item.kind == "file" for item in self._manifest.paths)
        first = Problem(
            ref="snapshot.not-restorable",
            params={
                "snapshot": self._manifest.id,
                "damaged": str(damaged),
                "files": str(files),
                "possible": str(files - damaged),
                "place": str(self._state.path / "snapshots" / self._manifest.id),
            },
            evidence={"needed": needed},
        )
        more = [
            Problem(ref=fault, params={"path": printable(item.path), "object": item.sha256 or "", "snapshot": self._manifest.id})
            for item, fault in faults[:NAMED]
        ]
        raise RefusedError(first, *more)

    # --- changing -------------------------------------------------------------------------------------------------------------------

    def _unlock_above(self, path: str) -> None:
        """Without root, a folder whose owner may not write is opened for the time of the restore; its mode comes back at the end."""
        folder = path.rsplit("/", 1)[0]
        if primitives.effective_user() == 0 or folder in self._unlocked or folder not in self._wanted:
            return
        entry = self._volume.lstat(folder)
        if entry is not None and entry.kind == "directory" and entry.mode & OWNER_ACCESS != OWNER_ACCESS:
            self._volume.set_metadata(folder, Metadata(mode=entry.mode | OWNER_ACCESS))
        self._unlocked.add(folder)

    def _remove_extras(self, now: dict[str, PathState]) -> None:
        for path in sorted(now, key=lambda item: (-_depth(item), sort_key(item))):
            wanted = self._wanted.get(path)
            found = now[path]
            if found.kind == "absent" or (wanted is not None and wanted.kind == found.kind):
                continue
            self._unlock_above(path)
            if found.kind != "directory":
                self._changed += self._volume.remove_file(path)
                continue
            if f"{path}/".startswith(self._trees):
                # no state, so no listing names them; what is bound there is a program of ours, or it has lost its folder anyway
                self._changed += self._volume.remove_sockets(path)
            if self._volume.remove_empty_directory(path):
                self._changed += 1
            elif wanted is not None and wanted.kind != "absent":
                self._taken.add(path)

    def _make_folders(self, now: dict[str, PathState]) -> None:
        for path, wanted in self._wanted.items():
            if wanted.kind == "absent":
                continue
            self._make_ancestors(path)
            if wanted.kind == "directory":
                self._unlock_above(path)
                self._give_way(path, now.get(path))
                if self._volume.make_directory(path, Metadata(mode=0o700)):
                    now.pop(path, None)
                    self._changed += 1

    def _give_way(self, path: str, now: PathState | None) -> None:
        """A socket in the place of a folder of ours: nothing was listed there, and nothing can be made."""
        if (now is None or now.kind == "absent") and f"{path}/".startswith(self._trees):
            entry = self._volume.lstat(path)
            if entry is not None and entry.socket:
                self._changed += self._volume.remove_file(path)

    def _make_ancestors(self, path: str) -> None:
        folder = path.rsplit("/", 1)[0]
        if folder in self._reached:
            return
        self._reached.add(folder)
        parts = folder.split("/")[1:]
        for depth in range(1, len(parts) + 1):
            above = "/" + "/".join(parts[:depth])
            recorded = self._ancestors.get(above)
            if recorded is not None and recorded.kind == "directory" and self._volume.make_directory(above, Metadata(mode=0o700)):
                self._made.append(recorded)
                self._changed += 1

    def _place(self, needed: list[PathState], staged: dict[str, str]) -> None:
        if not needed:
            return
        if primitives.effective_user() != 0:
            for item in needed:
                self._unlock_above(item.path)
        moves = [(staged[item.path], item.path, metadata_of(item)) for item in needed]
        for number, _ in enumerate(self._volume.place_files(self._state.path / RESTORING[1:], moves), 1):
            self._changed += 1
            self._progress("restore", number, len(moves))

    def _make_links(self, now: dict[str, PathState]) -> None:
        for path, wanted in self._wanted.items():
            if wanted.kind != "link" or path in self._taken or same_state(wanted, now.get(path)):
                continue
            self._unlock_above(path)
            self._volume.make_symlink_atomic(path, wanted.link or "", metadata_of(wanted))
            self._changed += 1

    def _correct_files(self, now: dict[str, PathState], seen: dict[str, Entry | None], placed: Iterable[str]) -> list[PathState]:
        """Rights, owner and times of the files whose content is right; those that somebody exchanged since it was read, to be made anew."""
        skipped = set(placed)
        exchanged: list[PathState] = []
        for path, wanted in self._wanted.items():
            if wanted.kind != "file" or path in skipped or same_state(wanted, now.get(path)):
                continue
            try:
                self._volume.set_metadata(path, metadata_of(wanted), seen=seen.get(path))
                self._changed += 1
            except WorkstationError as error:
                if not is_ref(error, "volume.shared-file"):
                    raise
                exchanged.append(wanted)
        return exchanged

    def _correct_folders(self) -> None:
        """After the files, deepest first: making anything in a folder changes the folder's time."""
        folders = [item for item in self._manifest.paths if item.kind == "directory"]
        for wanted in sorted(folders, key=lambda item: -_depth(item.path)):
            self._correct_folder(wanted)
        for recorded in sorted(self._made, key=lambda item: -_depth(item.path)):
            self._volume.set_metadata(recorded.path, _ancestor_metadata(recorded))

    def _correct_folder(self, wanted: PathState) -> None:
        entry = self._volume.lstat(wanted.path)
        if entry is None:
            raise refused("volume.missing", wanted.path)
        metadata = metadata_of(wanted)
        times = None if metadata.mtime_ns is None else entry.mtime_ns
        present = (entry.mode, entry.uid, entry.gid, times, self._volume.xattrs(wanted.path, entry))
        if present != (metadata.mode, metadata.uid, metadata.gid, metadata.mtime_ns, metadata.xattrs):
            self._volume.set_metadata(wanted.path, metadata)
            self._changed += 1

    def _remove_new_ancestors(self) -> None:
        """Folders above the scope that were not there before go when they are empty; somebody else's content keeps them."""
        for path, recorded in sorted(self._ancestors.items(), key=lambda item: -_depth(item[0])):
            entry = self._volume.lstat(path)
            if recorded.kind == "absent" and entry is not None and entry.kind == "directory":
                self._changed += self._volume.remove_empty_directory(path)

    # --- proof ----------------------------------------------------------------------------------------------------------------------

    def _prove(self, unconfirmed: tuple[Problem, ...]) -> RestoreReport:
        states = observe_scope(self._volume, self._manifest.scope, known=self._known, progress=self._progress)
        states, company = without_company(self._volume, self._manifest, self._wanted, states)
        digest = digest_of(states)
        proven = digest == self._manifest.digest
        differences: tuple[str, ...] = ()
        if not proven:
            found = {item.path: item for item in states}
            paths = sorted(found.keys() | self._wanted.keys(), key=sort_key)
            differing = (path for path in paths if _single(found.get(path)) != _single(self._wanted.get(path)))
            differences = tuple(printable(path) for path in differing)[:NAMED]
        return RestoreReport(
            snapshot=self._manifest.id,
            changed=self._changed,
            digest=digest,
            proven=proven,
            differences=differences,
            company=tuple(printable(path) for path in company),
            unconfirmed=unconfirmed,
        )


def same_state(wanted: PathState, now: PathState | None) -> bool:
    """True when nothing has to be done to a path. Without root the owner cannot be changed, so it is not looked at."""
    if now is None:
        return False
    if primitives.effective_user() == 0:
        return wanted == now
    return digest_free_of_owner(wanted) == digest_free_of_owner(now)


def digest_free_of_owner(state: PathState) -> tuple[object, ...]:
    """The state without its owner."""
    return (state.path, state.kind, state.mode, state.mtime_ns, state.size, state.sha256, state.link, state.xattrs)


def _single(state: PathState | None) -> str:
    return "" if state is None else digest_of([state])
