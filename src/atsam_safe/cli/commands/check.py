"""``check``: may this package go on this workstation? Every failed rule at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from atsam_safe.cli.disk import planned, state_place_of
from atsam_safe.cli.observing import facts_of
from atsam_safe.cli.running import run_state_of
from atsam_safe.cli.world import catalogue_of, existing
from atsam_safe.guard import check
from atsam_safe.guard.overwriting import payload_paths
from atsam_safe.packages import open_packages
from atsam_safe.plan import plan_install
from atsam_safe.report.decisions import decision_value, rule_problem
from atsam_safe.report.result import CommandResult, origin_of
from atsam_safe.report.values import inspection_value

if TYPE_CHECKING:
    from atsam_safe.cli.session import Session


def run(session: Session, *, package: str) -> CommandResult:
    """Inspect, observe, decide; nothing is touched."""
    path = existing(package)
    catalogue = catalogue_of(session)
    with session.progress() as progress:
        progress("read", 0, 0)
        with open_packages(path, catalogue.trust, catalogue, datetime.now(UTC)) as opened:
            inspections = tuple(opened.inspections)
        progress("observe", 0, 0)
        facts = facts_of(session, catalogue, ownership=True, payload=payload_paths(catalogue, inspections))
    decision = check(facts, catalogue, inspections, accepted=frozenset(session.options.accept), run=run_state_of(session))
    if session.options.facts is None:
        workstation = session.open_workstation(session.options.root)
        judged = decision
        decision, _plan = planned(
            judged, lambda: plan_install(facts, catalogue, inspections, judged), workstation, state_place_of(session, workstation)
        )
    return CommandResult(
        command="check",
        exit_code=decision.exit_code,
        data={
            **decision_value(decision, session.language),
            "packages": [inspection_value(inspection, catalogue, session.language) for inspection in inspections],
        },
        problems=tuple(rule_problem(rule) for rule in decision.reasons),
        notices=tuple(rule_problem(rule) for rule in decision.notices),
        catalogue=origin_of(catalogue),
    )
