"""A set that a person took the risk of when it was installed: told with date and reference, no alarm for ever.

The record of the run says what was accepted; its snapshot carries the set it was for. Only the last change of the set counts, and a
set that was seen to fail under this very system stays an alarm, whoever accepted it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.volume.state_place import default_state_path
from atsam_safe.words.model import AtsamSafeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.cli.session import Session
    from atsam_safe.verify.model import Assessment, Finding

_REFERENCES: Final = {
    "set.uncertain-for-os": frozenset({"os.unlisted"}),
    "set.wrong-for-os": frozenset({"os.unlisted", "os.too-old", "os.too-new"}),
}
_OF_THE_SET: Final = frozenset({"install", "uninstall", "rollback", "recover"})


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What a person accepted for the last installation, and when."""

    bundle: str
    day: str
    accepted: frozenset[str]


def told_as_accepted(session: Session, assessment: Assessment, findings: Sequence[Finding]) -> tuple[Assessment, tuple[Finding, ...]]:
    """Both with what was accepted told as accepted. Nothing is opened when nothing of the kind was found."""
    doubted = [finding for finding in findings if finding.ref in _REFERENCES and finding.told != "set.wrong-for-os.seen"]
    if not doubted or assessment.bundle is None:
        return assessment, tuple(findings)
    consent = _consent(session)
    if consent is None or consent.bundle != assessment.bundle:
        return assessment, tuple(findings)
    told = tuple(_told(finding, consent) for finding in findings)
    own = tuple(_told(finding, consent) for finding in assessment.findings)
    whole = all(state.state in {"ok", "absent"} for state in assessment.components if state.core)
    fit = whole and all(finding.severity != "blocking" for finding in own)
    return msgspec.structs.replace(assessment, findings=own, fit=fit), told


def _told(finding: Finding, consent: Consent) -> Finding:
    taken = sorted(consent.accepted & _REFERENCES.get(finding.ref, frozenset()))
    if not taken or (finding.told or "").startswith("set.wrong-for-os.seen"):
        return finding
    params = {**finding.params, "date": consent.day, "accepted": ", ".join(taken)}
    evidence = {**finding.evidence, "accepted": taken, "accepted_on": consent.day}
    return msgspec.structs.replace(finding, severity="notice", told=f"{finding.ref}.accepted", params=params, evidence=evidence)


def _consent(session: Session) -> Consent | None:
    """Of the last run that changed the set; ``None`` when there is none, it did not end well, or its record cannot be read."""
    if session.options.facts is not None:
        return None
    root = Path(session.options.root or os.sep).absolute()
    place = default_state_path(root) if session.options.state_dir is None else Path(session.options.state_dir).absolute()
    if not os.path.lexists(place):
        return None
    try:
        return _recorded(session)
    except AtsamSafeError:
        # its administrator's alone, or damaged, which ``unfinished`` has told: the finding stays as it is
        return None


def _recorded(session: Session) -> Consent | None:
    # the store is opened for this one question: no other look at a workstation pays for it
    from atsam_safe.snapshot.state import open_state  # noqa: PLC0415 - see above
    from atsam_safe.snapshot.store import SnapshotStore  # noqa: PLC0415 - see above
    from atsam_safe.transaction.journal import ended_journal  # noqa: PLC0415 - see above
    from atsam_safe.transaction.records import Begin, Ended  # noqa: PLC0415 - see above

    state_dir = None if session.options.state_dir is None else Path(session.options.state_dir).absolute()
    workstation = session.open_workstation(session.options.root)
    if not getattr(workstation, "elevated", True):
        return None
    with open_state(Path(workstation.volume.root), state_dir, create=False) as state:
        last = next((one for one in reversed(SnapshotStore(state).list()) if one.reason in _OF_THE_SET), None)
        reading = None if last is None or last.reason != "install" else ended_journal(state, last.run_id)
    if last is None or reading is None:
        return None
    begin = next((record for record in reading.records if isinstance(record, Begin)), None)
    if begin is None or not any(isinstance(record, Ended) and record.outcome == "committed" for record in reading.records):
        return None
    return Consent(bundle=last.label, day=last.created_at[:10], accepted=frozenset(begin.accepted))
