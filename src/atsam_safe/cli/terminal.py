"""What a person types, and what they had typed before they were asked."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import TextIO


def forget_typed_ahead(stream: TextIO) -> None:
    """Throw away what was typed before the question: consent is an answer to what was read (field incident 036). Never fails."""
    with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
        if not stream.isatty():
            return
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - on Windows only

            while msvcrt.kbhit():
                msvcrt.getwch()
            return
        import termios  # noqa: PLC0415 - missing on Windows

        with contextlib.suppress(termios.error):
            termios.tcflush(stream.fileno(), termios.TCIFLUSH)
