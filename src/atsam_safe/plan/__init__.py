"""Pure decisions: which steps take a workstation from one set of components to another, and what they may touch.

Nothing is imported before it is asked for: a command pays only for the decisions it takes, and the three rooms may use each other.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from atsam_safe.plan.model import Plan
    from atsam_safe.plan.planner import plan_install, plan_uninstall

_WHERE: Final = {
    "Plan": "atsam_safe.plan.model",
    "plan_install": "atsam_safe.plan.planner",
    "plan_uninstall": "atsam_safe.plan.planner",
}

__all__ = [
    "Plan",
    "plan_install",
    "plan_uninstall",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the room offers under this name
    if name not in _WHERE:
        raise AttributeError(name)
    return getattr(importlib.import_module(_WHERE[name]), name)
