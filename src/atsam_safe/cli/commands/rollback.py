"""``rollback [SNAPSHOT]``: back to a kept state; the present one is kept first, so the rollback can itself be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.cli.changing import Changing
from atsam_safe.cli.told_after import notices_after
from atsam_safe.guard import RunState, check_rollback
from atsam_safe.guard.strangers import first_of
from atsam_safe.report.blocks import Heading, Line
from atsam_safe.report.decisions import decision_value, rule_problem
from atsam_safe.report.result import CommandResult, origin_of
from atsam_safe.report.transactions import untouched_value
from atsam_safe.report.views.common import moment
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction.executor import rollback
from atsam_safe.transaction.found import holds_files_only
from atsam_safe.transaction.passing import passing_files
from atsam_safe.transaction.since import changed_after_runs
from atsam_safe.transaction.target import default_target, target_of
from atsam_safe.volume.errors import printable
from atsam_safe.words.model import Problem, RefusedError
from atsam_safe.words.reference import N_

if TYPE_CHECKING:
    from atsam_safe.cli.session import Session
    from atsam_safe.report.blocks import Block
    from atsam_safe.snapshot.model import Snapshot
    from atsam_safe.transaction.target import Target

_MAXIMUM_NAMED: Final = 100


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
        reach = target_of(store, changing.workstation.volume, wanted)
        later, work = reach.later, _work_since(changing, store, reach)
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
    blocks = _plan(session, target, later, work)
    data: dict[str, object] = {"restored": target.id, "changed_since": list(work[:_MAXIMUM_NAMED])}
    missing = changing.consent(blocks, (*(rule_problem(rule) for rule in decision.notices), *changing.damaged_snapshots()))
    if missing is not None:
        return changing.without_consent(missing, data)
    with changing.locked_state() as (state, lock), changing.progress() as progress:
        store = SnapshotStore(state)
        again = _work_since(changing, store, target_of(store, changing.workstation.volume, target.id))
        if not session.options.yes and not set(again) <= set(work):
            # not what was agreed to: somebody worked on while the question stood there
            raise RefusedError(Problem(ref="run.changed-meanwhile"))
        result = rollback(
            state,
            changing.workstation.volume,
            target.id,
            system=changing.workstation,
            options=changing.options("rollback"),
            lock=lock,
            progress=progress,
        )
    if result.outcome == "committed":
        told = (*_work_told(again, target.id, result.snapshot or ""), *(_files_only_told(target.id) if files_only else ()))
        result = msgspec.structs.replace(result, notices=(*result.notices, *told))
        data["changed_since"] = list(again[:_MAXIMUM_NAMED])
    if result.outcome == "nothing-to-do":
        data["nothing_to_do"] = True
    return changing.answer(result, data=data, notices=notices_after(decision, "rollback", done=result.outcome == "committed"))


def _plan(session: Session, target: Snapshot, later: tuple[str, ...], work: tuple[str, ...]) -> list[Block]:
    """What is about to be done, for a person to accept."""
    text = N_("Go back to the snapshot {snapshot} of {date}.")
    blocks: list[Block] = [
        Heading(session.say(N_("What will be done"))),
        Line(session.say(text, snapshot=target.id, date=moment(target.created_at, session.language)), 1),
    ]
    if later:
        text = N_("What later runs changed elsewhere goes back too (their snapshots: {snapshots}).")
        blocks.append(Line(session.say(text, snapshots=", ".join(later)), 1))
    blocks.append(Line(session.say(N_("The present state is saved first: this can be undone.")), 1))
    if work:
        text = N_("Changed by others since, and goes back too; it is in what is saved first (files: {count}): {paths}.")
        blocks.append(Line(session.say(text, count=len(work), paths=first_of(work)), 1, "warning"))
    return blocks


def _work_since(changing: Changing, store: SnapshotStore, target: Target) -> tuple[str, ...]:
    """What somebody changed after the runs that are gone back past, as it is written for people."""
    found = changed_after_runs(store, changing.workstation.volume, target, passing_files(changing.catalogue))
    return tuple(printable(path) for path in found)


def _work_told(work: tuple[str, ...], snapshot: str, kept: str) -> tuple[Problem, ...]:
    if not work:
        return ()
    params = {"count": str(len(work)), "paths": first_of(work), "snapshot": snapshot, "kept": kept}
    return (Problem(ref="snapshot.later-work", params=params, evidence={"paths": list(work[:_MAXIMUM_NAMED]), "kept": kept}),)


def _files_only_told(snapshot: str) -> tuple[Problem, ...]:
    return (Problem(ref="snapshot.files-only", params={"snapshot": snapshot}, evidence={"snapshot": snapshot}),)
