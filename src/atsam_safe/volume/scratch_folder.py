"""A private folder for the time of one command, and the removal of those whose command was killed.

A folder belongs to the process that holds the kernel's lock on its mark: the lock dies with its owner, so what can be locked is left over.
Only what was surely made here is ever removed: a folder (never a link) of this user that is closed to others and carries the mark.

The folder above may be somebody else's, who can put another thing in the place of what was made there at any moment. So the folder is made,
opened, judged and removed below the descriptor of the one above it, and what must not go astray is written below its own descriptor.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import re
import secrets
import stat
import string
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atsam_safe.volume import primitives
from atsam_safe.volume.errors import problem_of
from atsam_safe.words.model import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.words.model import Problem

MARK: Final = ".atsam-safe-scratch"
TRIES: Final = 100
# what mkdtemp appends
_RANDOM: Final = r"[a-z0-9_]{8}"
_LETTERS: Final = string.ascii_lowercase + string.digits + "_"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scratch:
    """An open scratch folder: ``fd`` and that of the folder ``above`` it reach what was made, whatever lies at ``path`` by now."""

    path: Path
    fd: int
    above: int


@contextlib.contextmanager
def scratch_folder(prefix: str, parent: Path | None = None, refusal: Problem | None = None) -> Iterator[Path]:
    """The path of an ``open_scratch_folder``, for a ``parent`` in which nobody else can rename what is ours."""
    with open_scratch_folder(prefix, parent, refusal) as scratch:
        yield scratch.path


@contextlib.contextmanager
def open_scratch_folder(prefix: str, parent: Path | None = None, refusal: Problem | None = None) -> Iterator[Scratch]:
    """A new private folder in ``parent`` (default: the system's folder for temporary files), removed at the end.

    What killed commands left there under the same ``prefix`` is removed first. Raises ``RefusedError`` when no folder can be made:
    ``refusal``, or what the system says.
    """
    place = (Path(tempfile.gettempdir()) if parent is None else parent).absolute()
    remove_leftovers(prefix, place)
    with contextlib.ExitStack() as opened:
        try:
            above = primitives.open_root(str(place))
            opened.callback(primitives.close, above)
            name, fd, lock = _make(prefix, place, above)
        except OSError as error:
            raise RefusedError(refusal or problem_of(error, str(place))) from error
        yield from _used(Scratch(path=place / name, fd=fd, above=above), lock)


def _used(scratch: Scratch, lock: int) -> Iterator[Scratch]:
    """The folder for the time of the block, then its end."""
    fd = scratch.fd
    try:
        yield scratch
    finally:
        try:
            try:
                _empty(fd)
            except KeyboardInterrupt:
                # a person who is in a hurry wants the end, not a copy that stays: what is left of it takes no longer than before
                _empty(fd)
                raise
        finally:
            with contextlib.suppress(OSError):
                primitives.unlink(MARK, fd)
            primitives.close(lock)
            primitives.close(fd)
            with contextlib.suppress(OSError):
                primitives.remove_directory(scratch.path.name, scratch.above)


def remove_leftovers(prefix: str, parent: Path) -> None:
    """Remove the folders of ``prefix`` in ``parent`` whose owner is gone. What cannot be looked at or removed stays: it does no harm."""
    ours = re.compile(re.escape(prefix) + _RANDOM)
    with contextlib.suppress(OSError):
        above = primitives.open_root(str(parent))
        try:
            for name in primitives.list_names(above):
                if ours.fullmatch(name) is not None:
                    with contextlib.suppress(OSError):
                        _remove_left(name, above)
        finally:
            primitives.close(above)


def _make(prefix: str, place: Path, above: int) -> tuple[str, int, int]:
    """The folder's name, its descriptor and that of its locked mark."""
    for _ in range(TRIES):
        name = _make_private(prefix, place, above)
        # whoever cleans up at this moment may take the folder before it is locked: then another one is made
        with contextlib.suppress(FileNotFoundError, BlockingIOError), contextlib.ExitStack() as opened:
            fd = primitives.open_directory(name, above)
            opened.callback(primitives.close, fd)
            _require_made(fd, name)
            lock = primitives.open_for_lock(MARK, 0o600, fd)
            opened.callback(primitives.close, lock)
            primitives.lock_exclusive(lock)
            if _is_same(primitives.lstat(MARK, fd), primitives.fstat(lock)):
                opened.pop_all()
                return name, fd, lock
    raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))


def _make_private(prefix: str, place: Path, above: int) -> str:
    if primitives.IS_WINDOWS:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=place)).name  # it closes the folder to others there
    for _ in range(TRIES):
        name = prefix + "".join(secrets.choice(_LETTERS) for _ in range(8))
        with contextlib.suppress(FileExistsError):
            primitives.make_directory(name, 0o700, above)
            return name
    raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))


def _require_made(fd: int, name: str) -> None:
    """What was opened must be what was made: ours, closed to others, and empty, for it is emptied at the end."""
    status = primitives.fstat(fd)
    ours = primitives.IS_WINDOWS or (status.st_uid == primitives.effective_user() and not status.st_mode & 0o077)
    if not ours or primitives.list_names(fd):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _remove_left(name: str, above: int) -> None:
    """Remove one folder if it is ours and nobody's. Raises ``OSError`` when it is neither, or when that is not possible."""
    with contextlib.ExitStack() as opened:
        fd = primitives.open_directory(name, above)
        opened.callback(primitives.close, fd)
        status = primitives.fstat(fd)
        if not primitives.IS_WINDOWS and (status.st_uid != primitives.effective_user() or status.st_mode & 0o077):
            return
        # a folder without mark is one whose owner was killed while making or removing it: it goes if it is empty
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(primitives.lstat(MARK, fd).st_mode):
                return
            lock = primitives.open_for_lock(MARK, 0o600, fd)
            opened.callback(primitives.close, lock)
            primitives.lock_exclusive(lock)
            _empty(fd)
            primitives.unlink(MARK, fd)
    primitives.remove_directory(name, above)


def _empty(fd: int) -> None:
    """Remove all that lies in an open folder but its mark; no link is followed, no other file system entered."""
    device = primitives.fstat(fd).st_dev
    for name in primitives.list_names(fd):
        if name != MARK:
            with contextlib.suppress(OSError):
                _remove(name, fd, device)


def _remove(name: str, above: int, device: int) -> None:
    if not stat.S_ISDIR(primitives.lstat(name, above).st_mode):
        primitives.unlink(name, above)
        return
    fd = _opened(name, above)
    try:
        if primitives.fstat(fd).st_dev != device:
            return
        for child in primitives.list_names(fd):
            with contextlib.suppress(OSError):
                _remove(child, fd, device)
    finally:
        primitives.close(fd)
    primitives.remove_directory(name, above)


def _opened(name: str, above: int) -> int:
    """A folder of the copy, whatever rights it was given: nobody else can reach into the private folder that holds it."""
    try:
        fd = primitives.open_directory(name, above)
    except PermissionError:
        if primitives.IS_WINDOWS:
            raise
        os.chmod(name, 0o700, dir_fd=above)
        fd = primitives.open_directory(name, above)
    if not primitives.IS_WINDOWS:
        with contextlib.suppress(OSError):
            primitives.change_mode(fd, 0o700)
    return fd
