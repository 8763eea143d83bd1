"""Signals as at a terminal, however a test run was started.

Whoever starts it in the background of a script, or under ``nohup``, has SIGINT or SIGHUP ignored, and with it every process that a test
starts: the program goes by that, as it should, and no test of these signals could see what it does when it hears them.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_AT_A_TERMINAL: Final[dict[str, Callable[[int, FrameType | None], object] | signal.Handlers]] = {
    "SIGINT": signal.default_int_handler,
    "SIGHUP": signal.SIG_DFL,
}


def hear_signals() -> None:
    """Stop ignoring what a terminal sends; from the main thread only."""
    for name, answer in _AT_A_TERMINAL.items():
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, answer)
