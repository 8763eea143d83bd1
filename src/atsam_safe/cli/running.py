"""What the state folder says of earlier runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.guard.model import RunState
from atsam_safe.snapshot.state import open_state
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction.journal import begun, ended_journal
from atsam_safe.transaction.lock import at_work
from atsam_safe.transaction.records import Begin, Ended
from atsam_safe.transaction.since import changed_since_last_run
from atsam_safe.verify.model import Finding
from atsam_safe.words.model import AtsamSafeError, RefusedError

if TYPE_CHECKING:
    from atsam_safe.cli.session import Session
    from atsam_safe.facts.model import Facts
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.workstation.port import Workstation


_OF_THE_SET: Final = frozenset({"install", "uninstall", "rollback", "recover"})


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What a person accepted for the last installation, and when."""

    bundle: str
    day: str
    accepted: frozenset[str]


def run_state_of(session: Session) -> RunState:
    """What the state folder says of earlier runs. A facts file, or a workstation without state folder, has none to speak of."""
    if session.options.facts is not None:
        return RunState()
    workstation = session.open_workstation(session.options.root)
    if not getattr(workstation, "elevated", True):
        # The state of a running system is its administrator's alone; a person without these rights may still ask the rest.
        return RunState()
    try:
        state = _kept_state(session, workstation)
    except RefusedError as error:
        missing = error.problems[0].ref == "state.missing"
        return RunState() if missing else RunState(damaged=error.problems[0])
    with state:
        try:
            decision = begun(state)
            if decision.action == "nothing-to-do":
                return RunState()
            found = RunState(interrupted=decision.run_id or "?")
        except RefusedError as error:
            found = RunState(damaged=error.problems[0])
        # what a living run does looks like one that was cut off, and its journal may be met in the middle of a line
        working = at_work(state)
    return found if working is None else RunState(at_work=working)


def configuration_since(session: Session, facts: Facts) -> tuple[Finding, ...]:
    """The configuration files that were changed after the last run, in one finding; none for who may not read the state folder.

    Neither right nor wrong: a reader may have been added on purpose. Whoever looks for a fault has to know of it.
    """
    if not facts.configs:
        return ()
    workstation = session.open_workstation(session.options.root)
    try:
        with _kept_state(session, workstation) as state:
            found = changed_since_last_run(SnapshotStore(state), workstation.volume, [config.path for config in facts.configs])
    except AtsamSafeError:
        return ()  # that there is none, or what is wrong with it, is said by ``unfinished``
    if found is None or not found[2]:
        return ()
    snapshot, ended, paths = found
    date = datetime.fromtimestamp(ended, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    params = {"path": ", ".join(paths), "date": date, "snapshot": snapshot}
    return (Finding(ref="verify.configuration-since", severity="notice", params=params, evidence={**params, "paths": list(paths)}),)


def consent_of_last_change(session: Session) -> Consent | None:
    """What was accepted for the set that is there; ``None`` when its last change was no good installation, or its record cannot be read."""
    workstation = session.open_workstation(session.options.root)
    if not getattr(workstation, "elevated", True):
        return None
    try:
        with _kept_state(session, workstation) as state:
            last = next((one for one in reversed(SnapshotStore(state).list()) if one.reason in _OF_THE_SET), None)
            reading = None if last is None or last.reason != "install" else ended_journal(state, last.run_id)
    except AtsamSafeError:
        return None  # its administrator's alone, or damaged, which ``unfinished`` has told: the finding stays as it is
    if last is None or reading is None:
        return None
    begin = next((record for record in reading.records if isinstance(record, Begin)), None)
    if begin is None or not any(isinstance(record, Ended) and record.outcome == "committed" for record in reading.records):
        return None
    return Consent(bundle=last.label, day=last.created_at[:10], accepted=frozenset(begin.accepted))


def _kept_state(session: Session, workstation: Workstation) -> StateFolder:
    """The state folder, never made; raises ``RefusedError`` (``state.missing`` among others) and ``PrivilegesError``."""
    state_dir = None if session.options.state_dir is None else Path(session.options.state_dir).absolute()
    return open_state(Path(workstation.volume.root), state_dir, create=False)
