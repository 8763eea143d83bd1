"""What of the disk itself stands in the way of a plan, as rules of the decision like all others.

The guard judges what the packages are and what the workstation is. Whether the paths of a plan can be reached, kept and brought back
is known only once there is a plan; whoever looked (``snapshot.keeping``) hands in what was found, and it is judged here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.guard.model import RuleResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.guard.model import Decision
    from atsam_safe.words.model import Problem

ASKED: Final = (
    "volume.link-in-the-way",
    "volume.not-a-folder",
    "snapshot.special-file",
    "snapshot.locked-file",
    "snapshot.other-file-system",
    "snapshot.scope-holds-state",
)
_REFUSED: Final = 10


def with_obstacles(decision: Decision, problems: Sequence[Problem]) -> Decision:
    """``decision`` with a rule for each of ``ASKED``, and for whatever else was found; refused when anything was."""
    found = {problem.ref: problem for problem in problems}
    results = tuple(_result(ref, found.get(ref)) for ref in (*ASKED, *(ref for ref in found if ref not in ASKED)))
    whole = msgspec.structs.replace(
        decision,
        rules=(*decision.rules, *results),
        decision="refuse" if found else decision.decision,
        exit_code=_REFUSED if found else decision.exit_code,
    )
    return whole.settled


def _result(ref: str, problem: Problem | None) -> RuleResult:
    if problem is None:
        return RuleResult(ref=ref, outcome="pass", words=ref)
    return RuleResult(ref=ref, outcome="fail", words=problem.told or ref, params=problem.params, evidence=problem.evidence)
