from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from atsam_safe.cards.application import read_card
from atsam_safe.cards.limits import LimitReachedError, within
from atsam_safe.cards.model import CardError
from atsam_safe.cards.readers import SmartCardService, list_slots, pcsc_error
from atsam_safe.cards.watch import Watch
from lab.card import virtual_card as plastic
from lab.card.authority import certificate
from lab.card.cps_card import CpsCard, CpsSpecification
from lab.card.rules import CARD_RULES
from lab.card.virtual_card import NoApplication

if TYPE_CHECKING:
    from lab.card.virtual_card import Handler

    from .conftest import Desk

CERTIFICATES = (certificate(), certificate(use="signature"))


def test_no_daemon_is_said_and_not_an_error_of_the_program() -> None:
    with pytest.raises(CardError) as caught:
        list_slots(CARD_RULES)
    assert caught.value.problems[0].ref == "cards.service-down"


def test_no_reader_is_an_empty_list(desk: Desk) -> None:
    desk.readers()
    assert list_slots(CARD_RULES) == ()


@pytest.mark.parametrize(
    ("atr", "kind", "generation", "interface"),
    [
        (plastic.ATR_CPS3, "cps", "CPS3", "contact"),
        (plastic.ATR_CPS3_CONTACTLESS, "cps", "CPS3", "contactless"),
        (plastic.ATR_CPS4_T0, "cps", "CPS4", "contact"),
        (plastic.ATR_CPS4_T1, "cps", "CPS4", "contact"),
        (plastic.ATR_CPS3_VARIANT, "cps", "CPS3", "contact"),
        (plastic.ATR_CPS4_UNLISTED, "cps", "CPS4", "contact"),
        (plastic.ATR_CPS2TER, "cps", "CPS2ter", "contact"),
        (plastic.ATR_VITALE_1, "vitale", "Vitale 1", "contact"),
        (plastic.ATR_VITALE_2, "vitale", "Vitale 2", "contact"),
        (plastic.ATR_OTHER, "unknown", "", "contact"),
    ],
)
def test_cards_are_told_apart(desk: Desk, atr: bytes, kind: str, generation: str, interface: str) -> None:
    desk.readers("Lecteur")
    desk.insert(atr, NoApplication())
    first, second = list_slots(CARD_RULES)
    assert first.card is not None
    assert (first.card.kind, first.card.generation, first.card.interface) == (kind, generation, interface)
    assert first.kind == ("contactless" if interface == "contactless" else "reader")
    assert second.state == "empty"


def test_two_readers_with_confusable_names(desk: Desk) -> None:
    desk.readers("FEI USB Card Reader", "FEI USB Card Reader 01")
    desk.insert(plastic.ATR_VITALE_2, NoApplication(), reader=0)
    desk.insert(plastic.ATR_CPS3, CpsCard(CpsSpecification()), reader=1)
    cards = {slot.name: slot.card.kind for slot in list_slots(CARD_RULES) if slot.card is not None}
    assert cards == {"FEI USB Card Reader 00 00": "vitale", "FEI USB Card Reader 01 00 00": "cps"}


@pytest.mark.parametrize(("atr", "direct"), [(plastic.ATR_CPS3, False), (plastic.ATR_CPS4_T0, False), (plastic.ATR_CPS4_T1, True)])
def test_the_card_itself_is_read(desk: Desk, atr: bytes, direct: bool) -> None:  # noqa: FBT001 - a parameter of the case
    desk.readers("Lecteur")
    desk.insert(atr, CpsCard(CpsSpecification(certificates=CERTIFICATES, direct_answers=direct)))
    with SmartCardService(CARD_RULES) as service, service.channel("Lecteur 00 00") as channel:
        content = read_card(channel)
    assert content.certificates == CERTIFICATES
    assert content.serial.hex() == "8025000001" + "26000123" + "5f"
    assert "26000123" not in repr(content)


