"""What is told once a run has ended: what was said before it, as it reads now, and what came of somebody's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.catalogue.patterns import canonical
from atsam_safe.guard.strangers import first_of
from atsam_safe.report.decisions import rule_problem
from atsam_safe.verify.model import Verification
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from atsam_safe.facts.model import Facts
    from atsam_safe.guard import Decision
    from atsam_safe.plan.model import Plan
    from atsam_safe.transaction.model import TransactionResult

_USERS: Final = "dependents.present"
_AFTERWARDS: Final = {
    "install": "dependents.present.done",
    "rehearse": "dependents.present.rehearsed",
    "rollback": "dependents.present.back",
}
_OF_OTHERS: Final = "components.foreign-files"
# Findings of the verification that undo nothing and that a person should know of all the same.
_TOLD: Final = frozenset({"verify.inventory-lost", "verify.left-by-payload", "verify.owner-not-given"})


def told_after(decision: Decision, command: str, plan: Plan, result: TransactionResult, state_place: Path, before: Facts) -> list[Problem]:
    """What the guard wanted to be known, as it reads once the run has ended, and what the run itself did that should be known."""
    if result.outcome != "committed":
        return notices_after(decision, command, done=False)
    told = [one for one in notices_after(decision, command, done=True) if (one.ref, one.told) != (_OF_OTHERS, f"{_OF_OTHERS}.saved")]
    return [*told, *_gone(plan, result, state_place), *_stayed(plan, before), *_found(result)]


def notices_after(decision: Decision, command: str, *, done: bool) -> list[Problem]:
    """The notices after ``command``. After a failure everything is back: nobody has to be closed or opened any more.

    After a rehearsal nothing has changed for other software, so nothing of it has to be tried.
    """
    told = [rule_problem(rule) for rule in decision.notices if done or rule.ref != _USERS]
    return [
        msgspec.structs.replace(problem, told=_AFTERWARDS[command])
        if problem.ref == _USERS and command in _AFTERWARDS and not problem.accepted
        else problem
        for problem in told
    ]


def _gone(plan: Plan, result: TransactionResult, state_place: Path) -> Iterable[Problem]:
    """Somebody's files that went with the folders of the components, and where they are now."""
    if plan.strangers:
        params = {
            "count": str(len(plan.strangers)),
            "paths": first_of(plan.strangers),
            "snapshot": result.snapshot or "",
            "place": str(state_place / "snapshots" / (result.snapshot or "")),
        }
        yield Problem(ref=_OF_OTHERS, told=f"{_OF_OTHERS}.taken", params=params, evidence={"paths": list(plan.strangers)})


def _stayed(plan: Plan, before: Facts) -> Iterable[Problem]:
    """Files of other products that stayed in the folders of the components. The folders that lead to them say nothing."""
    files = {canonical(path) for path in before.unclaimed} | {fact.path for fact in before.paths if fact.kind != "directory"}
    stayed = [entry for entry in plan.kept if entry.reason == "foreign" and entry.path in files]
    if stayed:
        owners = list(dict.fromkeys(entry.owner or "" for entry in stayed))
        paths = [entry.path for entry in stayed]
        params = {"count": str(len(paths)), "paths": first_of(paths), "owners": first_of(owners)}
        yield Problem(ref=_OF_OTHERS, told=f"{_OF_OTHERS}.others", params=params, evidence={"paths": paths, "receipts": owners})


def _found(result: TransactionResult) -> Iterable[Problem]:
    if isinstance(result.verification, Verification):
        yield from (finding.problem for finding in result.verification.findings if finding.ref in _TOLD)
