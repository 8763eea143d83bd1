"""``status``, ``verify``, ``diagnose`` and ``facts`` in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.report.blocks import Block, Heading, Line, Table, Verbatim, Verdict
from atsam_safe.report.views.common import COMPONENT_STATES, NONE, NOT_LOOKED_AT, numbered, os_name, unique, unseen_card
from atsam_safe.report.views.packages import explained
from atsam_safe.words.model import Explained
from atsam_safe.words.reference import N_
from atsam_safe.words.translate import explain, phrase

if TYPE_CHECKING:
    from atsam_safe.report.result import CommandResult
    from atsam_safe.words.model import Language

WITNESSES: Final = {
    "receipt": N_("receipt"),
    "info-plist": N_("information file"),
    "binary": N_("program"),
    "product": N_("product"),
    "registry": N_("registry"),
}

ORIGINS: Final = {
    "workstation": N_("The fault lies on the workstation."),
    "reader": N_("The fault lies with the card reader."),
    "card": N_("The fault lies with the card."),
    "other-software": N_("The fault lies with another program."),
    "network": N_("The fault lies with the network."),
    "national-service": N_("The fault lies with the national service, not with your workstation."),
    "user": N_("It depends on what was done at the keyboard."),
    "none": N_("It is normal, or harmless."),
    "unknown": N_("This sign alone does not say where the fault lies."),
}
PLACES: Final = {
    "reader": N_("the card reader"),
    "card": N_("the CPS card"),
    "network": N_("the network"),
    "national-service": N_("the national services"),
}


def _components(data: dict[str, Any], language: Language) -> list[Block]:
    shown = [component for component in data["components"] if component["core"] or component["state"] != "absent"]
    if not shown:
        return []
    headers = tuple(phrase(header, language) for header in (N_("Component"), N_("Version"), N_("State"), N_("Witnesses")))
    rows = tuple(
        (
            component["name"],
            component["version"] or NONE,
            phrase(COMPONENT_STATES[component["state"]], language),
            _witnesses(component["witnesses"], language),
        )
        for component in shown
    )
    return [Heading(phrase(N_("Components"), language)), Table(headers, rows)]


def _witnesses(witnesses: list[dict[str, Any]], language: Language) -> str:
    """Who says which version; checksums say nothing a person could compare."""
    told = {
        f"{phrase(WITNESSES.get(item['kind'], item['kind']), language)} {item['version']}"
        for item in witnesses
        if item["kind"] != "checksum"
    }
    return ", ".join(sorted(told)) or NONE


def _dependents(data: dict[str, Any], language: Language) -> list[Block]:
    if not data["dependents"]:
        return []
    names = ", ".join(dependent["name"] for dependent in data["dependents"])
    return [Heading(phrase(N_("Software that uses the components"), language)), Line(names, 1)]


def _findings(data: dict[str, Any], language: Language) -> list[Block]:
    blocking = [explained(finding) for finding in data["findings"] if finding["severity"] == "blocking"]
    noticed = [explained(finding) for finding in data["findings"] if finding["severity"] == "notice"]
    blocks = numbered(blocking, language)
    if noticed:
        blocks += [Heading(phrase(N_("Good to know"), language)), *numbered(noticed, language, "warning")]
    return blocks


def _set_line(data: dict[str, Any], language: Language) -> Block:
    if data["bundle"]:
        name = data["bundle_name"]
        shown = name if name == data["bundle"] else f"{name} ({data['bundle']})"
        return Line(phrase(N_("Set of components: {bundle}"), language, bundle=shown), 1)
    if all(component["state"] == "absent" for component in data["components"] if component["core"]):
        return Line(phrase(N_("Set of components: none is installed"), language), 1)
    return Line(phrase(N_("Set of components: not one that is known to work together"), language), 1)


def _card(result: CommandResult, language: Language) -> list[Block]:
    """The ladder of ``--card``: what it comes to, its rungs, what is broken, and what is worth saying (that the card was not in, say)."""
    data = result.data
    heading = Heading(phrase(N_("CPS card"), language))
    if "card" not in data:
        offline = [explain(notice, language) for notice in result.notices if notice.ref in NOT_LOOKED_AT]
        unseen = unseen_card(data["findings"], language)
        return unseen or ([heading, *(Line(words.what, 1) for words in unique(offline))] if offline else [])
    from atsam_safe.report.views.cards import ladder_table, ladder_verdict  # noqa: PLC0415 - only runs that looked at a card pay for it

    rungs = data["card"]["rungs"]
    broken = [explained(problem) for rung in rungs if rung["outcome"] == "fail" for problem in rung["problems"]]
    said = [problem["ref"] for rung in rungs if rung["outcome"] != "fail" for problem in rung["problems"]]
    notices = unique(explain(notice, language) for notice in result.notices if notice.ref in said)
    text, tone = ladder_verdict(data["card"], language)
    blocks: list[Block] = [heading, Line(text, 1, tone), ladder_table(data["card"], language), *numbered(unique(broken), language)]
    if notices:
        blocks += [Heading(phrase(N_("Good to know"), language)), *numbered(notices, language, "warning")]
    return blocks


def status_view(result: CommandResult, language: Language) -> list[Block]:
    """The verdict, the system, the components, who uses them, and every finding."""
    data = result.data
    if "components" not in data:
        return []
    good = result.exit_code == 0
    text = N_("This workstation is right.") if good else N_("This workstation is NOT right.")
    return [
        Verdict(phrase(text, language), "good" if good else "bad"),
        Line(phrase(N_("System: {os}"), language, os=os_name(data["os"], language)), 1),
        _set_line(data, language),
        *_components(data, language),
        *_dependents(data, language),
        *_findings(data, language),
        *_card(result, language),
    ]


def verify_view(result: CommandResult, language: Language) -> list[Block]:
    """The same, held against one set of components; what cannot be checked here is said."""
    return status_view(result, language)


def facts_view(result: CommandResult, language: Language) -> list[Block]:
    """The facts themselves: this command's text is JSON, ready to be kept in a file and given to ``--facts``."""
    del language
    if "facts" not in result.data:
        return []
    return [Verbatim(msgspec.json.format(msgspec.json.encode(result.data["facts"]), indent=2).decode())]


