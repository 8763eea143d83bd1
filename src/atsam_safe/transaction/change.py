"""A small change that is no installation (``galss.ini`` realigned, a cache cleared), with everything an installation has.

The same journal, snapshot, way back and commit point: a power cut in the middle is recovered by the next start, and ``rollback`` undoes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.snapshot.model import no_progress
from atsam_safe.snapshot.scope import list_scope
from atsam_safe.transaction.executor import carried_out, interrupted, verified_by_nobody, with_signal
from atsam_safe.transaction.model import RunOptions, TransactionResult
from atsam_safe.transaction.run import Action, Run
from atsam_safe.transaction.signals import watching
from atsam_safe.words.model import InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.plan.model import ScopeEntry
    from atsam_safe.snapshot.model import Progress
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.transaction.signals import SignalWatch
    from atsam_safe.volume.volume import Volume


def run_change(
    command: str,
    actions: Sequence[Action],
    scope: Sequence[ScopeEntry],
    *,
    volume: Volume,
    state: StateFolder,
    options: RunOptions = RunOptions(),  # noqa: B008 - a frozen value
    watch: SignalWatch | None = None,
    progress: Progress = no_progress,
) -> TransactionResult:
    """Snapshot ``scope``, carry out ``actions``, verify, commit; or go back. The caller holds the lock of ``state``.

    ``actions`` may change nothing but what is in ``scope``. What no file holds is not kept: such a change touches none of it.
    Raises, with nothing touched: ``InterruptedRunError``, ``RefusedError`` (room, store, a link in the way).
    """
    problem = interrupted(state)
    if problem is not None:
        raise InterruptedRunError(problem)
    with watching(watch) as signals:
        run = Run(state, volume, command, signals, progress)

        def forward() -> TransactionResult:
            list_scope(volume, scope, strict=True)
            run.begin(options, len(actions))
            run.reserve(scope)
            run.keep(scope, options)
            run.carry_out(actions)
            run.verify(verified_by_nobody)
            return run.commit(scope)

        return with_signal(carried_out(run, signals, forward), signals)


__all__ = ["Action", "run_change"]
