"""The guard's decision under the JSON keys of the contract (apart from ``values``: ``status`` never loads the guard)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atsam_safe.guard.wording import explain_rule
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from atsam_safe.guard.model import Decision, RuleResult
    from atsam_safe.words.model import Language


def rule_value(rule: RuleResult, language: Language) -> dict[str, Any]:
    """One evaluated rule of ``check``: its public reference, and the sentences that tell this very case."""
    words = explain_rule(rule, language)
    value = {
        "ref": rule.ref,
        "outcome": rule.outcome,
        "what": words.what,
        "why": words.why,
        "next": words.next,
        "evidence": rule.evidence,
        "notice": rule.notice,
        "certainty": rule.certainty,
    }
    return value if words.told is None else {**value, "told": words.told}


def rule_problem(rule: RuleResult) -> Problem:
    """The rule as a problem: under its public reference, told in the sentences of its case."""
    return Problem(ref=rule.ref, params=rule.params, evidence=rule.evidence, told=rule.words, accepted=rule.outcome == "accepted")


def decision_value(decision: Decision, language: Language) -> dict[str, Any]:
    """The data of ``check``."""
    return {
        "decision": decision.decision,
        "recommended": decision.recommended,
        "recommended_name": decision.recommended_name,
        "bundle": decision.bundle,
        "recognised": decision.recognised,
        "target": decision.target,
        "unit": decision.unit,
        "replaced": list(decision.replaced),
        "rules": [rule_value(rule, language) for rule in decision.rules],
    }
