"""What a transaction returns, and what its caller gives it."""

from __future__ import annotations

from typing import Any

import msgspec

from atsam_safe.transaction.records import Outcome
from atsam_safe.words.model import Problem

EXIT_CODES: dict[str, int] = {"committed": 0, "nothing-to-do": 0, "rolled-back": 20, "unchanged": 0, "broken": 21}


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """One step: ``outcome`` is ``done``, ``not-applicable`` or ``failed``."""

    name: str
    outcome: str
    seconds: float


class VerificationOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller's verification says of the workstation as it is now. ``data`` is attached to the result unread."""

    ok: bool
    problems: tuple[Problem, ...] = ()
    data: Any = None


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is written into the record of the run."""

    label: str = ""
    reason: str = ""
    catalogue: str = "embedded"
    accepted: tuple[str, ...] = ()


class TransactionResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended.

    ``committed``: the state is the one after. ``rolled-back``: it failed, and the digest proves the state before. ``broken``: the way back
    could not be proven; the snapshot's place is in ``problems``. ``unchanged``: it ended before anything was touched.
    ``signal``: the signal that ended it. ``notices``: what a person should know although the run ended well.
    ``found``: the snapshot in which a recovery kept the state it found.
    """

    id: str
    command: str
    outcome: Outcome
    steps: tuple[StepResult, ...] = ()
    snapshot: str | None = None
    digest_before: str | None = None
    digest_after: str | None = None
    residue: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    notices: tuple[Problem, ...] = ()
    seconds: float = 0.0
    signal: int | None = None
    verification: Any = None
    bytes_reserved: int = 0
    found: str | None = None

    @property
    def exit_code(self) -> int:
        """The contract's exit code. An incomplete way back outweighs the signal that caused it."""
        if self.outcome == "broken":
            return EXIT_CODES["broken"]
        if self.signal is not None:
            return 128 + self.signal
        if self.outcome == "rolled-back" and self.command == "recover":
            return 0
        return EXIT_CODES[self.outcome]
