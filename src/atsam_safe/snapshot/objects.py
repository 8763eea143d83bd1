"""Content by SHA-256: ``objects/aa/bb…``. An object is immutable; its name is its proof.

An object that is already there is trusted only after its bytes were hashed again: a flipped bit or a file emptied by a power cut is
replaced by the good content that is at hand, so taking a snapshot heals the store instead of inheriting its damage.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from typing import TYPE_CHECKING

from atsam_safe.snapshot.scope import FileChangedError, feed, own_buffer, state_of, steady
from atsam_safe.volume import primitives
from atsam_safe.volume.early import EarlyWriting
from atsam_safe.volume.errors import failure, is_ref
from atsam_safe.volume.metadata import read_xattrs
from atsam_safe.volume.model import Metadata, temporary_name
from atsam_safe.words.model import WorkstationError

if TYPE_CHECKING:
    from atsam_safe.snapshot.model import PathState
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.volume.model import Entry
    from atsam_safe.volume.volume import Volume

COPY_CHUNK = 1 << 30
OBJECT_MODE = 0o400
# beside the objects, not above them: going to and fro between the two then opens no folder again (``VolumeReader.neighbours``)
INCOMING = "/run"
HASH = re.compile(r"[0-9a-f]{64}\Z")


def _of_another_size(found: int, recorded: int) -> str:
    """Only what is shorter is cut short; something that grew was altered."""
    return "snapshot.object-truncated" if found < recorded else "snapshot.object-damaged"


def object_path(sha256: str) -> str:
    """Where the object lies inside the state folder."""
    return f"/objects/{sha256[:2]}/{sha256[2:]}"


class ObjectStore:
    """The objects of one state folder; usable from several threads by one process that holds the lock."""

    def __init__(self, state: StateFolder) -> None:
        self._files = state.files
        self._folders: set[str] = set()
        self._guard = threading.Lock()
        self._sound: set[str] = set()
        self._can_clone = True
        self._early = EarlyWriting()

    def fault(self, sha256: str, size: int | None = None) -> str | None:
        """What is wrong with an object, as a reference: missing, truncated, damaged or not a plain file of ours; ``None`` when sound."""
        path = object_path(sha256)
        try:
            entry = self._files.lstat(path)
            if entry is None:
                return "snapshot.object-missing"
            if entry.kind != "file":
                return "snapshot.object-foreign"
            if size is not None and entry.size != size:
                return _of_another_size(entry.size, size)
            hasher = hashlib.sha256()
            feed(self._files, path, entry, hasher.update)
        except FileChangedError:
            return "snapshot.object-damaged"
        except WorkstationError as error:
            return "snapshot.object-foreign" if is_ref(error, "volume.link-in-the-way") else "snapshot.object-unreadable"
        return None if hasher.hexdigest() == sha256 else "snapshot.object-damaged"

    @steady
    def keep(self, volume: Volume, path: str, entry: Entry, expected: str | None) -> PathState:
        """Bring a file's content into the store; its state. ``expected``: the hash it had last time (then it is only read)."""
        if expected is not None:
            hasher = hashlib.sha256()
            attributes = feed(volume, path, entry, hasher.update)
            if hasher.hexdigest() == expected and self._is_sound(expected, entry.size):
                return state_of(path, entry, sha256=expected, xattrs=attributes)
        sha256, attributes, temporary = self._copy_in(volume, path, entry)
        self._adopt(temporary, sha256, entry.size)
        return state_of(path, entry, sha256=sha256, xattrs=attributes)

    def _is_sound(self, sha256: str, size: int) -> bool:
        with self._guard:
            if sha256 in self._sound:
                return True
        if self.fault(sha256, size) is not None:
            return False
        with self._guard:
            self._sound.add(sha256)
        return True

    def _copy_in(self, volume: Volume, path: str, entry: Entry) -> tuple[str, dict[str, bytes], str]:
        temporary = f"{INCOMING}/{temporary_name()}"
        hasher = hashlib.sha256()
        try:
            with self._files.create_file(temporary) as target:
                if self._can_clone and entry.size and self._clone(volume, path, entry, target):
                    primitives.rewind(target)
                    sha256 = hash_open(target)
                    attributes = self._attributes_of_cloned(volume, path, entry)
                else:

                    def take(piece: memoryview) -> None:
                        hasher.update(piece)
                        primitives.write_all(target, piece)

                    attributes = feed(volume, path, entry, take)
                    sha256 = hasher.hexdigest()
                primitives.change_mode(target, OBJECT_MODE)
                self._early.written(target, entry.size)
        except OSError as error:
            self._discard(temporary)
            raise failure(error, path) from error
        except BaseException:
            self._discard(temporary)
            raise
        return sha256, attributes, temporary

    def _clone(self, volume: Volume, path: str, entry: Entry, target: int) -> bool:
        with volume.open_read(path) as stream:
            if entry.size and primitives.clone(stream.fileno(), target):
                return True
        self._can_clone = False
        return False

    @staticmethod
    def _attributes_of_cloned(volume: Volume, path: str, entry: Entry) -> dict[str, bytes]:
        """The clone is hashed in the store, where it cannot change; the rest is read from the workstation, if it is still that file."""
        with volume.open_read(path) as stream:
            attributes = read_xattrs(stream.fileno())
            after = primitives.fstat(stream.fileno())
        if (after.st_ino, after.st_size, after.st_mtime_ns) != (entry.inode, entry.size, entry.mtime_ns):
            raise FileChangedError(path)
        return attributes

    def _adopt(self, temporary: str, sha256: str, size: int) -> None:
        """Give a written temporary its name, unless a sound object has it already."""
        path = object_path(sha256)
        if not self._make_folder(path.rsplit("/", 1)[0]):
            found = self._files.lstat(path)
            if found is not None:
                if self._is_sound(sha256, size):
                    self._discard(temporary)
                    return
                if found.kind == "directory":
                    self._files.remove_tree(path)  # whatever it is, it is not an object
        self._files.rename(temporary, path)
        with self._guard:
            self._sound.add(sha256)

    def _make_folder(self, folder: str) -> bool:
        """Make the folder of an object if it is missing; ``True`` when it is new, so that nothing can lie in it."""
        with self._guard:
            if folder in self._folders:
                return False
            new = self._files.make_directory(folder, Metadata(mode=0o700))
            self._folders.add(folder)
            return new

    def _discard(self, temporary: str) -> None:
        with contextlib.suppress(WorkstationError):
            self._files.remove_file(temporary)

    def stage(self, state: PathState, place: str) -> tuple[str | None, int]:
        """Copy an object to ``place`` in the state folder and hash what was written there, read back from that very file.

        Returns the fault's reference (``None`` when it is whole) and the inode of the copy: a rename keeps both.
        """
        sha256 = state.sha256 or ""
        path = object_path(sha256)
        entry = self._files.lstat(path)
        if entry is None:
            return "snapshot.object-missing", 0
        if entry.kind != "file":
            return "snapshot.object-foreign", 0
        if entry.size != state.size:
            return _of_another_size(entry.size, state.size), 0
        with self._files.create_file(place) as target:
            with self._files.open_read(path) as stream:
                source = stream.fileno()
                if not (self._can_clone and entry.size and primitives.clone(source, target)):
                    self._can_clone = False
                    while primitives.copy_range(source, target, COPY_CHUNK):
                        pass
            self._early.written(target, entry.size)
            primitives.rewind(target)
            found = hash_open(target)
            inode = primitives.fstat(target).st_ino
        return (None if found == sha256 else "snapshot.object-damaged"), inode


def hash_open(fd: int) -> str:
    """SHA-256 (hex) of an open file from its current position."""
    hasher = hashlib.sha256()
    view = own_buffer()
    while count := primitives.read_into(fd, view):
        hasher.update(view[:count])
    return hasher.hexdigest()
