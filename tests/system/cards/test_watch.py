from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from atsam_safe.cards.readers import SmartCardService
from atsam_safe.cards.watch import Watch, wait_for
from lab.card import virtual_card as plastic
from lab.card.cps_card import CpsCard, CpsSpecification
from lab.card.rules import CARD_RULES
from lab.card.virtual_card import NoApplication

from .conftest import until

if TYPE_CHECKING:
    import pytest

    from atsam_safe.cards.model import Slot

    from .conftest import Desk


class Seen:
    """A watch running in a thread of its own, and everything it saw."""

    def __init__(self, *, seconds: float | None = None) -> None:
        self.states: list[tuple[Slot, ...] | None] = []
        self.watch = Watch(CARD_RULES, seconds=seconds)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        for state in self.watch:
            self.states.append(state)

    @property
    def cards(self) -> list[str | None]:
        """What was in the first slot, state by state; ``None`` while the service was away."""
        return [None if slots is None else (slots[0].card.kind if slots and slots[0].card else "empty") for slots in self.states]

    def stop(self) -> float:
        started = time.monotonic()
        self.watch.stop()
        self.thread.join(5)
        assert not self.thread.is_alive()
        return time.monotonic() - started


def test_insertions_removals_and_exchanges_are_followed(desk: Desk) -> None:
    desk.readers("Lecteur")
    seen = Seen()
    until(lambda: seen.cards == ["empty"])
    card = desk.insert(plastic.ATR_CPS3, CpsCard(CpsSpecification()))
    until(lambda: seen.cards[-1] == "cps")
    desk.remove(card)
    until(lambda: seen.cards[-1] == "empty")
    desk.insert(plastic.ATR_VITALE_2, NoApplication())
    until(lambda: seen.cards[-1] == "vitale")
    assert seen.stop() < 1.0
    kinds = [kind for number, kind in enumerate(seen.cards) if number == 0 or kind != seen.cards[number - 1]]
    assert kinds == ["empty", "cps", "empty", "vitale"]


def test_a_service_that_goes_away_and_comes_back_is_told(desk: Desk) -> None:
    daemon = desk.readers("Lecteur")
    seen = Seen()
    until(lambda: seen.cards == ["empty"])
    daemon.kill()
    until(lambda: seen.cards[-1] is None)
    daemon.start()
    until(lambda: seen.cards[-1] == "empty")
    seen.stop()
    assert seen.cards == ["empty", None, "empty"]


def test_a_watch_ends_by_itself(desk: Desk) -> None:
    desk.readers("Lecteur")
    started = time.monotonic()
    assert not wait_for(CARD_RULES, lambda slots: any(slot.card for slot in slots), seconds=0.6)
    assert 0.5 < time.monotonic() - started < 2
    assert len(list(Watch(CARD_RULES, seconds=0.2))) == 1


def test_a_watch_without_any_reader(desk: Desk) -> None:
    desk.readers()
    assert list(Watch(CARD_RULES, seconds=0.3)) == [()]


class Blinking(SmartCardService):
    """A service in which a reader goes and comes back under its name between two looks, as after a reset of its port."""

    looks = 0

    def states(self, known: dict[str, int], *, timeout_ms: int) -> tuple[tuple[Slot, ...], dict[str, int]]:
        Blinking.looks += 1
        return ((), {}) if Blinking.looks == 2 else super().states(known, timeout_ms=timeout_ms)


def test_a_reader_that_comes_back_under_its_name_is_seen_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.readers("Lecteur")
    desk.insert(plastic.ATR_VITALE_2, NoApplication())
    monkeypatch.setattr("atsam_safe.cards.watch.SmartCardService", Blinking)
    states = list(Watch(CARD_RULES, seconds=1.5))
    assert Blinking.looks >= 3
    assert states[-1], "no reader was listed any more"
    assert states[-1][0].card is not None
