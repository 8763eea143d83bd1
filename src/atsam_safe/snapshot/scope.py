"""Looking at a scope: one ``PathState`` per path, and the digest that proves two states equal.

The digest is SHA-256 over a canonical form of every path in scope: path, kind, mode, owner, size, content hash, link target, modification
time in whole seconds, extended attributes. Whole seconds because that is what the stand-alone script can put back.
"""

from __future__ import annotations

import functools
import hashlib
import os
import threading
import time
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import msgspec
import tenacity

from atsam_safe.snapshot.model import PathState, no_progress
from atsam_safe.snapshot.parallel import in_parallel
from atsam_safe.volume import primitives
from atsam_safe.volume.errors import failure, is_ref, printable
from atsam_safe.volume.metadata import read_xattrs
from atsam_safe.words.model import Problem, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from atsam_safe.plan.model import ScopeEntry
    from atsam_safe.snapshot.model import Progress
    from atsam_safe.volume.model import Entry
    from atsam_safe.volume.volume import Volume

    # path → (inode, size, mtime_ns) and the hash read from that inode
    Known = dict[str, tuple[tuple[int, int, int], str]]

P = ParamSpec("P")
R = TypeVar("R")
# fits a processor's own cache: what was read is hashed and written from there
CHUNK = 1 << 18
ATTEMPTS = 3
PAUSE_SECONDS = 0.05
SECOND = 1_000_000_000
_own = threading.local()
# recorded for a folder whose times are no part of the state (``ScopeEntry.kind`` shared)
UNTIMED = -1
# recorded where that number is a true time, one nanosecond before 1970: the same second
JUST_BEFORE_1970 = -2


class FileChangedError(WorkstationError):
    """A file changed while it was read: whatever was read of it is worth nothing."""

    def __init__(self, path: str) -> None:
        super().__init__(Problem(ref="snapshot.file-changed", params={"path": printable(path)}))


_again = tenacity.Retrying(
    retry=tenacity.retry_if_exception_type(FileChangedError),
    stop=tenacity.stop_after_attempt(ATTEMPTS - 1),
    wait=tenacity.wait_fixed(PAUSE_SECONDS),
    reraise=True,
)


def steady(look: Callable[P, R]) -> Callable[P, R]:
    """Look again, ``ATTEMPTS`` times in all, at what changed meanwhile. The first look costs nothing: there are hundreds of files."""

    @functools.wraps(look)
    def looked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return look(*args, **kwargs)
        except FileChangedError:
            time.sleep(PAUSE_SECONDS)
            return _again.copy()(look, *args, **kwargs)

    return looked


def sort_key(path: str) -> bytes:
    """The one order of paths: by bytes, whatever the locale."""
    return os.fsencode(path)


def list_scope(volume: Volume, scope: Iterable[ScopeEntry], *, strict: bool = False) -> dict[str, Entry | None]:
    """Every path in scope and what lies there now, by canonical path, sorted. Sockets are left out: they are no state.

    A path below a link is absent: whatever the link shows is elsewhere. With ``strict`` (before a first change) it is refused instead.
    """
    found: dict[str, Entry | None] = {}
    for item in scope:
        path = volume.canonical(item.path)
        found.setdefault(path, None)
        try:
            entries = list(volume.walk(path)) if item.kind == "tree" else [volume.lstat(path)]
        except WorkstationError as error:
            if strict or not is_ref(error, "volume.link-in-the-way"):
                raise
            continue
        entries = [_untimed(entry) if item.kind == "shared" else _timed(entry) for entry in entries]
        found.update({volume.canonical(entry.path): entry for entry in entries if entry is not None and not entry.socket})
    return {path: found[path] for path in sorted(found, key=sort_key)}


def _untimed(entry: Entry | None) -> Entry | None:
    """A folder that everybody writes into, without what changes whenever somebody does."""
    if entry is None or entry.kind != "directory":
        return entry
    return msgspec.structs.replace(entry, mtime_ns=UNTIMED, ctime_ns=UNTIMED, links=1)


def _timed(entry: Entry | None) -> Entry | None:
    """A folder whose time is a part of the state, and looks like one without. Of a file the entry stays: it is held against the disk."""
    if entry is None or entry.kind != "directory" or entry.mtime_ns != UNTIMED:
        return entry
    return msgspec.structs.replace(entry, mtime_ns=JUST_BEFORE_1970)


def state_of(path: str, entry: Entry | None, *, sha256: str | None = None, xattrs: dict[str, bytes] | None = None) -> PathState:
    """The recorded state for what was seen."""
    if entry is None:
        return PathState(path=path, kind="absent")
    if entry.kind == "other":
        return PathState(path=path, kind="other")
    return PathState(
        path=path,
        kind=entry.kind,
        mode=entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        mtime_ns=JUST_BEFORE_1970 if entry.mtime_ns == UNTIMED and entry.kind != "directory" else entry.mtime_ns,
        size=entry.size,
        sha256=sha256,
        link=entry.link,
        xattrs={name: value.hex() for name, value in sorted((xattrs or {}).items())},
    )


