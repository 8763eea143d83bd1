"""One run at a time, under a journal: committed, or brought back and proven."""

from __future__ import annotations

from atsam_safe.transaction.executor import interrupted, prune, recover, rollback, run_transaction
from atsam_safe.transaction.lock import RunLock
from atsam_safe.transaction.model import RunOptions, StepResult, TransactionResult, VerificationOutcome

__all__ = [
    "RunLock",
    "RunOptions",
    "StepResult",
    "TransactionResult",
    "VerificationOutcome",
    "interrupted",
    "prune",
    "recover",
    "rollback",
    "run_transaction",
]
