"""What an interrupted run needs, decided from its records alone (pure).

- A journal still in ``run/`` means: not committed. The rename into ``history/`` is the only commit; an ``outcome`` record is not one.
- No ``snapshot`` record: no step can have begun, nothing was touched → discard. So it is where the run itself says that it ended so.
- A ``snapshot`` record: bring that state back, whatever else is written; restoring what is already right changes nothing.
- Only a way back that is proven and recorded needs nothing but tidying → finish.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from atsam_safe.transaction.records import Begin, Ended, Intent, Outcome, Snapshotted, Undoing

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
    if snapshot is None or ended_untouched(records):
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


def ended_untouched(records: Sequence[Record]) -> bool:
    """True when the run's own last word is that it touched nothing; only where nothing else it wrote speaks against it."""
    last = records[-1] if records else None
    return isinstance(last, Ended) and last.outcome == "unchanged" and not any(isinstance(record, Intent | Undoing) for record in records)
