"""What the guard answers, as values: every rule evaluated, every reason at once, and one decision."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from atsam_safe.catalogue.model import Certainty
from atsam_safe.words.model import Problem

Outcome = Literal["pass", "fail", "accepted", "not-applicable"]
Command = Literal["install", "uninstall", "rollback"]


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """What the state folder says. ``interrupted``: id of a run that did not end; ``damaged``: why the folder cannot be used.

    ``at_work``: another process changes the workstation at this moment; nothing is then said of its run.
    """

    at_work: Problem | None = None
    interrupted: str | None = None
    damaged: Problem | None = None


class RuleResult(msgspec.Struct, frozen=True, kw_only=True):
    """One rule evaluated. ``ref`` is the public reference; ``words`` the one whose sentences tell this very case.

    ``notice``: passed, but a person must see why it was not obvious. ``certainty``: of the statement that decided, if one did.
    """

    ref: str
    outcome: Outcome
    words: str
    params: dict[str, str] = {}
    evidence: dict[str, Any] = {}
    notice: bool = False
    certainty: Certainty | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The guard's answer. ``target`` is the resulting set (component → version); ``replaced`` the components that are changed.

    ``recognised``: the resulting set as a person reads it, ``ATSAM 4.41 (Cryptolib CPS 5.1.5, …)``.

    ``unit``: the whole unit is removed and installed; otherwise only ``replaced`` is. ``recommended`` names the build that suits
    this workstation. ``exit_code``: 0, 10, 12 or 13 of the contract.
    """

    decision: Literal["accept", "refuse"]
    rules: tuple[RuleResult, ...]
    bundle: str | None = None
    recognised: str | None = None
    target: dict[str, str] = {}
    replaced: tuple[str, ...] = ()
    unit: bool = True
    recommended: str | None = None
    recommended_name: str | None = None
    exit_code: int = 0

    @property
    def accepted(self) -> bool:
        """True when the command may go on."""
        return self.decision == "accept"

    @property
    def reasons(self) -> tuple[RuleResult, ...]:
        """The rules that refuse, in the order they were evaluated."""
        return tuple(rule for rule in self.rules if rule.outcome == "fail")

    @property
    def settled(self) -> Decision:
        """The decision as it reads once it is made: where nothing will be done, nobody has to close anything for it."""
        if self.accepted:
            return self
        rules = tuple(
            msgspec.structs.replace(rule, words="dependents.present.unchanged")
            if rule.notice and rule.ref == "dependents.present"
            else rule
            for rule in self.rules
        )
        return msgspec.structs.replace(self, rules=rules)

    @property
    def notices(self) -> tuple[RuleResult, ...]:
        """Rules that passed or were accepted and must still be shown."""
        return tuple(rule for rule in self.rules if rule.notice or rule.outcome == "accepted")
