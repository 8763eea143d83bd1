"""A set that a person took the risk of when it was installed: told with date and reference, no alarm for ever.

The record of the run says what was accepted; its snapshot carries the set it was for. Only the last change of the set counts, and a
set that was seen to fail under this very system stays an alarm, whoever accepted it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.cli.judging import state_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.cli.running import Consent
    from atsam_safe.cli.session import Session
    from atsam_safe.verify.model import Assessment, Finding

_REFERENCES: Final = {
    "set.uncertain-for-os": frozenset({"os.unlisted"}),
    "set.wrong-for-os": frozenset({"os.unlisted", "os.too-old", "os.too-new"}),
}


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
    """Nothing more is loaded or opened where there was no run at all."""
    if state_place(session) is None:
        return None
    found: Consent | None = importlib.import_module("atsam_safe.cli.running").consent_of_last_change(session)
    return found
