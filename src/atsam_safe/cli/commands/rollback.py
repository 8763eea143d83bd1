"""``rollback [SNAPSHOT]``: back to a kept state; the present one is kept first, so the rollback can itself be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.cli.changing import Changing
from atsam_safe.guard import RunState, check_rollback
from atsam_safe.report.blocks import Heading, Line
from atsam_safe.report.decisions import decision_value, rule_problem
from atsam_safe.report.result import CommandResult, origin_of
from atsam_safe.report.transactions import untouched_value
from atsam_safe.report.views.common import moment
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction.executor import rollback
from atsam_safe.transaction.found import holds_files_only
from atsam_safe.transaction.target import default_target, target_of
from atsam_safe.words.model import Problem, RefusedError
from atsam_safe.words.reference import N_

if TYPE_CHECKING:
    from atsam_safe.cli.session import Session
    from atsam_safe.report.blocks import Block


def run(session: Session, *, snapshot: str | None) -> CommandResult:
    """Go back to ``snapshot`` (default: the newest whose run left a change) or change nothing."""
    changing = Changing(session, "rollback")
    stopped = changing.recover_first()
    if stopped is not None:
        return stopped
    with changing.existing_state() as found:
        if found is None:
            raise RefusedError(Problem(ref="snapshot.none"))
        store = SnapshotStore(found)
        wanted = snapshot or default_target(store)
        if wanted is None:
            raise RefusedError(Problem(ref="snapshot.none"))
        target = store.show(wanted)
        later = target_of(store, changing.workstation.volume, wanted).later
        files_only = changing.workstation.adapter != "offline" and holds_files_only(found, wanted)
    decision = check_rollback(changing.observe(), changing.catalogue, accepted=frozenset(session.options.accept), run=RunState())
    if not decision.accepted:
        return CommandResult(
            command="rollback",
            exit_code=decision.exit_code,
            data={**decision_value(decision, session.language), **untouched_value()},
            problems=tuple(rule_problem(rule) for rule in decision.reasons),
            catalogue=origin_of(changing.catalogue),
        )
    blocks: list[Block] = [
        Heading(session.say(N_("What will be done"))),
        Line(
            session.say(
                N_("Go back to the snapshot {snapshot} of {date}."), snapshot=target.id, date=moment(target.created_at, session.language)
            ),
            1,
        ),
        Line(session.say(N_("The present state is saved first: this can be undone.")), 1),
    ]
    if later:
        text = N_("What later runs changed elsewhere goes back too (their snapshots: {snapshots}).")
        blocks.insert(2, Line(session.say(text, snapshots=", ".join(later)), 1))
    missing = changing.consent(blocks)
    if missing is not None:
        return changing.without_consent(missing, {"restored": target.id})
    with changing.locked_state() as (state, lock), changing.progress() as progress:
        result = rollback(
            state,
            changing.workstation.volume,
            target.id,
            system=changing.workstation,
            options=changing.options("rollback"),
            lock=lock,
            progress=progress,
        )
    if files_only and result.outcome == "committed":
        problem = Problem(ref="snapshot.files-only", params={"snapshot": target.id}, evidence={"snapshot": target.id})
        result = msgspec.structs.replace(result, notices=(*result.notices, problem))
    data: dict[str, object] = {"restored": target.id}
    if result.outcome == "nothing-to-do":
        data["nothing_to_do"] = True
    return changing.answer(result, data=data)
