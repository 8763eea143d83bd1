"""What was observed of the card chain, before anything is concluded from it. Pure values; nothing personal is in them."""

from __future__ import annotations

from typing import Literal

import msgspec

from atsam_safe.cards.cache import CacheFact
from atsam_safe.cards.model import CertificateFact, Identity, Slot, UnreadGeneration
from atsam_safe.words.model import Problem


class DirectReading(msgspec.Struct, frozen=True, kw_only=True):
    """What became of asking the card itself. ``problem`` is ``None`` when its application and serial number were read.

    ``certificates``: how many certificate files it showed (``None``: not in the known way). ``application``: the name it answered to.
    """

    problem: Problem | None = None
    certificates: int | None = None
    application: str = ""


class TokenFact(msgspec.Struct, frozen=True, kw_only=True):
    """A slot as the middleware shows it. ``reader`` is the slot's name there; ``error`` why it shows no token although a card is in.

    ``generation`` is the kind of card in the token's label, without its number. ``same_card``: the middleware's serial number is that of
    the card PC/SC reads (``None``: one of the two could not be read).
    """

    reader: str
    present: bool
    error: str = ""
    generation: str = ""
    model: str = ""
    same_card: bool | None = None
    code_locked: bool = False
    code_final_try: bool = False
    code_count_low: bool = False
    protected_path: bool = False
    certificates: tuple[CertificateFact, ...] = ()

    @property
    def usable(self) -> bool:
        """True when there is a token in the slot."""
        return self.present and not self.error


class MiddlewareFact(msgspec.Struct, frozen=True, kw_only=True):
    """The middleware the bundle installs: its file, what loading it gave, what it says of itself.

    ``loaded`` is false on a volume that does not run: then only its file was looked at.
    """

    id: str
    name: str
    path: str
    architectures: tuple[str, ...] = ()
    version: str = ""
    package: str | None = None
    loaded: bool = True
    problems: tuple[Problem, ...] = ()
    notices: tuple[Problem, ...] = ()
    tokens: tuple[TokenFact, ...] = ()
    seconds: float = 0.0


class GalssFact(msgspec.Struct, frozen=True, kw_only=True):
    """``galss.ini`` held against the readers. ``state`` is ``absent``, ``unreadable`` or the mode of its channels."""

    path: str
    state: str
    line_ends: str = ""
    encoding: str = ""
    problems: tuple[Problem, ...] = ()


class DesktopCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One registration of the middleware with the system or a browser."""

    id: Literal["firefox", "native-messaging", "crypto-token-kit", "calais", "certificate-manager"]
    outcome: Literal["pass", "fail", "notice", "not-applicable", "not-checked"]
    problem: Problem | None = None


class ChallengeFact(msgspec.Struct, frozen=True, kw_only=True):
    """The optional signed challenge: whether a certificate on the card verified a signature made for this very challenge."""

    outcome: Literal["signed", "wrong-signature", "no-protected-path", "refused", "given-up", "failed"]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the ladder concludes from.

    ``service`` is the problem with the smart-card service (``None``: it answers). ``slots`` is ``None`` when readers could not be listed.
    ``person``: somebody is there and was asked to insert the card. ``reader`` is where the CPS is. ``held_by`` and ``middlewares`` name
    other programs and middlewares on this workstation. ``unread``: generations of cards that the installed middleware cannot read.
    ``cached``: the middleware's cache holds files of the inserted card (``None``: there
    is no cache, or no card to compare with).
    """

    service: Problem | None = None
    slots: tuple[Slot, ...] | None = None
    person: bool = False
    reader: str | None = None
    direct: DirectReading | None = None
    middleware: MiddlewareFact | None = None
    middlewares: tuple[str, ...] = ()
    unread: tuple[UnreadGeneration, ...] = ()
    held_by: tuple[str, ...] = ()
    galss: GalssFact | None = None
    desktop: tuple[DesktopCheck, ...] = ()
    identity: Identity | None = None
    before: Identity | None = None
    cache: CacheFact | None = None
    cached: bool | None = None
    challenge: ChallengeFact | None = None