def diagnose_view(result: CommandResult, language: Language) -> list[Block]:
    """What is wrong on the workstation, what the symptom may mean and whose fault it is, and where this program did not look."""
    data = result.data
    if "findings" not in data:
        return []
    wrong = [finding for finding in data["findings"] if finding["severity"] == "blocking"]
    if wrong:
        blocks: list[Block] = [Verdict(phrase(N_("Something is wrong on this workstation."), language), "bad")]
    else:
        blocks = [Verdict(phrase(N_("Nothing wrong was found on this workstation."), language), "good")]
    if data["change_nothing"]:
        text = N_("Change nothing on the workstation: an update would only add a second fault to the first.")
        blocks.append(Line(phrase(text, language), 0, "warning"))
    blocks += _findings(data, language)
    if data["symptom"]:
        blocks.append(Heading(phrase(N_("What you describe: {symptom}"), language, symptom=data["symptom"])))
        if not data["symptoms"]:
            blocks.append(Line(phrase(N_("The catalogue does not know this symptom."), language), 1))
    told = [
        Explained(
            ref=item["id"],
            what=item["meaning"],
            why=phrase(ORIGINS[item["origin"]], language),
            next=item["remedy"],
        )
        for item in data["symptoms"]
    ]
    blocks += numbered(told, language, "warning")
    places = ", ".join(phrase(PLACES[place], language) for place in data["not_looked_at"])
    blocks += [Line(""), Line(phrase(N_("Not looked at here: {places}."), language, places=places))]
    return blocks
