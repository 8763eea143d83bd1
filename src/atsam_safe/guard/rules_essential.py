"""Rules about what a payload brings: a genuine signature does not say that the programs are inside, nor that they run here.

What is installed is held against the catalogue at the end of every run too; asked here, nothing has been touched yet.

``package.essential-missing`` can be accepted: of some releases no package was ever at hand, and a publisher's script may put in place on
a running Mac what the payload does not list. The check at the end stands all the same, and undoes a run that leaves a component without
its programs. What a program declares of itself is no such question: ``package.essential-unusable`` cannot be accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.catalogue.patterns import canonical, fold, has_wildcard, is_below
from atsam_safe.guard.case import PASS, Case, Rule, Verdict, fail
from atsam_safe.verify.essential import is_program, lacking, minimum_text, obstacle
from atsam_safe.verify.examine import Examination
from atsam_safe.verify.witnesses import release_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atsam_safe.catalogue.model import Component, PathRule, Release
    from atsam_safe.packages.model import PayloadEntry

_FLAT: Final = ("macos-flat-package", "macos-disk-image")
_MAXIMUM_NAMED: Final = 20


class _Brought:
    """A part of a listed release, and what it puts where (paths in the form of ``fold``)."""

    def __init__(self, component: Component, release: Release, entries: Iterable[PayloadEntry]) -> None:
        self.component = component
        self.release = release
        self.entries = {fold(canonical(entry.path)): entry for entry in entries}

    def at(self, rule: PathRule) -> list[PayloadEntry]:
        """The files that could be what an essential rule names."""
        place = fold(canonical(rule.path))
        if rule.scope == "file":
            entry = self.entries.get(place)
            return [] if entry is None or entry.kind == "directory" else [entry]
        return [entry for path, entry in self.entries.items() if is_below(path, place) and is_program(entry.kind, entry.mode, entry.size)]

    def holds(self, rule: PathRule) -> bool:
        """True when one of them is more than a name: a program, where the content was read."""
        return any(entry.kind == "symlink" or (entry.size > 0 and not _is_text(entry, rule)) for entry in self.at(rule))


def _is_text(entry: PayloadEntry, rule: PathRule) -> bool:
    """True for what was read and is no Mach-O file. In a folder, a script may be what is started."""
    return rule.scope == "file" and entry.checksum is not None and entry.image is None


def _brought(case: Case) -> Iterator[_Brought]:
    for part in case.candidate.parts:
        inspection, component = case.inspections[part.package], case.catalogue.component(part.component)
        entries = inspection.components[part.part].entries
        # A part that brings no file at all is a rule of its own.
        if inspection.format not in _FLAT or component is None or all(entry.kind == "directory" for entry in entries or ()):
            continue
        release = release_of(component, part.version, "macos")
        if release is not None:
            yield _Brought(component, release, entries or ())


def _witnesses(case: Case, part: _Brought) -> Iterator[str]:
    """The files in which the release is recognised, as they are asked for after the installation."""
    examination = Examination(part.component, case.view, case.catalogue)
    for rule in (*part.component.witnesses, *part.release.witnesses):
        path = rule.path
        if path is None or has_wildcard(path) or path.startswith("~/"):
            continue  # in whose home, or under which of the names, nobody can say before
        if not examination.is_passive(path) and not examination.removed_by_script(path):
            yield path


def essential_missing(case: Case) -> Verdict | None:
    """The payload of a component is without what the component is not without: its programs and libraries."""
    found: list[tuple[Component, tuple[str, ...]]] = []
    asked = False
    for part in _brought(case):
        asked = True
        witnesses = (path for path in _witnesses(case, part) if getattr(part.entries.get(fold(canonical(path))), "size", 0) == 0)
        paths = tuple(dict.fromkeys((*lacking(part.component, part.holds), *witnesses)))
        if paths:
            found.append((part.component, paths))
    if not found:
        return PASS if asked else None
    evidence = [{"component": component.id, "count": len(paths), "paths": list(paths[:_MAXIMUM_NAMED])} for component, paths in found]
    component, paths = found[0]
    return fail(component=component.name, count=str(len(paths)), path=paths[0], evidence={"components": evidence})


def essential_unusable(case: Case) -> Verdict | None:
    """What the payload brings of an essential thing cannot run here: made for another processor, or for a later macOS."""
    if case.facts.os.family != "macos":
        return None
    asked = False
    for part in _brought(case):
        groups: dict[str, list[PayloadEntry]] = {}
        for rule in part.component.paths:
            if rule.essential is not None:
                groups.setdefault(rule.essential, []).extend(part.at(rule))
        for entries in groups.values():
            verdict = _unusable(case, part.component, entries)
            asked |= any(entry.image is not None for entry in entries)
            if verdict is not None:
                return verdict
    return PASS if asked else None


def _unusable(case: Case, component: Component, entries: list[PayloadEntry]) -> Verdict | None:
    """A refusal when none of the alternatives runs. That Rosetta 2 is not there yet is a rule of its own."""
    images = [(entry, entry.image) for entry in entries if entry.image is not None]
    reasons = [obstacle(image, case.facts.os) for _entry, image in images]
    if not images or len(images) < len(entries) or any(reason in (None, "rosetta") for reason in reasons):
        return None
    entry, image = images[0]
    shown = {"component": component.name, "path": entry.path, "os": case.os}
    evidence: dict[str, Any] = {"component": component.id, "path": entry.path, "image": msgspec.to_builtins(image)}
    if "system" in reasons:
        words = "package.essential-unusable.minimum"
        return fail(words=words, shown=shown, minimum=minimum_text(image), evidence=evidence)
    hardware = case.facts.os.hardware or "x86_64"
    return fail(shown=shown, architectures=", ".join(image.architectures), hardware=hardware, evidence=evidence)


RULES: Final = (
    Rule(ref="package.essential-missing", evaluate=essential_missing),
    Rule(ref="package.essential-unusable", evaluate=essential_unusable),
)
