"""What a signal does to the program, which depends on the moment: three of them, and one handler that knows in which it is.

``STARTING``   nothing is open yet: the process ends at once, with the envelope where ``--json`` was asked for.
``RUNNING``    the signal becomes an exception, so that whatever it ends goes through the same ``finally`` blocks and is undone.
``ANSWERING``  the command has ended and its answer is being written: a first signal is too late, or the exit code would contradict the
               answer. A second one ends the process all the same: the reader of the answer may have stopped reading for good.

Loaded before anything else of the program, and with nothing that takes time: until then Python's own answer to Ctrl-C is a traceback.
So ``typing`` and ``signal`` (which loads ``enum``) are not imported here. A signal that the caller ignores (nohup) stays ignored.
Windows knows only Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress

TYPE_CHECKING = False  # what type checkers take for ``typing.TYPE_CHECKING``
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any, Final
else:
    import _signal as signal

SIGNAL_BASE: Final = 128
STARTING, RUNNING, ANSWERING = range(3)
_NUMBERS: Final = tuple(number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None)


class Stopped(KeyboardInterrupt):
    """The process was asked to end by a signal other than Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class _Moment:
    """Where in its life the program is, and whether a signal has come while it answered."""

    now = STARTING
    too_late = False


def number_of(error: KeyboardInterrupt) -> int:
    """The number of the signal behind ``error``."""
    return error.number if isinstance(error, Stopped) else int(signal.SIGINT)


def _handle(number: int, _frame: FrameType | None) -> None:
    if _Moment.now == RUNNING:
        raise KeyboardInterrupt if number == signal.SIGINT else Stopped(number)
    if _Moment.now == STARTING:
        _say_nothing_began(number)
        os._exit(SIGNAL_BASE + number)
    if _Moment.too_late:
        os._exit(SIGNAL_BASE + number)
    _Moment.too_late = True


def _say_nothing_began(number: int) -> None:
    """With ``--json`` even this end speaks the envelope; the catalogue of words may not be loaded yet, so both languages are said."""
    if "--json" not in sys.argv:
        return
    what = "Arrêt demandé avant tout commencement. / Stopped before anything began."
    why = "Rien n’a été modifié. / Nothing was changed."
    again = "Relancez la commande quand vous le souhaitez. / Run the command again whenever you wish."
    error = f'{{"ref":"run.interrupted-by-user","what":"{what}","why":"{why}","next":"{again}"}}'
    code = SIGNAL_BASE + number
    text = f'{{"atsam_safe":1,"command":"","status":"error","exit_code":{code},"data":{{}},"errors":[{error}],"notices":[]}}\n'
    with suppress(OSError):
        os.write(1, text.encode())


def install() -> dict[int, Any]:
    """Let ``_handle`` meet every ending signal; returns the handlers that were there before, by signal."""
    before = {}
    for number in _NUMBERS:
        present = signal.getsignal(number)
        if present in {signal.SIG_IGN, _handle}:
            continue
        # only the main thread may set handlers; elsewhere (a program that embeds this one) signals are its caller's
        with suppress(ValueError):
            before[number] = signal.signal(number, _handle)
    return before


def answer() -> None:
    """From here on an answer is written: a signal no longer changes what it says."""
    _Moment.now = ANSWERING


@contextmanager
def as_exceptions() -> Iterator[None]:
    """Let signals raise while the block runs: ``KeyboardInterrupt`` for Ctrl-C, ``Stopped`` for the others.

    After the block the program answers. A caller that did not ``install`` (a program that embeds this one) gets its handlers back.
    """
    before = install()
    _Moment.now = RUNNING
    _Moment.too_late = False
    try:
        yield
    finally:
        answer()
        for number, handler in before.items():
            signal.signal(number, handler)
