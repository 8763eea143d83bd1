"""The executor: what makes a plan survive a power cut. See ``docs/internals/transaction.md`` for a crash after each step.

Order: lock → refuse an interrupted run → stage → reserve the way back → snapshot → look again → steps → residue → verify → commit → tidy.
Any failure or signal after the snapshot brings the workstation back and proves it by digest.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from atsam_safe.plan.model import InstallPayload, InstallProduct, RunInstaller, WriteReceipt
from atsam_safe.snapshot import beyond
from atsam_safe.snapshot.company import present_digest
from atsam_safe.snapshot.model import no_progress
from atsam_safe.snapshot.scope import list_scope
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction.found import keep_found
from atsam_safe.transaction.journal import (
    JOURNAL,
    Journal,
    JournalDamagedError,
    begun,
    journal_damaged,
    journal_missing,
    read_journal,
    unended_snapshot,
)
from atsam_safe.transaction.lock import RunLock
from atsam_safe.transaction.model import RunOptions, TransactionResult, VerificationOutcome
from atsam_safe.transaction.records import Ended, Staged
from atsam_safe.transaction.recovery import decide, ended_untouched
from atsam_safe.transaction.reserve import RESERVE_SLACK
from atsam_safe.transaction.run import STAGING, Action, Run
from atsam_safe.transaction.signals import EndedBySignal, SignalWatch, watching
from atsam_safe.transaction.staged import StagedContent
from atsam_safe.transaction.target import Target, default_target, target_of
from atsam_safe.volume.errors import printable, unavailable_problem
from atsam_safe.words.model import AtsamSafeError, InterruptedRunError, Problem, RefusedError, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from atsam_safe.plan.model import Plan, Step
    from atsam_safe.snapshot.model import KeepPolicy, Progress, PruneReport
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.transaction.records import Record
    from atsam_safe.transaction.recovery import Decision
    from atsam_safe.volume.volume import Volume
    from atsam_safe.workstation.port import BeyondFiles, OpenedPackages, Workstation

BUILDING = (InstallPayload, InstallProduct, RunInstaller, WriteReceipt)


def verified_by_nobody() -> VerificationOutcome:
    """For runs whose proof is the digest alone."""
    return VerificationOutcome(ok=True)


@contextlib.contextmanager
def _locked(state: StateFolder, command: str, lock: RunLock | None) -> Iterator[None]:
    if lock is not None and lock.held:
        yield
        return
    with RunLock(state, command):
        yield


def _watch_of(lock: RunLock | None) -> SignalWatch | None:
    return None if lock is None else lock.watch


def interrupted(state: StateFolder) -> Problem | None:
    """The problem ``state.interrupted-run`` when an unfinished run's journal lies there, or lay; reads only.

    Raises ``JournalDamagedError``.
    """
    decision = begun(state)
    if decision.action == "nothing-to-do":
        return None
    params = {"run": decision.run_id or "?", "command": decision.command or "?", "snapshot": decision.snapshot or "—"}
    return Problem(ref="state.interrupted-run", params=params, evidence=dict(params))


def _records(state: StateFolder) -> Sequence[Record] | None:
    reading = read_journal(state)
    return None if reading is None else reading.records


def _refuse_interrupted(state: StateFolder) -> None:
    problem = interrupted(state)
    if problem is not None:
        raise InterruptedRunError(problem)


def run_transaction(
    plan: Plan,
    *,
    workstation: Workstation,
    packages: OpenedPackages,
    state: StateFolder,
    verification: Callable[[], VerificationOutcome] = verified_by_nobody,
    options: RunOptions = RunOptions(),  # noqa: B008 - a frozen value
    lock: RunLock | None = None,
    progress: Progress = no_progress,
) -> TransactionResult:
    """Carry out ``plan``: the result's ``outcome`` is ``committed``, ``rolled-back``, ``broken`` or (only by a signal) ``unchanged``.

    Call ``recover`` first and observe, plan and run under one ``lock``, or the plan may speak of a state that is gone.
    Raises, with nothing touched: ``BusyError``, ``InterruptedRunError``, ``RefusedError`` (room, store, scope), ``UntrustedPackageError``.
    """
    with watching(_watch_of(lock)) as signals:
        with _locked(state, plan.command, lock):
            _refuse_interrupted(state)
            run = Run(state, workstation.volume, plan.command, signals, progress, workstation)

            def forward() -> TransactionResult:
                _prepare(run, plan, workstation, packages, options)
                _change(run, plan, workstation)
                run.verify(verification)
                return run.commit(plan.scope)

            result = carried_out(run, signals, forward)
        return with_signal(result, signals)


def carried_out(run: Run, watch: SignalWatch, forward: Callable[[], TransactionResult]) -> TransactionResult:
    """Forward while no signal comes, back when anything fails. Raises what failed when nothing was touched."""
    try:
        with watch.armed():
            return forward()
    except (Exception, EndedBySignal, KeyboardInterrupt) as error:
        result = run.fail(error)
        if result.outcome == "unchanged" and not isinstance(error, EndedBySignal | KeyboardInterrupt):
            raise _untouched(error) from error
        return result
    finally:
        run.let_go()


def with_signal(result: TransactionResult, watch: SignalWatch) -> TransactionResult:
    """The result with the signal that came after it was made, as while the lock was let go: it is told, and hides nothing."""
    return result if watch.received is None else msgspec.structs.replace(result, signal=watch.received)


def _untouched(error: BaseException) -> BaseException:
    """Before anything was touched a failure of the disk is a refusal (exit 10), not a rolled-back run (exit 20)."""
    if isinstance(error, WorkstationError):
        return RefusedError(*error.problems)
    unavailable = unavailable_problem(error)
    return error if unavailable is None else RefusedError(unavailable)


def _prepare(run: Run, plan: Plan, workstation: Workstation, packages: OpenedPackages, options: RunOptions) -> None:
    """Everything that can fail without touching the workstation."""
    entries = list_scope(run.volume, plan.scope, strict=True)
    for path in plan.residue_rules:
        run.volume.exists(path)  # what cannot be looked at now could not be either once the old files are gone
    in_scope = sum(entry.size for entry in entries.values() if entry is not None)
    needed = plan.bytes_to_write + 2 * in_scope + RESERVE_SLACK
    if run.volume.free_space() < needed:
        raise run.too_little(needed, run.volume)
    run.require_barrier()
    run.begin(options, len(plan.steps))
    run.make_staging()
    staged = StagedContent(run.state.files, STAGING)
    workstation.stage(plan, packages, run.state.staging, run.progress)
    run.journal.append(Staged())
    if any(isinstance(step, InstallPayload) for step in plan.steps):
        staged.start()
        run.staged = staged
    try:
        run.reserve(plan.scope)
        run.keep(plan.scope, options)
    finally:
        staged.finish()


def _change(run: Run, plan: Plan, workstation: Workstation) -> None:
    """The steps, with the residue checked where the removal ends and the building begins."""
    built = next((index for index, step in enumerate(plan.steps) if isinstance(step, BUILDING)), None)

    def sweep(index: int) -> None:
        if index == built:
            run.check_residue(plan.residue_rules)

    run.carry_out([_action(workstation, step, run) for step in plan.steps], sweep)
    if built is None:
        run.check_residue(plan.residue_rules)


def _action(workstation: Workstation, step: Step, run: Run) -> Action:
    record = msgspec.to_builtins(step)
    return Action(name=record["step"], record=record, carry_out=lambda: workstation.apply(step, run.state.staging))


def recover(
    state: StateFolder,
    volume: Volume,
    *,
    system: BeyondFiles | None = None,
    lock: RunLock | None = None,
    watch: SignalWatch | None = None,
    progress: Progress = no_progress,
) -> TransactionResult:
    """Bring an interrupted run to its end: the state before, proven. Idempotent, and safe to be interrupted itself.

    ``outcome``: ``nothing-to-do``, ``unchanged`` (nothing had been touched), ``rolled-back`` or ``broken``; ``id``: the run it ended.
    Raises ``BusyError``, ``JournalDamagedError``, and ``RefusedError`` when only the tidying of a state that is right was not possible.
    """
    with watching(watch) as signals:
        run = Run(state, volume, "recover", signals, progress, system)
        likely = _likely(state)
        try:
            with _locked(state, "recover", lock):
                result = _recover(run)
            return with_signal(result, signals)
        except WorkstationError as error:
            return _not_recovered(run, error, likely)
        finally:
            run.let_go()


def _likely(state: StateFolder) -> str | None:
    """The snapshot to go back to, looked up while looking is possible: what is told when, later, nothing can be opened any more."""
    with contextlib.suppress(AtsamSafeError):
        named = begun(state).snapshot
        if named is not None:
            return named
    return unended_snapshot(state)


def _recover(run: Run) -> TransactionResult:
    state = run.state
    try:
        reading = read_journal(state)
    except JournalDamagedError:
        return _put_away_damaged(run)
    if reading is None:
        return _without_journal(run)
    decision = decide(reading.records)
    if decision.action == "discard" and not _had_not_begun(run, decision, reading.records):
        raise journal_damaged(state, JOURNAL, str(len(reading.records) + 1), reading.records)
    if decision.run_id is None:
        state.files.remove_file(JOURNAL)
        run.end_unended(untouched=run.store.untouched())
        run.clear_leftovers()
        return run.result("unchanged")
    run.adopt(Journal.resume(state, reading), decision)
    if decision.action == "restore":
        keep_found(run)
        return run.go_back("recovery", ())
    run.release_reserve()  # a disk that the reserve itself filled needs its room for the last record
    if decision.action == "discard" and not ended_untouched(reading.records):
        run.journal.append(Ended(outcome="unchanged"))
    run.end_journal()
    run.clear_leftovers()
    return run.result(decision.outcome)


def _had_not_begun(run: Run, decision: Decision, records: Sequence[Record]) -> bool:
    """True when a run whose records end before its first step did end there, and nothing that followed was lost.

    What changed since is then somebody else's doing, and no reason to doubt it. Only where the pointer says that the steps may have begun
    does the workstation itself have to tell: one whose very first record is lost may have come to anything.
    """
    if ended_untouched(records) or run.store.untouched():
        return True
    if decision.run_id is None:
        return run.is_proven_before()
    return not run.store.is_of(run.store.unended() or "", decision.run_id) or not run.touched()


def _without_journal(run: Run) -> TransactionResult:
    """Nothing to do; unless it is only the journal that is missing. Then what the workstation is decides, and it is not touched."""
    lost = run.store.lost()
    if lost is None:
        run.clear_leftovers()
        return run.result("nothing-to-do")
    untouched = run.store.untouched()
    if not untouched and not run.is_proven_before():
        raise journal_missing(run.state, lost)
    run.id = lost.run_id
    run.end_unended(untouched=untouched)
    run.clear_leftovers()
    return run.result("unchanged" if untouched else "rolled-back")


def _put_away_damaged(run: Run) -> TransactionResult:
    """A damaged journal is kept for whoever wants to read it, once the state before is there: never left, or proven to be back."""
    untouched = run.store.untouched()
    if not untouched and not run.is_proven_before():
        read_journal(run.state)  # refuses
    files = run.state.files
    files.rename(JOURNAL, f"/history/{run.id}-damaged.log")
    files.sync_directory("/history")
    files.sync_directory("/run")
    run.end_unended(untouched=untouched)
    run.clear_leftovers()
    return run.result("unchanged" if untouched else "rolled-back")


def _not_recovered(run: Run, error: WorkstationError, likely: str | None) -> TransactionResult:
    """The way back could not be begun (a disk that cannot be written to): of a workstation in between nothing is claimed.

    Raises ``RefusedError`` when the journal says that the workstation is as before all the same.
    """
    try:
        decision = decide(_records(run.state))
    except AtsamSafeError:
        run.snapshot = run.snapshot or likely or _likely(run.state)
        return run.broken((), error.problems)
    if decision.action != "restore":
        raise RefusedError(*error.problems) from error
    run.snapshot, run.digest_before = decision.snapshot, decision.digest
    return run.broken((), error.problems)


def rollback(
    state: StateFolder,
    volume: Volume,
    snapshot: str | None = None,
    *,
    system: BeyondFiles | None = None,
    verification: Callable[[], VerificationOutcome] = verified_by_nobody,
    options: RunOptions = RunOptions(),  # noqa: B008 - a frozen value
    lock: RunLock | None = None,
    progress: Progress = no_progress,
) -> TransactionResult:
    """Back to a snapshot (default: the newest whose run left a change), and past all that later runs changed elsewhere.

    The present state is kept first, so a rollback can itself be rolled back. ``nothing-to-do`` when all is as it was then already.
    Raises, with nothing touched: ``BusyError``, ``InterruptedRunError``, ``ManifestError``, ``RefusedError`` (``snapshot.none``,
    ``snapshot.not-restorable``).
    """
    with watching(_watch_of(lock)) as signals:
        with _locked(state, "rollback", lock):
            _refuse_interrupted(state)
            store = SnapshotStore(state)
            named = snapshot or default_target(store)
            if named is None:
                raise RefusedError(Problem(ref="snapshot.none"))
            target = target_of(store, volume, named)
            store.require_restorable(target.manifest)
            run = Run(state, volume, "rollback", signals, progress, system)
            result = _rolled_back(run, signals, named, target, verification, options)
        return with_signal(result, signals)


def _rolled_back(
    run: Run, watch: SignalWatch, named: str, target: Target, verification: Callable[[], VerificationOutcome], options: RunOptions
) -> TransactionResult:
    scope = target.manifest.scope
    nothing_else = beyond.sealed(run.state, named) is None
    if nothing_else and present_digest(run.volume, target.manifest, progress=run.progress) == target.manifest.digest:
        return run.result("nothing-to-do")

    def forward() -> TransactionResult:
        run.require_barrier()
        run.begin(options, 1)
        run.reserve(scope)
        run.keep(scope, options)
        run.carry_out([_restoring(run, named, target)])
        run.verify(verification)
        result = run.commit(scope)
        return msgspec.structs.replace(result, notices=(*result.notices, *target.notices))

    return carried_out(run, watch, forward)


def _restoring(run: Run, snapshot: str, target: Target) -> Action:
    """The one step of a rollback."""

    def restore() -> str:
        report, unlike = run.restore(snapshot, target.manifest)
        run.company = (*run.company, *(printable(path) for path in target.company))
        if not report.proven:
            paths = ", ".join(report.differences)
            raise WorkstationError(Problem(ref="snapshot.proof-failed", params={"count": str(len(report.differences)), "paths": paths}))
        if unlike:
            raise WorkstationError(*unlike)
        return "done"

    return Action(name="restore-snapshot", record={"snapshot": snapshot, "later": list(target.later)}, carry_out=restore)


def prune(
    state: StateFolder,
    policy: KeepPolicy,
    *,
    lock: RunLock | None = None,
    watch: SignalWatch | None = None,
    agreed: Collection[str] | None = None,
) -> PruneReport:
    """Remove old snapshots under the lock. Refused while an interrupted run is not recovered: it may need any of them.

    ``agreed``: what somebody was asked about, when they were: refused where more than that would go now.

    A signal ends the looking at once, as its handler does; from the first change on it waits, and the report tells of it.
    """
    with watching(watch) as signals:
        with _locked(state, "prune", lock):
            with signals.passing_on():
                _refuse_interrupted(state)
                pruning = SnapshotStore(state).pruning(policy)
                if agreed is not None and not set(pruning.going) <= set(agreed):
                    raise RefusedError(Problem(ref="run.changed-meanwhile"))
            report = pruning.run()
        return report if signals.received is None else msgspec.structs.replace(report, signal=signals.received)


__all__ = ["AtsamSafeError", "interrupted", "prune", "recover", "rollback", "run_transaction"]
