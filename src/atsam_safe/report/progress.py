"""What is under way, on standard error: a bar on a terminal, a line now and then elsewhere, nothing when a script reads JSON.

A long silent step frightens people into pulling the plug, which is the one thing that must not happen: on a terminal the elapsed time
keeps moving, elsewhere a line is written at least every ten seconds of reported progress.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from atsam_safe.words.reference import N_
from atsam_safe.words.translate import phrase

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import TextIO

    from atsam_safe.words.model import Language

QUIET_SECONDS: Final = 10.0

PHASES: Final[dict[str, str]] = {
    "read": N_("Reading the package"),
    "observe": N_("Looking at the workstation"),
    "stage": N_("Preparing the files"),
    "snapshot": N_("Saving the present state"),
    "reserve": N_("Reserving room for the way back"),
    "remove": N_("Removing the old components"),
    "uninstall": N_("Removing the old components"),
    "install": N_("Installing the components"),
    "verify": N_("Verifying"),
    "rollback": N_("Going back to the state before"),
    "restore": N_("Going back to the state before"),
    "recover": N_("Finishing with an interrupted run"),
    "wait": N_("The system's installer is at work; do not switch the computer off"),
    "trust": N_("macOS may ask for an administrator’s password in a window of its own: please type it there"),
    "commit": N_("Confirming"),
    "copy": N_("Copying to the rehearsal folder"),
}


def phase_words(phase: str, language: Language) -> str:
    """The words for a phase; an unknown phase is shown by its own name rather than hidden."""
    message = PHASES.get(phase)
    return phase if message is None else phrase(message, language)


class Progress(Protocol):
    """Receives ``(phase, done, total)``; ``total`` is 0 when unknown."""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Tell how far ``phase`` is."""
        ...

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Take down whatever is shown."""
        ...


class Silent:
    """For scripts: says nothing."""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Say nothing."""

    def __enter__(self) -> Self:
        """Say nothing."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Say nothing."""


class Lines(Silent):
    """For logs and pipes: one line when a phase begins and one every ten seconds, with the time since the beginning."""

    def __init__(self, stream: TextIO, language: Language, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._language = language
        self._clock = clock
        self._begin = clock()
        self._last = self._begin
        self._phase = ""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Write a line when there is news."""
        now = self._clock()
        if phase == self._phase and now - self._last < QUIET_SECONDS:
            return
        self._phase = phase
        self._last = now
        share = f" {100 * done // total} %" if total > 0 and done else ""
        self._stream.write(f"[{now - self._begin:5.1f} s] {phase_words(phase, self._language)}{share}\n")
        self._stream.flush()


class Bar(Silent):
    """For people: a bar, the phase in words and the elapsed time. ``rich`` is loaded at the first sign of progress."""

    def __init__(self, stream: TextIO, language: Language) -> None:
        self._stream = stream
        self._language = language
        self._bar: Any = None
        self._task: Any = None

    def _start(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - 60 ms that only a person watching a long step should pay
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - same
        from rich.progress import Progress as RichProgress  # noqa: PLC0415 - same

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
        self._bar = RichProgress(*columns, console=Console(file=self._stream), transient=True)
        self._bar.start()
        self._task = self._bar.add_task("", total=None)

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Move the bar."""
        if self._bar is None:
            self._start()
        self._bar.update(self._task, description=phase_words(phase, self._language), completed=done, total=total or None)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Take the bar down so that the report begins on a clean line."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def choose(language: Language, *, json: bool, stream: TextIO | None = None) -> Progress:
    """The form that suits who is reading standard error."""
    target = sys.stderr if stream is None else stream
    if json and not target.isatty():
        return Silent()
    return Bar(target, language) if target.isatty() else Lines(target, language)
