"""The sentences of a rule's result: its refusal, its notice, or one line saying what was checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.words import Explained, explain, phrase
from atsam_safe.words.model import Problem
from atsam_safe.words.topics import snapshot
from atsam_safe.words.topics.guard import NOT_APPLICABLE, TITLES

if TYPE_CHECKING:
    from atsam_safe.guard.model import RuleResult
    from atsam_safe.words import Language


def explain_rule(result: RuleResult, language: Language) -> Explained:
    """What was seen, why it matters and what to do, under the rule's public reference.

    A rule that simply passed, or that does not apply here, has one line about what was checked and nothing to do.
    """
    if result.outcome in {"fail", "accepted"} or result.notice:
        accepted = result.outcome == "accepted"
        return explain(Problem(ref=result.ref, told=result.words, params=result.params, accepted=accepted), language)
    titles = snapshot.TITLES if result.ref in snapshot.TITLES else TITLES
    title = phrase(titles[result.ref], language) if result.ref in titles else result.ref
    if result.outcome == "not-applicable":
        return Explained(ref=result.ref, what=title, why=phrase(NOT_APPLICABLE, language), next="")
    return Explained(ref=result.ref, what=title, why="", next="")
