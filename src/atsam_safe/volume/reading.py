"""Looking at a volume: paths, descriptors opened component by component, and what lies there. ``volume.volume`` adds the changes.

The rules of both halves are stated there.
"""

from __future__ import annotations

import contextlib
import functools
import os
import stat
import threading
from typing import TYPE_CHECKING, BinaryIO, Self

from atsam_safe.volume import primitives
from atsam_safe.volume.cursor import Folder, FolderCursor, Parent, open_step
from atsam_safe.volume.errors import failure, refused
from atsam_safe.volume.metadata import read_xattrs
from atsam_safe.volume.model import Entry, Room
from atsam_safe.words.model import WorkstationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

SYSTEM_LINKS: Mapping[str, tuple[str, ...]] = {"etc": ("private", "etc"), "var": ("private", "var"), "tmp": ("private", "tmp")}
# Since macOS 10.15 the root belongs to a sealed, read-only volume, and these lie on another one beside it (Apple's list of firmlinks).
WRITTEN_FOLDERS = ("/Library", "/private", "/Users", "/Applications", "/usr/local")
MAXIMUM_DEPTH = 200
MAXIMUM_ENTRIES = 1_000_000
MAXIMUM_NAME_BYTES = 255
MAXIMUM_PATH_BYTES = 16_384
SURELY_SHORT_NAME = MAXIMUM_NAME_BYTES // 4
SURELY_SHORT_PATH = MAXIMUM_PATH_BYTES // 4
CHUNK = 1 << 20


def stream_of(opened: int, path: str) -> BinaryIO:
    """The open file as a stream without buffer; ``volume.not-a-file`` when it is no regular one, ``OSError``. Closed when it raises."""
    try:
        is_file = stat.S_ISREG(primitives.fstat(opened).st_mode)
    except OSError:
        primitives.close(opened)
        raise
    if not is_file:
        primitives.close(opened)
        raise refused("volume.not-a-file", path)
    return os.fdopen(opened, "rb", buffering=0)


