"""The rule about what components bring together: each package is sound, and only on the disk do their paths meet.

An archive whose own parts collide is refused as it is read. Packages that are given together were read one by one; here they are held
against each other, and against the settings that stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.patterns import canonical, expand_homes
from atsam_safe.guard.candidate import is_brought
from atsam_safe.guard.case import PASS, Case, Rule, Verdict, fail
from atsam_safe.packages.meeting import Meeting, meetings
from atsam_safe.packages.paths import folded_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.packages.model import PayloadEntry

_FLAT: Final = ("macos-flat-package", "macos-disk-image")
_MAXIMUM_NAMED: Final = 20

_Payload = tuple[str, "tuple[PayloadEntry, ...]"]


def _brought(case: Case) -> dict[str, _Payload]:
    """Identifier of each part that is put in place → its name as a person reads it, and what it brings; the first of two of a kind.

    A component that comes in two versions is a rule of its own. A running system's own installer puts a package's other parts in place as
    well, and takes no orders about them.
    """
    found: dict[str, _Payload] = {}
    packages: dict[int, None] = {}
    for part in case.candidate.parts:
        inspection = case.inspections[part.package]
        if inspection.readable and inspection.format in _FLAT and part.component not in case.candidate.conflicting:
            packages[part.package] = None
            name = _named(case, part.package, case.component_name(part.component))
            found.setdefault(part.identifier, (name, inspection.components[part.part].entries or ()))
    if case.facts.adapter == "offline":
        return found
    for package in packages:
        for content in case.inspections[package].components:
            known = case.catalogue.component(content.component or "")
            if content.selection != "left-out" and not is_brought(content, known):
                name = _named(case, package, content.identifier if known is None else known.name)
                found.setdefault(content.identifier, (name, content.entries or ()))
    return found


def _named(case: Case, package: int, component: str) -> str:
    """A part as a person finds it again; the name of the only package there is says nothing."""
    path = case.inspections[package].path
    return component if len(case.inspections) == 1 else f"{component} ({path.rpartition('/')[2] or path})"


def _respelt_settings(case: Case) -> Iterator[tuple[PayloadEntry, str, str]]:
    """What would take the place of a configuration file under another spelling: it is kept by its name, and this is another one."""
    kept = {
        folded_path(path): path
        for component in case.catalogue.components
        for config in component.configs
        for path in expand_homes(config.path, case.facts.homes)
    }
    for name, entries in _brought(case).values():
        for entry in entries:
            path = kept.get(folded_path(canonical(entry.path)))
            if path is not None and path != canonical(entry.path):
                yield entry, name, path


def path_collision(case: Case) -> Verdict | None:
    """Two components would put something in the same place, or one of them something below a file or a link of the other."""
    brought = _brought(case)
    if not brought:
        return None
    labels = {identifier: name for identifier, (name, _entries) in brought.items()}
    found = list(meetings((identifier, entries) for identifier, (_name, entries) in brought.items()))
    if found:
        return _told(found, labels)
    settings = list(_respelt_settings(case))
    if settings:
        entry, name, path = settings[0]
        evidence = {"paths": [{"path": one.path, "of": who, "other": kept} for one, who, kept in settings[:_MAXIMUM_NAMED]]}
        return fail(words="package.path-collision.settings", path=entry.path, component=name, other=path, evidence=evidence)
    return PASS


def _told(found: list[Meeting], labels: dict[str, str]) -> Verdict:
    first = found[0]
    evidence = {
        "count": len(found),
        "paths": [
            {"path": one.path, "of": labels[one.owner], "other": one.other, "other_of": labels[one.other_owner]}
            for one in found[:_MAXIMUM_NAMED]
        ],
    }
    return fail(
        words="package.path-collision.together",
        path=first.path,
        component=labels[first.owner],
        other=first.other,
        other_component=labels[first.other_owner],
        count=str(len(found)),
        evidence=evidence,
    )


RULES: Final = (Rule(ref="package.path-collision", evaluate=path_collision),)
