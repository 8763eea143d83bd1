from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atsam_safe.cards.application import exchange, read_card
from atsam_safe.cards.model import CardError
from lab.card.cps_card import CpsCard, CpsSpecification

if TYPE_CHECKING:
    from collections.abc import Callable


class Scripted:
    """A card that answers what a function says."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self.commands = 0

    def transmit(self, command: bytes) -> bytes:
        self.commands += 1
        return self._answer(command)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=64), min_size=1, max_size=20))
def test_whatever_a_card_answers_ends_in_a_value_or_in_our_error(answers: list[bytes]) -> None:
    remaining = iter(answers * 3)
    card = Scripted(lambda _: next(remaining, b"\x6f\x00"))
    try:
        content = read_card(card)
    except CardError:
        return
    assert content.serial


@pytest.mark.parametrize("answer", [b"\x61\x10", b"\x6c\x10", b"\x00" * 255 + b"\x61\xff", b""])
def test_a_card_that_never_comes_to_an_end(answer: bytes) -> None:
    card = Scripted(lambda _: answer)
    with pytest.raises(CardError):
        exchange(card, b"\x00\xa4\x04\x0c\x00")
    assert card.commands <= 64


@settings(deadline=None)
@given(st.data())
def test_damaged_files_never_become_a_traceback(data: st.DataObject) -> None:
    handler = CpsCard(CpsSpecification(certificates=(b"\x30\x03\x02\x01\x05",)))
    name = data.draw(st.sampled_from(sorted(handler._files)))
    content = bytearray(handler._files[name])
    for _ in range(data.draw(st.integers(1, 4))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    handler._files[name] = bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(CardError):
        read_card(Scripted(handler.command))


def test_a_card_without_the_usual_directories_is_still_read() -> None:
    content = read_card(Scripted(CpsCard(CpsSpecification(directories=False)).command))
    assert content.certificates is None
