"""One changing run at a time, by a lock of the kernel: it dies with its owner, so a stale one cannot exist.

The file also says who holds it (process, since when, host, command), only so that the refusal can say so. It is removed when the lock is
released; after a kill it stays, unlocked and meaningless, until the next run takes it. Waiting never happens: a held lock is a refusal.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from atsam_safe.volume import primitives, state_place
from atsam_safe.volume.errors import failure, printable
from atsam_safe.words.model import AtsamSafeError, BusyError, Problem, RefusedError

if TYPE_CHECKING:
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.transaction.signals import SignalWatch

LOCK = f"/{state_place.LOCK}"
OWNER_LIMIT = 4096
TRIES = 100
RELEASE_TRIES = 2
UNKNOWN_OWNER = {"pid": "?", "since": "?", "host": "?", "command": "?"}


def at_work(state: StateFolder) -> Problem | None:
    """The problem ``state.locked`` while another process changes this workstation; leaves everything as it is.

    Asking takes the lock for a moment, in which a run that starts is refused: to be asked only where a run was found that has not ended.
    """
    try:
        stream = state.files.open_read(LOCK)
    except AtsamSafeError:  # not there, or nothing that a run could hold
        return None
    with stream:
        try:
            # beside others who ask: taken alone, one of them would be told of the owner that was killed
            primitives.lock_shared(stream.fileno())
        except BlockingIOError:
            return _held(stream.fileno())
        except OSError:  # a disk that knows no locks, or no longer answers: what was found of the run stands
            return None
    return None


def _held(fd: int) -> Problem:
    """Whose lock it is, as its file says."""
    params = dict(UNKNOWN_OWNER)
    with contextlib.suppress(OSError, ValueError, RecursionError):
        said = json.loads(primitives.read(fd, OWNER_LIMIT))
        if isinstance(said, dict):
            params = {key: printable(str(said.get(key, "?")))[:200] for key in params}
    return Problem(ref="state.locked", params=params, evidence=dict(params))


class RunLock:
    """The lock of a workstation's state folder. Use as a context manager around everything that changes anything.

    Raises ``BusyError`` (``state.locked``, exit 14) when another process holds it, ``RefusedError`` (``state.unsafe``) when something
    that is not our plain file lies in its place.
    """

    def __init__(self, state: StateFolder, command: str, watch: SignalWatch | None = None, *, looking: bool = False) -> None:
        """``watch``: the one that the owner has around all of it, so that a signal waits while the lock is let go; the run uses it, too.

        ``looking``: nothing is to be changed before ``begin``. The file that a killed owner left is then let go as it was found.
        """
        self.watch = watch
        self._looking = looking
        self._state = state
        self._command = command
        self._fd = -1

    @property
    def held(self) -> bool:
        """True while this object holds the lock."""
        return self._fd >= 0

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock at once or refuse. A state elsewhere has its sign on the workstation when this returns."""
        for _ in range(TRIES):
            with self._state.files.parent(LOCK) as (folder, name):
                fd = self._open(folder, name)
                try:
                    primitives.lock_exclusive(fd)
                    if self._is_current(fd, folder, name):
                        if not self._looking:
                            self._sign(fd)
                        self._fd = fd
                        break
                except BlockingIOError as error:
                    busy = _held(fd)
                    primitives.close(fd)
                    raise BusyError(busy) from error
                except BaseException:
                    primitives.close(fd)
                    raise
                # the owner removed the file between our open and our lock: what we hold is a name nobody can see
                primitives.close(fd)
        else:
            raise BusyError(Problem(ref="state.locked", params=dict(UNKNOWN_OWNER)))
        try:
            self._state.sign()
        except BaseException:
            self.release()
            raise

    def begin(self) -> None:
        """After looking, something is changed: the file says who does it, and is removed in the end."""
        self._looking = False
        if self.held:
            self._sign(self._fd)

    def _open(self, folder: int, name: str) -> int:
        try:
            fd = primitives.open_for_lock(name, 0o600, folder)
        except OSError as error:
            place = str(self._state.path / "lock")
            if isinstance(error, IsADirectoryError) or error.errno in {40, 62}:  # ELOOP on Linux and macOS
                raise RefusedError(Problem(ref="state.unsafe", params={"path": printable(place), "reason": "link"})) from error
            with contextlib.suppress(AtsamSafeError):
                if self._state.files.lstat(LOCK) is None:
                    self._state.withdraw()  # no room for it, and nobody else has it
            raise failure(error, place) from error
        try:
            status = primitives.fstat(fd)
        except OSError:
            primitives.close(fd)
            raise
        if not stat.S_ISREG(status.st_mode) or status.st_uid != primitives.effective_user():
            primitives.close(fd)
            place = printable(str(self._state.path / "lock"))
            raise RefusedError(Problem(ref="state.unsafe", params={"path": place, "reason": "owner"}))
        return fd

    @staticmethod
    def _is_current(fd: int, folder: int, name: str) -> bool:
        try:
            there = primitives.lstat(name, folder)
        except FileNotFoundError:
            return False
        held = primitives.fstat(fd)
        return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)

    def _sign(self, fd: int) -> None:
        owner = {
            "pid": str(os.getpid()),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "host": platform.node(),
            "command": self._command,
        }
        # who holds it is a courtesy: a full disk must not keep a rollback from taking the lock
        with contextlib.suppress(OSError):
            primitives.truncate(fd, 0)
            primitives.write_all(fd, json.dumps(owner).encode("ascii"))

    def release(self) -> None:
        """Remove the file while it is still locked, then let go: nobody can take a lock on a file that then disappears unseen."""
        if self._fd < 0:
            return
        try:
            self._state.withdraw()
            # a file that cannot be removed stays, unlocked and meaningless: it must not turn the end of a run into a failure
            for _ in range(RELEASE_TRIES):
                with contextlib.suppress(OSError, AtsamSafeError), self._state.files.parent(LOCK) as (folder, name):
                    found = self._looking and primitives.fstat(self._fd).st_size > 0  # else it was made by us
                    if not found and self._is_current(self._fd, folder, name):
                        primitives.unlink(name, folder)
                    break
        finally:
            primitives.close(self._fd)
            self._fd = -1
