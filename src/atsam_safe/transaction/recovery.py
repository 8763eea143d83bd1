"""What an interrupted run needs, decided from its records alone (pure).

- A journal still in ``run/`` means: not committed. The rename into ``history/`` is the only commit; an ``outcome`` record is not one.
- No ``snapshot`` record: no step can have begun, nothing was touched → discard.
- A ``snapshot`` record: bring that state back, whatever else is written; restoring what is already right changes nothing.
- Only a way back that is proven and recorded needs nothing but tidying → finish.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from atsam_safe.transaction.records import Begin, Ended, Outcome, Snapshotted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.transaction.records import Record

Action = Literal["nothing-to-do", "discard", "restore", "finish"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do. ``run_id`` is ``None`` for a journal without its first record. ``outcome``: how the run then ended."""

    action: Action
    run_id: str | None = None
    command: str | None = None
    snapshot: str | None = None
    digest: str | None = None
    outcome: Outcome = "nothing-to-do"


def decide(records: Sequence[Record] | None) -> Decision:
    """The decision for a journal's records; ``None`` means that no journal lies in ``run/``."""
    if records is None:
        return Decision(action="nothing-to-do")
    begin = next((record for record in records if isinstance(record, Begin)), None)
    if begin is None:
        return Decision(action="discard", outcome="unchanged")
    snapshot = next((record for record in records if isinstance(record, Snapshotted)), None)
    if snapshot is None:
        return Decision(action="discard", run_id=begin.run_id, command=begin.command, outcome="unchanged")
    last = records[-1]
    if isinstance(last, Ended) and last.outcome == "rolled-back" and last.digest == snapshot.digest:
        action: Action = "finish"
    else:
        action = "restore"
    return Decision(
        action=action,
        run_id=begin.run_id,
        command=begin.command,
        snapshot=snapshot.snapshot,
        digest=snapshot.digest,
        outcome="rolled-back",
    )
