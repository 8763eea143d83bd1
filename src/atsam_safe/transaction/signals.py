"""Signals during a run: where it is armed, the first one ends the run by an exception, at once; everywhere else it waits.

Armed is only the way forward: while something is undone, committed, recovered or locked, a signal is noted and acted on later.

Only the main thread can receive signals in Python; elsewhere this does nothing. Windows has no such signals but Ctrl-C.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

ENDING = tuple(number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None)


class EndedBySignal(BaseException):
    """The run was asked to end: a wish, not an error, so no handler of errors may swallow it. ``number`` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class SignalWatch:
    """Context manager around a run, its lock included. ``received`` is the first signal's number, or ``None``.

    A caller that goes on after the run gives its own watch to it: what comes while the lock is let go must not hide how the run ended.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._deferred = 1
        self._raised = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                # a signal that the caller ignores (nohup) stays ignored
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._previous.clear()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is None:
            self.received = number
        self._raise_once()

    def _raise_once(self) -> None:
        if self.received is not None and not self._deferred and not self._raised:
            self._raised = True
            raise EndedBySignal(self.received)

    def check(self) -> None:
        """Raise now if a signal came while it was deferred."""
        self._raise_once()

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        """Inside this block a signal (also one noted before) raises ``EndedBySignal``; the caller handles it around the block."""
        self._deferred -= 1
        try:
            self.check()
            yield
        finally:
            self._deferred += 1

    @contextlib.contextmanager
    def passing_on(self) -> Iterator[None]:
        """Inside this block signals do what they did before the watch began; one noted before does so at once.

        For looking and deciding under the lock, while nothing is begun: whoever asks for the end then need not wait for it.
        """
        for number, handler in self._previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        try:
            if self.received is not None:
                signal.raise_signal(self.received)
            yield
        finally:
            for number in self._previous:
                signal.signal(number, self._handle)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Signals are noted, not acted on, inside this block."""
        self._deferred += 1
        try:
            yield
        finally:
            self._deferred -= 1


@contextlib.contextmanager
def watching(watch: SignalWatch | None) -> Iterator[SignalWatch]:
    """The watch that the caller has around the run already, or one for this run alone."""
    if watch is not None:
        yield watch
        return
    with SignalWatch() as own:
        yield own
