"""Holding an accepted plan against the disk, before anybody is asked and without a trace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from atsam_safe.guard.obstacles import with_obstacles
from atsam_safe.snapshot.keeping import obstacles
from atsam_safe.snapshot.store import refuse_state_in_scope
from atsam_safe.volume.state_place import default_state_path
from atsam_safe.words.model import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.cli.session import Session
    from atsam_safe.guard import Decision
    from atsam_safe.plan.model import Plan
    from atsam_safe.workstation.port import Workstation


_OF_THE_WORKSTATION: Final = frozenset(
    {"config", "dependents", "privileges", "processes", "receipts", "space", "state", "system", "volume"}
)


def state_place_of(session: Session, workstation: Workstation) -> Path:
    """Where the state folder lies, or would lie, for a command that only looks."""
    named = session.options.state_dir
    return default_state_path(Path(workstation.volume.root)) if named is None else Path(named).absolute()


def planned(decision: Decision, plan_of: Callable[[], Plan], workstation: Workstation, state_place: Path) -> tuple[Decision, Plan | None]:
    """The plan, and ``decision`` with what of the disk stands in its way: what would be refused later is refused now, all of it at once.

    Where the workstation is refused for other reasons, the disk is asked all the same; of packages that are refused nothing is planned.
    ``None`` instead of the plan when either refuses.
    """
    if any(rule.ref.partition(".")[0] not in _OF_THE_WORKSTATION for rule in decision.reasons):
        return decision, None
    plan = plan_of()
    volume = workstation.volume
    with volume.neighbours():
        found = obstacles(volume, plan.scope, plan.residue_rules, plan.folders, entitled=getattr(workstation, "elevated", True))
    try:
        refuse_state_in_scope(state_place, volume, plan.scope)
    except RefusedError as error:
        found = (*found, *error.problems)
    decision = with_obstacles(decision, found)
    return decision, plan if decision.accepted else None
