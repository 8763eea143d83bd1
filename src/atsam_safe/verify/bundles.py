"""Which listed bundle is a set of versions, and is it known to work on this OS release? Pure look-ups in the catalogue.

Rules
- A set is a bundle when each required member is there in one of its versions and no other core component is there beside them.
- A bundle of which only a part is known (``complete = false``) is never matched: unknown is not OK.
- How sure an answer is: the weakest of the bundle's own certainty and the certainty of the OS range.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.names import bundle_text, set_text
from atsam_safe.verify.model import BundleFit
from atsam_safe.versions import AtsamBuild, MacosRelease, VersionError, WindowsRelease, is_before, matches_release

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atsam_safe.catalogue.model import Bundle, BundleMember, CardGeneration, Catalogue, Certainty, Component, OsRange
    from atsam_safe.facts.model import OperatingSystem

_STRENGTH: Final[dict[Certainty, int]] = {"inferred": 0, "field": 1, "confirmed": 2}
_NUMBER: Final = re.compile(r"(?<![\w.])[0-9]+(?:\.[0-9]+)*(?![\w])", re.ASCII)
_LINES: Final = ("7", "8", "8.1", "10", "11")
_SERVERS: Final = (
    "Server 2008 R2",
    "Server 2012",
    "Server 2012 R2",
    "Server 2016",
    "Server 2019",
    "Server 2022",
    "Server 23H2",
    "Server 2025",
)


def weakest(*certainties: Certainty) -> Certainty:
    """The least sure of several certainties."""
    return min(certainties, key=_STRENGTH.__getitem__)


def strength(certainty: Certainty) -> int:
    """A number that orders certainties: higher is surer."""
    return _STRENGTH[certainty]


def is_release(component: Component | None, listed: str, seen: str, family: str = "macos") -> bool:
    """True when the version ``seen`` is the release the catalogue writes as ``listed`` (of which maybe only the beginning is known)."""
    prefix = False
    if component is not None:
        prefix = any(release.version == listed and release.version_is_prefix for release in component.releases if release.family == family)
    return matches_release(listed, seen, prefix=prefix)


def in_member(catalogue: Catalogue, member: BundleMember, version: str, family: str = "macos") -> bool:
    """True when ``version`` is one of the versions the bundle lists for this member."""
    component = catalogue.component(member.component)
    return any(is_release(component, listed, version, family) for listed in member.versions)


def is_bundle(catalogue: Catalogue, bundle: Bundle, versions: Mapping[str, str]) -> bool:
    """True when ``versions`` (core component → version) is exactly this bundle."""
    if not bundle.complete or not bundle.members:
        return False
    members = {member.component: member for member in bundle.members}
    core = {component.id for component in catalogue.core}
    for member in bundle.members:
        seen = versions.get(member.component)
        if seen is None:
            if not member.optional and member.component in core:
                return False
        elif not in_member(catalogue, member, seen, bundle.family):
            return False
    return all(component in members for component in versions if component in core)


def matching_bundles(catalogue: Catalogue, versions: Mapping[str, str], family: str) -> Iterator[Bundle]:
    """Every listed bundle that ``versions`` is."""
    for bundle in catalogue.bundles:
        if bundle.family == family and is_bundle(catalogue, bundle, versions):
            yield bundle


def bundles_with(catalogue: Catalogue, component: str, version: str, family: str) -> Iterator[Bundle]:
    """Every bundle that lists this release of this component (incomplete ones too)."""
    for bundle in catalogue.bundles:
        if bundle.family == family and any(
            member.component == component and in_member(catalogue, member, version, family) for member in bundle.members
        ):
            yield bundle


def failed_on(catalogue: Catalogue, versions: Mapping[str, str], system: OperatingSystem) -> bool:
    """True when one of these releases was seen to fail under this OS release family."""
    family = os_family_text(system)
    return any(
        release.family == system.family
        and any(failure.system == family for failure in release.failures)
        and matches_release(release.version, version, prefix=release.version_is_prefix)
        for identifier, version in versions.items()
        if (component := catalogue.component(identifier)) is not None
        for release in component.releases
    )


def os_in_range(system: OperatingSystem, family: str, entry: OsRange) -> bool:
    """True when the workstation's OS release lies in the range, both ends included. An unreadable release lies in none."""
    if system.version is None or system.family != family:
        return False
    try:
        if family == "macos":
            return MacosRelease.parse(system.version).in_range(entry.first, entry.last)
        line = windows_line(system)
        order = _SERVERS if line in _SERVERS else _LINES
        return (
            line is not None
            and (entry.first is None or entry.first in order)
            and entry.last in order
            and ((0 if entry.first is None else order.index(entry.first)) <= order.index(line) <= order.index(entry.last))
        )
    except VersionError:
        return False


