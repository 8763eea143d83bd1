"""Helper threads: one that does calls in their order, a few buffers behind, and one that reads a few buffers ahead.

Reading, digests and file writes let other threads run while they work: doing them beside decompression shortens a large package by
about half on two processors. Small packages never start a thread.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import sys
import threading
from typing import TYPE_CHECKING, Final, Self

from atsam_safe.packages.limits import BUFFER

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

WORTHWHILE: Final = 4 << 20
_BEHIND: Final = 3
_TOGETHER: Final = BUFFER
_LEAST: Final = 4096
_MEASURE: Final = 4 << 20
_TURN_SECONDS: Final = 0.0005
_POLL_SECONDS: Final = 0.01


@functools.cache
def _keep_memory_at_hand() -> None:
    """Make the C library keep freed buffers instead of giving them back to the kernel and asking for them again.

    glibc takes the size of a freed large block for the measure of what a program needs again and again. Without this one, never even
    touched, a tenth of the time of a large package is spent in the kernel; with another C library it does nothing.
    """
    bytes(_MEASURE)


@functools.cache
def _take_turns_quickly() -> None:
    """Let a thread that comes back from decompressing have the interpreter after half a millisecond instead of five.

    Otherwise each millisecond of decompression waits five while another thread loads the cryptographic libraries.
    """
    sys.setswitchinterval(min(sys.getswitchinterval(), _TURN_SECONDS))


class Background:
    """Calls are made in the order they were given. An error of one of them is raised by the next ``call`` or by ``finish``."""

    def __init__(self, *, threaded: bool) -> None:
        """Without ``threaded`` every call is made at once, in the caller."""
        self._queue: queue.Queue[list[Callable[[], object]] | None] = queue.Queue(_BEHIND)
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._gathered: list[Callable[[], object]] = []
        self._weight = 0
        if threaded:
            _keep_memory_at_hand()
            _take_turns_quickly()
            self._thread = threading.Thread(target=self._run, name="package-background", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (actions := self._queue.get()) is not None:
            if self._error is not None:
                continue
            try:
                for action in actions:
                    action()
            except BaseException as error:  # noqa: BLE001 - handed over to the caller's thread whatever it is
                self._error = error

    def call(self, action: Callable[[], object], weight: int = _TOGETHER) -> None:
        """Do ``action`` after everything given before.

        ``weight``: the bytes it holds. Light calls are handed over together, a buffer's weight at once: handing a call from one thread to
        the other takes as long as creating a file.
        """
        if self._thread is None:
            action()
            return
        self._raise()
        self._gathered.append(action)
        self._weight += max(weight, _LEAST)
        if self._weight >= _TOGETHER:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []
            self._weight = 0

    def finish(self) -> None:
        """Wait until everything is done; raises the first error."""
        self._end()
        self._raise()

    def _end(self) -> None:
        if self._thread is not None:
            self._hand_over()
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _raise(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Also after an error of the caller: no thread is left behind, and what was not handed over yet is not done."""
        self._gathered.clear()
        self._end()


def read_ahead(chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Hand ``chunks`` through while a thread already asks for the next ones; an error of theirs is raised where it would have come.

    No thread is left behind when the reader stops early.
    """
    _keep_memory_at_hand()
    _take_turns_quickly()
    waiting: queue.Queue[bytes | BaseException | None] = queue.Queue(_BEHIND)
    stopped = threading.Event()

    def run() -> None:
        last: BaseException | None = None
        try:
            for chunk in chunks:
                waiting.put(chunk)
                if stopped.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - handed over to the reader's thread whatever it is
            last = error
        waiting.put(last)

    thread = threading.Thread(target=run, name="package-reader", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        while thread.is_alive():
            with contextlib.suppress(queue.Empty):
                waiting.get(timeout=_POLL_SECONDS)
        thread.join()