@steady
def read_state(volume: Volume, path: str, entry: Entry | None) -> PathState:
    """The state of one path with its content hashed; retried, then ``snapshot.file-changed``, when it changes meanwhile."""
    if entry is None or entry.kind in {"link", "other"}:
        return state_of(path, entry)
    if entry.kind == "directory":
        return state_of(path, entry, xattrs=volume.xattrs(path, entry))
    hasher = hashlib.sha256()
    attributes = feed(volume, path, entry, hasher.update)
    return state_of(path, entry, sha256=hasher.hexdigest(), xattrs=attributes)


def feed(volume: Volume, path: str, entry: Entry, take: Callable[[memoryview], object]) -> dict[str, bytes]:
    """Pass a file's content to ``take`` in pieces; its extended attributes. Raises when the file is not the one seen as ``entry``."""
    view = own_buffer()
    with volume.open_read(path) as stream:
        fd = stream.fileno()
        try:
            before = primitives.fstat(fd)
            if (before.st_ino, before.st_size, before.st_mtime_ns, before.st_ctime_ns) != identity(entry):
                raise FileChangedError(path)
            while count := primitives.read_into(fd, view):
                take(view[:count])
            attributes = read_xattrs(fd)
            after = primitives.fstat(fd)
        except OSError as error:
            raise failure(error, path) from error
    if (after.st_ino, after.st_size, after.st_mtime_ns, after.st_ctime_ns) != identity(entry):
        raise FileChangedError(path)
    return attributes


def own_buffer() -> memoryview:
    """A buffer of this thread's own, always the same: fresh memory costs as much as the hash of what is read into it."""
    view: memoryview | None = getattr(_own, "view", None)
    if view is None:
        view = _own.view = memoryview(bytearray(CHUNK))
    return view


def identity(entry: Entry) -> tuple[int, int, int, int]:
    """What must not change while a file is read."""
    return entry.inode, entry.size, entry.mtime_ns, entry.ctime_ns


def size_of_listed(item: tuple[str, Entry | None]) -> int:
    """Bytes to read for one listed path."""
    return 0 if item[1] is None else item[1].size


def read_states(
    volume: Volume, entries: dict[str, Entry | None], *, known: Known | None = None, progress: Progress = no_progress
) -> list[PathState]:
    """The states of the listed paths, in their order; files are hashed by several threads (hashing and reading release the GIL).

    ``known``: files whose content was hashed from these very inodes a moment ago; they are read again only if anything about them differs.
    """
    hashes: dict[str, str] = {}
    for path, (identity_then, sha256) in (known or {}).items():
        entry = entries.get(path)
        if entry is not None and identity_then == (entry.inode, entry.size, entry.mtime_ns):
            hashes[path] = sha256

    def read(item: tuple[str, Entry | None]) -> PathState:
        path, entry = item
        if entry is not None and path in hashes:
            return state_of(path, entry, sha256=hashes[path], xattrs=volume.xattrs(path, entry))
        return read_state(volume, path, entry)

    def to_read(item: tuple[str, Entry | None]) -> int:
        return 0 if item[0] in hashes else size_of_listed(item)

    return in_parallel(read, entries.items(), to_read, "verify", progress, volume)


def observe_scope(
    volume: Volume, scope: Sequence[ScopeEntry], *, known: Known | None = None, progress: Progress = no_progress
) -> list[PathState]:
    """The present state of every path in scope, content hashed (``known``: see ``read_states``)."""
    return read_states(volume, list_scope(volume, scope), known=known, progress=progress)


def digest_of(states: Iterable[PathState]) -> str:
    """The canonical SHA-256 (hex) of some states."""
    hasher = hashlib.sha256(b"atsam-safe scope 1\n")
    for state in sorted(states, key=lambda item: sort_key(item.path)):
        if state.kind == "other":  # a FIFO is recorded and never brought back: whoever uses it makes it anew
            continue
        for field in _fields(state):
            hasher.update(b"%d:" % len(field))
            hasher.update(field)
        hasher.update(b"\n")
    return hasher.hexdigest()


def _fields(state: PathState) -> list[bytes]:
    fields = [os.fsencode(state.path), state.kind.encode()]
    if state.kind == "absent":
        return fields
    numbers = (state.mode, state.uid, state.gid, state.mtime_ns // SECOND, state.size)
    fields.extend(str(number).encode() for number in numbers)
    fields.append((state.sha256 or "").encode())
    fields.append(os.fsencode(state.link or ""))
    for name, value in sorted(state.xattrs.items()):
        fields.extend((os.fsencode(name), value.encode()))
    return fields


def scope_digest(volume: Volume, scope: Sequence[ScopeEntry], *, progress: Progress = no_progress) -> str:
    """Digest of the present state of the scope. Equal digests: the same paths, content, rights, owners, links, times and attributes."""
    return digest_of(observe_scope(volume, scope, progress=progress))
