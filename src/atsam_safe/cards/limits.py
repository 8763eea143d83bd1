"""A time limit for calls that may never come back: a reader held by another program has blocked inventories for ever in the field."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

from atsam_safe.cards.model import CardError
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class LimitReachedError(CardError):
    """The call did not come back in time."""


def within(seconds: float, work: Callable[[], T], *, subject: str, cancel: Callable[[], None] | None = None) -> T:
    """The result of ``work``, or its exception. Raises ``LimitReachedError`` (``cards.time-limit``) after ``seconds``.

    The thread of a call that never returns is left behind: it is a daemon thread and holds nothing the rest of the run needs.
    ``cancel`` is called then, so that a waiting PC/SC call gives up. ``subject`` names what was asked, in the reference's words.
    """
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
            answers.put((None, error))

    threading.Thread(target=run, daemon=True, name=f"cards {subject}").start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        if cancel is not None:
            cancel()
        raise LimitReachedError(Problem(ref="cards.time-limit", params={"subject": subject, "seconds": f"{seconds:g}"})) from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value] # None only when T allows it
