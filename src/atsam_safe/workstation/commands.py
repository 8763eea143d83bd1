"""How external commands are run: absolute path, clean environment, time limit, never a shell, never our pipes.

Rules
- The answer goes to private files, not pipes: a long-lived grandchild that inherits a pipe would keep us waiting for ever
  (field incidents 001, 002, 039 of the symptom list).
- The command gets a process group of its own; at the limit the whole group is ended.
- An answer is bounded: a command that floods its output is ended, not swallowed.
- ``status`` is ``None`` when the command was ended at its limit. A command that is not there is a value too (``missing``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol

import msgspec

from atsam_safe.processes import exact_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OUTPUT_LIMIT: Final = 32 << 20
POLL_SECONDS: Final = 0.02
GRACE_SECONDS: Final = 3.0

CLEAN_ENVIRONMENT: Final = {
    "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
    "LC_ALL": "C",
    "LANG": "C",
    # Without it macOS tells processes built against an old SDK that it is 10.16 or 16.0, even in SystemVersion.plist.
    "SYSTEM_VERSION_COMPAT": "0",
}


class CommandOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one command answered. ``seconds`` is wall time."""

    argv: tuple[str, ...]
    status: int | None
    out: bytes = b""
    err: bytes = b""
    seconds: float = 0.0
    missing: bool = False

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 are replaced, never an error."""
        return self.out.decode("utf-8", "replace")

    @property
    def error_text(self) -> str:
        """Standard error as text, same rule as ``text``."""
        return self.err.decode("utf-8", "replace")

    @property
    def timed_out(self) -> bool:
        """True when the command was ended at its time limit."""
        return self.status is None and not self.missing


class CommandRunner(Protocol):
    """Runs one command to its end or its limit. The only door to external programs."""

    def run(
        self,
        argv: Sequence[str],
        *,
        limit: float,
        answers: bytes = b"",
        heartbeat: Callable[[float], None] | None = None,
    ) -> CommandOutcome:
        """Run ``argv`` (absolute path first) for at most ``limit`` seconds, with ``answers`` on its standard input.

        ``heartbeat`` is called about once a second with the elapsed seconds: long silent steps show that they live.
        """
        ...


class SystemCommandRunner:
    """Runs the commands of the system. ``commands_root`` is where absolute paths start: only the test laboratory changes it."""

    def __init__(self, commands_root: Path = Path("/"), extra_environment: dict[str, str] | None = None) -> None:
        self._root = commands_root
        self._environment = {**CLEAN_ENVIRONMENT, **(extra_environment or {})}

    @property
    def of_this_machine(self) -> bool:
        """False where the commands are a laboratory's: the processes they list are not this machine's."""
        return self._root == Path("/")

    def with_environment(self, more: dict[str, str]) -> SystemCommandRunner:
        """The same runner with ``more`` in the environment of its commands."""
        return SystemCommandRunner(self._root, {**self._environment, **more})

    def run(
        self,
        argv: Sequence[str],
        *,
        limit: float,
        answers: bytes = b"",
        heartbeat: Callable[[float], None] | None = None,
    ) -> CommandOutcome:
        """See ``CommandRunner.run``."""
        from plumbum import local  # noqa: PLC0415 - costs 30 ms, only runs that start commands pay it

        program = self._program(argv[0])
        if program is None:
            return CommandOutcome(argv=tuple(argv), status=None, missing=True)
        command = local[str(program)]
        started = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as stdin:
            stdin.write(answers)
            stdin.seek(0)
            with exact_environment(self._environment):
                process = command.popen(list(argv[1:]), stdin=stdin, stdout=out, stderr=err, cwd="/", start_new_session=True)
            status = _wait(process, started + limit, heartbeat, started, (out, err))
            return CommandOutcome(argv=tuple(argv), status=status, out=_content(out), err=_content(err), seconds=time.monotonic() - started)

    def _program(self, path: str) -> Path | None:
        """Return the executable at this absolute path, or ``None``; a relative name is a programming error."""
        if not path.startswith("/"):
            raise ValueError(path)
        program = self._root / path.lstrip("/")
        return program if program.is_file() and os.access(program, os.X_OK) else None


def _wait(
    process: object,
    deadline: float,
    heartbeat: Callable[[float], None] | None,
    started: float,
    outputs: tuple[IO[bytes], IO[bytes]],
) -> int | None:
    """Wait for the direct child only; end its group at the deadline or when it floods its output."""
    next_beat = started + 1.0
    pause = POLL_SECONDS / 10
    while True:
        status: int | None = process.poll()  # type: ignore[attr-defined]  # plumbum's popen has no types
        if status is not None:
            return status
        now = time.monotonic()
        if now >= deadline or any(os.fstat(stream.fileno()).st_size > OUTPUT_LIMIT for stream in outputs):
            _end_group(process)
            return None
        if heartbeat is not None and now >= next_beat:
            heartbeat(now - started)
            next_beat = now + 1.0
        time.sleep(pause)
        pause = min(POLL_SECONDS, pause * 2)


def _end_group(process: object) -> None:
    """Ask the group to end, then make it; a group that is gone already is fine."""
    pid: int = process.pid  # type: ignore[attr-defined]  # plumbum's popen has no types
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
        limit = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < limit:
            if process.poll() is not None:  # type: ignore[attr-defined]  # plumbum's popen has no types
                return
            time.sleep(POLL_SECONDS)


def _content(stream: IO[bytes]) -> bytes:
    """Read what the command wrote, up to the bound."""
    stream.seek(0)
    return stream.read(OUTPUT_LIMIT)
