"""A workstation's system volume (or a scratch copy, or the state folder) behind one root, through which no path can escape.

Rules:

- a path is an absolute POSIX string inside the volume; ``..`` is refused, never resolved;
- each component is opened with ``O_NOFOLLOW`` below the one before: a link in the way is an error, whoever put it there and whenever;
- the three links every macOS has (``/etc``, ``/var``, ``/tmp``) are mapped in the path, so they are never followed either;
- a file is replaced by writing a temporary one beside it and renaming it: a reader, or a crash, sees the old or the new one;
- nothing here waits for the disk: ``barrier`` does, once per phase.

Every operating-system error leaves as a ``WorkstationError`` whose reference is in ``words.topics.volume``.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, BinaryIO

from atsam_safe.volume import primitives
from atsam_safe.volume.errors import failure, is_ref, refused
from atsam_safe.volume.metadata import apply_link_metadata, apply_metadata
from atsam_safe.volume.model import is_temporary, temporary_name
from atsam_safe.volume.reading import CHUNK, MAXIMUM_DEPTH, WRITTEN_FOLDERS, VolumeReader
from atsam_safe.words.model import WorkstationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from atsam_safe.volume.model import Entry, Metadata


class Volume(VolumeReader):
    """Safe file access below ``root``: looking (``VolumeReader``) and changing."""

    # --- changing ------------------------------------------------------------------------------------------------------------------

    def write_file_atomic(self, path: str, source: bytes | int | BinaryIO, metadata: Metadata) -> None:
        """Create or replace the file at ``path``: temporary file beside it, metadata, then one rename.

        ``source``: the bytes, or an open descriptor or stream read from its current position. Not durable before ``barrier``.
        """
        with self.parent(path) as (fd, name):
            temporary = temporary_name()
            created = primitives.create_file(temporary, 0o600, fd)
            try:
                try:
                    _fill(created, source)
                    apply_metadata(created, metadata)
                finally:
                    primitives.close(created)
                primitives.rename(temporary, fd, name, fd)
            except BaseException:
                with contextlib.suppress(OSError):
                    primitives.unlink(temporary, fd)
                raise

    def write_file_durably(self, path: str, content: bytes, metadata: Metadata) -> None:
        """As ``write_file_atomic``, and on stable storage when this returns: content before the rename, the name after it."""
        with self.parent(path) as (fd, name):
            temporary = temporary_name()
            created = primitives.create_file(temporary, 0o600, fd)
            try:
                try:
                    primitives.write_all(created, content)
                    apply_metadata(created, metadata)
                    primitives.sync_file(created)
                finally:
                    primitives.close(created)
                primitives.rename(temporary, fd, name, fd)
            except BaseException:
                with contextlib.suppress(OSError):
                    primitives.unlink(temporary, fd)
                raise
            primitives.sync_file(fd)

    @contextlib.contextmanager
    def create_file(self, path: str, mode: int = 0o600) -> Iterator[int]:
        """A new file open for writing and reading; refused when anything is there. For private folders of ours only."""
        with self.parent(path) as (fd, name):
            created = primitives.create_file(name, mode, fd)
            try:
                yield created
            finally:
                primitives.close(created)

    def place_file(self, source: Path, path: str, metadata: Metadata) -> None:
        """Move the staged file ``source`` to ``path`` with ``metadata``, by one rename where both are on one file system.

        ``source`` must be a regular file of ours in a private folder; it is gone afterwards.
        """
        for _ in self.place_files(source.parent, [(source.name, path, metadata)]):
            pass

    def place_files(self, folder: Path, moves: Iterable[tuple[str, str, Metadata]]) -> Iterator[str]:
        """As ``place_file`` for many files of one staging folder: (name there, path, metadata); yields each path when it is in place.

        The folder of neighbouring paths is opened once.
        """
        with _private_folder(folder) as source_fd, contextlib.ExitStack() as opened:
            current: tuple[str, ...] | None = None
            target_fd = -1
            for source_name, path, metadata in moves:
                parts = self.parts(path)
                if not parts:
                    raise refused("volume.unusable-path", path)
                if parts[:-1] != current:
                    opened.close()
                    target_fd = opened.enter_context(self._folder(parts[:-1], path))
                    current = parts[:-1]
                try:
                    self._place(source_name, source_fd, path, target_fd, metadata)
                except OSError as error:
                    raise failure(error, path) from error
                yield path

    def _place(self, source_name: str, source_fd: int, path: str, target_fd: int, metadata: Metadata) -> None:
        opened = primitives.open_read(source_name, source_fd)
        with os.fdopen(opened, "rb", buffering=0) as stream:
            status = primitives.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                raise refused("volume.not-a-file", path)
            if status.st_dev == primitives.fstat(target_fd).st_dev:
                apply_metadata(opened, metadata)
                primitives.rename(source_name, source_fd, path.rsplit("/", 1)[1], target_fd)
                return
            self.write_file_atomic(path, stream, metadata)
        primitives.unlink(source_name, source_fd)

    def make_directory(self, path: str, metadata: Metadata) -> bool:
        """Make the folder if nothing is there; ``False`` when it exists already (its metadata is then left alone)."""
        with self.parent(path) as (fd, name):
            try:
                primitives.make_directory(name, 0o700, fd)
            except FileExistsError:
                mode = primitives.lstat(name, fd).st_mode
                if not stat.S_ISDIR(mode):
                    raise refused("volume.link-in-the-way" if stat.S_ISLNK(mode) else "volume.not-a-folder", path) from None
                return False
            opened = primitives.open_directory(name, fd)
            try:
                apply_metadata(opened, metadata)
            finally:
                primitives.close(opened)
        return True

    def make_directories(self, path: str, metadata: Metadata) -> tuple[str, ...]:
        """Make the folder and every missing one above it; the paths made, outermost first."""
        parts = self.parts(path)
        made: list[str] = []
        for depth in range(1, len(parts) + 1):
            # through the private spelling: already mapped names must not be mapped again
            step = "/" + "/".join(parts[:depth])
            if self.make_directory(step, metadata):
                made.append(step)
        return tuple(made)

    def make_symlink_atomic(self, path: str, target: str, metadata: Metadata | None = None) -> None:
        """Create or replace the link at ``path``; a folder there is refused by the system."""
        with self.parent(path) as (fd, name):
            temporary = temporary_name()
            primitives.make_symlink(target, temporary, fd)
            try:
                if metadata is not None:
                    apply_link_metadata(temporary, fd, metadata)
                primitives.rename(temporary, fd, name, fd)
            except BaseException:
                with contextlib.suppress(OSError):
                    primitives.unlink(temporary, fd)
                raise

    def remove_file(self, path: str) -> bool:
        """Remove a file, link, socket or FIFO; ``False`` when nothing was there. A folder is refused."""
        try:
            with self.parent(path) as (fd, name):
                _refuse_folder(name, fd, path)
                primitives.unlink(name, fd)
        except WorkstationError as error:
            if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                return False
            raise
        return True

    def remove_empty_directory(self, path: str) -> bool:
        """Remove a folder if it is empty; ``False`` when it is absent or holds anything."""
        entry = self.lstat(path)
        if entry is None:
            return False
        if entry.kind != "directory":
            raise refused("volume.not-a-folder", path)
        if self.list_directory(path):
            return False
        with self.parent(path) as (fd, name):
            primitives.remove_directory(name, fd)
        return True

    def remove_tree(self, path: str) -> int:
        """Remove ``path`` and everything below; never through a link, never into another file system; the number removed."""
        entry = self.lstat(path)
        if entry is None:
            return 0
        if entry.kind != "directory":
            return int(self.remove_file(path))
        with self.parent(path) as (fd, name):
            return self._remove_folder(name, fd, entry.device, path, 0)

    def _remove_folder(self, name: str, parent: int, device: int, path: str, depth: int) -> int:
        if depth > MAXIMUM_DEPTH:
            raise refused("volume.unusable-path", path)
        fd = primitives.open_directory(name, parent)
        count = 0
        try:
            if primitives.fstat(fd).st_dev != device:
                raise refused("volume.other-file-system", path)
            for child in primitives.list_names(fd):
                if stat.S_ISDIR(primitives.lstat(child, fd).st_mode):
                    count += self._remove_folder(child, fd, device, path, depth + 1)
                else:
                    primitives.unlink(child, fd)
                    count += 1
        finally:
            primitives.close(fd)
        primitives.remove_directory(name, parent)
        return count + 1

    def rename(self, source: str, target: str) -> None:
        """Rename inside the volume, replacing a file or link at ``target`` in one step."""
        with self.parent(source) as (source_fd, source_name), self.parent(target) as (target_fd, target_name):
            primitives.rename(source_name, source_fd, target_name, target_fd)

    def set_metadata(self, path: str, metadata: Metadata, *, seen: Entry | None = None) -> None:
        """Set mode, owner (as root), extended attributes and times, in the order in which none undoes another.

        A file with other names is refused (``volume.shared-file``): what is set through one holds for all, and any user may give somebody
        else's file a name in a folder of his own. So is one that is not, to the last change, the file that was ``seen``.
        """
        entry = self.lstat(path)
        if entry is None:
            raise refused("volume.missing", path)
        if entry.kind == "link":
            with self.parent(path) as (fd, name):
                apply_link_metadata(name, fd, metadata)
            return
        if entry.kind == "other":
            raise refused("volume.not-a-file", path)
        with self._open_any(path, entry) as fd:
            if entry.kind == "file":
                _require_same_file(primitives.fstat(fd), seen or entry, path, untouched=seen is not None)
            apply_metadata(fd, metadata)

    def remove_temporaries(self, folder: str) -> int:
        """Remove temporary files that a killed run of ours left in ``folder``; the number removed."""
        entry = self.lstat(folder)
        if entry is None or entry.kind != "directory":
            return 0
        return self._remove_names(folder, lambda name, mode: is_temporary(name) and not stat.S_ISDIR(mode))

    def remove_sockets(self, folder: str) -> int:
        """Remove the sockets in ``folder`` itself, which hold no state but keep it from being empty; the number removed."""
        return self._remove_names(folder, lambda _name, mode: stat.S_ISSOCK(mode))

    def _remove_names(self, folder: str, goes: Callable[[str, int], bool]) -> int:
        """Remove what lies in ``folder`` and ``goes``, by its name and its mode."""
        count = 0
        with self._folder(self.parts(folder), folder) as fd:
            for name in primitives.list_names(fd):
                if goes(name, primitives.lstat(name, fd).st_mode):
                    primitives.unlink(name, fd)
                    count += 1
        return count

    def try_writing(self, folder: str) -> None:
        """Make a file in ``folder`` and remove it at once: the one way to learn whether the system allows a change there. Its times stay.

        Raises ``WorkstationError`` when it does not.
        """
        with self._folder(self.parts(folder), folder) as fd:
            before = primitives.fstat(fd).st_mtime_ns
            temporary = temporary_name()
            try:
                primitives.close(primitives.create_file(temporary, 0o600, fd))
            finally:
                with contextlib.suppress(FileNotFoundError):
                    primitives.unlink(temporary, fd)
            primitives.change_times(fd, before)

    # --- making it last --------------------------------------------------------------------------------------------------------------

    def sync_directory(self, path: str) -> None:
        """Bring a folder's entries (creations, removals, renames in it) to stable storage."""
        with self._folder(self.parts(path), path) as fd:
            primitives.sync_file(fd)

    def barrier(self) -> None:
        """Everything written below the root before is on stable storage when this returns, on each file system that is written there.

        What a link shows (homes on a second disk) is none of them: no link is ever followed, so nothing was written through it.
        """
        with contextlib.ExitStack() as opened:
            found = {primitives.fstat(self._root_fd).st_dev: self._root_fd}
            for path in WRITTEN_FOLDERS:
                try:
                    fd = opened.enter_context(self._folder(self.parts(path), path))
                except WorkstationError as error:
                    absent = isinstance(error.__cause__, FileNotFoundError | NotADirectoryError)
                    if absent or is_ref(error, "volume.link-in-the-way"):
                        continue
                    raise
                found.setdefault(primitives.fstat(fd).st_dev, fd)
            if len(found) > 1:
                # a sealed root has nothing to bring to the disk and cannot be asked to
                found = {device: fd for device, fd in found.items() if primitives.free_bytes(fd)[2]}
            try:
                for fd in found.values():
                    primitives.sync_volume(fd)
            except OSError as error:
                raise failure(error, "/") from error


