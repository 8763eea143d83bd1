"""Rules about the operating system and the processor: the mistake this project exists for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from atsam_safe.catalogue.model import Bundle, Certainty
from atsam_safe.catalogue.names import bundle_text
from atsam_safe.guard.case import PASS, Case, Rule, Verdict, fail, notice
from atsam_safe.verify.bundles import bundles_with, compare_os, failed_on, os_certainty, os_family_text, strength, told_number
from atsam_safe.versions import MacosRelease, VersionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Position = Literal["listed", "below", "above", "gap", "unknown"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Where this OS lies for one question: a set of offered versions, and the bundles one of which must list the OS."""

    offered: dict[str, str]
    bundles: tuple[Bundle, ...]
    position: Position
    certainty: Certainty | None


_FORMAT_FAMILY: Final = {
    "macos-flat-package": "macos",
    "macos-disk-image": "macos",
    "windows-installer": "windows",
    "rpm": "linux",
}
# Sentences that name no recommended build, so that they suit a workstation with and without one.
_COMPLETE_VARIANTS: Final = frozenset({".unknown-release", ".inferred"})
_FAMILY_NAME: Final = {"macos": "macOS", "windows": "Windows", "linux": "Linux"}


def unreadable(case: Case) -> Verdict | None:
    """Without a readable OS release nothing can be chosen. What is there can be taken away all the same, which leaves less to go wrong."""
    if told_number(case.facts.os) is not None:
        return None
    if os_family_text(case.facts.os) is not None:
        return PASS
    evidence = {"version": case.facts.os.version, "problem": case.facts.os.problem}
    if case.command == "uninstall":
        return notice(words="os.unreadable.uninstall", evidence=evidence)
    return fail(evidence=evidence)


def compatibility_lie(case: Case) -> Verdict | None:
    """Old programs are given a number that no release ever had (10.16, 16): the real release is hidden."""
    told = told_number(case.facts.os)
    if told is not None:
        return fail(version=told.text, hidden=told.hidden_first_family or "11", evidence={"version": told.text})
    return PASS if os_family_text(case.facts.os) is not None and case.facts.os.family == "macos" else None


def wrong_family(case: Case) -> Verdict | None:
    """A Windows installer on a Mac, or the reverse."""
    families = {_FORMAT_FAMILY[inspection.format] for inspection in case.inspections if inspection.format in _FORMAT_FAMILY}
    if not families:
        return None
    wrong = sorted(families - {case.facts.os.family})
    if wrong:
        return fail(
            expected=", ".join(_FAMILY_NAME[family] for family in wrong),
            os=_FAMILY_NAME[case.facts.os.family],
            evidence={"package_families": sorted(families), "workstation": case.facts.os.family},
        )
    return PASS


def _position(bundles: Iterable[Bundle], case: Case) -> tuple[Position, Certainty | None]:
    """Where the workstation's OS lies relative to everything the bundles list; the surest listing wins."""
    best: Certainty | None = None
    below = above = counted = 0
    for bundle in bundles:
        certainty = os_certainty(bundle, case.facts.os)
        if certainty is not None and (best is None or strength(certainty) > strength(best)):
            best = certainty
        for entry in bundle.systems:
            first = 0 if entry.first is None else compare_os(case.facts.os, entry.first)
            last = compare_os(case.facts.os, entry.last)
            if first is None or last is None:
                continue
            counted += 1
            below += first < 0
            above += last > 0
    if best is not None:
        return "listed", best
    if not counted:
        return "unknown", None
    if below == counted:
        return "below", None
    return ("above", None) if above == counted else ("gap", None)


def _questions(case: Case) -> list[tuple[dict[str, str], tuple[Bundle, ...]]]:
    """What is asked: the resulting set when it is a listed one, or else each offered release by itself; with the bundles it is in."""
    candidate = case.candidate
    if candidate.bundles:
        return [(candidate.offered, candidate.bundles)]
    family = case.facts.os.family
    return [
        ({component: version}, found)
        for component, version in candidate.offered.items()
        if (found := tuple(bundles_with(case.catalogue, component, version, family)))
    ]


