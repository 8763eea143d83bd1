"""What ``diagnose`` concludes, as values: symptoms recognised, findings of the workstation, and where the fault most probably lies."""

from __future__ import annotations

from typing import Literal

import msgspec

from atsam_safe.catalogue.model import Certainty
from atsam_safe.verify.model import Assessment, Finding

Origin = Literal["workstation", "reader", "card", "other-software", "network", "national-service", "user", "none", "unknown"]


class RecognisedSymptom(msgspec.Struct, frozen=True, kw_only=True):
    """A symptom of the catalogue found in what a person typed. ``matched`` is what it was recognised by."""

    symptom: str
    matched: str
    origin: Origin
    certainty: Certainty
    component: str | None
    meaning_fr: str
    meaning_en: str
    remedy_fr: str
    remedy_en: str


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Findings with evidence, recognised symptoms, and the most probable origin.

    ``origin``: ``workstation`` as soon as the workstation itself is not right; else what the symptoms point to when they agree;
    ``none`` when nothing is wrong and nothing was complained of; ``unknown`` otherwise. ``change_nothing``: the workstation is right and
    the fault lies elsewhere, so that an update would only add a second fault to the first.
    """

    origin: Origin
    change_nothing: bool
    findings: tuple[Finding, ...]
    symptoms: tuple[RecognisedSymptom, ...]
    assessment: Assessment
