"""The answer of the commands that look at a workstation and say whether it is right."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atsam_safe.report.result import OK, UNFIT, CommandResult, origin_of
from atsam_safe.report.values import blocking, noticed
from atsam_safe.verify.model import Finding
from atsam_safe.volume.state_place import JOURNAL, default_state_path
from atsam_safe.words.model import PrivilegesError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.cli.session import Session
    from atsam_safe.facts.model import Facts
    from atsam_safe.verify.model import Severity


def unfinished(session: Session) -> tuple[Finding, ...]:
    """The run that was cut off and not recovered yet, if there is one: whatever the files look like, they are half of something.

    A journal or a state folder that cannot be read is told as well: nobody can say then whether there is one. Without a state folder
    nothing more is loaded or opened.
    """
    place = state_place(session)
    if place is None:
        return ()
    try:
        run = importlib.import_module("atsam_safe.cli.running").run_state_of(session)
    except (PrivilegesError, UsageError):
        # its administrator's alone, while the workstation itself may be looked at by anybody; or no workstation of a kind that is changed
        return ()
    problem = run.at_work or run.damaged
    if problem is not None:
        begun = problem.ref in {"state.locked", "state.journal-damaged"} or os.path.lexists(place / JOURNAL)
        severity: Severity = "blocking" if begun else "notice"
        return (Finding(ref=problem.ref, severity=severity, params=problem.params, evidence=problem.evidence),)
    if run.interrupted is None:
        return ()
    evidence = {"run": run.interrupted}
    return (Finding(ref="state.interrupted-run", severity="blocking", params=evidence, evidence=dict(evidence)),)


def configuration_since(session: Session, facts: Facts) -> tuple[Finding, ...]:
    """What of the configuration was changed after the last run; nothing more is loaded or opened where there was none."""
    if state_place(session) is None:
        return ()
    found: tuple[Finding, ...] = importlib.import_module("atsam_safe.cli.running").configuration_since(session, facts)
    return found


def state_place(session: Session) -> Path | None:
    """Where the state folder of the workstation that the options name lies; ``None`` where there is none, and of a facts file."""
    if session.options.facts is not None:
        return None
    root = Path(session.options.root or os.sep).absolute()
    place = default_state_path(root) if session.options.state_dir is None else Path(session.options.state_dir).absolute()
    return place if os.path.lexists(place) else None


class Judging:
    """One look at a workstation: which command asks, with which catalogue, and whether the card is looked at too."""

    def __init__(self, session: Session, command: str, catalogue: Catalogue, facts: Facts, *, card: bool) -> None:
        self.session = session
        self.command = command
        self.catalogue = catalogue
        self.facts = facts
        self.card = card

    def answer(self, findings: Sequence[Finding], data: dict[str, Any], *, right: bool) -> CommandResult:
        """0 when the workstation is ``right`` and no rung of the card's ladder is broken, else 11."""
        problems, notices = blocking(findings), noticed(findings)
        if self.card:
            # Loaded only when it was asked for: no other run touches a reader.
            cards = importlib.import_module("atsam_safe.cli.commands.cards")
            value, broken, said = cards.card_part(self.session, self.catalogue, self.facts)
            if value is not None:
                data = {**data, "card": value}
            problems, notices = (*problems, *broken), (*notices, *said)
        return CommandResult(
            command=self.command,
            exit_code=OK if right and not problems else UNFIT,
            data=data,
            problems=problems,
            notices=notices,
            catalogue=origin_of(self.catalogue),
        )
