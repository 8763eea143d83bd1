"""``cards`` in words: the ladder as a table, then what is wrong with the next step; a proposal as the change it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atsam_safe.cards.titles import ORIGINS, OUTCOMES, RUNG_TITLES
from atsam_safe.report.blocks import Block, Heading, Line, Table, Tone, Verbatim, Verdict
from atsam_safe.report.views.common import NONE, problems
from atsam_safe.words.reference import N_
from atsam_safe.words.translate import phrase

if TYPE_CHECKING:
    from atsam_safe.report.result import CommandResult
    from atsam_safe.words.model import Language

_VERDICTS: dict[str, tuple[str, Tone]] = {
    "whole": (N_("The CPS card is usable by your software."), "good"),
    "broken": (N_("The CPS card is NOT usable by all of your software."), "bad"),
    "not-proven": (N_("Nothing is broken, but the CPS card could not be checked to the end."), "warning"),
}

_FAILED: dict[str, str] = {
    "unchanged": N_("Nothing was changed."),
    "rolled-back": N_("It failed, and everything is back as it was before."),
    "broken": N_("It failed, and NOT everything could be put back. Read what follows before doing anything else."),
}
"""How a run that changed nothing ended; ``broken`` is told with the place of the snapshot by its own problem."""


def _kept(data: dict[str, Any], language: Language) -> Line:
    text = N_("The former state is kept in snapshot {snapshot}; to undo: {command}")
    return Line(phrase(text, language, snapshot=data["snapshot"], command=data["undo"]))


def ladder_verdict(card: dict[str, Any], language: Language) -> tuple[str, Tone]:
    """What the whole ladder comes to, in one sentence."""
    text, tone = _VERDICTS[card["verdict"]]
    return phrase(text, language), tone


def ladder_table(card: dict[str, Any], language: Language) -> Table:
    """The rungs, one line each."""
    headers = tuple(phrase(header, language) for header in (N_("Step"), N_("What is checked"), N_("Result"), N_("Origin")))
    rows = tuple(
        (
            str(rung["number"]),
            phrase(RUNG_TITLES[rung["id"]], language),
            phrase(OUTCOMES[rung["outcome"]], language),
            phrase(ORIGINS[rung["origin"]], language) if rung["origin"] else NONE,
        )
        for rung in card["rungs"]
    )
    return Table(headers, rows)


def _reasons(result: CommandResult, language: Language) -> list[Block]:
    blocks: list[Block] = [*problems(result.problems, language)]
    # that there is no cache is the answer itself, and already said
    notices = tuple(notice for notice in result.notices if notice.ref != "cards.cache-none")
    if notices:
        blocks += [Heading(phrase(N_("Good to know"), language)), *problems(notices, language, "warning")]
    return blocks


def _proposal_view(result: CommandResult, language: Language) -> list[Block]:
    """A proposal as the change it is, written or not."""
    proposal = result.data["proposal"]
    if not proposal["changes"]:
        return [Verdict(phrase(N_("galss.ini is right: nothing was changed."), language), "good")]
    done = N_("galss.ini was corrected.") if proposal["applied"] else N_("Proposed change of galss.ini; nothing was written.")
    blocks: list[Block] = [Verdict(phrase(done, language), "good" if proposal["applied"] else "warning")]
    blocks.append(Verbatim("\n".join(proposal["diff"])))
    if any(change["deduced"] for change in proposal["changes"]):
        deduced = N_("The slot of the Vitale card was deduced from the readers that are connected: check it with a Vitale card.")
        blocks.append(Line(phrase(deduced, language), tone="warning"))
    if proposal["applied"]:
        again = N_("Start the software that uses the card again, or the workstation: GALSS reads this file when it starts.")
        blocks.append(Line(phrase(again, language)))
        blocks.append(_kept(result.data, language))
    else:
        blocks.append(Line(phrase(N_("To apply it: run the command again with --apply."), language)))
    return blocks


def _cache_view(result: CommandResult, language: Language) -> list[Block]:
    """What was cleared; that there was nothing to clear is no success, and no warning either."""
    cleared = result.data["cleared"]
    files = sum(folder["files"] for folder in cleared)
    if files:
        text = phrase(N_("The card cache is clear (files removed: {files})."), language, files=files)
        return [Verdict(text, "good"), _kept(result.data, language)]
    nothing = N_("The card cache is already empty: nothing was removed.") if cleared else N_("There is no card cache on this workstation.")
    return [Verdict(phrase(nothing, language), "neutral")]


def cards_view(result: CommandResult, language: Language) -> list[Block]:
    """The answer of any ``cards`` action."""
    data = result.data
    outcome = data["transaction"]["outcome"] if "transaction" in data else "committed"
    blocks: list[Block]
    if "card" in data:
        blocks = [Verdict(*ladder_verdict(data["card"], language)), ladder_table(data["card"], language)]
    elif outcome != "committed":
        blocks = [Verdict(phrase(_FAILED[outcome], language), "bad")]
    elif "proposal" in data:
        blocks = _proposal_view(result, language)
    elif "cleared" in data:
        blocks = _cache_view(result, language)
    else:
        text = phrase(N_("End of the watch (changes seen: {changes})."), language, changes=data.get("changes", 0))
        blocks = [Verdict(text, "neutral")]
    return [*blocks, *_reasons(result, language)]
