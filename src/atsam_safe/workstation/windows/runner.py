"""Commands on Windows: absolute path, clean environment, time limit, never a shell, the direct process alone is waited for.

The same rules as ``workstation.commands``. A process group cannot be ended as a whole here; a child that outlives its parent is not ours:
answers go to files, so nobody waits for it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from typing import IO, TYPE_CHECKING, Final

from atsam_safe.processes import WINDOWS_VARIABLES, exact_environment
from atsam_safe.workstation.commands import OUTPUT_LIMIT, CommandOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

POLL_SECONDS: Final = 0.02
GRACE_SECONDS: Final = 3.0
NO_WINDOW: Final = 0x08000000
# What programs of the system cannot run without. Everything else of the caller's environment stays with the caller.
_KEPT: Final = (*WINDOWS_VARIABLES, "COMPUTERNAME", "PROCESSOR_ARCHITEW6432", "OS")


def clean_environment(system_root: str) -> dict[str, str]:
    """The environment of every command: the system's own folders, a search path of the system alone, its folder for temporary files."""
    found = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **found,
        "SystemRoot": system_root,
        "windir": system_root,
        "SystemDrive": system_root[:2],
        "ComSpec": f"{system_root}\\System32\\cmd.exe",
        "PATH": f"{system_root}\\System32;{system_root}",
        "PATHEXT": ".COM;.EXE",
        "TEMP": f"{system_root}\\Temp",
        "TMP": f"{system_root}\\Temp",
    }


class WindowsCommandRunner:
    """``workstation.commands.CommandRunner`` on Windows. ``status`` is the full 32-bit exit code."""

    def __init__(self, system_root: str) -> None:
        self._environment = clean_environment(system_root)
        self._system_root = system_root

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

        if not os.path.isabs(argv[0]):  # noqa: PTH117 - text
            raise ValueError(argv[0])
        if not os.path.isfile(argv[0]):  # noqa: PTH113 - text
            return CommandOutcome(argv=tuple(argv), status=None, missing=True)
        command = local[argv[0]]
        started = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as stdin:
            stdin.write(answers)
            stdin.seek(0)
            with exact_environment(self._environment):
                process = command.popen(
                    list(argv[1:]), stdin=stdin, stdout=out, stderr=err, cwd=self._system_root, creationflags=NO_WINDOW, close_fds=True
                )
            status = _wait(process, started, limit, heartbeat, (out, err))
            return CommandOutcome(argv=tuple(argv), status=status, out=_content(out), err=_content(err), seconds=time.monotonic() - started)


def _wait(
    process: object, started: float, limit: float, heartbeat: Callable[[float], None] | None, outputs: tuple[IO[bytes], IO[bytes]]
) -> int | None:
    next_beat = started + 1.0
    while True:
        status: int | None = process.poll()  # type: ignore[attr-defined]  # plumbum's popen has no types
        if status is not None:
            return status & 0xFFFFFFFF
        now = time.monotonic()
        if now >= started + limit or any(os.fstat(stream.fileno()).st_size > OUTPUT_LIMIT for stream in outputs):
            with contextlib.suppress(OSError):
                process.kill()  # type: ignore[attr-defined]  # plumbum's popen has no types
            return None
        if heartbeat is not None and now >= next_beat:
            heartbeat(now - started)
            next_beat = now + 1.0
        time.sleep(POLL_SECONDS)


def _content(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    return stream.read(OUTPUT_LIMIT)