def windows_line(system: OperatingSystem) -> str | None:
    """The Windows release as the manifests write it (``10``, ``11``, ``Server 2019``), or ``None`` when it cannot be told."""
    if system.version is None:
        return None
    try:
        return WindowsRelease.parse(system.version, server="server" in system.name.casefold()).family_text
    except VersionError:
        return None


def os_certainty(bundle: Bundle, system: OperatingSystem) -> Certainty | None:
    """How sure the catalogue is that the bundle works on this OS release; ``None`` when it does not list it.

    A range may name architectures; it then says nothing about others.
    """
    best: Certainty | None = None
    for entry in bundle.systems:
        if not os_in_range(system, bundle.family, entry):
            continue
        if entry.architectures and system.hardware is not None and system.hardware not in entry.architectures:
            continue
        certainty = weakest(bundle.certainty, entry.certainty)
        if best is None or strength(certainty) > strength(best):
            best = certainty
    return best


def _rank(bundle: Bundle, certainty: Certainty | None) -> tuple[int, bool, str]:
    return (-1 if certainty is None else strength(certainty), bundle.build is not None, bundle.id)


def best_fit(catalogue: Catalogue, versions: Mapping[str, str], system: OperatingSystem) -> BundleFit | None:
    """The listed bundle that ``versions`` is, best suited to this OS first; ``None`` when the set is not a listed one."""
    found = [(bundle, os_certainty(bundle, system)) for bundle in matching_bundles(catalogue, versions, system.family)]
    if not found:
        return None
    bundle, certainty = max(found, key=lambda pair: _rank(*pair))
    return BundleFit(
        bundle=bundle.id,
        name=set_text(catalogue, versions) if bundle.build is None else bundle_text(catalogue, bundle),
        certainty=certainty,
    )


def recommended_bundle(catalogue: Catalogue, system: OperatingSystem) -> Bundle | None:
    """The ATSAM build that suits this OS release: surest first, then newest. Merely inferred ones are not recommended."""
    found: list[tuple[int, AtsamBuild, Bundle]] = []
    for bundle in catalogue.bundles:
        certainty = os_certainty(bundle, system)
        if bundle.build is None or not bundle.complete or bundle.family != system.family or certainty in {None, "inferred"}:
            continue
        found.append((strength(certainty), AtsamBuild.parse(bundle.build), bundle))
    if not found:
        return None
    return max(found, key=lambda entry: (entry[0], entry[1].key, entry[2].id))[2]


def sets_reading(catalogue: Catalogue, generation: CardGeneration, system: OperatingSystem) -> tuple[Bundle, ...]:
    """Every set listed for this OS release, merely inferred ones too, whose middleware reads this generation of cards."""
    return tuple(
        bundle
        for bundle in catalogue.bundles
        if bundle.family == system.family
        and os_certainty(bundle, system) is not None
        and any(
            member.component == generation.component and not is_before(version, generation.minimum)
            for member in bundle.members
            for version in member.versions
        )
    )


def os_family_text(system: OperatingSystem) -> str | None:
    """The OS release family as the manifests write it (``10.14``, ``11``, ``Server 2019``), or ``None`` when it cannot be read."""
    if system.version is None:
        return None
    if system.family == "windows":
        return windows_line(system)
    try:
        return MacosRelease.parse(system.version).family_text
    except VersionError:
        return None


def compare_os(system: OperatingSystem, other: str) -> int | None:
    """-1, 0 or 1: the workstation's release family is older than, the same as or newer than ``other``; ``None`` when it cannot be told."""
    family = os_family_text(system)
    if family is None:
        return None
    if system.family == "windows":
        order = _SERVERS if family in _SERVERS else _LINES
        if family not in order or other not in order:
            return None
        here, there = order.index(family), order.index(other)
        return (here > there) - (here < there)
    try:
        mine, theirs = MacosRelease.parse(family).family, MacosRelease.parse(other).family
    except VersionError:
        return None
    return (mine > theirs) - (mine < theirs)


def told_number(system: OperatingSystem) -> MacosRelease | None:
    """The number no macOS ever had (10.16, 16) that stands in the place of the release, or in what the observer says of it."""
    if system.family != "macos":
        return None
    text = system.version if system.version is not None else system.problem or ""
    for number in _NUMBER.findall(text):
        try:
            release = MacosRelease.parse(number)
        except VersionError:
            continue
        if release.is_compatibility_lie or not release.is_real:
            return release
    return None
