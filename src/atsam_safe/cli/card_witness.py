"""The card as a witness of an installation: the ladder before, the ladder after, and whether what broke calls for going back.

Only on the running system: a volume that does not run has no card. Nobody is asked for the card here; without it the chain is judged as far
as it goes, and what could not be checked before never counts against the installation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from atsam_safe.cards.observe import cards_seen, run_ladder
from atsam_safe.cards.readers import SETTLE_SECONDS
from atsam_safe.cards.request import Circumstances
from atsam_safe.cards.rollback_rule import decide
from atsam_safe.cli.commands.cards import ladder_value, request_of
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.cards.model import LadderReport
    from atsam_safe.cards.request import LadderRequest
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.cli.session import Session
    from atsam_safe.facts.model import Facts


class CardVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the card says of a change. ``problems``: the rungs we broke; ``others``: broken otherwise, only reported."""

    rollback: bool
    problems: tuple[Problem, ...] = ()
    others: tuple[Problem, ...] = ()
    data: dict[str, Any] = {}


class CardWitness:
    """Looks before and after one change.

    ``state_folder``: of the run that is under way, so that both looks use one key; with a key each, no card could be told from another.
    """

    def __init__(self, session: Session, catalogue: Catalogue, state_folder: Path) -> None:
        self._session = session
        self._catalogue = catalogue
        self._state_folder = state_folder
        self._before: LadderReport | None = None

    def with_cards(self, facts: Facts) -> Facts:
        """The facts with what is in the readers now: the guard refuses a change after which a card that is there could not be read."""
        return msgspec.structs.replace(facts, cards=cards_seen(self._catalogue.cards))

    def look_before(self, facts: Facts) -> None:
        """Climb the ladder before anything is changed."""
        self._before = run_ladder(self._request(facts, Circumstances(state_folder=self._state_folder)))

    def look_after(self, facts: Facts, *, restart_needed: bool) -> CardVerdict:
        """Climb it again and decide. Readers and the service get their time to come back; what needs a restart is not held against us."""
        circumstances = Circumstances(
            state_folder=self._state_folder, before=self._before, settle_seconds=SETTLE_SECONDS if self._had_readers else 0.0
        )
        after = run_ladder(self._request(facts, circumstances))
        verdict = decide(self._before, after, restart_needed=restart_needed)
        ours = {entry.rung for entry in verdict.broken if entry.ours}
        return CardVerdict(
            rollback=verdict.rollback,
            problems=tuple(problem for rung in after.failed if rung.id in ours for problem in rung.problems),
            others=tuple(problem for rung in after.failed if rung.id not in ours for problem in rung.problems),
            data={**ladder_value(after, self._session.language), "broken": msgspec.to_builtins(verdict.broken)},
        )

    @property
    def _had_readers(self) -> bool:
        return self._before is not None and bool(self._before.readers)

    def _request(self, facts: Facts, circumstances: Circumstances) -> LadderRequest:
        return request_of(self._session, self._catalogue, circumstances, facts)
