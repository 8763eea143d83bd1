"""``verify [--bundle ID] [--card]``: the workstation held against one set of components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.cli.consented import told_as_accepted
from atsam_safe.cli.judging import Judging, configuration_since, unfinished
from atsam_safe.cli.observing import facts_of
from atsam_safe.cli.world import catalogue_of
from atsam_safe.report.values import blocking, verification_value
from atsam_safe.verify import verify_against

if TYPE_CHECKING:
    from atsam_safe.cli.session import Session
    from atsam_safe.report.result import CommandResult


def run(session: Session, *, card: bool = False, bundle: str | None = None) -> CommandResult:
    """Observe with bills of materials and judge; 0 when everything is right, 11 when it is not."""
    catalogue = catalogue_of(session)
    facts = facts_of(session, catalogue, ownership=True)
    verification = verify_against(facts, catalogue, bundle)
    assessment, findings = told_as_accepted(session, verification.assessment, verification.findings)
    whole = all(finding.severity != "blocking" for finding in findings)
    verification = msgspec.structs.replace(verification, assessment=assessment, findings=findings, ok=whole)
    if cut_off := unfinished(session):
        whole = not blocking(cut_off)
        assessment = msgspec.structs.replace(verification.assessment, fit=verification.assessment.fit and whole)
        findings = (*cut_off, *verification.findings)
        verification = msgspec.structs.replace(verification, assessment=assessment, findings=findings, ok=verification.ok and whole)
    late = configuration_since(session, facts)
    seen = tuple(finding for finding in verification.findings if not (card and finding.ref == "card.not-looked-at"))
    verification = msgspec.structs.replace(verification, findings=(*seen, *late))
    judging = Judging(session, "verify", catalogue, facts, card=card)
    return judging.answer(verification.findings, verification_value(facts, verification, session.language), right=verification.ok)
