"""The first sentence of an answer that is no success, by exit code: said alike whether the command had begun to look or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.words.reference import N_

if TYPE_CHECKING:
    from atsam_safe.report.blocks import Tone

HEADLINES: Final[dict[int, tuple[str, Tone]]] = {
    1: (N_("The program stopped because of an error of its own."), "bad"),
    2: (N_("The command was not carried out."), "bad"),
    10: (N_("REFUSED. Nothing was touched."), "bad"),
    11: (N_("This workstation is NOT right."), "bad"),
    12: (N_("The package cannot be trusted. Nothing was touched."), "bad"),
    13: (N_("The rights of an administrator are needed. Nothing was touched."), "bad"),
    14: (N_("Another run is under way. Nothing was touched."), "bad"),
    20: (N_("It failed, and everything is back as it was before."), "warning"),
    21: (N_("It failed, and NOT everything could be put back. Read what follows before doing anything else."), "bad"),
    22: (N_("An interrupted run was found: it must be recovered first."), "bad"),
    30: (N_("Done. A restart is needed."), "good"),
}
