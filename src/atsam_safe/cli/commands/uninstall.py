"""``uninstall --all``: save, remove the components as a unit, sweep, commit; or go back by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.cli.changing import Changing
from atsam_safe.cli.disk import planned
from atsam_safe.cli.told_after import told_after
from atsam_safe.guard import RunState, check_uninstall
from atsam_safe.guard.overwriting import PayloadPaths
from atsam_safe.plan import plan_uninstall
from atsam_safe.plan.model import RemovePath, RestoreConfig
from atsam_safe.report.decisions import decision_value, rule_problem
from atsam_safe.report.result import OK, CommandResult, origin_of
from atsam_safe.report.transactions import plan_value, untouched_value
from atsam_safe.report.values import blocking
from atsam_safe.report.views.transactions import plan_blocks
from atsam_safe.transaction.executor import run_transaction
from atsam_safe.transaction.model import VerificationOutcome
from atsam_safe.verify import verify
from atsam_safe.words.model import Problem, RefusedError

if TYPE_CHECKING:
    from atsam_safe.cli.session import Session
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard import Decision
    from atsam_safe.packages.model import Inspection
    from atsam_safe.plan.model import Plan


class _NoPackages:
    """An uninstallation brings no packages."""

    inspections: tuple[Inspection, ...] = ()


def _decide(changing: Changing) -> tuple[Facts, Decision, Plan | None]:
    facts = changing.observe()
    decision = check_uninstall(facts, changing.catalogue, accepted=frozenset(changing.session.options.accept), run=RunState())
    whole = plan_uninstall(facts, changing.catalogue)
    if not _takes_something(whole):
        return facts, decision, whole if decision.accepted else None
    decision, plan = planned(decision, lambda: whole, changing.workstation, changing.state_place)
    return facts, decision, plan


def run(session: Session) -> CommandResult:
    """Remove all core components or change nothing."""
    changing = Changing(session, "uninstall")
    changing.require_lasting_state()
    stopped = changing.recover_first()
    if stopped is not None:
        return stopped
    _, decision, plan = _decide(changing)
    data = {**decision_value(decision, session.language), **untouched_value()}
    reasons = tuple(rule_problem(rule) for rule in decision.reasons)
    notices = (*(rule_problem(rule) for rule in decision.notices), *changing.damaged_snapshots())
    if plan is None:
        return CommandResult(
            command="uninstall",
            exit_code=decision.exit_code,
            data=data,
            problems=reasons,
            notices=notices,
            catalogue=origin_of(changing.catalogue),
        )
    if not _takes_something(plan):
        data["nothing_to_do"] = True
        return CommandResult(command="uninstall", exit_code=OK, data=data, notices=notices, catalogue=origin_of(changing.catalogue))
    changing.require_state_outside(plan.scope)
    data["plan"] = plan_value(plan, changing.catalogue, changing.session.language)
    missing = changing.consent(plan_blocks(plan, changing.catalogue, session.language), notices)
    if missing is not None:
        return changing.without_consent(missing, data)
    return _carry_out(changing, decision, plan, data)


def _takes_something(plan: Plan) -> bool:
    """False when at most folders are left that stay because of what others, or the logs, still have in them.

    The configuration that would be put back was taken by nobody then.
    """
    taking = [step for step in plan.steps if not isinstance(step, RestoreConfig)]
    return any(not isinstance(step, RemovePath) or step.kind != "directory" for step in taking)


def _carry_out(changing: Changing, decision: Decision, plan: Plan, data: dict[str, object]) -> CommandResult:
    """Decide again under the lock, then run."""
    seen: list[Facts] = []
    damaged = changing.damaged_snapshots()
    with changing.locked_state() as (state, lock):
        with changing.watch.passing_on():
            before, again, plan_again = _decide(changing)
        if plan_again != plan:
            raise RefusedError(
                *((rule_problem(rule) for rule in again.reasons) if again.reasons else (Problem(ref="run.changed-meanwhile"),))
            )

        def verification() -> VerificationOutcome:
            seen.append(changing.observe_after(before, plan, PayloadPaths()))
            verified = verify(before, seen[-1], changing.catalogue, plan)
            return VerificationOutcome(ok=verified.ok, problems=blocking(verified.findings), data=verified)

        with changing.progress() as progress:
            result = run_transaction(
                plan,
                workstation=changing.workstation,
                packages=_NoPackages(),
                state=state,
                verification=verification,
                options=changing.options("uninstall"),
                lock=lock,
                progress=progress,
            )
    notices = [*told_after(decision, changing.command, plan, result, changing.state_place, before), *damaged]
    return changing.answer(result, facts=seen[-1] if seen else None, data=data, notices=notices)
