"""What the commands that change a workstation have in common.

Order of every changing command (the reasons are in ``docs/internals/transaction.md``):

1. an interrupted run is recovered first, or the command ends 22: with ``--no-recover``, and where files were changed since;
2. look and decide, without a trace on the workstation: a refusal leaves not even an empty state folder behind;
3. show the plan and ask;
4. take the lock, look and decide *again* under it, and refuse when the answer is no longer the one that was accepted;
5. run, verify, commit, or go back.
"""

from __future__ import annotations

import contextlib
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from atsam_safe.cli import signals
from atsam_safe.cli.loading import load_for_change
from atsam_safe.cli.observing import refuse_facts
from atsam_safe.cli.terminal import forget_typed_ahead
from atsam_safe.cli.world import catalogue_of
from atsam_safe.report import plain
from atsam_safe.report.blocks import Line
from atsam_safe.report.result import OK, RESTART_NEEDED, WRONG_COMMAND_LINE, CommandResult, origin_of
from atsam_safe.report.transactions import transaction_value, untouched_value
from atsam_safe.report.views.common import catalogue_banner, good_to_know
from atsam_safe.snapshot.state import open_state
from atsam_safe.snapshot.store import SnapshotStore, refuse_state_in_scope
from atsam_safe.transaction.executor import interrupted, recover, with_signal
from atsam_safe.transaction.found import changed_since
from atsam_safe.transaction.journal import JournalDamagedError
from atsam_safe.transaction.lock import RunLock
from atsam_safe.transaction.model import RunOptions
from atsam_safe.transaction.passing import passing_files
from atsam_safe.transaction.signals import SignalWatch
from atsam_safe.volume.errors import printable
from atsam_safe.volume.state_place import default_state_path
from atsam_safe.words.model import InterruptedRunError, PrivilegesError, Problem, RefusedError, UsageError, WorkstationError
from atsam_safe.words.reference import N_
from atsam_safe.workstation.place import lies_in_emptied_place
from atsam_safe.workstation.select import require_rights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.cli.session import Session
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.overwriting import PayloadPaths
    from atsam_safe.plan.model import Plan, ScopeEntry
    from atsam_safe.report.blocks import Block
    from atsam_safe.report.progress import Progress
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.transaction.model import TransactionResult
    from atsam_safe.workstation.port import Workstation

_YES = frozenset({"o", "oui", "y", "yes"})


