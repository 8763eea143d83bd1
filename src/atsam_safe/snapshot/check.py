"""Looking at the whole store: every fault is found and named, nothing is repaired (taking the next snapshot heals what it can)."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from atsam_safe import __version__
from atsam_safe.snapshot import batch, beyond, powershell
from atsam_safe.snapshot import manifest as manifests
from atsam_safe.snapshot.model import CheckReport, Manifest, no_progress
from atsam_safe.snapshot.objects import HASH, ObjectStore, object_path
from atsam_safe.snapshot.parallel import WORKERS
from atsam_safe.volume import primitives
from atsam_safe.volume.errors import is_refusal, printable
from atsam_safe.volume.model import is_temporary
from atsam_safe.words.model import AtsamSafeError, Problem, RefusedError, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atsam_safe.snapshot.model import Progress
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.volume.model import Entry

# card-key: the secret with which the card room compares one card before and after a change (cards/identity.py)
TOP_NAMES = frozenset({"format", "lock", "objects", "snapshots", "latest", "run", "history", "packages", "logs", "card-key", "workstation"})
SCRIPT_LIMIT = 64 * 1024 * 1024


def sizes_needed(manifests_read: Iterable[Manifest]) -> dict[str, int]:
    """Size of every object that the manifests name, by hash."""
    return {item.sha256: item.size for manifest in manifests_read for item in manifest.paths if item.sha256 is not None}


def faults_of(objects: ObjectStore, sizes: dict[str, int], progress: Progress = no_progress) -> dict[str, str]:
    """The faulty objects among ``sizes``: hash → reference of what is wrong. Every byte is read."""
    total = sum(sizes.values())
    done = 0
    faults: dict[str, str] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        for (sha256, size), fault in zip(sizes.items(), pool.map(lambda item: objects.fault(*item), sizes.items()), strict=True):
            if fault is not None:
                faults[sha256] = fault
            done += size
            progress("verify", done, total)
    return faults


def require_restorable(state: StateFolder, manifest: Manifest, progress: Progress = no_progress) -> None:
    """Refuse (``snapshot.not-restorable``, every fault named) when any object of the snapshot is missing or damaged."""
    faults = faults_of(ObjectStore(state), sizes_needed([manifest]), progress)
    hurt = [item for item in manifest.paths if item.sha256 in faults]
    if not hurt:
        return
    params = {
        "snapshot": manifest.id,
        "damaged": str(len(hurt)),
        "files": str(manifest.files),
        "possible": str(manifest.files - len(hurt)),
        "place": printable(str(state.path / "snapshots" / manifest.id)),
    }
    more = [
        Problem(ref=faults[item.sha256 or ""], params={"path": printable(item.path), "object": item.sha256 or "", "snapshot": manifest.id})
        for item in hurt[:20]
    ]
    raise RefusedError(Problem(ref="snapshot.not-restorable", params=params, evidence=dict(params)), *more)


class StoreCheck:
    """One check of one store."""

    def __init__(self, state: StateFolder, progress: Progress) -> None:
        self._state = state
        self._files = state.files
        self._progress = progress
        self._problems: list[Problem] = []

    def run(self) -> CheckReport:
        """Everything that is wrong, at once."""
        self._check_top()
        readable, broken = self._check_snapshots()
        present = self._check_object_folders()
        sizes = sizes_needed(readable)
        faults = faults_of(ObjectStore(self._state), sizes, self._progress)
        restorable: list[str] = []
        for manifest in readable:
            hurt = sorted({item.sha256 for item in manifest.paths if item.sha256 in faults})
            for sha256 in hurt:
                self._say(faults[sha256 or ""], object=sha256 or "", snapshot=manifest.id, path=object_path(sha256 or "")[1:])
            (broken if hurt else restorable).append(manifest.id)
        for sha256 in sorted(present.keys() - sizes.keys()):
            fault = ObjectStore(self._state).fault(sha256)
            if fault is not None:
                self._say(fault, object=sha256, snapshot="—", path=object_path(sha256)[1:])
        self._check_numbers([*restorable, *broken])
        self._check_pointer([*restorable, *broken])
        return CheckReport(
            snapshots=len(readable) + len([name for name in broken if name not in {item.id for item in readable}]),
            objects=len(present),
            bytes=sum(present.values()),
            restorable=tuple(sorted(restorable)),
            broken=tuple(sorted(broken)),
            problems=tuple(self._problems),
        )

    def _say(self, ref: str, **params: str) -> None:
        self._problems.append(Problem(ref=ref, params=params, evidence=dict(params)))

    def _place(self, path: str) -> str:
        return printable(str(self._state.path) + path)

    def _entries(self, folder: str) -> Sequence[Entry]:
        names = self._files.list_directory(folder)
        prefix = "" if folder == "/" else folder
        found = (self._files.lstat(f"{prefix}/{name}") for name in names)
        return [entry for entry in found if entry is not None]

    def _check_rights(self, entry: Entry) -> bool:
        """Whoever else could write here could change the way back."""
        if entry.kind == "link":
            self._say("snapshot.link-in-store", path=self._place(entry.path))
            return False
        if entry.uid != primitives.effective_user():
            self._say("snapshot.wrong-owner", path=self._place(entry.path), owner=str(entry.uid))
        if entry.mode & 0o077:
            self._say("snapshot.wrong-mode", path=self._place(entry.path), mode=f"{entry.mode:04o}")
        return True

    def _foreign(self, entry: Entry) -> None:
        self._say("snapshot.foreign-file", path=self._place(entry.path))

    def _check_top(self) -> None:
        for entry in self._entries("/"):
            name = entry.path[1:]
            if name not in TOP_NAMES and not is_temporary(name):
                self._foreign(entry)
                continue
            self._check_rights(entry)

    def _check_snapshots(self) -> tuple[list[Manifest], list[str]]:
        readable: list[Manifest] = []
        broken: list[str] = []
        for entry in self._entries("/snapshots"):
            name = entry.path.rsplit("/", 1)[1]
            if name.startswith((".pending-", ".removed-")) or is_temporary(name):
                continue  # left by a killed run, removed by the next one
            if manifests.SNAPSHOT_ID.match(name) is None:
                self._foreign(entry)
                continue
            if not self._check_rights(entry) or entry.kind != "directory":
                broken.append(name)
                continue
            try:
                readable.append(manifests.load(self._state, name))
            except manifests.ManifestError as error:
                self._problems.extend(error.problems)
                broken.append(name)
            self._check_inside(entry.path, readable[-1] if readable and readable[-1].id == name else None)
        return readable, broken

    def _check_inside(self, folder: str, manifest: Manifest | None) -> None:
        names = set()
        for entry in self._entries(folder):
            name = entry.path.rsplit("/", 1)[1]
            names.add(name)
            if name == beyond.SYSTEM and entry.kind == "directory":
                self._check_beyond(folder.rsplit("/", 1)[1], entry)
            elif name in {powershell.NAME, batch.NAME} and entry.kind == "file":
                self._check_rights(entry)
                if not self._is_our_script(entry, manifest):
                    self._say("snapshot.script-damaged", snapshot=folder.rsplit("/", 1)[1], path=self._place(entry.path))
            elif name not in {"manifest.json", "restore.sh"}:
                self._foreign(entry)
            else:
                self._check_rights(entry)
        if manifest is None:
            return
        try:
            script = self._files.read_bytes(f"{folder}/restore.sh", SCRIPT_LIMIT) if "restore.sh" in names else b""
        except WorkstationError as error:
            if is_refusal(error):
                self._problems.extend(error.problems)
                return
            script = b""
        if hashlib.sha256(script).hexdigest() != manifest.script_sha256:
            self._say("snapshot.script-damaged", snapshot=manifest.id, path=self._place(f"{folder}/restore.sh"))

    def _is_our_script(self, entry: Entry, manifest: Manifest | None) -> bool:
        """A script of Windows is what this program writes: the same for every snapshot, or made from its manifest."""
        content = self._files.read_bytes(entry.path, SCRIPT_LIMIT)
        if entry.path.endswith(powershell.NAME):
            return powershell.is_ours(content)
        return manifest is None or manifest.program != __version__ or content == batch.render(manifest)

    def _check_beyond(self, identifier: str, folder: Entry) -> None:
        """What the snapshot keeps beside files: private, whole, nothing more and nothing less than was sealed."""
        self._check_rights(folder)
        for entry in self._entries(folder.path):
            self._check_rights(entry)
        problem = beyond.fault(self._state, identifier)
        if problem is not None:
            self._problems.append(problem)

    def _check_object_folders(self) -> dict[str, int]:
        present: dict[str, int] = {}
        for folder in self._entries("/objects"):
            name = folder.path.rsplit("/", 1)[1]
            if is_temporary(name):
                continue
            if folder.kind == "link":
                self._check_rights(folder)
                continue
            if folder.kind != "directory" or len(name) != 2 or HASH.match(name + "0" * 62) is None:  # noqa: PLR2004 - folders are named aa
                self._foreign(folder)
                continue
            self._check_rights(folder)
            for entry in self._entries(folder.path):
                sha256 = name + entry.path.rsplit("/", 1)[1]
                if HASH.match(sha256) is None or entry.kind not in {"file", "link"}:
                    self._foreign(entry)
                elif self._check_rights(entry):
                    present[sha256] = entry.size
        return present

    def _check_numbers(self, known: Sequence[str]) -> None:
        """The order of the snapshots rests on their numbers: two of one number would be ordered by what a clock said."""
        of_number: dict[str, list[str]] = {}
        for name in sorted(known):
            of_number.setdefault(name.partition("-")[0], []).append(name)
        for number, names in of_number.items():
            if len(names) > 1:
                self._say("snapshot.number-twice", number=str(int(number)), snapshots=", ".join(names))

    def _check_pointer(self, known: Sequence[str]) -> None:
        try:
            entry = self._files.lstat("/latest")
            text = "" if entry is None else self._files.read_bytes("/latest", 128).decode("ascii", "replace").strip()
        except AtsamSafeError as error:
            if is_refusal(error):
                self._problems.extend(error.problems)
            else:
                self._say("snapshot.pointer-damaged", path=self._place("/latest"))
            return
        if (entry is None and known) or (entry is not None and text not in known):
            self._say("snapshot.pointer-damaged", path=self._place("/latest"))
