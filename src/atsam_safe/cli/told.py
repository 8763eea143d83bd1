"""What the guard wanted to be known, as it reads once the command has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.report.decisions import rule_problem

if TYPE_CHECKING:
    from atsam_safe.guard import Decision
    from atsam_safe.words.model import Problem

_USERS: Final = "dependents.present"
_AFTERWARDS: Final = {
    "install": "dependents.present.done",
    "rehearse": "dependents.present.rehearsed",
    "rollback": "dependents.present.back",
}


def told_after(decision: Decision, command: str, *, done: bool) -> list[Problem]:
    """The notices after ``command``; after a failure nobody has to be closed or opened any more.

    After a rehearsal nothing has changed for other software, so nothing of it has to be tried.
    """
    told = [rule_problem(rule) for rule in decision.notices if done or rule.ref != _USERS]
    return [
        msgspec.structs.replace(problem, told=_AFTERWARDS[command]) if problem.ref == _USERS and not problem.accepted else problem
        for problem in told
    ]
