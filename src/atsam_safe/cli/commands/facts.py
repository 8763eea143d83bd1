"""``facts``: everything observed, as JSON, to be judged here or elsewhere."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import msgspec

from atsam_safe.cli.observing import facts_of
from atsam_safe.cli.world import catalogue_of
from atsam_safe.report.result import OK, CommandResult, origin_of
from atsam_safe.words.reference import N_

if TYPE_CHECKING:
    from atsam_safe.cli.session import Session
    from atsam_safe.words.model import Problem


def run(session: Session, *, card: bool = False) -> CommandResult:
    """Observe, bills of materials included: a facts file must be enough for every read-only command."""
    catalogue = catalogue_of(session)
    facts = facts_of(session, catalogue, ownership=True)
    if not catalogue.embedded and not session.options.json:
        # standard output is the facts file itself, so the warning that every other answer begins with goes beside it
        message = N_("WARNING: decided with another catalogue than the program's own: {origin} ({digest}).")
        session.notify(session.say(message, origin=catalogue.origin, digest=catalogue.digest[:16]))
    value = None
    notices: tuple[Problem, ...] = ()
    if card:
        facts, value, broken, said = importlib.import_module("atsam_safe.cli.commands.cards").with_card(session, catalogue, facts)
        notices = (*broken, *said)
    data = {"facts": msgspec.to_builtins(facts)}
    if value is not None:
        data["card"] = value
    return CommandResult(command="facts", exit_code=OK, data=data, notices=notices, catalogue=origin_of(catalogue))
