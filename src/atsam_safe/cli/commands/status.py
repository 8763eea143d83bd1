"""``status``: what is installed, is it a known good set, is it damaged, who uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.cli.consented import told_as_accepted
from atsam_safe.cli.judging import Judging, unfinished
from atsam_safe.cli.observing import facts_of
from atsam_safe.cli.world import catalogue_of
from atsam_safe.report.values import assessment_value, blocking
from atsam_safe.verify import assess

if TYPE_CHECKING:
    from atsam_safe.cli.session import Session
    from atsam_safe.report.result import CommandResult


def run(session: Session, *, card: bool = False) -> CommandResult:
    """Observe and judge; 0 when the workstation is right, 11 when it is not. The card is looked at only when ``card`` asks for it."""
    catalogue = catalogue_of(session)
    facts = facts_of(session, catalogue)
    assessment = assess(facts, catalogue)
    assessment, _findings = told_as_accepted(session, assessment, assessment.findings)
    if cut_off := unfinished(session):
        fit = assessment.fit and not blocking(cut_off)
        assessment = msgspec.structs.replace(assessment, findings=(*cut_off, *assessment.findings), fit=fit)
    judging = Judging(session, "status", catalogue, facts, card=card)
    return judging.answer(assessment.findings, assessment_value(facts, assessment, session.language), right=assessment.fit)
