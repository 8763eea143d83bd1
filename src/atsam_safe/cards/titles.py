"""What each rung is called, for a person. Message ids; the French is in the words catalogue."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_

RUNG_TITLES: Final = {
    "service": N_("Smart-card service"),
    "readers": N_("Card readers"),
    "card": N_("CPS card in a reader"),
    "application": N_("CPS application and serial number"),
    "middleware": N_("Card library of the components"),
    "token": N_("Card seen by the library"),
    "certificates": N_("Certificates of the card"),
    "code": N_("State of the card's code"),
    "configuration": N_("Configuration of readers and software"),
    "sharing": N_("Reader free for everybody"),
    "association": N_("Same card, same holder as before"),
    "challenge": N_("Signature by the card"),
}
OUTCOMES: Final = {
    "pass": N_("right"),
    "fail": N_("NOT right"),
    "not-applicable": N_("does not apply"),
    "not-checked": N_("not checked"),
}
ORIGINS: Final = {
    "workstation": N_("the workstation"),
    "reader": N_("the reader"),
    "card": N_("the card"),
    "other-software": N_("other software"),
    "network": N_("the network"),
    "national-service": N_("the national service"),
}
