"""The journal's records: typed, self-contained, one per line. What each means for recovery is decided in ``recovery``."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Outcome = Literal["committed", "rolled-back", "broken", "unchanged", "nothing-to-do"]


class RecordBase(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", forbid_unknown_fields=True):
    """Base of all records. ``at``: seconds since 1970 by the wall clock, for people only; order is the sequence number's."""

    at: float = 0.0


class Begin(RecordBase, frozen=True, kw_only=True, tag="begin"):
    """A run begins; nothing has been touched. ``catalogue`` is its origin, ``accepted`` what the user accepted by reference."""

    run_id: str
    command: str
    program: str
    catalogue: str = "embedded"
    accepted: tuple[str, ...] = ()
    steps: int = 0


class Staged(RecordBase, frozen=True, kw_only=True, tag="staged"):
    """Every byte to install is verified and lies in the staging folder."""


class Reserved(RecordBase, frozen=True, kw_only=True, tag="reserved"):
    """The room for the way back is allocated, in bytes."""

    bytes: int


class Snapshotted(RecordBase, frozen=True, kw_only=True, tag="snapshot"):
    """The state before is on stable storage and proven by ``digest``. From here on an interrupted run is restored."""

    snapshot: str
    digest: str


class Intent(RecordBase, frozen=True, kw_only=True, tag="intent"):
    """Step ``index`` is about to be carried out; ``step`` is its full form."""

    index: int
    name: str
    step: dict[str, Any] = {}


class Done(RecordBase, frozen=True, kw_only=True, tag="done"):
    """Step ``index`` was carried out."""

    index: int
    outcome: str
    seconds: float


class Failed(RecordBase, frozen=True, kw_only=True, tag="failed"):
    """The run failed: references of the problems and, if so, the signal that ended it."""

    refs: tuple[str, ...]
    signal: int | None = None


class Verified(RecordBase, frozen=True, kw_only=True, tag="verified"):
    """The workstation was observed and held against the plan's target."""

    ok: bool
    refs: tuple[str, ...] = ()


class Undoing(RecordBase, frozen=True, kw_only=True, tag="undoing"):
    """The way back begins. ``why`` is ``failure`` or ``recovery``."""

    snapshot: str
    why: str


class Undone(RecordBase, frozen=True, kw_only=True, tag="undone"):
    """The way back ended; ``proven``: the digest read from the disk equals the one before."""

    digest: str
    proven: bool


class Ended(RecordBase, frozen=True, kw_only=True, tag="outcome"):
    """How the run ended. It counts only once the journal lies in ``history/``: that rename is the commit point."""

    outcome: Outcome
    digest: str | None = None
    residue: tuple[str, ...] = ()


Record = Begin | Staged | Reserved | Snapshotted | Intent | Done | Failed | Verified | Undoing | Undone | Ended
