"""``manifests …`` in words: what the catalogue says, how certain that is, and where it comes from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from atsam_safe.report.blocks import Block, Heading, Line, Verdict
from atsam_safe.report.views.common import labelled, section, yes_no
from atsam_safe.words.reference import N_
from atsam_safe.words.translate import phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from atsam_safe.report.result import CommandResult
    from atsam_safe.words.model import Language

_OPTIONAL: Final = N_("optional")
# notes are the catalogue's own text, in one language: whoever reads them is told which
_CATALOGUE_NOTE: Final = N_("Note of the catalogue, in English")

KINDS: Final = {
    "bundle": N_("Set of components: {name}"),
    "component": N_("Component: {name}"),
    "dependent": N_("Software that uses the components: {name}"),
    "os": N_("System: {name}"),
}

ROLES: Final = {
    "program": N_("programs"),
    "library": N_("libraries"),
    "config": N_("settings, kept when it is installed again"),
    "log": N_("logs, left alone"),
    "cache": N_("temporary copies, which may be cleared"),
    "data": N_("data"),
    "backup": N_("the publisher's own copies, left alone"),
    "inventory": N_("lists of what is installed"),
    "service": N_("starting of services"),
    "receipt": N_("receipts"),
    "link": N_("links"),
    "private": N_("private data, never opened"),
}
"""What the files of a component are."""

SERVICES: Final = {
    "daemon": N_("for the whole workstation"),
    "agent": N_("for each session"),
    "user-agent": N_("in a user's own folder"),
    "service": N_("Windows service"),
}
"""For whom a service runs."""


def manifests_view(result: CommandResult, language: Language) -> list[Block]:
    """The catalogue: its sets, one entry, or the result of a check."""
    data = result.data
    if "check" in data:
        checked = data["check"]
        own = N_("The program's own catalogue is right (files: {files}).")
        text = own if result.catalogue is None else N_("The catalogue {origin} is right (files: {files}).")
        return [Verdict(phrase(text, language, origin=checked["origin"], files=checked["files"]), "good")]
    if "entry" in data:
        return _entry(data, language)
    if "bundles" not in data:
        return []
    return _known_sets(data["bundles"], language)


CERTAINTIES: Final = {"confirmed": N_("confirmed"), "field": N_("seen in practices"), "inferred": N_("deduced only")}
FAMILIES: Final = {"macos": "macOS", "windows": "Windows", "linux": "Linux"}


def _known_sets(bundles: list[dict[str, Any]], language: Language) -> list[Block]:
    """One paragraph per set: how it is called, what belongs to it, for which systems, and how sure that is."""
    blocks: list[Block] = [Heading(phrase(N_("Known sets of components"), language))]
    for bundle in bundles:
        name = bundle["id"] if bundle["name"] == bundle["id"] else f"{bundle['name']} ({bundle['id']})"
        blocks += [Line(""), Line(name, 1, "neutral" if bundle["complete"] else "warning")]
        members = ", ".join(_member(member, language) for member in bundle["members"] if member["versions"])
        systems = ", ".join(_system(bundle["family"], entry, language) for entry in bundle["systems"])
        blocks += [Line(labelled(phrase(N_("Components"), language), members, language), 2)]
        blocks += [Line(labelled(phrase(N_("Systems"), language), systems, language), 2)]
        if not bundle["complete"]:
            blocks.append(Line(phrase(N_("Known in part only: it cannot be installed as a set."), language), 2, "warning"))
    return blocks


def _member(member: dict[str, Any], language: Language) -> str:
    versions = phrase(N_(" or "), language).join(member["versions"])
    return f"{member['name']} {versions}" + (f" ({phrase(_OPTIONAL, language)})" if member["optional"] else "")


def _system(family: str, entry: dict[str, Any], language: Language) -> str:
    first, last = entry["first"], entry["last"]
    if first is None:
        span = phrase(N_("{last} and earlier"), language, last=last)
    elif first != last and first.startswith(f"{last}."):
        span = phrase(N_("{first} and later"), language, first=first)
    else:
        span = first if first == last else phrase(N_("{first} to {last}"), language, first=first, last=last)
    return f"{FAMILIES.get(family, family)} {span} ({phrase(CERTAINTIES[entry['certainty']], language)})"


def _entry(data: dict[str, Any], language: Language) -> list[Block]:
    """One entry for a person; every single rule is in the JSON form."""
    kind, entry = data["kind"], data["entry"]
    names = {named["id"]: named["name"] for named in data["names"]}
    identifier = entry.get("id")
    name = names.get(identifier) or entry.get("name") or identifier
    shown = name if identifier in (None, name) else f"{name} ({identifier})"
    blocks: list[Block] = [Verdict(phrase(KINDS[kind], language, name=shown), "neutral")]
    blocks += [Line(labelled(phrase(label, language), value, language), 1) for label, value in _identity(entry, language) if value]
    parts: dict[str, Callable[[dict[str, Any], dict[str, str], Language], list[Block]]] = {
        "bundle": _bundle,
        "component": _component,
        "dependent": _dependent,
    }
    if kind in parts:
        blocks += parts[kind](entry, names, language)
    blocks += section(N_("Sources"), _sources(entry), language)
    return [*blocks, Line(""), Line(phrase(N_("Every rule of this entry, one by one: add --json."), language))]


def _identity(entry: dict[str, Any], language: Language) -> list[tuple[str, str | None]]:
    families = [entry["family"]] if "family" in entry else entry.get("families", [])
    own_words = entry.get(f"note_{language}")
    certainty = entry.get("certainty")
    return [
        (N_("Publisher"), entry.get("publisher") or entry.get("vendor")),
        (N_("Kind of system"), ", ".join(FAMILIES.get(family, family) for family in families)),
        (N_("Release"), entry.get("version")),
        (N_("Date"), entry.get("date")),
        (N_("Certainty"), phrase(CERTAINTIES[certainty], language) if certainty else None),
        (N_("Known completely"), yes_no(entry["complete"], language) if "complete" in entry else None),
        (N_("Removed and installed with the others as a unit"), yes_no(entry["core"], language) if "core" in entry else None),
        (N_("Never touched in any circumstance"), yes_no(entry["never_touch"], language) if "never_touch" in entry else None),
        (N_("Note"), own_words),
        (_CATALOGUE_NOTE, entry.get("note")),
    ]


def _noted(text: str, entry: dict[str, Any], language: Language) -> str:
    """A line with its certainty, and with the catalogue's note where there is one."""
    return _with_note(f"{text} ({phrase(CERTAINTIES[entry['certainty']], language)})", entry, language)


