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

_OF_OTHERS: Final = "components.foreign-files"
# Findings of the verification that undo nothing and that a person should know of all the same.
_TOLD: Final = frozenset({"verify.inventory-lost", "verify.left-by-payload", "verify.owner-not-given"})


def told_after(decision: Decision, plan: Plan, result: TransactionResult, state_place: Path, before: Facts) -> list[Problem]:
    """What the guard wanted to be known, as it reads once the run has ended, and what the run itself did that should be known."""
    if result.outcome != "committed":
        # everything is back: nobody has to be closed any more, and what was said of files holds for the next attempt
        return [rule_problem(rule) for rule in decision.notices if rule.ref != "dependents.present"]
    told = [_as_done(rule_problem(rule)) for rule in decision.notices if (rule.ref, rule.words) != (_OF_OTHERS, f"{_OF_OTHERS}.saved")]
    return [*told, *_gone(plan, result, state_place), *_stayed(plan, before), *_found(result)]


def _as_done(problem: Problem) -> Problem:
    """The same once the run has ended well: what was to be closed may be opened again."""
    if problem.ref == "dependents.present" and problem.told == "dependents.present.kept" and not problem.accepted:
        return msgspec.structs.replace(problem, told="dependents.present.done")
    return problem


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
