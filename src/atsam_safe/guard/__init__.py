"""Pure decisions: may this go on this workstation? Every failed rule at once, each in words.

Nothing is imported before it is asked for: a command pays only for the decisions it takes, and the three rooms may use each other.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from atsam_safe.guard.guard import RULES, check, check_rollback, check_uninstall, validate_accepted
    from atsam_safe.guard.model import Decision, RuleResult, RunState
    from atsam_safe.guard.wording import explain_rule

_WHERE: Final = {
    "Decision": "atsam_safe.guard.model",
    "RULES": "atsam_safe.guard.guard",
    "RuleResult": "atsam_safe.guard.model",
    "RunState": "atsam_safe.guard.model",
    "check": "atsam_safe.guard.guard",
    "check_rollback": "atsam_safe.guard.guard",
    "check_uninstall": "atsam_safe.guard.guard",
    "explain_rule": "atsam_safe.guard.wording",
    "validate_accepted": "atsam_safe.guard.guard",
}

__all__ = [
    "RULES",
    "Decision",
    "RuleResult",
    "RunState",
    "check",
    "check_rollback",
    "check_uninstall",
    "explain_rule",
    "validate_accepted",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the room offers under this name
    if name not in _WHERE:
        raise AttributeError(name)
    return getattr(importlib.import_module(_WHERE[name]), name)