def _range_text(case: Case, bundles: Iterable[Bundle]) -> str:
    """The OS releases the bundles are for, oldest first: ``macOS 10.15 (Catalina), macOS 12 (Monterey), 13 (Ventura) and 14 (Sonoma)``.

    The few words between the numbers are put in the reader's language where the sentence is made (``words.translate``).
    """
    family = _FAMILY_NAME[case.facts.os.family]
    releases = [release for release in case.catalogue.os_releases if release.family == case.facts.os.family]
    # Windows' releases are called by their number: « Windows 11 (Windows 11) » says nothing more
    names = {release.version: release.name for release in releases if release.name != f"{family} {release.version}"}
    texts: list[str] = []
    for first, last in _merged({(entry.first, entry.last) for bundle in bundles for entry in bundle.systems}):
        known = [release.version for release in releases]
        between = known[known.index(first) : known.index(last) + 1] if first in known and last in known else []
        if first is None:
            texts.append(f"{family} {_named(last, names)} and earlier")
        elif first == last:
            texts.append(f"{family} {_named(last, names)}")
        elif len(between) > 1:
            texts.append(f"{family} {', '.join(_named(version, names) for version in between[:-1])} and {_named(last, names)}")
        else:
            texts.append(
                f"{family} {_named(first, names)} and later" if _family(first) == last else f"{family} {_named(first, names)} – {last}"
            )
    return ", ".join(texts)


def _named(version: str, names: dict[str, str]) -> str:
    """A release with the name of its family: ``26.6 (Tahoe)``."""
    name = names.get(version) or names.get(_family(version))
    return version if name is None else f"{version} ({name})"


def _family(version: str) -> str:
    try:
        return MacosRelease.parse(version).family_text
    except VersionError:
        return version


def _merged(ranges: set[tuple[str | None, str]]) -> list[tuple[str | None, str]]:
    """The ranges oldest first, without those that lie inside another one; as they are when they are not macOS releases."""
    try:
        ends = {pair: ((() if pair[0] is None else MacosRelease.parse(pair[0]).key), MacosRelease.parse(pair[1]).family) for pair in ranges}
    except VersionError:
        return sorted(ranges, key=lambda pair: (pair[0] or "", pair[1]))
    kept = [
        pair
        for pair, (first, last) in ends.items()
        if not any(other != pair and ends[other][0] <= first and last <= ends[other][1] for other in ranges)
    ]
    return sorted(kept, key=lambda pair: ends[pair])


def _known_release(case: Case) -> bool:
    family = os_family_text(case.facts.os)
    return any(release.family == case.facts.os.family and release.version == family for release in case.catalogue.os_releases)


def _os_verdict(case: Case, ref: str, answers: list[Answer], *, variant: str = "") -> Verdict:
    """A refusal that names what is at fault, and nothing else; without a recommended build other sentences are used.

    Parts that are for different systems are told each with its own: the systems of one say nothing about another.
    """
    bundles = list({bundle.id: bundle for answer in answers for bundle in answer.bundles}.values())
    offered = {component: version for answer in answers for component, version in answer.offered.items()}
    recommended = case.recommended
    needed = {_package_text(case, answer.offered): _range_text(case, answer.bundles) or "?" for answer in answers}
    several = variant != ".inferred" and len(set(needed.values())) > 1
    suffix = f"{variant}.several" if several else variant
    suffix += "" if recommended is not None or variant in _COMPLETE_VARIANTS else ".no-build"
    return fail(
        words=f"{ref}{suffix}" if suffix else None,
        package=_package_text(case, offered),
        os=case.os,
        needed="; ".join(f"{name} – {systems}" for name, systems in needed.items()) if several else next(iter(needed.values())),
        recommended="?" if recommended is None else bundle_text(case.catalogue, recommended),
        evidence={
            "os": case.facts.os.version,
            "bundles": [bundle.id for bundle in bundles],
            "offered": offered,
            "recommended": None if recommended is None else recommended.id,
        },
    )


def _package_text(case: Case, offered: dict[str, str]) -> str:
    """A build with the versions it stands for (``ATSAM 4.50 (GALSS 3.43.02, …)``), or the versions alone."""
    versions = case.set_text(offered) or "?"
    name = case.package_text()
    return versions if not case.candidate.bundles or name == versions else f"{name} ({versions})"


