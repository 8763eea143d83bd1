"""``diagnose``: is it this workstation, or is it elsewhere? What would have saved the doctor of the story five months.

Rules
- Facts outweigh complaints: a workstation that is not right is said first, whatever the message on the screen.
- A right workstation with a message that points elsewhere must not be changed: updating it would add a second fault to the first.
- Symptoms that disagree decide nothing (``unknown``): no remedy is invented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.diagnose.model import Diagnosis
from atsam_safe.diagnose.recognise import recognise
from atsam_safe.verify.assessment import assess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.diagnose.model import Origin, RecognisedSymptom
    from atsam_safe.facts.model import Facts
    from atsam_safe.verify.model import Assessment

_ELSEWHERE = frozenset({"national-service", "network", "card", "user", "none"})


def diagnose(facts: Facts, catalogue: Catalogue, symptom: str | None = None) -> Diagnosis:
    """Findings with evidence and origin. ``symptom`` is what the person sees, in his own words. Pure; never raises for odd input."""
    assessment = assess(facts, catalogue)
    symptoms = recognise(catalogue, symptom, facts.os.family) if symptom else ()
    origin = _origin(assessment, symptoms, complained=bool(symptom and symptom.strip()))
    return Diagnosis(
        origin=origin,
        change_nothing=assessment.fit and origin in _ELSEWHERE,
        findings=assessment.findings,
        symptoms=symptoms,
        assessment=assessment,
    )


def _origin(assessment: Assessment, symptoms: Sequence[RecognisedSymptom], *, complained: bool) -> Origin:
    if any(finding.severity == "blocking" for finding in assessment.findings):
        return "workstation"
    origins = {symptom.origin for symptom in symptoms} - {"unknown"}
    if len(origins) == 1:
        return origins.pop()
    return "unknown" if complained or origins else "none"
