"""``diagnose [--symptom TEXT]``: what is wrong, where it comes from, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.cli.judging import unfinished
from atsam_safe.cli.observing import facts_of
from atsam_safe.cli.world import catalogue_of
from atsam_safe.diagnose import diagnose
from atsam_safe.report.result import OK, UNFIT, CommandResult, origin_of
from atsam_safe.report.values import blocking, finding_value, noticed, os_value

if TYPE_CHECKING:
    from atsam_safe.cli.session import Session
    from atsam_safe.diagnose import RecognisedSymptom
    from atsam_safe.words.model import Language

# Where this version does not look; it is said, so that silence is never taken for health.
NOT_LOOKED_AT: Final = ("reader", "card", "network", "national-service")


def run(session: Session, *, symptom: str | None = None) -> CommandResult:
    """Judge the workstation, and say what the catalogue knows of the symptom; 11 when something on the workstation is wrong."""
    catalogue = catalogue_of(session)
    facts = facts_of(session, catalogue, ownership=True)
    diagnosis = diagnose(facts, catalogue, symptom)
    if cut_off := unfinished(session):
        findings = (*cut_off, *diagnosis.findings)
        diagnosis = msgspec.structs.replace(diagnosis, findings=findings)
        if blocking(cut_off):
            diagnosis = msgspec.structs.replace(diagnosis, origin="workstation", change_nothing=False)
    problems = blocking(diagnosis.findings)
    data: dict[str, Any] = {
        "os": os_value(facts),
        "fit": diagnosis.assessment.fit and not blocking(cut_off),
        "origin": diagnosis.origin,
        "change_nothing": diagnosis.change_nothing,
        "findings": [{**finding_value(finding, session.language), "origin": "workstation"} for finding in diagnosis.findings],
        "symptom": symptom,
        "symptoms": [_symptom_value(item, session.language) for item in diagnosis.symptoms],
        "not_looked_at": list(NOT_LOOKED_AT),
    }
    return CommandResult(
        command="diagnose",
        exit_code=UNFIT if problems else OK,
        data=data,
        problems=problems,
        notices=noticed(diagnosis.findings),
        catalogue=origin_of(catalogue),
    )


def _symptom_value(symptom: RecognisedSymptom, language: Language) -> dict[str, Any]:
    french = language == "fr"
    return {
        "id": symptom.symptom,
        "matched": symptom.matched,
        "origin": symptom.origin,
        "component": symptom.component,
        "meaning": symptom.meaning_fr if french else symptom.meaning_en,
        "remedy": symptom.remedy_fr if french else symptom.remedy_en,
        "certainty": symptom.certainty,
    }
