"""Having the disk begin with what was written while the processors are busy with the rest, so that the barrier waits for little."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Final, Self

from atsam_safe.volume import primitives

if TYPE_CHECKING:
    from types import TracebackType

PORTION: Final = 32 << 20
"""So many bytes are worth a thread; small runs never start one."""


class EarlyWriting:
    """Promises nothing: whoever relies on what was written sets a barrier afterwards. Usable from several threads."""

    def __init__(self) -> None:
        self._waiting = 0
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def written(self, descriptor: int, count: int) -> None:
        """``count`` bytes more were written through ``descriptor``; at most one thread is busy with them."""
        with self._guard:
            self._waiting += count
            if self._waiting < PORTION or (self._thread is not None and self._thread.is_alive()):
                return
            self._waiting = 0
            self._thread = threading.Thread(target=_begin, args=(os.dup(descriptor),), name="early-writing", daemon=True)
            self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave no thread behind."""
        if self._thread is not None:
            self._thread.join()


def _begin(descriptor: int) -> None:
    try:
        with contextlib.suppress(OSError):
            primitives.begin_sync(descriptor)
    finally:
        os.close(descriptor)
