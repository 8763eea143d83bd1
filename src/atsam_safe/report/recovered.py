"""What a command says of the interrupted run that it dealt with before its own work: then « nothing was touched » is not true.

The answer carries it as ``data.recovered``, whatever became of the command afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.report.blocks import Block, Line, Verdict
from atsam_safe.words.reference import N_
from atsam_safe.words.translate import phrase

if TYPE_CHECKING:
    from atsam_safe.report.result import CommandResult
    from atsam_safe.words.model import Language, Problem

KEY: Final = "recovered"

# exit code → the headline that takes the place of the one which says that nothing was touched
THEN: Final = {
    10: N_("Then this was REFUSED: nothing else was touched."),
    12: N_("Then the package was found not to be trustworthy: nothing else was touched."),
    13: N_("Then the rights of an administrator were missing: nothing else was touched."),
    14: N_("Then another run was found under way: nothing else was touched."),
}
FOUND_KEPT: Final = N_(
    "The files that were found before that are kept in the snapshot {snapshot}: “atsam-safe rollback {snapshot}” brings these files back."
)
NOTHING_ELSE: Final = N_("Apart from that there was nothing to do.")


def with_recovered(result: CommandResult, recovered: dict[str, Any] | None, notices: tuple[Problem, ...] = ()) -> CommandResult:
    """The result, carrying the recovery (``transaction_value``) that went before it, if there was one, and what it had to say."""
    if recovered is None or KEY in result.data:
        return result
    return msgspec.structs.replace(result, data={**result.data, KEY: recovered}, notices=(*notices, *result.notices))


def is_brought_back(result: CommandResult) -> bool:
    """True when the recovery brought a state back; one of a run that had touched nothing did not."""
    transaction = (result.data.get(KEY) or {}).get("transaction") or {}
    return transaction.get("outcome") == "rolled-back"


def own_data(result: CommandResult) -> dict[str, Any]:
    """The data without what is told of the recovery: what the command itself has to show."""
    return {key: value for key, value in result.data.items() if key != KEY}


def recovered_blocks(result: CommandResult, language: Language) -> list[Block]:
    """First of all what was done to the workstation before the command's own work."""
    if not is_brought_back(result):
        return []
    text = N_("An interrupted run was undone: the workstation is back as it was before that run (snapshot {snapshot}).")
    recovered = result.data[KEY]
    blocks: list[Block] = [Verdict(phrase(text, language, snapshot=recovered["snapshot"]), "warning")]
    if recovered.get("found"):
        blocks.append(Line(phrase(FOUND_KEPT, language, snapshot=recovered["found"]), 1))
    return blocks
