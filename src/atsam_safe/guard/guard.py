"""The guard: every rule is evaluated, every reason is given at once, and each risk is accepted by its own reference only.

Exit codes of the contract: 12 when a package is not trustworthy or not readable, 13 when only privileges are missing, else 10.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.names import bundle_text
from atsam_safe.guard import (
    rules_bundle,
    rules_conditions,
    rules_essential,
    rules_meeting,
    rules_os,
    rules_package,
    rules_payload,
    rules_windows,
    rules_workstation,
)
from atsam_safe.guard.case import Case
from atsam_safe.guard.model import Decision, RuleResult
from atsam_safe.words.model import Problem, UsageError
from atsam_safe.words.registry import find

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.case import Rule
    from atsam_safe.guard.model import RunState
    from atsam_safe.packages.model import Inspection

RULES: Final = (
    *rules_package.RULES,
    *rules_payload.RULES,
    *rules_meeting.RULES,
    *rules_essential.RULES,
    *rules_os.RULES,
    *rules_bundle.RULES,
    *rules_workstation.RULES,
    *rules_windows.RULES,
    *rules_conditions.RULES,
)
_UNTRUSTED: Final = 12
_REFUSED: Final = 10
# missing rights and another run say nothing of the package: a caller comes again with rights, or later
_TOLD_ALONE: Final = frozenset({13, 14})


def check(
    facts: Facts,
    catalogue: Catalogue,
    inspections: Iterable[Inspection],
    *,
    accepted: frozenset[str] = frozenset(),
    run: RunState,
) -> Decision:
    """May these packages go on this workstation? Raises ``UsageError`` when ``accepted`` names something that cannot be accepted."""
    validate_accepted(accepted)
    case = Case(facts=facts, catalogue=catalogue, inspections=tuple(inspections), run=run, command="install")
    candidate = case.candidate
    decision = decide(case, accepted)
    return Decision(
        decision=decision.decision,
        rules=decision.rules,
        bundle=None if candidate.bundle is None else candidate.bundle.id,
        recognised=_recognised(case),
        target=dict(candidate.resulting),
        replaced=tuple(sorted(candidate.offered)),
        unit=candidate.unit,
        recommended=None if case.recommended is None else case.recommended.id,
        recommended_name=None if case.recommended is None else bundle_text(catalogue, case.recommended),
        exit_code=decision.exit_code,
    )


def _recognised(case: Case) -> str | None:
    """What the workstation would have, as a person reads it; ``None`` when the packages bring none of the core components."""
    candidate = case.candidate
    if not candidate.changed:
        return None
    named = case.set_text(candidate.resulting)
    return (
        named
        if candidate.bundle is None or candidate.bundle.build is None
        else f"{bundle_text(case.catalogue, candidate.bundle)} ({named})"
    )


def check_uninstall(facts: Facts, catalogue: Catalogue, *, accepted: frozenset[str] = frozenset(), run: RunState) -> Decision:
    """May the unit be removed from this workstation? Raises ``UsageError`` like ``check``."""
    validate_accepted(accepted)
    case = Case(facts=facts, catalogue=catalogue, inspections=(), run=run, command="uninstall")
    decision = decide(case, accepted)
    removed = tuple(state.component for state in case.assessment.components if state.core and state.state != "absent")
    return Decision(decision=decision.decision, rules=decision.rules, replaced=removed, exit_code=decision.exit_code)


def check_rollback(facts: Facts, catalogue: Catalogue, *, accepted: frozenset[str] = frozenset(), run: RunState) -> Decision:
    """May a snapshot be restored now? Only what could break the restoring itself is asked: going back must stay possible."""
    validate_accepted(accepted)
    return decide(Case(facts=facts, catalogue=catalogue, inspections=(), run=run, command="rollback"), accepted)


def validate_accepted(accepted: frozenset[str]) -> None:
    """Raise ``UsageError`` for a reference that is no rule, or a rule nobody may accept (trust, privileges, an unfinished run)."""
    problems: list[Problem] = []
    known = {rule.ref for rule in RULES}
    for ref in sorted(accepted):
        if ref not in known:
            problems.append(_unknown(ref, known))
        elif not is_acceptable(ref):
            problems.append(Problem(ref="accept.not-acceptable", params={"ref": ref}, evidence={"ref": ref}))
    if problems:
        raise UsageError(*problems)


def _unknown(ref: str, known: Iterable[str]) -> Problem:
    """No such rule; those that were probably meant are named only when there are some like it."""
    close = difflib.get_close_matches(ref, sorted(filter(is_acceptable, known)), n=3)
    params = {"ref": ref, "close": ", ".join(close)}
    return Problem(ref="accept.unknown-rule", told="accept.unknown-rule.like" if close else None, params=params, evidence={"ref": ref})


def is_acceptable(ref: str) -> bool:
    """True when a person may take the risk of this rule. A rule without words can never be accepted."""
    reference = find(ref)
    return reference is not None and reference.acceptable


def exit_code_of(ref: str) -> int:
    """What a refusal by this rule ends with."""
    reference = find(ref)
    return _REFUSED if reference is None else reference.exit_code


def evaluate(case: Case, rule: Rule, accepted: frozenset[str]) -> RuleResult:
    """One rule's result for one case."""
    verdict = rule.evaluate(case)
    if verdict is None:
        return RuleResult(ref=rule.ref, outcome="not-applicable", words=rule.ref)
    taken = not verdict.passed and rule.ref in accepted and is_acceptable(rule.ref)
    return RuleResult(
        ref=rule.ref,
        outcome="pass" if verdict.passed else "accepted" if taken else "fail",
        words=verdict.words or rule.ref,
        params=verdict.params,
        evidence=verdict.evidence,
        notice=verdict.notice,
        certainty=verdict.certainty,
    )


def decide(case: Case, accepted: frozenset[str]) -> Decision:
    """Evaluate every rule that concerns the command, whatever the ones before said."""
    results = tuple(evaluate(case, rule, accepted) for rule in RULES if case.command in rule.commands)
    codes = {exit_code_of(result.ref) for result in results if result.outcome == "fail"}
    if not codes:
        return Decision(decision="accept", rules=results)
    code = _UNTRUSTED if _UNTRUSTED in codes else codes.pop() if len(codes) == 1 and codes <= _TOLD_ALONE else _REFUSED
    return Decision(decision="refuse", rules=results, exit_code=code).settled