class Changing:
    """One changing command: the session, the catalogue, the workstation and, once it is needed, the state folder under its lock."""

    def __init__(self, session: Session, command: str, open_workstation: Callable[[str | None], Workstation] | None = None) -> None:
        """``open_workstation``: another way to reach the workstation than the session's, for commands that only treat files."""
        refuse_facts(session, command)
        self.session = session
        self.command = command
        self.catalogue: Catalogue = catalogue_of(session)
        self.workstation: Workstation = (open_workstation or session.open_workstation)(session.options.root)
        require_rights(self.workstation)
        self.root = Path(self.workstation.volume.root)
        self.watch = SignalWatch()
        # what a person has read before they agreed
        self.told: tuple[Problem, ...] = ()

    @property
    def _state_dir(self) -> Path | None:
        folder = self.session.options.state_dir
        return None if folder is None else Path(folder).absolute()

    @property
    def state_place(self) -> Path:
        """Where the state folder lies, or would lie."""
        return self._state_dir or default_state_path(self.root)

    def require_lasting_state(self, changed: Path | None = None) -> None:
        """The way back must not lie where the system tidies up; raises ``UsageError``. What lies there itself needs no better place.

        ``changed``: what is changed, where that is not the workstation as a whole. Only a place somebody named is asked about.
        """
        if self._state_dir is None or not lies_in_emptied_place(self._state_dir) or lies_in_emptied_place(changed or self.root / "x"):
            return
        params = {"path": str(self._state_dir), "place": str(default_state_path(self.root))}
        raise UsageError(Problem(ref="usage.state-dir-emptied", params=params, evidence=dict(params)))

    def require_state_outside(self, scope: Sequence[ScopeEntry]) -> None:
        """A snapshot cannot hold itself: refused before a state folder is made in what is about to be kept."""
        refuse_state_in_scope(self.state_place, self.workstation.volume, scope)

    @contextmanager
    def existing_state(self) -> Iterator[StateFolder | None]:
        """The state folder if there is one; never makes it."""
        # whose folder it is may be said where that is all there is to say: no other command goes back in passing on such a word
        confirmed = self.command == "recover" and "state.other-workstation" in self.session.options.accept
        try:
            state = open_state(self.root, self._state_dir, create=False, confirmed=confirmed)
        except RefusedError as error:
            if error.problems[0].ref != "state.missing":
                raise
            yield None
            return
        with state:
            yield state

    @contextmanager
    def locked_state(self) -> Iterator[tuple[StateFolder, RunLock]]:
        """The state folder, made if need be, under its lock.

        Signals wait inside, also while the lock is let go: an answer must not be lost that says what the run has come to. Looking and
        deciding before the run is done in ``watch.passing_on()``.
        """
        load_for_change(self.workstation)
        with self.told_whole(), open_state(self.root, self._state_dir) as state, RunLock(state, self.command, self.watch) as lock:
            yield state, lock

    @contextmanager
    def told_whole(self) -> Iterator[None]:
        """Around what must not be cut off from its answer: signals wait inside, and once it has ended it is answered, come what may."""
        with self.watch:
            yield
            signals.answer()

    def recover_first(self) -> CommandResult | None:
        """End an interrupted run before anything else; returns the answer when the command must stop here."""
        with self.existing_state() as state:
            if state is None or not self._seems_interrupted(state):
                return None
            load_for_change(self.workstation)
            with SignalWatch() as watch:
                recovered = self._recovered(state, watch)
                if recovered is not None:
                    recovered = with_signal(recovered, watch)
                    if recovered.exit_code != 0:
                        signals.answer()
                        return self.answer(recovered)
                    self.session.recovered = transaction_value(recovered, self.state_place, None, self.session.language)
                    self.session.recovery_notices = recovered.notices
                with watch.passing_on():  # one that came since is acted on now that it hides nothing
                    return None

    def _seems_interrupted(self, state: StateFolder) -> bool:
        """Without the lock: a run that goes on looks the same as one that was cut off, so this only tells who need not ask further."""
        try:
            return self._interrupted(state) is not None
        except JournalDamagedError:
            return True

    def _recovered(self, state: StateFolder, watch: SignalWatch) -> TransactionResult | None:
        """What came of the interrupted run; ``None`` when there is none, now that nobody else can be at work.

        Judged under the lock that it is recovered under: what a living run does is neither an interruption nor somebody's repair. A refusal
        leaves no trace of having looked.
        Raises ``BusyError``, ``InterruptedRunError``, ``JournalDamagedError``.
        """
        with contextlib.ExitStack() as held:
            lock = RunLock(state, "recover", watch, looking=True)
            with contextlib.suppress(WorkstationError):  # a disk that refuses the lock: recovering tells what that means
                held.enter_context(lock)
            with watch.passing_on():
                problem = self._interrupted(state)
                if problem is None:
                    return None
                self._refuse_recovery(state, problem)
                self.session.notify(self.session.say(N_("An earlier run was interrupted: it is dealt with first.")))
            lock.begin()
            with self.progress() as progress:
                return recover(state, self.workstation.volume, system=self.workstation, lock=lock, watch=watch, progress=progress)

    def _refuse_recovery(self, state: StateFolder, problem: Problem) -> None:
        """Raise ``InterruptedRunError`` where it is not for this command to go back: not wanted, or over somebody's repair."""
        if self.session.options.no_recover:
            raise InterruptedRunError(problem)
        late = changed_since(state, self.workstation.volume, passing_files(self.catalogue))
        if late:
            shown = [printable(path) for path in late]
            params = {"run": problem.params["run"], "count": str(len(shown)), "paths": ", ".join(shown[:10])}
            raise InterruptedRunError(Problem(ref="state.changed-since-interrupted", params=params, evidence={"paths": shown[:100]}))

    def _interrupted(self, state: StateFolder) -> Problem | None:
        try:
            return interrupted(state)
        except JournalDamagedError as error:
            # nothing was touched: as simply ended as one whose record is whole
            if self.session.options.no_recover or not SnapshotStore(state).untouched():
                raise
            return error.problems[0]

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """The display of this run; an adapter that has long silent steps of its own shows them there, also on the way back."""
        with self.session.progress() as progress:
            if hasattr(self.workstation, "progress"):
                self.workstation.progress = progress
            yield progress

    def damaged_snapshots(self) -> tuple[Problem, ...]:
        """Kept states that can no longer be used. The run goes on, with a way back of its own; but it is said before somebody needs one."""
        try:
            with self.existing_state() as state:
                return () if state is None else tuple(SnapshotStore(state).damaged().values())
        except PrivilegesError:
            # The run itself says so, with the other reasons.
            return ()

    def observe(self, payload: PayloadPaths | None = None) -> Facts:
        """Look at the workstation, bills of materials included, and at what packages would write (``payload``)."""
        return self.workstation.observe(self.catalogue, ownership=True, payload=payload)

    def observe_after(self, before: Facts, plan: Plan, payload: PayloadPaths) -> Facts:
        """Look once more after the steps: at what packages wrote, and at everything that must be as it was."""
        from atsam_safe.verify.aftermath import seen_again  # noqa: PLC0415 - a command that only goes back has nothing to verify

        return self.observe(msgspec.structs.replace(payload, again=seen_again(before, plan)))

    def options(self, label: str) -> RunOptions:
        """What is written into the record of the run."""
        named = "embedded" if self.catalogue.embedded else f"{self.catalogue.origin} ({self.catalogue.digest})"
        return RunOptions(label=label, reason=self.command, catalogue=named, accepted=self.session.options.accept)

    def consent(self, blocks: Sequence[Block], notices: Sequence[Problem] = ()) -> Problem | None:
        """Show what will be done and ask; returns why there is no consent, or ``None``. ``--yes`` is consent given in advance.

        ``notices``: what must be known before, and which catalogue decided: whoever agrees shall have read it, not find it afterwards.
        The plan is shown also where nobody can be asked: whoever reads the refusal shall know what ``--yes`` would agree to.
        """
        options, language = self.session.options, self.session.language
        if options.yes:
            return None
        banner = catalogue_banner(origin_of(self.catalogue), language)
        self.session.notify(plain.render([*banner, *blocks, *good_to_know(notices, language), Line("")]))
        self.told = tuple(notices)
        if not self.session.can_ask:
            return Problem(ref="usage.consent-needed")
        sys.stderr.write(self.session.say(N_("Go on? Type “yes” to accept, anything else to stop: ")))
        sys.stderr.flush()
        forget_typed_ahead(sys.stdin)
        answer = sys.stdin.readline().strip().casefold()
        return None if answer in _YES else Problem(ref="usage.consent-declined")

    def not_told_yet(self, notices: Sequence[Problem]) -> tuple[Problem, ...]:
        """``notices`` without those that were read before the question; a script reads them all in its one answer."""
        return tuple(notice for notice in notices if self.session.options.json or notice not in self.told)

    def without_consent(self, problem: Problem, data: dict[str, Any]) -> CommandResult:
        """The answer when nobody agreed: the plan, and nothing done."""
        return CommandResult(
            command=self.command,
            exit_code=WRONG_COMMAND_LINE,
            data={**data, **untouched_value()},
            problems=(problem,),
            notices=self.not_told_yet(self.told),
            catalogue=origin_of(self.catalogue),
        )

    def _with_restart(self, exit_code: int) -> int:
        """30 when a step of this run asked for a restart (which it did not get)."""
        return RESTART_NEEDED if exit_code == OK and getattr(self.workstation, "restart_needed", False) else exit_code

    def answer(
        self,
        result: TransactionResult,
        *,
        facts: Facts | None = None,
        data: dict[str, Any] | None = None,
        notices: Sequence[Problem] = (),
        exit_code: int | None = None,
    ) -> CommandResult:
        """The answer after a run. ``facts``: as observed last, for the words of the verification."""
        value = transaction_value(result, self.state_place, facts, self.session.language)
        if result.signal is None and self.watch.received is not None:
            result, exit_code = with_signal(result, self.watch), None
        problems = result.problems
        if result.signal is not None:
            problems = (Problem(ref="run.interrupted-by-user"), *problems)
        return CommandResult(
            command=self.command,
            exit_code=self._with_restart(result.exit_code if exit_code is None else exit_code),
            data={**(data or {}), **value},
            problems=problems,
            notices=(*self.not_told_yet(notices), *result.notices, *getattr(self.workstation, "notes", ())),
            catalogue=origin_of(self.catalogue),
        )