def _failed_here(case: Case, answers: list[Answer]) -> bool:
    """True when one of the releases at fault was seen to fail under this very system. Nothing is inferred from one system to another."""
    return any(failed_on(case.catalogue, answer.offered, case.facts.os) for answer in answers)


def _answers(case: Case) -> list[Answer] | None:
    """``None`` when the question makes no sense: nothing of ours offered, another OS family, an unreadable release."""
    if not case.candidate.changed or os_family_text(case.facts.os) is None or wrong_family(case) not in (None, PASS):
        return None
    if told_number(case.facts.os) is not None:
        return None
    found: list[Answer] = []
    for offered, bundles in _questions(case):
        position, certainty = _position(bundles, case)
        found.append(Answer(offered=offered, bundles=bundles, position=position, certainty=certainty))
    return found


def _minimum_os(case: Case) -> str | None:
    """A minimum release that a package or a known component release states, when the workstation is below it."""
    if case.facts.os.family != "macos":
        return None
    wanted = [inspection.product.minimum_os for inspection in case.inspections if inspection.product is not None]
    for part in case.candidate.parts:
        component = case.catalogue.component(part.component)
        wanted.append(case.inspections[part.package].components[part.part].minimum_os)
        if component is not None:
            wanted += [release.minimum_os for release in component.releases if release.version == part.version]
    below = [minimum for minimum in wanted if minimum is not None and _is_below(case.facts.os.version, minimum)]
    return below[0] if below else None


def _is_below(version: str | None, minimum: str) -> bool:
    """True when the release is older than the minimum, to the last field. What cannot be read is below nothing (other rules say so)."""
    try:
        return MacosRelease.parse(version or "") < MacosRelease.parse(minimum)
    except VersionError:
        return False


def too_old(case: Case) -> Verdict | None:
    """The package is for newer releases: ATSAM 4.50 on Mojave."""
    answers = _answers(case)
    if answers is None:
        return None
    below = [answer for answer in answers if answer.position == "below"]
    if below:
        return _os_verdict(case, "os.too-old", below, variant="" if _failed_here(case, below) else ".component")
    minimum = _minimum_os(case)
    if minimum is not None:
        return fail(words="os.too-old.minimum", package=case.package_text(), os=case.os, minimum=minimum, evidence={"minimum_os": minimum})
    return PASS


def too_new(case: Case) -> Verdict | None:
    """The package is for older releases, and this one is known."""
    answers = _answers(case)
    if answers is None:
        return None
    above = [answer for answer in answers if answer.position == "above"]
    return _os_verdict(case, "os.too-new", above) if above and _known_release(case) else PASS


def unlisted(case: Case) -> Verdict | None:
    """Nobody has confirmed, or even seen, this package on this release: unknown is not OK."""
    answers = _answers(case)
    if answers is None:
        return None
    for positions, certainty, variant in (
        ({"above"} if not _known_release(case) else set(), None, ".unknown-release"),
        ({"gap", "unknown"}, None, ""),
        ({"listed"}, "inferred", ".inferred"),
    ):
        found = [answer for answer in answers if answer.position in positions and answer.certainty == certainty]
        if found:
            return _os_verdict(case, "os.unlisted", found, variant=variant)
    listed = [answer.certainty for answer in answers if answer.position == "listed"]
    if "field" in listed:
        return notice(words="os.unlisted.field", package=case.package_text(), os=case.os, certainty="field")
    return Verdict(passed=True, certainty="confirmed") if listed else None


def _release_architectures(case: Case) -> dict[str, tuple[str, ...]]:
    """Component → architectures of the offered release, where the catalogue knows them."""
    found: dict[str, tuple[str, ...]] = {}
    for part in case.candidate.parts:
        component = case.catalogue.component(part.component)
        for release in component.releases if component is not None else ():
            if release.version == part.version and release.architectures and release.family == case.facts.os.family:
                found[part.component] = release.architectures
    return found


