"""Pure decisions: what is wrong, and where the fault lies."""

from atsam_safe.diagnose.diagnosis import diagnose
from atsam_safe.diagnose.model import Diagnosis, Origin, RecognisedSymptom

__all__ = ["Diagnosis", "Origin", "RecognisedSymptom", "diagnose"]
