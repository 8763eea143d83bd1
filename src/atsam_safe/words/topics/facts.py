"""Words about facts files (``--facts FILE``)."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

REFERENCES: Final = (
    Reference(
        ref="facts.invalid",
        what=N_("This file does not hold the facts of a workstation."),
        why=N_("A decision taken from a damaged or foreign file could be wrong for your workstation."),
        next=N_("Make the file again on the workstation with “atsam-safe facts --json”, and send it unchanged."),
        exit_code=2,
    ),
    Reference(
        ref="facts.newer-schema",
        what=N_("This facts file was written by a newer atsam-safe (form {found}; this program knows form {known})."),
        why=N_("The newer form may give a known name another meaning: reading it with old eyes could lead to a wrong answer."),
        next=N_("Update atsam-safe on this machine, then run the same command again."),
        exit_code=2,
    ),
)