def _refuse_folder(name: str, fd: int, path: str) -> None:
    if stat.S_ISDIR(primitives.lstat(name, fd).st_mode):
        raise refused("volume.not-a-file", path)


def _fill(fd: int, source: bytes | int | BinaryIO) -> None:
    if isinstance(source, bytes):
        primitives.write_all(fd, source)
        return
    if isinstance(source, int):
        while data := primitives.read(source, CHUNK):
            primitives.write_all(fd, data)
        return
    while data := source.read(CHUNK):
        primitives.write_all(fd, data)


@contextlib.contextmanager
def _private_folder(folder: Path) -> Iterator[int]:
    try:
        fd = primitives.open_root(str(folder))
    except OSError as error:
        raise failure(error, str(folder)) from error
    try:
        yield fd
    finally:
        primitives.close(fd)


def _require_same_file(opened: os.stat_result, entry: Entry, path: str, *, untouched: bool) -> None:
    """Refuse an opened file that has other names or is not the one of ``entry``; ``untouched``: nor exactly as it was then."""
    same = (opened.st_dev, opened.st_ino) == (entry.device, entry.inode)
    unchanged = (opened.st_size, opened.st_mtime_ns, opened.st_ctime_ns) == (entry.size, entry.mtime_ns, entry.ctime_ns)
    if not stat.S_ISREG(opened.st_mode) or opened.st_nlink != 1 or not same or (untouched and not unchanged):
        raise refused("volume.shared-file", path)
