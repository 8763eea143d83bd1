"""``inspect`` and ``check`` in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atsam_safe.report.blocks import Block, Heading, Line, Table, Tone, Verdict
from atsam_safe.report.result import BUSY, PRIVILEGES
from atsam_safe.report.views.common import NONE, labelled, moment, numbered, yes_no
from atsam_safe.words.amounts import size
from atsam_safe.words.model import Explained
from atsam_safe.words.reference import N_
from atsam_safe.words.translate import phrase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.report.result import CommandResult
    from atsam_safe.words.model import Language

VERDICTS: Final[dict[str, tuple[str, Tone]]] = {
    "refused": (N_("damaged, tampered with or unreadable: do not use it"), "bad"),
    "unsigned": (N_("not signed: nothing proves where it comes from"), "warning"),
    "untrusted": (N_("signed, but not by an authority that this program trusts"), "warning"),
    "developer-id": (N_("signed by an identified developer, whole and untouched"), "good"),
    "authenticode": (N_("signed for Windows, whole and untouched"), "good"),
}

FORMATS: Final = {
    "macos-flat-package": N_("macOS package"),
    "macos-disk-image": N_("macOS disk image"),
    "windows-installer": N_("Windows Installer package"),
    "rpm": N_("RPM package"),
    "unknown": N_("unknown format"),
}

SHOWN_SCRIPTS: Final = 12
# Those that say something to whoever received the package; the others are for whoever reads the JSON.
WARNINGS: Final = {
    "bom-missing": N_("It has no list of its files (bill of materials): genuine packages have one, and it is not installed without."),
    "component-not-referenced": N_("It holds a part that it does not announce itself; it is not installed: {detail}."),
    "component-left-out": N_("Its own choices leave a part out; it is not installed: {detail}."),
    "component-undecided": N_("It does not say plainly whether a part of it is installed (its own scripts, not run, decide): {detail}."),
    "external-cabinet": N_("It needs a file that lies beside it: {detail}."),
    "windows-does-not-confirm": N_("Windows does not confirm its signature (code {detail})."),
}


# The package is right: who asks, or when, is not. Nobody may read that as a refusal of the package.
_NOT_YET: Final = {
    PRIVILEGES: N_("Nothing speaks against this package here, but the rights of an administrator are needed to install it."),
    BUSY: N_("Nothing speaks against this package here, but another run is under way on this workstation."),
}


def explained(value: dict[str, Any]) -> Explained:
    """The sentences that a JSON value already carries."""
    return Explained(ref=value["ref"], what=value["what"], why=value["why"], next=value["next"], told=value.get("told"))


def inspect_view(result: CommandResult, language: Language) -> list[Block]:
    """One part per package, the verdict on its signature first."""
    blocks: list[Block] = []
    together = result.data.get("together")
    if together is not None:
        blocks.append(Verdict(phrase(N_("Together these packages are {build}."), language, build=together["name"]), "good"))
    for package in result.data.get("packages", []):
        if blocks:
            blocks.append(Line(""))
        blocks += _package(package, language, None if together is None else together["name"])
    return blocks


def _package(package: dict[str, Any], language: Language, together: str | None) -> list[Block]:
    signature = package["signature"]
    words, tone = VERDICTS[signature["verdict"]]
    build = package["build"]
    blocks: list[Block] = [Verdict(f"{package['path']} — {phrase(words, language)}", tone)]
    if build is not None:
        blocks.append(Line(phrase(N_("This is the known build {build}."), language, build=package["build_name"]), 1, "good"))
    elif together is not None and package["components"]:
        blocks.append(Line(phrase(N_("A part of {build}."), language, build=together), 1, "good"))
    elif package["components"]:
        blocks.append(Line(phrase(N_("This is not a build that the catalogue knows."), language), 1, "warning"))
    blocks += _identity(package, language)
    blocks += _warnings(package["warnings"], language)
    if package["components"]:
        blocks += _components(package["components"], language)
    if signature["reasons"]:
        blocks += numbered([explained(reason) for reason in signature["reasons"]], language, tone)
    return blocks


def _warnings(warnings: Iterable[str], language: Language) -> list[Block]:
    """What is unusual about a package although its signature decides nothing about it."""
    told = [(WARNINGS[code], detail) for code, _, detail in (warning.partition(":") for warning in warnings) if code in WARNINGS]
    return [Line(phrase(text, language, detail=detail), 1, "warning") for text, detail in told]


def _identity(package: dict[str, Any], language: Language) -> list[Block]:
    signature = package["signature"]
    product = package["product"] or {}
    lines = [
        (N_("Format"), phrase(FORMATS[package["format"]], language)),
        (N_("Title"), product.get("title") or None),
        (N_("Size"), size(package["size"], language)),
        ("SHA-256", package["sha256"]),
        (N_("Signer"), signature["signer"]),
        (N_("Team ID"), signature["team_id"]),
        (N_("Signed on"), moment(signature["signed_at"], language) if signature["signed_at"] else None),
        (N_("Time-stamped"), yes_no(signature["timestamped"], language) if signature["signer"] else None),
        (N_("Notarised"), yes_no(signature["notarized"], language) if signature["signer"] else None),
        (N_("Lowest system it declares"), product.get("minimum_os")),
        (N_("Architectures"), ", ".join(product.get("host_architectures", ())) or None),
        (N_("Checks by its own scripts, not run"), ", ".join(product.get("unknown_checks", ())) or None),
    ]
    return [Line(labelled(phrase(label, language), str(value), language), 1) for label, value in lines if value]


def _components(components: list[dict[str, Any]], language: Language) -> list[Block]:
    headers = tuple(
        phrase(header, language) for header in (N_("Package"), N_("Version"), N_("Component"), N_("Known"), N_("Files"), N_("Size"))
    )
    rows = tuple(
        (
            part["identifier"],
            part["version"],
            part["name"] or NONE,
            yes_no(part["known_release"], language),
            str(part["payload"]["files"]) if part["payload"] else NONE,
            size(part["payload"]["bytes"], language) if part["payload"] else NONE,
        )
        for part in components
    )
    blocks: list[Block] = [Heading(phrase(N_("What it contains"), language)), Table(headers, rows)]
    programs = [labelled(part["identifier"], text, language) for part in components if (text := _needs(part, language))]
    if programs:
        blocks.append(Heading(phrase(N_("What its programs are made for"), language)))
        blocks += [Line(f"- {program}", 1) for program in programs]
    scripts = [
        labelled(part["identifier"], f"{script['name']} ({script['sha256'][:12]}…)", language)
        for part in components
        for script in part["scripts"]
    ]
    if scripts:
        blocks.append(Heading(phrase(N_("Scripts (named and hashed, never run)"), language)))
        blocks += [Line(f"- {script}", 1) for script in scripts[:SHOWN_SCRIPTS]]
        if len(scripts) > SHOWN_SCRIPTS:
            blocks.append(Line(phrase(N_("… and {count} more (see --json)"), language, count=len(scripts) - SHOWN_SCRIPTS), 1))
    return blocks


def _needs(part: dict[str, Any], language: Language) -> str:
    """Processors and systems of one part: as its programs say, and as its own declaration does."""
    programs = part.get("programs") or {}
    told = [
        ", ".join(programs.get("architectures", ())),
        phrase(N_("macOS {version} or later"), language, version=programs["minimum_os"]) if programs.get("minimum_os") else "",
        phrase(N_("declared: macOS {version} or later"), language, version=part["minimum_os"]) if part.get("minimum_os") else "",
    ]
    return ", ".join(text for text in told if text)


def rules_blocks(rules: Iterable[dict[str, Any]], language: Language) -> list[Block]:
    """The rules that refuse, numbered; then those a person must see although they passed."""
    kept = list(rules)
    failed = [explained(rule) for rule in kept if rule["outcome"] == "fail"]
    seen = [explained(rule) for rule in kept if rule["outcome"] == "accepted" or (rule["outcome"] == "pass" and rule.get("notice"))]
    blocks = numbered(failed, language)
    if seen:
        blocks += [Heading(phrase(N_("Good to know"), language)), *numbered(seen, language, "warning")]
    return blocks


def check_view(result: CommandResult, language: Language) -> list[Block]:
    """The decision first, then every reason, then the build that suits this workstation."""
    data = result.data
    if "decision" not in data:
        return []
    refused = data["decision"] == "refuse"
    blocks: list[Block] = []
    if result.exit_code in _NOT_YET:
        blocks.append(Verdict(phrase(_NOT_YET[result.exit_code], language), "warning"))
    elif refused:
        blocks.append(
            Verdict(phrase(N_("REFUSED: this package must not be installed on this workstation. Nothing was touched."), language), "bad")
        )
    else:
        blocks.append(Verdict(phrase(N_("ACCEPTED: this package can be installed on this workstation."), language), "good"))
        if data.get("recognised"):
            blocks.append(Line(phrase(N_("Afterwards the workstation has {set}."), language, set=data["recognised"]), 1))
    blocks += rules_blocks(data["rules"], language)
    if refused and data["recommended"]:
        blocks += [
            Line(""),
            Line(phrase(N_("The right build for this workstation: {build}."), language, build=data["recommended_name"]), 0, "good"),
        ]
    return blocks