def _bundle(entry: dict[str, Any], names: dict[str, str], language: Language) -> list[Block]:
    systems = [_with_note(_system(entry["family"], span, language), span, language) for span in entry["systems"]]
    members = [
        _member({**member, "name": names.get(member["component"], member["component"])}, language)
        for member in entry["members"]
        if member["versions"]
    ]
    return [
        *section(N_("Systems"), systems, language),
        *section(N_("Components"), members, language),
        *section(N_("Who signs the package"), _signers(entry["signers"], language), language),
    ]


def _with_note(text: str, entry: dict[str, Any], language: Language) -> str:
    note = entry.get("note")
    return f"{text}. {labelled(phrase(_CATALOGUE_NOTE, language), note, language)}" if note else text


def _component(entry: dict[str, Any], _names: dict[str, str], language: Language) -> list[Block]:
    windows = entry["windows"] or {}
    releases = [
        _noted(_release(release), release, language) for release in sorted(entry["releases"], key=lambda release: str(release["family"]))
    ]
    counts = Counter(path["role"] for path in entry["paths"])
    paths = [labelled(phrase(ROLES[role], language), str(counts[role]), language) for role in ROLES if counts[role]]
    if windows.get("paths"):
        paths.append(labelled(phrase(N_("on Windows, of every kind"), language), str(len(windows["paths"])), language))
    services = [
        _with_note(labelled(service["label"], phrase(SERVICES[service["domain"]], language), language), service, language)
        for service in entry["services"]
    ]
    services += [labelled(service["name"], phrase(SERVICES["service"], language), language) for service in windows.get("services", ())]
    return [
        *section(N_("Releases"), releases, language),
        *section(N_("Paths by kind"), paths, language),
        *section(N_("Services"), services, language),
        *section(N_("Who signs the package"), _signers(entry["signers"], language), language),
    ]


def _release(release: dict[str, Any]) -> str:
    version = f"{release['version']}…" if release["version_is_prefix"] else release["version"]
    dated = f", {release['date']}" if release["date"] else ""
    return f"{FAMILIES.get(release['family'], release['family'])} {version}{dated}"


def _dependent(entry: dict[str, Any], names: dict[str, str], language: Language) -> list[Block]:
    return [
        *section(N_("Components it uses"), [names.get(component, component) for component in entry["uses"]], language),
        *section(N_("Where it is found"), entry["paths"], language),
        *section(N_("Files it shares with the components"), entry["shares"], language),
        *section(N_("Services"), entry["services"], language),
    ]


def _signers(signers: Iterable[dict[str, Any]], language: Language) -> list[str]:
    """Who may sign, each once: the same organisation has certificates of several kinds."""
    told = [
        (f"{signer['name']}, {signer['team_id']}" if signer["team_id"] != signer["name"] else signer["name"], signer) for signer in signers
    ]
    return list(dict.fromkeys(_noted(name, signer, language) for name, signer in told))


def _sources(value: object) -> list[str]:
    """Every source of an entry once, in its order."""
    found: dict[str, None] = {}

    def look(part: object) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("source"), str):
                found[part["source"]] = None
            for inner in part.values():
                look(inner)
        elif isinstance(part, list | tuple):
            for inner in part:
                look(inner)

    look(value)
    return list(found)
