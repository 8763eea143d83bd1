"""A vendor's uninstaller as a guest: on a terminal of its own, prompts answered, watched, bounded, never believed (law 10).

The genuine uninstallers end with 0 whatever happened and read keys from the terminal. What a guest left behind is found afterwards
from the bill of materials and the catalogue, not from its words.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import time
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.processes import exact_environment
from atsam_safe.workstation.commands import CLEAN_ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

TRANSCRIPT_LIMIT: Final = 1 << 20
# A prompt is a line that stays unfinished for this long.
QUIET_SECONDS: Final = 0.3
# … but a guest may also work silently behind an unfinished line: only after this long is it taken for a question nobody can answer.
UNANSWERED_SECONDS: Final = 20.0
# Children that a guest leaves get this long to end by themselves.
LEFT_BEHIND_SECONDS: Final = 5.0
_READ_SIZE: Final = 4096


class GuestOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How the guest ended. ``status`` is ``None`` at the time limit; ``unanswered`` is the prompt nobody had an answer for.

    ``left_behind``: it ended while children of its own were still at work; they were ended too.
    """

    status: int | None
    transcript: str
    answered: int
    unanswered: str | None
    seconds: float
    left_behind: bool = False


def run_guest(
    program: Path,
    arguments: Sequence[str],
    *,
    answers: Sequence[tuple[str, str]],
    limit: float,
    heartbeat: Callable[[float], None] | None = None,
    unanswered_after: float = UNANSWERED_SECONDS,
    home: Path | None = None,
) -> GuestOutcome:
    """Run ``program`` (a private, verified copy) on a pseudo-terminal for at most ``limit`` seconds.

    ``home``: its home and working folder, empty and private: a guest that runs as root must not follow what a user may have put into their
    own home, and the genuine ones look for folders to remove in the working folder when they find no browser's profile.
    ``answers``: pairs of a prompt pattern (regular expression, searched in what was printed since the last answer) and the keys to
    press. A prompt that stays without an answer for ``unanswered_after`` seconds ends the guest: guessing could choose wrongly.
    """
    from plumbum import local  # noqa: PLC0415 - only live removals start guests

    controller, terminal = os.openpty()
    started = time.monotonic()
    try:
        folder = "/" if home is None else str(home)
        with exact_environment({**CLEAN_ENVIRONMENT, "HOME": folder}):
            process = local[str(program)].popen(
                list(arguments), stdin=terminal, stdout=terminal, stderr=terminal, cwd=folder, start_new_session=True
            )
    finally:
        os.close(terminal)
    try:
        conversation = _Conversation(controller, answers, unanswered_after)
        status = conversation.until_end(process, started, limit, heartbeat)
        left_behind = _end_children(process)
        return GuestOutcome(
            status=status,
            transcript=conversation.transcript,
            answered=conversation.answered,
            unanswered=conversation.unanswered,
            seconds=time.monotonic() - started,
            left_behind=left_behind,
        )
    finally:
        os.close(controller)


class _Conversation:
    """Reads the terminal, answers prompts, ends the guest at its limit."""

    def __init__(self, controller: int, answers: Sequence[tuple[str, str]], unanswered_after: float) -> None:
        self._controller = controller
        self._unanswered_after = unanswered_after
        self._echo = b""
        self._answers = [(re.compile(pattern), keys) for pattern, keys in answers]
        self._printed = bytearray()
        self._since_answer = 0
        self.answered = 0
        self.unanswered: str | None = None

    @property
    def transcript(self) -> str:
        return self._printed[:TRANSCRIPT_LIMIT].decode("utf-8", "replace")

    def until_end(self, process: object, started: float, limit: float, heartbeat: Callable[[float], None] | None) -> int | None:
        """Follow the guest to its end; ``None`` when it had to be ended."""
        quiet_since = time.monotonic()
        next_beat = started + 1.0
        while True:
            if self._read(0.05):
                quiet_since = time.monotonic()
            status: int | None = process.poll()  # type: ignore[attr-defined]  # plumbum's popen has no types
            if status is not None:
                while self._read(0.0):
                    pass
                return status
            now = time.monotonic()
            if heartbeat is not None and now >= next_beat:
                heartbeat(now - started)
                next_beat = now + 1.0
            if now - started > limit or len(self._printed) > TRANSCRIPT_LIMIT:
                _end(process)
                return None
            quiet = now - quiet_since
            if quiet > QUIET_SECONDS and self._waiting() and not self._answer() and quiet > self._unanswered_after:
                self.unanswered = self._asked().strip().splitlines()[-1][:200]
                _end(process)
                return None

    def _read(self, wait: float) -> bool:
        ready, _, _ = select.select([self._controller], [], [], wait)
        if not ready:
            return False
        # EIO: the other side of a pseudo-terminal is closed.
        with contextlib.suppress(OSError):
            piece = os.read(self._controller, _READ_SIZE)
            self._printed += piece
            return bool(piece)
        time.sleep(wait)
        return False

    def _waiting(self) -> bool:
        """True when the guest stands still behind an unfinished line: that is a prompt."""
        last = self._asked()
        return bool(last.strip()) and not last.endswith(("\n", "\r"))

    def _asked(self) -> str:
        """What was printed since the last answer, without the terminal's echo of that answer: the echo is no question."""
        return bytes(self._printed[self._since_answer :]).removeprefix(self._echo).decode("utf-8", "replace")

    def _answer(self) -> bool:
        text = self._asked()
        for pattern, keys in self._answers:
            if pattern.search(text):
                os.write(self._controller, keys.encode())
                self._since_answer = len(self._printed)
                self._echo = keys.encode()
                self.answered += 1
                return True
        return False


def _end(process: object) -> None:
    pid: int = process.pid  # type: ignore[attr-defined]  # plumbum's popen has no types
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    process.wait()  # type: ignore[attr-defined]  # plumbum's popen has no types


def _end_children(process: object) -> bool:
    """True when the guest's group outlived it and had to be ended: what goes on removing files would do so under the steps that follow."""
    group: int = process.pid  # type: ignore[attr-defined]  # plumbum's popen has no types
    limit = time.monotonic() + LEFT_BEHIND_SECONDS
    while time.monotonic() < limit:
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return False
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    return True
