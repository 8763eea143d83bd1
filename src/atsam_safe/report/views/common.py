"""Shapes that several answers share."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from atsam_safe.report.blocks import Block, Heading, Line, Numbered, Tone
from atsam_safe.words.reference import N_
from atsam_safe.words.translate import explain, phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atsam_safe.report.result import CatalogueOrigin
    from atsam_safe.words.model import Explained, Language, Problem

NONE: Final = "—"

NOT_LOOKED_AT: Final = frozenset({"card.not-checkable-offline", "card.not-looked-at"})

COMPONENT_STATES: Final = {
    "ok": N_("whole"),
    "damaged": N_("damaged"),
    "partial": N_("incomplete"),
    "absent": N_("not installed"),
}


def yes_no(value: object, language: Language) -> str:
    """« oui », « non », or a dash for unknown."""
    if value is None:
        return NONE
    return phrase(N_("yes"), language) if value else phrase(N_("no"), language)


def labelled(label: str, value: str, language: Language) -> str:
    """« Taille : 27 Ko »: a label and its value with the colon of the language."""
    return f"{label}{' :' if language == 'fr' else ':'} {value}"


def moment(written: str, language: Language) -> str:
    """A time as it stands in a record (ISO 8601), on this computer's clock: « 26/11/2026 22:30 ». Anything else stays as it is."""
    try:
        when = datetime.fromisoformat(written).astimezone()
    except ValueError:
        return written
    return when.strftime("%d/%m/%Y %H:%M" if language == "fr" else "%Y-%m-%d %H:%M")


def catalogue_banner(origin: CatalogueOrigin | None, language: Language) -> list[Block]:
    """Another catalogue decides what is trusted: whoever reads, or is asked, must know before anything else."""
    if origin is None:
        return []
    text = phrase(
        N_("WARNING: decided with another catalogue than the program's own: {origin} ({digest})."),
        language,
        origin=origin.origin,
        digest=origin.digest[:16],
    )
    return [Line(text, 0, "warning"), Line("")]


def good_to_know(found: Sequence[Problem], language: Language) -> list[Block]:
    """What a person must know although nothing stands in the way; nothing when there is nothing."""
    return [Heading(phrase(N_("Good to know"), language)), *problems(found, language, "warning")] if found else []


def numbered(explanations: Iterable[Explained], language: Language, tone: Tone = "bad", start: int = 1) -> list[Block]:
    """Problems as numbered facts, each with its reason and the next step."""
    why = phrase(N_("Why:"), language)
    what_next = phrase(N_("What to do:"), language)
    return [
        Numbered(number, words.what, ((why, words.why), (what_next, words.next)), words.pages, tone)
        for number, words in enumerate(explanations, start)
    ]


def problems(found: Sequence[Problem], language: Language, tone: Tone = "bad") -> list[Block]:
    """Several problems, each reference and sentence shown once."""
    return numbered(unique(explain(problem, language) for problem in found), language, tone)


def unseen_card(findings: Iterable[dict[str, Any]], language: Language) -> list[Block]:
    """That the association of the CPS was not looked at, and how it is: whoever reads « verified » must not take it for granted."""
    unseen = [finding for finding in findings if finding["ref"] in NOT_LOOKED_AT]
    if not unseen:
        return []
    return [Heading(phrase(N_("CPS card"), language)), *(Line(f"{finding['what']} {finding['next']}", 1) for finding in unseen)]


def unique(explanations: Iterable[Explained]) -> list[Explained]:
    """Each explanation once, in order."""
    return list(dict.fromkeys(explanations))


def section(title: str, lines: Sequence[str], language: Language) -> list[Block]:
    """A titled list, or nothing when the list is empty."""
    if not lines:
        return []
    return [Heading(phrase(title, language)), *(Line(f"- {line}", 1) for line in lines)]


def os_name(system: dict[str, Any] | None, language: Language) -> str:
    """The operating system as people name it: « macOS 10.14.6 (18G103) »; that its release is not known is said in words."""
    if not system:
        return NONE
    name = system.get("name") or {"macos": "macOS", "windows": "Windows", "linux": "Linux"}.get(str(system.get("family")), "?")
    if not system.get("version"):
        return phrase(N_("{name}, release unknown"), language, name=name)
    return f"{name} {system['version']}" + (f" ({system['build']})" if system.get("build") else "")
