"""Pure decisions about a workstation as it is: what is installed, is it whole, is it right.

Nothing is imported before it is asked for: a command pays only for the decisions it takes, and the three rooms may use each other.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from atsam_safe.verify.assessment import assess
    from atsam_safe.verify.model import Assessment, ComponentState, DependentState, Finding, Verification, Witness
    from atsam_safe.verify.verification import verify, verify_against

_WHERE: Final = {
    "Assessment": "atsam_safe.verify.model",
    "ComponentState": "atsam_safe.verify.model",
    "DependentState": "atsam_safe.verify.model",
    "Finding": "atsam_safe.verify.model",
    "Verification": "atsam_safe.verify.model",
    "Witness": "atsam_safe.verify.model",
    "assess": "atsam_safe.verify.assessment",
    "verify": "atsam_safe.verify.verification",
    "verify_against": "atsam_safe.verify.verification",
}

__all__ = [
    "Assessment",
    "ComponentState",
    "DependentState",
    "Finding",
    "Verification",
    "Witness",
    "assess",
    "verify",
    "verify_against",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the room offers under this name
    if name not in _WHERE:
        raise AttributeError(name)
    return getattr(importlib.import_module(_WHERE[name]), name)
