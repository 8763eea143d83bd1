"""A small change that is no installation (``galss.ini`` realigned, a cache cleared), with everything an installation has.

The same journal, snapshot, way back and commit point: a power cut in the middle is recovered by the next start, and ``rollback`` undoes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.snapshot.model import no_progress
from atsam_safe.snapshot.scope import list_scope
from atsam_safe.transaction.executor import interrupted, verified_by_nobody
from atsam_safe.transaction.model import RunOptions, TransactionResult, VerificationOutcome
from atsam_safe.transaction.run import Action, Run
from atsam_safe.transaction.signals import EndedBySignal, SignalWatch
from atsam_safe.words.model import InterruptedRunError, RefusedError, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atsam_safe.plan.model import ScopeEntry
    from atsam_safe.snapshot.model import Progress
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.volume.volume import Volume


def run_change(
    command: str,
    actions: Sequence[Action],
    scope: Sequence[ScopeEntry],
    *,
    volume: Volume,
    state: StateFolder,
    verification: Callable[[], VerificationOutcome] = verified_by_nobody,
    options: RunOptions = RunOptions(),  # noqa: B008 - a frozen value
    progress: Progress = no_progress,
) -> TransactionResult:
    """Snapshot ``scope``, carry out ``actions``, verify, commit; or go back. The caller holds the lock of ``state``.

    ``actions`` may change nothing but what is in ``scope``. What no file holds is not kept: such a change touches none of it.
    Raises, with nothing touched: ``InterruptedRunError``, ``RefusedError`` (room, store, a link in the way).
    """
    problem = interrupted(state)
    if problem is not None:
        raise InterruptedRunError(problem)
    with SignalWatch() as watch:
        run = Run(state, volume, command, watch, progress)
        try:
            with watch.armed():
                list_scope(volume, scope, strict=True)
                run.begin(options, len(actions))
                run.reserve(scope)
                run.keep(scope, options)
                run.carry_out(actions)
                run.verify(verification)
                return run.commit(scope)
        except (Exception, EndedBySignal, KeyboardInterrupt) as error:
            result = run.fail(error)
            if result.outcome == "unchanged" and isinstance(error, WorkstationError):
                raise RefusedError(*error.problems) from error
            if result.outcome == "unchanged" and not isinstance(error, EndedBySignal | KeyboardInterrupt):
                raise
            return result


__all__ = ["Action", "run_change"]
