"""From an answer-to-reset to a card type, by the catalogue's card rules. Pure.

The rules are tried in the catalogue's order and the first that matches decides: an exact ATR stands before the family it belongs to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.cards.model import CardType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.catalogue.model import CardRule

MAXIMUM_ATR: Final = 33
"""ISO 7816-3: an answer-to-reset has at most 33 bytes."""

_CONTACTLESS_PREFIXES: Final = tuple(f"3B8{digit:X}80" for digit in range(16))


def _matches(pattern: str, atr: str) -> bool:
    """True when the whole ``atr`` fits ``pattern``; ``x`` stands for any digit."""
    wanted = pattern.upper()
    return len(wanted) == len(atr) and all(expected in ("X", digit) for expected, digit in zip(wanted, atr, strict=True))


def recognise(atr: bytes, rules: Sequence[CardRule]) -> CardType:
    """The type of the card that answered ``atr``; kind ``unknown`` when no rule knows it."""
    text = atr[:MAXIMUM_ATR].hex().upper()
    for rule in rules:
        if _matches(rule.pattern, text):
            return CardType(
                kind=rule.kind,
                generation=rule.generation,
                interface=rule.interface,
                rule=rule.id,
                recognised_by_library=rule.recognised_by_library,
            )
    # PC/SC part 3: readers compose the answer of a contactless card and always start it 3B 8n 80.
    antenna = text.startswith(_CONTACTLESS_PREFIXES)
    return CardType(kind="unknown", interface="contactless" if antenna else "contact")
