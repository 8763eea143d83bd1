"""Values of the card room: readers, cards, what each layer answered, the rungs of the ladder.

No value that leaves this room holds a card's serial number, a holder's name, a certificate or a token label: only keyed digests of them
(``identity``). What had to be read in clear to compute them stays in local variables of ``application`` and ``probe``.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from atsam_safe.words.model import AtsamSafeError, Problem

LADDER_SCHEMA: Final = 1

ReaderKind = Literal["reader", "contactless", "virtual", "security-key"]
"""``virtual``: a sign-in feature of the system shown as a reader. ``contactless``: the antenna twin of a reader, mute without a card."""

SlotState = Literal["empty", "card", "mute", "unavailable"]
CardKind = Literal["cps", "vitale", "other", "unknown"]
Outcome = Literal["pass", "fail", "not-applicable", "not-checked"]
Origin = Literal["workstation", "reader", "card", "other-software", "network", "national-service"]


class CardError(AtsamSafeError):
    """The card chain cannot be observed or changed as asked (exit 11)."""

    exit_code = 11


class CardType(msgspec.Struct, frozen=True, kw_only=True):
    """What an ATR says. ``rule`` is the id of the catalogue's card rule, empty for an unknown card."""

    kind: CardKind
    generation: str = ""
    interface: Literal["contact", "contactless"] = "contact"
    rule: str = ""
    recognised_by_library: bool = False


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One reader slot as PC/SC lists it right now. ``atr`` is hex in upper case; it names a card type, never a card.

    ``exclusive``: another program holds the reader for itself alone. ``in_use``: shared with others, which is normal.
    """

    name: str
    kind: ReaderKind = "reader"
    state: SlotState = "empty"
    atr: str = ""
    card: CardType | None = None
    exclusive: bool = False
    in_use: bool = False

    def holds(self, kind: CardKind) -> bool:
        """True when a card of this kind is in the slot."""
        return self.card is not None and self.card.kind == kind


class UnreadGeneration(msgspec.Struct, frozen=True, kw_only=True):
    """A generation of cards that the installed release of the middleware's component cannot read.

    ``builds``: what is listed for this system and reads it, as people call it (empty: nothing is; ``None``: the system is not known).
    """

    name: str
    component: str
    version: str
    minimum: str
    system: str
    builds: tuple[str, ...] | None = None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Whose card it is, as keyed digests: equal digests mean the same card, the same holder. ``key`` tells which key made them."""

    key: str
    card: str
    holder: str | None = None


class CertificateFact(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate of the card. ``digest`` is keyed: even the fingerprint of a public certificate names a person.

    ``authority`` is the pinned authority that signed it; ``issuer`` says how that was established.
    ``on_card``: the file on the card holds the same bytes (``None``: it could not be read directly).
    """

    use: Literal["authentication", "signature", "other"]
    digest: str
    not_before: str
    not_after: str
    dates: Literal["valid", "expired", "not-yet"]
    issuer: Literal["pinned", "foreign", "unproven"]
    authority: str | None = None
    on_card: bool | None = None


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One rung. ``problems`` explain a failure, or what is worth saying on a passed or unchecked rung (reference, parameters, evidence)."""

    number: int
    id: str
    outcome: Outcome
    evidence: dict[str, Any] = {}
    problems: tuple[Problem, ...] = ()
    origin: Origin | None = None


class LadderReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole ladder at one instant. ``association`` is whole when every rung passed or does not apply."""

    schema: int = LADDER_SCHEMA
    rungs: tuple[Rung, ...]
    readers: tuple[Slot, ...] | None = None
    identity: Identity | None = None
    seconds: float = 0.0

    def rung(self, identifier: str) -> Rung:
        """The rung with this id; raises ``KeyError`` for an id that does not exist."""
        for rung in self.rungs:
            if rung.id == identifier:
                return rung
        raise KeyError(identifier)

    @property
    def failed(self) -> tuple[Rung, ...]:
        """The rungs that failed."""
        return tuple(rung for rung in self.rungs if rung.outcome == "fail")

    @property
    def verdict(self) -> Literal["whole", "broken", "not-proven"]:
        """``broken``: a rung failed. ``not-proven``: none failed but the card could not be checked. ``whole``: the card is usable."""
        if self.failed:
            return "broken"
        if any(rung.outcome == "not-checked" for rung in self.rungs):
            return "not-proven"
        return "whole"
