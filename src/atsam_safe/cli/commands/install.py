"""``install``: check, plan, consent, snapshot, remove as a unit, install, verify, commit; or go back by itself."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.cli.changing import Changing
from atsam_safe.cli.disk import planned
from atsam_safe.cli.told_after import told_after
from atsam_safe.cli.world import existing
from atsam_safe.guard import RunState, check
from atsam_safe.guard.overwriting import payload_paths
from atsam_safe.packages import open_packages
from atsam_safe.plan import plan_install
from atsam_safe.report.decisions import decision_value, rule_problem
from atsam_safe.report.result import OK, RESTART_NEEDED, CommandResult, origin_of
from atsam_safe.report.transactions import plan_value, untouched_value
from atsam_safe.report.values import blocking
from atsam_safe.report.views.transactions import plan_blocks
from atsam_safe.transaction.executor import run_transaction
from atsam_safe.transaction.model import VerificationOutcome
from atsam_safe.verify import verify
from atsam_safe.words.model import Problem, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.cli.card_witness import CardVerdict, CardWitness
    from atsam_safe.cli.session import Session
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard import Decision
    from atsam_safe.guard.model import RuleResult
    from atsam_safe.packages.opening import OpenedPackages
    from atsam_safe.plan.model import Plan

_OF_THE_DISK: Final = frozenset({"space.too-little", "volume.read-only"})


def run(session: Session, *, package: str) -> CommandResult:
    """Install ``package`` or change nothing."""
    path = existing(package)
    changing = Changing(session, "install")
    changing.require_lasting_state()
    stopped = changing.recover_first()
    if stopped is not None:
        return stopped
    catalogue = changing.catalogue
    with open_packages(path, catalogue.trust, catalogue, datetime.now(UTC), depth="archive") as opened:
        return Installation(changing, opened).run()


class Installation:
    """One installation, from the first look to the answer."""

    def __init__(self, changing: Changing, opened: OpenedPackages, *, elsewhere: bool = False) -> None:
        """``elsewhere``: nothing will be written to the workstation's own disk, so that its room and its rights do not decide."""
        self.changing = changing
        self.elsewhere = elsewhere
        # what of the workstation's own disk would then stand in the way of the real installation
        self.lacking: tuple[RuleResult, ...] = ()
        self.opened = opened
        self.payload = payload_paths(changing.catalogue, opened.inspections)
        self.after: Facts | None = None
        # On the running system the card is a witness too; a volume that does not run has none.
        offline = changing.workstation.adapter == "offline"
        self.card: CardWitness | None = None if offline else _card_witness(changing)
        self.card_verdict: CardVerdict | None = None
        # programs that were ended and come back with the next session
        self.missed: tuple[Problem, ...] = ()

    def run(self) -> CommandResult:
        """Decide, ask, decide again under the lock, carry out."""
        changing = self.changing
        with changing.progress() as progress:
            progress("observe", 0, 0)
            _, decision, plan = self.decide()
        if plan is None:
            return self.refused(decision)
        changing.require_state_outside(plan.scope)
        language = changing.session.language
        data = {**decision_value(decision, language), "plan": plan_value(plan, changing.catalogue, language)}
        damaged = changing.damaged_snapshots()
        before_asking = (*(rule_problem(rule) for rule in decision.notices), *damaged)
        missing = changing.consent(plan_blocks(plan, changing.catalogue, language), before_asking)
        if missing is not None:
            return changing.without_consent(missing, data)
        with changing.locked_state() as (state, lock):
            with changing.watch.passing_on():
                before, again, plan_again = self.decide()
                if plan_again != plan:
                    raise RefusedError(
                        *((rule_problem(rule) for rule in again.reasons) if again.reasons else (Problem(ref="run.changed-meanwhile"),))
                    )
                if self.card is not None:
                    self.card.look_before(before)
            with changing.progress() as progress:
                result = run_transaction(
                    plan,
                    workstation=changing.workstation,
                    packages=self.opened,
                    state=state,
                    verification=self._verification(before, plan),
                    options=changing.options(decision.bundle or ""),
                    lock=lock,
                    progress=progress,
                )
        said_by_card = self.card_verdict.others if self.card_verdict is not None else ()
        if self.card_verdict is not None:
            data["card"] = self.card_verdict.data
        said_after = (*self.missed, *self._asked_of_next_start()) if result.outcome == "committed" else ()
        told = told_after(decision, changing.command, plan, result, changing.state_place, before)
        notices = [*told, *damaged, *said_by_card, *said_after]
        return changing.answer(result, facts=self.after, data=data, notices=notices, exit_code=self._exit_code(result.exit_code))

    def decide(self) -> tuple[Facts, Decision, Plan | None]:
        """Look and judge; the plan is ``None`` when the guard refuses it, or the disk."""
        changing = self.changing
        facts = changing.observe(self.payload)
        if self.card is not None:
            facts = self.card.with_cards(facts)
        inspections = tuple(self.opened.inspections)
        accepted = frozenset(changing.session.options.accept)
        decision = check(facts, changing.catalogue, inspections, accepted=accepted, run=RunState())
        if self.elsewhere:
            self.lacking = tuple(rule for rule in decision.reasons if rule.ref in _OF_THE_DISK)
            decision = check(msgspec.structs.replace(facts, space=None), changing.catalogue, inspections, accepted=accepted, run=RunState())
        accepted_as = decision
        decision, plan = planned(
            decision,
            lambda: plan_install(facts, changing.catalogue, inspections, accepted_as),
            changing.workstation,
            changing.state_place,
        )
        return facts, decision, plan

    def refused(self, decision: Decision) -> CommandResult:
        """The answer when the guard refuses."""
        data: dict[str, Any] = {**decision_value(decision, self.changing.session.language), **untouched_value()}
        return CommandResult(
            command=self.changing.command,
            exit_code=decision.exit_code,
            data=data,
            problems=tuple(rule_problem(rule) for rule in decision.reasons),
            notices=(*(rule_problem(rule) for rule in decision.notices), *self.changing.damaged_snapshots()),
            catalogue=origin_of(self.changing.catalogue),
        )

    def _verification(self, before: Facts, plan: Plan) -> Callable[[], VerificationOutcome]:
        """What the transaction asks before it commits."""

        def answer() -> VerificationOutcome:
            self.after = self.changing.observe_after(before, plan, self.payload)
            verification = verify(before, self.after, self.changing.catalogue, plan)
            self.missed = tuple(finding.problem for finding in verification.findings if finding.ref == "windows.program-not-running")
            problems = tuple(
                msgspec.structs.replace(problem, followed_by="transaction.package-not-proven")
                for problem in blocking(verification.findings)
            )
            outcome = VerificationOutcome(ok=verification.ok, problems=problems, data=verification)
            return outcome if self.card is None else self._heard(self.card, self.after, outcome)

        return answer

    def _heard(self, card: CardWitness, after: Facts, outcome: VerificationOutcome) -> VerificationOutcome:
        """The outcome with what the card says: a rung that only we can have broken fails the run, everything else is told."""
        verdict = card.look_after(after, restart_needed=self._restart_needed)
        self.card_verdict = verdict
        return VerificationOutcome(
            ok=outcome.ok and not verdict.rollback, problems=(*outcome.problems, *verdict.problems), data=outcome.data
        )

    def _exit_code(self, exit_code: int) -> int:
        """30 when a running system must restart; a volume that does not run needs none."""
        if exit_code != OK or self.changing.workstation.adapter == "offline":
            return exit_code
        return RESTART_NEEDED if self._restart_needed or self.missed else OK

    @property
    def _restart_needed(self) -> bool:
        """True when a package asks for a restart, or the system did while it was installed."""
        return getattr(self.changing.workstation, "restart_needed", False) or self._package_asks

    def _asked_of_next_start(self) -> tuple[Problem, ...]:
        """What a running system would be told by 30: a volume that does not run is restarted by being started, and its person must know."""
        offline = self.changing.workstation.adapter == "offline"
        return (Problem(ref="system.restart-by-starting"),) if offline and self._package_asks else ()

    @property
    def _package_asks(self) -> bool:
        parts = [part for inspection in self.opened.inspections for part in inspection.components if part.selection != "left-out"]
        # Windows Installer: « require…»; macOS: what is used only after a logout is not done before it either, and a restart is one
        return any(part.restart_action.casefold().startswith(("require", "restart", "shutdown", "logout")) for part in parts)


def _card_witness(changing: Changing) -> CardWitness:
    """Loaded only where a card can be."""
    module = importlib.import_module("atsam_safe.cli.card_witness")
    witness: CardWitness = module.CardWitness(changing.session, changing.catalogue, changing.state_place)
    return witness
