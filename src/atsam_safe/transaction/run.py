"""One run under the journal: begin, keep the state before, carry out actions, commit; or go all the way back.

Used by the executor (install, uninstall), by ``rollback`` and by ``recover``: the way back is one piece of code.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from atsam_safe import __version__
from atsam_safe.snapshot import beyond
from atsam_safe.snapshot.batch import by_hand, script_in
from atsam_safe.snapshot.company import present_digest
from atsam_safe.snapshot.manifest import ManifestError, ManifestUnreadableError
from atsam_safe.snapshot.scope import digest_of, list_scope, read_states, scope_digest
from atsam_safe.snapshot.store import FILE_METADATA, SnapshotStore
from atsam_safe.transaction.journal import Journal, NotSyncedError
from atsam_safe.transaction.model import StepResult, TransactionResult
from atsam_safe.transaction.records import (
    Begin,
    Done,
    Ended,
    Failed,
    Intent,
    Reserved,
    Snapshotted,
    Undoing,
    Undone,
    Verified,
)
from atsam_safe.transaction.reserve import RESERVE_PER_PATH, RESERVE_SLACK, NoRoomError, allocate_reserve, remove_reserve, space_params
from atsam_safe.transaction.signals import EndedBySignal
from atsam_safe.volume.errors import is_ref, printable, unavailable_problem
from atsam_safe.volume.model import Metadata
from atsam_safe.volume.state_place import default_state_path
from atsam_safe.words.model import AtsamSafeError, Problem, RefusedError, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from atsam_safe.plan.model import ScopeEntry
    from atsam_safe.snapshot.model import Manifest, Progress, RestoreReport
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.transaction.model import RunOptions, VerificationOutcome
    from atsam_safe.transaction.records import Outcome
    from atsam_safe.transaction.recovery import Decision
    from atsam_safe.transaction.signals import SignalWatch
    from atsam_safe.transaction.staged import StagedContent
    from atsam_safe.volume.volume import Volume
    from atsam_safe.workstation.port import BeyondFiles

STAGING = "/run/staging"
RESTORING = "/run/restoring"
TRIES = 2


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a run does. ``carry_out`` returns ``done`` or ``not-applicable`` and may be repeated after stopping anywhere."""

    name: str
    record: dict[str, Any]
    carry_out: Callable[[], str]


class StepFailedError(WorkstationError):
    """A step failed; the problems say why."""