@pytest.mark.parametrize(
    ("handler", "ref"),
    [
        (NoApplication(), "cards.application-missing"),
        (CpsCard(CpsSpecification(issuer="8025000002")), "cards.serial-foreign"),
    ],
)
def test_a_card_that_only_looks_like_a_cps(desk: Desk, handler: Handler, ref: str) -> None:
    desk.readers("Lecteur")
    desk.insert(plastic.ATR_CPS3, handler)
    with SmartCardService(CARD_RULES) as service, service.channel("Lecteur 00 00") as channel, pytest.raises(CardError) as caught:
        read_card(channel)
    assert caught.value.problems[0].ref == ref


def test_a_card_taken_out_in_the_middle(desk: Desk) -> None:
    desk.readers("Lecteur")
    handler = CpsCard(CpsSpecification(certificates=CERTIFICATES))
    card = desk.insert(plastic.ATR_CPS3, handler)
    handler.before_command = lambda _: card.remove() if len(handler.commands) > 12 else None
    with pytest.raises(CardError) as caught, SmartCardService(CARD_RULES) as service, service.channel("Lecteur 00 00") as channel:
        read_card(channel)
    assert caught.value.problems[0].ref in {"cards.card-removed", "cards.card-mute", "cards.pcsc-error"}


def test_a_card_held_by_another_program(desk: Desk) -> None:
    from smartcard import scard  # noqa: PLC0415 - the other program

    desk.readers("Lecteur")
    desk.insert(plastic.ATR_CPS3, CpsCard(CpsSpecification()))
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    result, handle, _ = scard.SCardConnect(context, "Lecteur 00 00", scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T0)
    assert result == 0
    try:
        until_exclusive = [slot for slot in list_slots(CARD_RULES) if slot.exclusive]
        assert [slot.name for slot in until_exclusive] == ["Lecteur 00 00"]
        with (
            pytest.raises(CardError) as caught,
            SmartCardService(CARD_RULES) as service,
            service.channel("Lecteur 00 00"),
        ):
            pass
        assert caught.value.problems[0].ref == "cards.reader-held"
    finally:
        scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)
        scard.SCardReleaseContext(context)


def test_a_transaction_that_never_ends_meets_the_limit(desk: Desk) -> None:
    from smartcard import scard  # noqa: PLC0415 - the other program

    desk.readers("Lecteur")
    desk.insert(plastic.ATR_CPS3, CpsCard(CpsSpecification()))
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    _, handle, _ = scard.SCardConnect(context, "Lecteur 00 00", scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0)
    scard.SCardBeginTransaction(handle)

    def read() -> None:
        with SmartCardService(CARD_RULES) as service, service.channel("Lecteur 00 00") as channel:
            read_card(channel)

    try:
        with pytest.raises(LimitReachedError):
            within(0.5, read, subject="Lecteur 00 00")
    finally:
        scard.SCardEndTransaction(handle, scard.SCARD_LEAVE_CARD)
        scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)
        scard.SCardReleaseContext(context)
        for thread in threading.enumerate():
            if thread.name.startswith("cards "):
                thread.join(5)


def test_a_daemon_killed_and_started_again_is_waited_for(desk: Desk) -> None:
    daemon = desk.readers("Lecteur")
    before = {slot.name for slot in list_slots(CARD_RULES)}
    daemon.kill()
    with pytest.raises(CardError):
        list_slots(CARD_RULES)
    with ThreadPoolExecutor(max_workers=1) as pool:
        started = time.monotonic()
        looking = pool.submit(list_slots, CARD_RULES, settle_seconds=10, expected=lambda slots: {slot.name for slot in slots} >= before)
        time.sleep(0.4)
        daemon.start()
        assert {slot.name for slot in looking.result(timeout=10)} == before
    assert 0.4 < time.monotonic() - started < 5


