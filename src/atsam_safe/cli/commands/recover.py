"""``recover``: bring an interrupted run to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.cli.changing import Changing
from atsam_safe.cli.loading import load_for_change
from atsam_safe.report.result import OK, CommandResult, origin_of
from atsam_safe.report.transactions import untouched_value
from atsam_safe.transaction.executor import recover

if TYPE_CHECKING:
    from atsam_safe.cli.session import Session


def run(session: Session) -> CommandResult:
    """Recover; 0 when the workstation is proven to be as before the interrupted run (or there was none)."""
    changing = Changing(session, "recover")
    with changing.existing_state() as state:
        if state is None:
            data = {**untouched_value(), "nothing_to_do": True}
            return CommandResult(command="recover", exit_code=OK, data=data, catalogue=origin_of(changing.catalogue))
        load_for_change(changing.workstation)
        with changing.told_whole(), changing.progress() as progress:
            result = recover(state, changing.workstation.volume, system=changing.workstation, watch=changing.watch, progress=progress)
    return changing.answer(result)
