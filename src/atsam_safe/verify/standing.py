"""What has become of an installed set since it was installed: rights that were taken away, remains, dependents of which a part is gone.

``verify`` after a run holds the workstation against the plan and the look before (``files``, ``aftermath``). Weeks later, without either,
it is what the bills of materials, the vetted effects of the vendors' scripts and the catalogue say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from atsam_safe.catalogue.effects import effect_possible
from atsam_safe.catalogue.patterns import canonical, expand_homes, has_wildcard, matches, matches_below
from atsam_safe.verify.examine import PASSIVE_ROLES, Examination
from atsam_safe.verify.model import Finding
from atsam_safe.verify.witnesses import component_receipts, is_current

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.facts.model import ReceiptEntry
    from atsam_safe.verify.witnesses import View

_MAXIMUM_NAMED: Final = 20
# Reading and starting. Who may write is not asked: the vendors' scripts open to everybody what their bills of materials do not.
_USE: Final = 0o555
_REMAINS: Final = frozenset({"program", "library", "service"})


class LackingRights(NamedTuple):
    """A file or folder that users can no longer read or start as they could: its permission bits and those it was installed with."""

    path: str
    mode: int
    wanted: int


def lacking_rights(examination: Examination) -> tuple[LackingRights, ...]:
    """What of the component may no longer be read or started, by the bills of materials and the effects of the vendor's scripts.

    More than one mode can be right (an effect of a script nobody read for this release): one that allows no more than what is there is
    enough. Logs, caches and private files are their programs' own.
    """
    effects = _mode_effects(examination)
    found: dict[str, LackingRights] = {}
    for entry in (entry for receipt in examination.receipts for entry in receipt.entries or ()):
        fact = examination.view.paths.get(entry.path)
        if fact is None or fact.kind != entry.kind or entry.kind == "symlink" or not _is_asked(examination, entry):
            continue
        possible = [entry.mode, *(mode for target, below, mode in effects if _means(target, entry.path, below=below))]
        if all(mode & _USE & ~fact.mode for mode in possible):
            found[entry.path] = LackingRights(entry.path, fact.mode & 0o777, possible[-1] & 0o777)
    return tuple(found.values())


def _mode_effects(examination: Examination) -> list[tuple[str, bool, int]]:
    """Target, « also below » and mode of every effect that a script of some release may have had on this system."""
    facts = examination.view.facts
    return [
        (canonical(path), effect.recursive, int(effect.mode, 8))
        for effect in examination.component.effects
        if effect.mode is not None and effect.kind != "remove" and effect_possible(effect, facts.os.version)
        for path in expand_homes(effect.path, facts.homes)
    ]


def _means(target: str, path: str, *, below: bool) -> bool:
    return matches_below(target, path) if below else matches(target, path)


def _is_asked(examination: Examination, entry: ReceiptEntry) -> bool:
    rule = examination.rule_for(entry.path)
    if rule is not None:
        return rule.role not in PASSIVE_ROLES or rule.role == "config"
    # folders above its own are everybody's, and a bill of materials names them all
    return entry.kind == "file" and not examination.is_passive(entry.path)


def remains_findings(examinations: Iterable[Examination]) -> list[Finding]:
    """Programs, libraries and services of older releases beside a component that is installed: told, since two generations can meet."""
    listed = list(examinations)
    claimed = {path for examination in listed for path in _claimed(examination)}
    claimed |= {folder for path in claimed for folder in _above(path)}
    findings: list[Finding] = []
    for examination in listed:
        component, view = examination.component, examination.view
        if not examination.present:
            continue
        paths = tuple(dict.fromkeys(path for path in _legacy_paths(component, view) if view.anything_at(path) and path not in claimed))
        if paths:
            params = {"component": component.name, "count": str(len(paths)), "path": paths[0]}
            evidence = {"component": component.id, "paths": list(paths[:_MAXIMUM_NAMED])}
            findings.append(
                Finding(ref="verify.older-remains", severity="notice", component=component.id, params=params, evidence=evidence)
            )
    return findings


def _claimed(examination: Examination) -> Iterator[str]:
    """What the receipts that say which release is installed list; older receipts count where there are no others."""
    receipts = component_receipts(examination.component, examination.view.facts)
    current = [receipt for receipt in receipts if is_current(examination.component, receipt)]
    for receipt in current or receipts:
        yield from (entry.path for entry in receipt.entries or ())


def _above(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(2, len(parts)))


def _legacy_paths(component: Component, view: View) -> Iterator[str]:
    for rule in component.paths:
        if rule.legacy and rule.role in _REMAINS and rule.on_uninstall == "remove" and not rule.created_by_script:
            yield from (path for path in view.concrete(rule.path) if not has_wildcard(path))


def incomplete_dependents(catalogue: Catalogue, view: View) -> list[Finding]:
    """Software whose receipt is there and of whose own places none is: it was removed in part, or lost. Not every place is known of all."""
    findings: list[Finding] = []
    for dependent in catalogue.dependents:
        if view.facts.os.family not in dependent.families or not dependent.owns:
            continue
        known = (one.identifier for one in view.facts.receipts)
        receipts = [identifier for identifier in known if any(matches(pattern, identifier) for pattern in dependent.receipts)]
        places = [path for pattern in (*dependent.owns, *dependent.paths) for path in view.concrete(pattern)]
        if receipts and not any(view.anything_at(path) for path in places):
            params = {"dependent": dependent.name, "receipt": receipts[0]}
            evidence = {"dependent": dependent.id, "receipts": receipts, "paths": list(dependent.owns)}
            findings.append(Finding(ref="verify.dependent-incomplete", severity="notice", params=params, evidence=evidence))
    return findings
