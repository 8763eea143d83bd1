"""What a component is not without, and whether a program can run here: the same questions to a workstation and to a package.

A bill of materials says what one package brought, not what the component needs: a package without the programs agrees with its own bill.
What is needed stands in the catalogue (``PathRule.essential``), for every release that is listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from atsam_safe.versions import MacosRelease, VersionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from atsam_safe.catalogue.model import Component, PathRule
    from atsam_safe.facts.model import BinaryImage, OperatingSystem

Obstacle = Literal["processor", "rosetta", "system"]

_EXECUTABLE = 0o111
_FIRST_WITHOUT_32_BITS = (10, 15)
_FIRST_ON_APPLE_PROCESSORS = (11,)


def is_program(kind: str, mode: int, size: int) -> bool:
    """True for a file that could be started; nobody can start an empty one."""
    return kind == "file" and size > 0 and bool(mode & _EXECUTABLE)


def lacking(component: Component, holds: Callable[[PathRule], bool]) -> tuple[str, ...]:
    """One path for each essential thing of which ``holds`` finds none of the alternatives: where the present releases have it."""
    groups: dict[str, list[PathRule]] = {}
    for rule in component.paths:
        if rule.essential is not None:
            groups.setdefault(rule.essential, []).append(rule)
    absent = (rules for rules in groups.values() if not any(holds(rule) for rule in rules))
    return tuple(min(rules, key=lambda rule: rule.legacy).path for rules in absent)


def obstacle(image: BinaryImage, system: OperatingSystem) -> Obstacle | None:
    """Why none of a program's forms can run on this Mac, or ``None``. What the volume does not tell is never held against it."""
    release = _release(system.version)
    if system.family != "macos" or release is None or not image.architectures:
        return None
    hardware = system.hardware
    if hardware is None and release.family < _FIRST_ON_APPLE_PROCESSORS:
        hardware = "x86_64"
    forms = dict(zip(image.architectures, image.minimum_os or ("",) * len(image.architectures), strict=False))
    fitting = {"x86_64", "arm64"} if hardware is None else {hardware, "x86_64"}
    if release.family < _FIRST_WITHOUT_32_BITS:
        fitting |= {"i386"}
    usable = {name: minimum for name, minimum in forms.items() if name in fitting}
    if not usable:
        return "processor"
    if all(_is_above(minimum, release) for minimum in usable.values()):
        return "system"
    return "rosetta" if hardware == "arm64" and system.rosetta is False and "arm64" not in usable else None


def minimum_text(image: BinaryImage) -> str:
    """The lowest release that any form of the program asks for."""
    lowest = _lowest(image)
    return "?" if lowest is None else lowest.text


def highest_minimum(images: Iterable[BinaryImage]) -> str | None:
    """The lowest release on which all of these programs start."""
    known = [lowest for image in images if (lowest := _lowest(image)) is not None]
    return max(known, key=lambda release: release.key).text if known else None


def _lowest(image: BinaryImage) -> MacosRelease | None:
    known = [release for minimum in image.minimum_os if (release := _release(minimum)) is not None]
    return min(known, key=lambda release: release.key) if known else None


def _is_above(minimum: str, release: MacosRelease) -> bool:
    wanted = _release(minimum)
    return wanted is not None and release < wanted


def _release(text: str | None) -> MacosRelease | None:
    try:
        return None if not text else MacosRelease.parse(text)
    except VersionError:
        return None
