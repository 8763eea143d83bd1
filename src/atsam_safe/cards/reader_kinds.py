"""Which of the readers the system lists are readers a card is put into: sign-in features, security keys and antennas told apart.

Pure. The rules go by name because PC/SC gives nothing else on every system; each stands for a reader seen on a real workstation or named
by its maker. A name no rule knows is an ordinary reader: only a card in it can tell more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.cards.model import ReaderKind

_RULES: Final[tuple[tuple[ReaderKind, str], ...]] = (
    # Sign-in features and software tokens of the systems: they list themselves as readers with a card that never leaves.
    ("virtual", r"^Windows Hello\b|^Microsoft (Virtual Smart Card|Passport|UICC|IFD)|^Virtual slot\b|^Microsoft .*TPM"),
    # The pseudo reader of the serial protocol, which the middleware itself skips.
    ("virtual", r"^PSS SmartCard Reader"),
    ("security-key", r"^(Yubico |Nitrokey|Feitian ePass|Trustkey|Token2|SoloKeys|Google Titan)"),
    # Antennas: "Kapelse … CLESS slot2", "FEI Smart Card NFC", "OMNIKEY 5422CL", "ACR1281 … PICC", "uTrust 4701 F CL Reader".
    ("contactless", r"\b(CLESS|NFC|PICC|RFID|CL)\b|contact-?less|sans contact|\d(CK)?CL\b|NFC Proximity"),
)
_NUMBER: Final = re.compile(r"[\s(]*\d{1,3}\)?(?:\s+\d{1,3})?$")


def reader_kind(name: str) -> ReaderKind:
    """The kind of the reader called ``name``."""
    for kind, pattern in _RULES:
        if re.search(pattern, name, re.IGNORECASE):
            return kind
    return "reader"


def confusable(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of names that differ only by a final number (or by having one): such names may change places at the next start."""
    groups: dict[str, list[str]] = {}
    for name in names:
        if reader_kind(name) in {"reader", "contactless"}:
            groups.setdefault(_NUMBER.sub("", _NUMBER.sub("", name)).strip().lower(), []).append(name)
    return tuple(tuple(sorted(group)) for group in groups.values() if len(group) > 1)