def test_readers_that_do_not_come_back_are_given_up(desk: Desk) -> None:
    desk.readers("Lecteur")
    started = time.monotonic()
    slots = list_slots(CARD_RULES, settle_seconds=0.6, expected=lambda slots: any(slot.name == "Lecteur disparu" for slot in slots))
    assert [slot.name for slot in slots] == ["Lecteur 00 00", "Lecteur 00 01"]
    assert 0.5 < time.monotonic() - started < 2


class OneIsUnplugged(SmartCardService):
    """A service whose first list still names a reader that is unplugged before its state is asked for."""

    lists = 0

    def names(self) -> tuple[str, ...]:
        self.lists += 1
        return (*super().names(), "Lecteur parti") if self.lists == 1 else super().names()


def test_a_reader_unplugged_between_two_calls_hides_none_of_the_others(desk: Desk) -> None:
    desk.readers("Lecteur")
    with OneIsUnplugged(CARD_RULES) as service:
        assert [slot.name for slot in service.slots()] == ["Lecteur 00 00", "Lecteur 00 01"]
        assert service.lists == 2


@pytest.mark.parametrize(
    ("code", "ref"),
    [
        (0x80100016, "cards.card-mute"),
        (0x80100010, "cards.card-mute"),
        (0x80100017, "cards.reader-gone"),
        (0x80100069, "cards.card-removed"),
        (-2146435043, "cards.service-down"),
        (0x8010FFFF, "cards.pcsc-error"),
    ],
)
def test_what_pcsc_answers_becomes_a_reference(code: int, ref: str) -> None:
    problem = pcsc_error(code, reader="Lecteur").problems[0]
    assert problem.ref == ref
    assert problem.evidence == {"code": f"0x{code & 0xFFFFFFFF:08X}"}


def test_a_reader_with_an_accent_in_its_name_hides_none_of_the_others(desk: Desk) -> None:
    """The binding cannot pass such a name on; before, the whole list ended in a traceback."""
    desk.readers("Lecteur à puce", "Lecteur")
    desk.insert(plastic.ATR_CPS3, CpsCard(CpsSpecification()), reader=1)
    states = {slot.name: slot.state for slot in list_slots(CARD_RULES)}
    assert states == {
        "Lecteur à puce 00 00": "unavailable",
        "Lecteur à puce 00 01": "unavailable",
        "Lecteur 00 00": "card",
        "Lecteur 00 01": "empty",
    }


def test_the_only_reader_has_an_accent_in_its_name(desk: Desk) -> None:
    desk.readers("Lecteur à puce")
    started = time.monotonic()
    assert [[slot.state for slot in slots] for slots in Watch(CARD_RULES, seconds=0.3) if slots] == [["unavailable"] * 2]
    assert time.monotonic() - started >= 0.3


class ResetInBetween:
    """The binding, and another program that resets the card between our connection and our transaction."""

    def __init__(self, scard: Any, reader: str) -> None:  # noqa: ANN401 - the untyped binding
        self._scard = scard
        self._reader = reader
        self.resets = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the binding has
        return getattr(self._scard, name)

    def SCardBeginTransaction(self, handle: Any) -> int:  # noqa: N802, ANN401 - the binding's own name
        if self.resets == 0:
            self.resets += 1
            scard = self._scard
            _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
            _, other, _ = scard.SCardConnect(context, self._reader, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0)
            scard.SCardDisconnect(other, scard.SCARD_RESET_CARD)
            scard.SCardReleaseContext(context)
        result: int = self._scard.SCardBeginTransaction(handle)
        return result


def test_a_card_that_another_program_resets_is_read_all_the_same(desk: Desk) -> None:
    desk.readers("Lecteur")
    desk.insert(plastic.ATR_CPS3, CpsCard(CpsSpecification(certificates=CERTIFICATES)))
    with SmartCardService(CARD_RULES) as service:
        meddling = ResetInBetween(service._scard, "Lecteur 00 00")
        service._scard = meddling
        with service.channel("Lecteur 00 00") as channel:
            assert read_card(channel).certificates == CERTIFICATES
    assert meddling.resets == 1