def _kind_of(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "link" if stat.S_ISLNK(mode) else "other"


@functools.lru_cache(maxsize=4096)
def _names(path: str) -> tuple[str, ...]:
    """The names in a path; refuses what no volume may be asked for. Remembered: each pass asks for each path several times."""
    # the byte lengths are only counted where they could matter
    if not path.startswith("/") or "\0" in path or (len(path) > SURELY_SHORT_PATH and len(os.fsencode(path)) > MAXIMUM_PATH_BYTES):
        raise refused("volume.unusable-path", path)
    names = tuple([name for name in path.split("/") if name and name != "."])
    if len(names) > MAXIMUM_DEPTH or ".." in names:
        raise refused("volume.unusable-path", path)
    for name in names:
        if len(name) > SURELY_SHORT_NAME and len(os.fsencode(name)) > MAXIMUM_NAME_BYTES:
            raise refused("volume.unusable-path", path)
    return names


class VolumeReader:
    """Looking below ``root``. Usable from several threads. ``system_links`` maps first components to what macOS links them to."""

    def __init__(self, root: Path, *, system_links: Mapping[str, tuple[str, ...]] = SYSTEM_LINKS) -> None:
        """Open ``root``; ``WorkstationError`` when it is missing or no folder."""
        self.root = root
        self._system_links = system_links
        self._near = threading.local()
        try:
            self._root_fd = primitives.open_root(str(root))
        except OSError as error:
            raise failure(error, str(root)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the root descriptor; safe to call twice."""
        if self._root_fd >= 0:
            primitives.close(self._root_fd)
            self._root_fd = -1

    # --- paths ---------------------------------------------------------------------------------------------------------------------

    def parts(self, path: str) -> tuple[str, ...]:
        """The components of ``path`` with system links mapped; refuses relative, climbing, over-long or NUL-bearing paths."""
        names = _names(path)
        if names and names[0] in self._system_links:
            return self._system_links[names[0]] + names[1:]
        return names

    def canonical(self, path: str) -> str:
        """``path`` in the one spelling used as a key: system links mapped, no double or trailing slash."""
        return "/" + "/".join(self.parts(path))

    def host_path(self, path: str) -> str:
        """Where ``path`` lies on this machine, for messages and for external commands on a live workstation."""
        return os.path.join(self.root, *self.parts(path))  # noqa: PTH118 - names are not normalised any further

    @contextlib.contextmanager
    def neighbours(self) -> Iterator[None]:
        """Within this block, in this thread, the folder reached last stays open: the next path below it is reached from there.

        Every component is still opened once, below the one before, no link followed. Whoever moves the folder away meanwhile moves what is
        looked at along with it; nothing else can be reached by that.
        """
        if getattr(self._near, "cursors", None) is not None:
            yield
            return
        self._near.cursors = {}
        try:
            yield
        finally:
            cursors, self._near.cursors = self._near.cursors, None
            for cursor in cursors.values():
                cursor.close()

    def _cursor(self, parts: tuple[str, ...]) -> FolderCursor | None:
        """One for each folder of the root: whoever copies goes to and fro between two."""
        cursors: dict[str, FolderCursor] | None = getattr(self._near, "cursors", None)
        if cursors is None or not parts:
            return None
        if parts[0] not in cursors:
            cursors[parts[0]] = FolderCursor(self._root_fd)
        return cursors[parts[0]]

    def _folder(self, parts: tuple[str, ...], path: str) -> Folder:
        """A context with a descriptor of the folder ``parts``, opened component by component, no link followed."""
        return Folder(self._root_fd, parts, path, self._cursor(parts))

    def parent(self, path: str) -> Parent:
        """A context with a descriptor of the folder that holds ``path``, opened without following a link, and the last component.

        Inside it every ``OSError`` becomes a ``WorkstationError`` about ``path``.
        """
        parts = self.parts(path)
        if not parts:
            raise refused("volume.unusable-path", path)
        return Parent(self._root_fd, parts, path, self._cursor(parts[:-1]))

    # --- looking -------------------------------------------------------------------------------------------------------------------

    def lstat(self, path: str) -> Entry | None:
        """What lies at ``path``, or ``None`` when nothing does (also when a folder on the way is missing)."""
        try:
            parts = self.parts(path)
            if not parts:
                return self._top()
            with self.parent(path) as (fd, name):
                try:
                    return self._entry_at(path, name, fd)
                except FileNotFoundError:
                    return None
        except WorkstationError as error:
            if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                return None
            raise

    def _top(self) -> Entry:
        try:
            return self._entry("/", primitives.fstat(self._root_fd), None)
        except OSError as error:
            raise failure(error, "/") from error

    def exists(self, path: str) -> bool:
        """True when anything lies at ``path``, a dangling link included."""
        return self.lstat(path) is not None

    def _entry_at(self, path: str, name: str, fd: int) -> Entry:
        status = primitives.lstat(name, fd)
        link = primitives.read_link(name, fd) if stat.S_ISLNK(status.st_mode) else None
        return self._entry(path, status, link)

    @staticmethod
    def _entry(path: str, status: os.stat_result, link: str | None) -> Entry:
        kind = _kind_of(status.st_mode)
        return Entry(
            path=path,
            kind=kind,  # type: ignore[arg-type] # one of the four literals
            mode=0 if kind == "link" else stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            size=status.st_size if kind == "file" else 0,
            mtime_ns=status.st_mtime_ns,
            ctime_ns=status.st_ctime_ns,
            link=link,
            device=status.st_dev,
            inode=status.st_ino,
            links=status.st_nlink,
            flags=getattr(status, "st_flags", 0),
            socket=stat.S_ISSOCK(status.st_mode),
            fifo=stat.S_ISFIFO(status.st_mode),
        )

    def open_read(self, path: str) -> BinaryIO:
        """A regular file opened for reading, unbuffered; ``volume.not-a-file`` for anything else."""
        with self.parent(path) as (fd, name):
            return stream_of(primitives.open_read(name, fd), path)

    def read_bytes(self, path: str, limit: int) -> bytes:
        """The whole content of a file of at most ``limit`` bytes; ``volume.too-large`` above it."""
        pieces: list[bytes] = []
        remaining = limit + 1
        with self.open_read(path) as stream:
            try:
                while remaining > 0 and (piece := stream.read(min(CHUNK, remaining))):
                    pieces.append(piece)
                    remaining -= len(piece)
            except OSError as error:
                raise failure(error, path) from error
        if remaining <= 0:
            raise refused("volume.too-large", path, limit=str(limit))
        return b"".join(pieces)

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Sorted names in a folder; ``volume.missing`` when there is none."""
        with self._folder(self.parts(path), path) as fd:
            names = primitives.list_names(fd)
        if len(names) > MAXIMUM_ENTRIES:
            raise refused("volume.too-many-entries", path)
        return tuple(sorted(names))

    def walk(self, path: str) -> Iterator[Entry]:
        """``path`` and everything below it, a folder before its content, names sorted; nothing when it is absent.

        Links are reported, never followed; folders of another file system are reported, never entered.
        """
        top = self.lstat(path)
        if top is None:
            return
        yield top
        if top.kind != "directory":
            return
        count = 1
        for entry in self._walk_below(self.parts(path), "/" + "/".join(self.parts(path)), top.device):
            count += 1
            if count > MAXIMUM_ENTRIES:
                raise refused("volume.too-many-entries", path)
            yield entry

    def _walk_below(self, parts: tuple[str, ...], path: str, device: int) -> Iterator[Entry]:
        if len(parts) > MAXIMUM_DEPTH:
            raise refused("volume.unusable-path", path)
        with self._folder(parts, path) as fd:
            prefix = path.rstrip("/")
            entries = [self._entry_at(f"{prefix}/{name}", name, fd) for name in sorted(primitives.list_names(fd))]
        for entry in entries:
            yield entry
            if entry.kind == "directory" and entry.device == device:
                yield from self._walk_below((*parts, entry.path.rsplit("/", 1)[1]), entry.path, device)

    def xattrs(self, path: str, entry: Entry | None = None) -> dict[str, bytes]:
        """Extended attributes of a file or folder that a restore can put back; empty for links and where there are none.

        ``entry``: what was seen there just now.
        """
        entry = entry or self.lstat(path)
        if entry is None or entry.kind not in {"file", "directory"}:
            return {}
        with self._open_any(path, entry) as fd:
            return read_xattrs(fd)

    @contextlib.contextmanager
    def _open_any(self, path: str, entry: Entry) -> Iterator[int]:
        if entry.kind == "directory":
            with self._folder(self.parts(path), path) as fd:
                yield fd
            return
        with self.parent(path) as (parent, name):
            fd = primitives.open_read(name, parent)
            try:
                yield fd
            finally:
                primitives.close(fd)

    @contextlib.contextmanager
    def _written_folder(self) -> Iterator[int]:
        """A folder of the file system on which this volume's owner writes: the root's own, or the one beside a sealed root."""
        with contextlib.ExitStack() as opened:
            fd = self._root_fd
            # absent in a state folder, in a scratch folder, on Windows
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                fd = open_step(WRITTEN_FOLDERS[0].lstrip("/"), self._root_fd)
                opened.callback(primitives.close, fd)
            yield fd

    def room(self) -> Room:
        """Free and total bytes of the file system that is written, and whether it is mounted writable."""
        try:
            with self._written_folder() as fd:
                free, total, writable = primitives.free_bytes(fd)
        except OSError as error:
            raise failure(error, "/") from error
        return Room(free=free, total=total, writable=writable)

    def free_space(self) -> int:
        """Free bytes of the file system for this user."""
        return self.room().free

    def is_writable(self) -> bool:
        """False when the file system is mounted read-only or this user may not change what it holds."""
        try:
            with self._written_folder() as fd:
                return primitives.free_bytes(fd)[2] and os.access(".", os.W_OK, dir_fd=fd)
        except OSError as error:
            raise failure(error, "/") from error

    def device(self, path: str = "/") -> int | None:
        """Number of the file system of ``path`` (or of its nearest existing folder's absence: ``None``)."""
        entry = self.lstat(path)
        return None if entry is None else entry.device
