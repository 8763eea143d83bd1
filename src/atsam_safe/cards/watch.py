"""Follow cards as they are put in and taken out, without a thread that outlives its use.

The waiting call returns at least once a second and can be cancelled from another thread; a service that goes away is waited for, and its
return is told like any other change.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from atsam_safe.cards.model import CardError
from atsam_safe.cards.readers import SmartCardService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from atsam_safe.cards.model import Slot
    from atsam_safe.catalogue.model import CardRule

STEP_MS: Final = 1000
_SERVICE_PAUSE: Final = 0.5


class Watch:
    """An iterator over the state of all slots: once at the start, then after each change, until ``stop`` or the limit.

    ``None`` is given when the smart-card service is not there.
    """

    def __init__(self, rules: Sequence[CardRule], *, seconds: float | None = None) -> None:
        self._rules = tuple(rules)
        self._limit = None if seconds is None else time.monotonic() + seconds
        self._stopped = threading.Event()
        self._service: SmartCardService | None = None
        self._lock = threading.Lock()

    def stop(self) -> None:
        """End the watch now, from any thread."""
        self._stopped.set()
        with self._lock:
            if self._service is not None:
                self._service.cancel()

    def _over(self) -> bool:
        return self._stopped.is_set() or (self._limit is not None and time.monotonic() >= self._limit)

    def _step(self) -> int:
        if self._limit is None:
            return STEP_MS
        return max(1, min(STEP_MS, int((self._limit - time.monotonic()) * 1000)))

    def __iter__(self) -> Iterator[tuple[Slot, ...] | None]:
        last: tuple[Slot, ...] | str | None = "nothing yet"
        while not self._over():
            try:
                with SmartCardService(self._rules) as service:
                    with self._lock:
                        self._service = service
                    try:
                        for slots in self._changes(service):
                            if slots != last:
                                last = slots
                                yield slots
                    finally:
                        with self._lock:
                            self._service = None
            except CardError as error:
                if error.problems[0].ref == "cards.support-missing":
                    raise
                if self._over():
                    return  # the waiting call was cancelled: that is our own doing
                if last is not None:
                    last = None
                    yield None
                self._stopped.wait(min(_SERVICE_PAUSE, self._step() / 1000))

    def _changes(self, service: SmartCardService) -> Iterator[tuple[Slot, ...]]:
        """States of one connection to the service. Ends when the list of readers has to be read again."""
        names = service.names()
        known = dict.fromkeys(names, 0)
        if not names:
            yield ()
            self._stopped.wait(min(_SERVICE_PAUSE, self._step() / 1000))
            return
        slots, known = service.states(known, timeout_ms=0)
        while True:
            yield slots
            if self._over():
                return
            slots, known = service.states(known, timeout_ms=self._step())
            # nothing known: a reader went, and may be listed again under the same name already
            if self._over() or not known or service.names() != names:
                return


def wait_for(rules: Sequence[CardRule], wanted: Callable[[tuple[Slot, ...]], bool], *, seconds: float) -> bool:
    """Wait until ``wanted`` is true of the slots; false after ``seconds``. Raises ``CardError`` when readers cannot be watched at all."""
    return any(slots is not None and wanted(slots) for slots in Watch(rules, seconds=seconds))