def new_run_id() -> str:
    """A fresh run id: readable, and unique whatever the clock says."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def internal_problem(error: BaseException) -> Problem:
    """A bug of ours inside a run is a failure like any other: the state is brought back and it is said."""
    return Problem(
        ref="transaction.internal-error",
        params={"kind": type(error).__name__},
        evidence={"kind": type(error).__name__, "text": printable(str(error).encode("utf-8", "backslashreplace").decode())[:500]},
    )


def problems_of(error: BaseException) -> tuple[Problem, ...]:
    """The problems an exception stands for."""
    if isinstance(error, AtsamSafeError):
        return error.problems
    unavailable = unavailable_problem(error)
    return (internal_problem(error) if unavailable is None else unavailable,)


class Run:
    """The state of one run that holds the lock."""

    def __init__(
        self,
        state: StateFolder,
        volume: Volume,
        command: str,
        watch: SignalWatch,
        progress: Progress,
        system: BeyondFiles | None = None,
    ) -> None:
        self.state = state
        self.system = system
        self.volume = volume
        self.command = command
        self.store = SnapshotStore(state)
        self.progress = progress
        self.id = new_run_id()
        self.snapshot: str | None = None
        self.digest_before: str | None = None
        self.digest_after: str | None = None
        self.steps: list[StepResult] = []
        self.residue: tuple[str, ...] = ()
        self.verification: Any = None
        self.company: tuple[str, ...] = ()
        self.reserved = 0
        self.found: str | None = None
        self.notices: tuple[Problem, ...] = ()
        self.staged: StagedContent | None = None
        self._watch = watch
        self._journal: Journal | None = None
        self._committed: TransactionResult | None = None
        self._started = time.monotonic()

    @property
    def journal(self) -> Journal:
        """The open journal."""
        if self._journal is None:
            raise RuntimeError
        return self._journal

    def adopt(self, journal: Journal, decision: Decision) -> None:
        """Go on with the journal of an interrupted run."""
        self._journal = journal
        self.id = decision.run_id or self.id
        self.snapshot = decision.snapshot
        self.digest_before = decision.digest
        if decision.action == "finish":
            self.digest_after = decision.digest

    def touched(self) -> bool:
        """True when a snapshot was kept by a run that never ended, and the workstation is not as it was kept then (or nobody can tell)."""
        snapshot = self.store.unended()
        if snapshot is None:
            return False
        try:
            manifest = self.store.manifest(snapshot)
        except ManifestUnreadableError:
            raise  # nobody knows yet: it is said, and nothing is decided
        except ManifestError:
            return True
        return present_digest(self.volume, manifest, progress=self.progress) != manifest.digest

    def is_proven_before(self) -> bool:
        """True when the workstation is as the newest run that never ended found it.

        Files are compared; what no file holds cannot be, so it is brought back (once more), which changes nothing that is right already.
        """
        if self.touched():
            return False
        snapshot = self.store.unended()
        if snapshot is None or beyond.sealed(self.state, snapshot) is None:
            return True
        report, unlike = self.restore(snapshot)
        return report.proven and not unlike

    def end_unended(self, *, untouched: bool = False) -> None:
        """Say of the newest snapshot's run, whose own records are lost, that it ended in the state before.

        ``untouched``: it had not begun. Then that state is no more than what the workstation was at that moment, and nothing is said of it.
        """
        snapshot = self.store.unended()
        if snapshot is not None:
            manifest = self.store.manifest(snapshot)
            if not untouched:
                self.snapshot, self.digest_before, self.digest_after = snapshot, manifest.digest, manifest.digest
            self.state.files.write_file_durably(f"/history/{manifest.run_id}.log", b"", FILE_METADATA)

    # --- forward --------------------------------------------------------------------------------------------------------------------

    def begin(self, options: RunOptions, steps: int) -> None:
        """Write the first record. Nothing of the workstation has been touched."""
        self.clear_leftovers()
        begin = Begin(
            run_id=self.id,
            command=self.command,
            program=__version__,
            catalogue=options.catalogue,
            accepted=options.accepted,
            steps=steps,
        )
        with self._watch.deferred():
            # a signal between the journal's name and what we remember of it would leave it behind, as if the run had been cut off
            self._journal = Journal.start(self.state, begin)
        self._watch.check()

    def require_barrier(self) -> None:
        """The disk must be able to confirm what is written, while a refusal touches nothing: no commit and no way back ends without."""
        self.volume.barrier()  # also brings the sign of a state on another disk (``belonging``), and the folders above it, to this one

    def reserve(self, scope: Sequence[ScopeEntry]) -> None:
        """Really allocate the room the way back may need; ``space.too-little`` (nothing touched) when there is not enough."""
        entries = list_scope(self.volume, scope)
        size = sum(entry.size for entry in entries.values() if entry is not None)
        needed = size + RESERVE_SLACK + RESERVE_PER_PATH * len(entries)
        try:
            allocate_reserve(self.state, self.volume, needed)
        except NoRoomError as error:
            raise self.too_little(needed, error.files) from error
        self.reserved = needed
        self.journal.append(Reserved(bytes=needed))

    def too_little(self, needed: int, files: Volume) -> RefusedError:
        """The refusal for a disk without room for the way back: of ``files``, the workstation's or the one where the state lies."""
        free = files.free_space()
        params: dict[str, str] = space_params(needed, free)
        evidence: dict[str, Any] = {"needed": needed, "free": free}
        told = None
        if self.state.path != default_state_path(self.volume.root):
            told = "space.too-little.disk"
            params["disk"] = evidence["disk"] = printable(str(files.root))
        return RefusedError(Problem(ref="space.too-little", told=told, params=params, evidence=evidence))

    def keep(self, scope: Sequence[ScopeEntry], options: RunOptions) -> None:
        """Snapshot, then look again: from the record on, an interrupted run is restored to exactly this state.

        The pointer follows the record: where it names this snapshot the run may have begun its steps, even if the record is lost later;
        where it does not, nothing was touched (``SnapshotStore.untouched``).
        """
        with self._room_needed():
            snapshot = self.store.create(
                self.volume,
                scope,
                label=options.label or self.command,
                run_id=self.id,
                reason=options.reason or self.command,
                progress=self.progress,
                capture=None if self.system is None else partial(self.system.capture, scope=scope),
                pointed=False,
            )
        digest = scope_digest(self.volume, scope, progress=self.progress)
        if digest != snapshot.digest:
            raise RefusedError(Problem(ref="snapshot.state-changed", params={"snapshot": snapshot.id}))
        with self._watch.deferred():
            # the record and what we remember of it must agree: a signal between them would forget the way back
            self.journal.append(Snapshotted(snapshot=snapshot.id, digest=digest))
            with self._room_needed():
                self.store.point_at(snapshot.id)
            self.snapshot = snapshot.id
            self.digest_before = digest
        self._watch.check()

    @contextlib.contextmanager
    def _room_needed(self) -> Iterator[None]:
        """A disk that is full before anything was touched is told as the guard tells it."""
        try:
            yield
        except WorkstationError as error:
            if is_ref(error, "volume.no-space"):
                raise self.too_little(self.reserved, self.state.files) from error
            raise

    def carry_out(self, actions: Sequence[Action], before_each: Callable[[int], None] | None = None) -> None:
        """Each action: intent on stable storage → the action → done."""
        for index, action in enumerate(actions):
            if before_each is not None:
                before_each(index)
            self._watch.check()
            self.progress(self.command, index, len(actions))
            self.journal.append(Intent(index=index, name=action.name, step=action.record))
            started = time.monotonic()
            try:
                outcome = action.carry_out()
            except BaseException:
                self.steps.append(StepResult(name=action.name, outcome="failed", seconds=round(time.monotonic() - started, 4)))
                raise
            seconds = round(time.monotonic() - started, 4)
            self.steps.append(StepResult(name=action.name, outcome=outcome, seconds=seconds))
            self.journal.append(Done(index=index, outcome=outcome, seconds=seconds))
        self.progress(self.command, len(actions), len(actions))

    def check_residue(self, paths: Sequence[str]) -> None:
        """Fail when a path that had to go is still there."""
        left = tuple(path for path in paths if self.volume.exists(path))
        if left:
            self.residue = left
            shown = [printable(path) for path in left]
            raise WorkstationError(
                Problem(ref="state.residue", params={"count": str(len(left)), "paths": ", ".join(shown[:10])}, evidence={"paths": shown})
            )

    def verify(self, verification: Callable[[], VerificationOutcome]) -> None:
        """Ask the caller whether the workstation is right; anything but yes is a failure."""
        outcome = verification()
        self.verification = outcome.data
        self.journal.append(Verified(ok=outcome.ok, refs=tuple(problem.ref for problem in outcome.problems)))
        if not outcome.ok:
            raise WorkstationError(*(outcome.problems or (Problem(ref="transaction.not-verified"),)))

    def commit(self, scope: Sequence[ScopeEntry]) -> TransactionResult:
        """Everything on stable storage, the outcome recorded, then the one rename."""
        self.volume.barrier()
        entries = list_scope(self.volume, scope)
        known = None if self.staged is None else self.staged.known(entries)
        self.digest_after = digest_of(read_states(self.volume, entries, known=known, progress=self.progress))
        with self._watch.deferred():
            self._watch_last_chance()
            self.journal.append(Ended(outcome="committed", digest=self.digest_after))
            problems: tuple[Problem, ...] = ()
            try:
                self.journal.commit(self.id)
            except NotSyncedError as error:
                if self.journal.take_back(self.id):
                    raise
                problems = error.problems  # the state after stands, and it is said that the disk did not confirm it
            # from here on the run is a success whatever happens: what is left is tidying, done again at the next start if need be
            self.tidy()
            self._committed = self.result("committed", problems)
        return self._committed

    def _watch_last_chance(self) -> None:
        """A signal that came before the commit point still undoes; one that comes later finds a finished run."""
        if self._watch.received is not None:
            raise EndedBySignal(self._watch.received)

    # --- back -----------------------------------------------------------------------------------------------------------------------

    def fail(self, error: BaseException) -> TransactionResult:
        """The run failed: go back if anything may have been touched. Never raises for a failure of the way back: it says ``broken``."""
        if self._committed is not None:
            return self._committed  # a signal between the commit and the return of its result
        problems = problems_of(error) if isinstance(error, Exception) else ()
        with self._watch.deferred():
            if self.snapshot is None:
                self.abandon()
                return self.result("unchanged", problems)
            with contextlib.suppress(AtsamSafeError):
                self.release_reserve()  # first: on a full disk the journal's next record needs it
            with contextlib.suppress(AtsamSafeError):
                self.journal.append(Failed(refs=tuple(problem.ref for problem in problems), signal=self._watch.received))
            return self.go_back("failure", problems)

    def abandon(self) -> None:
        """End a run before anything was touched; failing to tidy is left to the next start."""
        with contextlib.suppress(AtsamSafeError):
            self.release_reserve()
            if self._journal is not None:
                self.journal.append(Ended(outcome="unchanged"))
                self.end_journal()
            self.clear_leftovers()

    def release_reserve(self) -> None:
        """Give the kept room back, before anything of the way back is written."""
        remove_reserve(self.state, self.volume)

    def go_back(self, why: str, problems: tuple[Problem, ...]) -> TransactionResult:
        """Restore, prove, record, commit the outcome. On any failure the journal stays, so that the next start tries again."""
        snapshot = self.snapshot or ""
        with self._watch.deferred():
            try:
                self.release_reserve()
                self.journal.append(Undoing(snapshot=snapshot, why=why))
                report, beyond = self.restore(snapshot)
                proven = report.proven and report.digest == self.digest_before
                self.digest_after = report.digest
                self.journal.append(Undone(digest=report.digest, proven=proven and not beyond))
                if not proven:
                    return self.broken(problems, (self._not_proven(report.differences), *beyond))
                if beyond:
                    return self.broken(problems, beyond)
                self.journal.append(Ended(outcome="rolled-back", digest=report.digest, residue=self.residue))
                self.end_journal()
            except Exception as error:  # noqa: BLE001 - whatever it is, the workstation may be in between and that must be said
                return self.broken(problems, problems_of(error))
            self.tidy()
            return self.result("rolled-back", problems)

    def restore(self, snapshot: str, whole: Manifest | None = None) -> tuple[RestoreReport, tuple[Problem, ...]]:
        """Files, and around them what no file holds. Returns the proof of the files, and why the rest is not as before (empty: it is).

        ``whole``: the files, where they are more than the snapshot's own.

        A fault of the rest never keeps the files from coming back: half of the way back is better than none, and it is said.
        """
        kept, problems = self._beyond(snapshot)
        if self.system is not None and kept is not None:
            problems += self._try(self.system.prepare_back, kept)
        report = self.store.restore_to(self.volume, whole or self.store.manifest(snapshot), progress=self.progress)
        self.company = report.company
        problems += report.unconfirmed
        if self.system is not None and kept is not None:
            problems += self._try(self.system.bring_back, kept)
        return report, problems

    def _beyond(self, snapshot: str) -> tuple[Path | None, tuple[Problem, ...]]:
        try:
            return beyond.sealed(self.state, snapshot), ()
        except AtsamSafeError as error:
            return None, error.problems

    @staticmethod
    def _try(action: Callable[[Path], None], folder: Path) -> tuple[Problem, ...]:
        try:
            action(folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, the files still have to come back
            return problems_of(error)
        return ()

    def end_journal(self) -> None:
        """Put the journal away when the state is the one before. If the disk does not confirm it, the next start restores once more."""
        with contextlib.suppress(NotSyncedError):
            self.journal.commit(self.id)

    @staticmethod
    def _not_proven(differences: tuple[str, ...]) -> Problem:
        return Problem(
            ref="snapshot.proof-failed",
            params={"count": str(len(differences)), "paths": ", ".join(differences[:10])},
            evidence={"paths": list(differences)},
        )

    def broken(self, problems: tuple[Problem, ...], causes: tuple[Problem, ...]) -> TransactionResult:
        """The state before is not proven to be back: where the snapshot lies and what to do next, first of all."""
        if self._journal is not None:
            with contextlib.suppress(AtsamSafeError):
                self.journal.append(Ended(outcome="broken", digest=self.digest_after, residue=self.residue))
        folder = self.state.path / "snapshots" / (self.snapshot or "")
        params = {"snapshot": self.snapshot or "", "place": printable(str(folder)), "root": printable(str(self.volume.root))}
        if self.snapshot:
            # of none that is known no script is named: there is no such file
            params |= {"script": printable(str(script_in(folder))), "by_hand": by_hand(folder, str(self.volume.root))}
        told = None if self.snapshot else "transaction.rollback-incomplete.unnamed"
        incomplete = Problem(ref="transaction.rollback-incomplete", told=told, params=params, evidence=dict(params))
        return self.result("broken", (incomplete, *causes, *problems))

    def let_go(self) -> None:
        """However the run ended: nobody else can go on with a journal that is open."""
        if self._journal:
            self._journal.close()

    # --- common ---------------------------------------------------------------------------------------------------------------------

    def clear_leftovers(self) -> None:
        """Remove staging, reserve and whatever killed runs left in the state folder. Only without a journal in ``run/``, or our own."""
        files = self.state.files
        for place in (STAGING, RESTORING):
            files.remove_tree(place)
        remove_reserve(self.state, self.volume)
        self.store.clear_leftovers()

    def tidy(self) -> None:
        """Clear what is left after an end that stands whatever becomes of this. One call that failed need not fail again."""
        for _ in range(TRIES):
            with contextlib.suppress(AtsamSafeError):
                self.clear_leftovers()
                return

    def make_staging(self) -> None:
        """An empty private staging folder."""
        self.state.files.remove_tree(STAGING)
        self.state.files.make_directory(STAGING, Metadata(mode=0o700))

    def result(self, outcome: Outcome, problems: tuple[Problem, ...] = ()) -> TransactionResult:
        """The result as it stands."""
        return TransactionResult(
            id=self.id,
            command=self.command,
            outcome=outcome,
            steps=tuple(self.steps),
            snapshot=self.snapshot,
            digest_before=self.digest_before,
            digest_after=self.digest_after,
            residue=self.residue,
            problems=problems,
            seconds=round(time.monotonic() - self._started, 3),
            signal=self._watch.received,
            verification=self.verification,
            bytes_reserved=self.reserved,
            found=self.found,
            notices=(*self.notices, *(() if outcome == "broken" or not self.company else (company_problem(self.company),))),
        )


def company_problem(paths: tuple[str, ...]) -> Problem:
    """The notice that folders stay because of what others have put into them."""
    return Problem(
        ref="snapshot.folder-kept",
        params={"count": str(len(paths)), "paths": ", ".join(paths[:10])},
        evidence={"paths": list(paths[:100])},
    )