def _intel(case: Case) -> tuple[list[str], list[str]]:
    """Components whose programs run on an Apple processor only through Rosetta 2; and those of which only their package says so.

    The programs themselves are the witness. Where none was read, what the catalogue wrote down of the release counts, then the package.
    """
    known = _release_architectures(case)
    found: dict[str, None] = {}
    declared: dict[str, None] = {}
    for part in case.candidate.parts:
        inspection = case.inspections[part.package]
        images = inspection.components[part.part].images
        hosts = inspection.product.host_architectures if inspection.product is not None else ()
        says_intel = bool(hosts) and "arm64" not in hosts
        if images:
            (found if any("arm64" not in image.architectures for image in images) else declared if says_intel else {})[part.component] = (
                None
            )
        elif part.component in known:
            if "arm64" not in known[part.component]:
                found[part.component] = None
        elif says_intel:
            found[part.component] = None
    return list(found), list(declared)


def _is_translated(case: Case, hardware: str, offered: Sequence[str]) -> bool:
    """Programs of another processor that this system runs all the same: Rosetta 2 on a Mac; 32-bit ones on any 64-bit Windows."""
    if hardware == "arm64" and "x86_64" in offered:
        return True
    return case.facts.os.family == "windows" and hardware in {"x86_64", "arm64"} and "i386" in offered


def not_native(case: Case) -> Verdict | None:
    """The package names its processors, and this workstation's is none of them (nor can it be translated)."""
    hardware = case.facts.os.hardware
    if hardware is None or not case.inspections:
        return None
    for inspection in case.inspections:
        hosts = inspection.product.host_architectures if inspection.product is not None else ()
        translated = _is_translated(case, hardware, hosts)
        if hosts and hardware not in hosts and not translated:
            return fail(hardware=hardware, expected=", ".join(hosts), evidence={"path": inspection.path, "hosts": list(hosts)})
    for component, architectures in _release_architectures(case).items():
        translated = _is_translated(case, hardware, architectures)
        if hardware not in architectures and not translated:
            return fail(
                words="arch.not-native.component",
                hardware=hardware,
                component=case.component_name(component),
                expected=", ".join(architectures),
                evidence={"component": component, "architectures": list(architectures)},
            )
    return PASS


def rosetta_missing(case: Case) -> Verdict | None:
    """Components for Intel processors on an Apple one need Rosetta 2; whether it is there must be known."""
    if case.facts.os.family != "macos" or case.facts.os.hardware == "x86_64" or not case.candidate.changed:
        return None
    if os_family_text(case.facts.os) is None:
        return None
    intel, declared = _intel(case)
    if not intel:
        return _declared_intel(case, declared)
    named = ", ".join(case.component_name(component) for component in intel)
    evidence = {"components": intel, "hardware": case.facts.os.hardware, "rosetta": case.facts.os.rosetta}
    if case.facts.os.hardware is None:
        return fail(words="arch.rosetta-missing.hardware-unknown", components=named, evidence=evidence)
    if case.facts.os.rosetta:
        return notice(words="arch.rosetta-missing.present", components=named, evidence=evidence)
    return fail(components=named, evidence=evidence)


def _declared_intel(case: Case, declared: list[str]) -> Verdict | None:
    """Programs for both processors in a package that names Intel's alone: they run, but macOS's installer asks for Rosetta 2 first."""
    if not declared or case.facts.os.hardware != "arm64" or case.facts.os.rosetta:
        return None
    words = "arch.rosetta-missing.declared"
    named = ", ".join(case.component_name(component) for component in declared)
    evidence = {"declared": declared, "hardware": case.facts.os.hardware, "rosetta": case.facts.os.rosetta}
    # on a volume macOS's installer has no part
    return (
        notice(words=words, components=named, evidence=evidence)
        if _is_a_volume(case)
        else fail(words=words, components=named, evidence=evidence)
    )


def _is_a_volume(case: Case) -> bool:
    return case.facts.adapter == "offline"


RULES: Final = (
    Rule(ref="os.unreadable", evaluate=unreadable, commands=frozenset({"install", "uninstall"})),
    Rule(ref="os.compatibility-lie", evaluate=compatibility_lie),
    Rule(ref="os.wrong-family", evaluate=wrong_family),
    Rule(ref="os.too-old", evaluate=too_old),
    Rule(ref="os.too-new", evaluate=too_new),
    Rule(ref="os.unlisted", evaluate=unlisted),
    Rule(ref="arch.not-native", evaluate=not_native),
    Rule(ref="arch.rosetta-missing", evaluate=rosetta_missing),
)
