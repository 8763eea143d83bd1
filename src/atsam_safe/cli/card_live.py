"""``cards watch`` and ``cards doctor --watch``: what is said while cards go in and out, until the time is over or Ctrl+C.

Ctrl+C is the ordinary end of a watch, so it ends in an answer; being stopped from outside is not, and stays what it is elsewhere.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from atsam_safe.cards.observe import run_ladder
from atsam_safe.cards.titles import OUTCOMES, RUNG_TITLES
from atsam_safe.cards.watch import Watch
from atsam_safe.cli.signals import Stopped
from atsam_safe.words.reference import N_
from atsam_safe.words.translate import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from atsam_safe.cards.model import LadderReport, Rung, Slot
    from atsam_safe.cards.request import LadderRequest
    from atsam_safe.catalogue.model import CardRule
    from atsam_safe.cli.session import Session

Slots = tuple["Slot", ...]


@contextlib.contextmanager
def until_interrupted() -> Iterator[None]:
    """Let Ctrl+C end the block like its last line."""
    try:
        yield
    except Stopped:
        raise
    except KeyboardInterrupt:
        return


def slot_line(slot: Slot, session: Session) -> str:
    """One reader slot in words."""
    if slot.card is not None:
        what = slot.card.generation or session.say(N_("unknown card"))
    else:
        words = {"empty": N_("empty"), "mute": N_("the card does not answer"), "unavailable": N_("unavailable"), "card": N_("card")}
        what = session.say(words[slot.state])
    return session.say(N_("{what}: {state}"), what=slot.name, state=what)


def follow(
    session: Session, rules: Sequence[CardRule], seconds: float | None, then: Callable[[], None] | None = None
) -> tuple[int, Slots | None]:
    """Say every change of cards and readers, and do ``then`` after each.

    Returns how many there were and what was seen last (``None``: the smart-card service was not there).
    """
    changes = 0
    last: Slots | None = ()
    seen: object = None
    watch = Watch(rules, seconds=seconds)
    try:
        with until_interrupted():
            for slots in watch:
                # another program that talks to the card changes nothing of what is in the readers
                state = None if slots is None else tuple((slot.name, slot.state, slot.atr, slot.exclusive) for slot in slots)
                if changes and state == seen:
                    continue
                changes += 1
                seen = state
                last = slots
                session.notify(time.strftime("%H:%M:%S"))
                for line in [slot_line(slot, session) for slot in last or ()] or [session.say(_nothing(slots))]:
                    session.notify(f"  {line}")
                if then is not None:
                    then()
    finally:
        watch.stop()
    return changes, last


def _nothing(slots: Slots | None) -> str:
    return N_("no reader") if slots is not None else N_("the smart-card service does not answer")


def follow_ladder(session: Session, request: LadderRequest, seconds: float | None) -> tuple[int, LadderReport]:
    """Climb the ladder at once and again after each change; each time only what differs from the time before is said.

    Returns how many changes there were, and the ladder as it was last.
    """
    reports: list[LadderReport] = []

    def climb() -> None:
        report = run_ladder(request)
        before = {rung.id: _told(rung) for rung in reports[-1].rungs} if reports else {}
        for rung in report.rungs:
            if before.get(rung.id) != _told(rung):
                for line in _rung_lines(rung, session):
                    session.notify(f"  {line}")
        reports.append(report)

    changes, _ = follow(session, request.rules, seconds, climb)
    if not reports:
        climb()
    return changes, reports[-1]


def _told(rung: Rung) -> tuple[object, ...]:
    return rung.outcome, rung.problems


def _rung_lines(rung: Rung, session: Session) -> list[str]:
    """A rung, and for one that failed what is seen and what to do."""
    said = session.say(N_("{what}: {state}"), what=session.say(RUNG_TITLES[rung.id]), state=session.say(OUTCOMES[rung.outcome]))
    lines = [f"{rung.number:>2}. {said}"]
    if rung.outcome == "fail":
        for problem in rung.problems:
            words = explain(problem, session.language)
            lines += [f"    {words.what}", f"    → {words.next}"]
    return lines
