"""What has become of a workstation since its set was installed: remains of older releases, dependents of which a part is gone.

``verify`` after a run holds the workstation against the plan and the look before (``files``, ``aftermath``). Weeks later, without either,
it is what the bills of materials, the vetted effects of the vendors' scripts and the catalogue say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.patterns import has_wildcard, matches
from atsam_safe.verify.model import Finding
from atsam_safe.verify.witnesses import component_receipts, is_current

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.verify.examine import Examination
    from atsam_safe.verify.witnesses import View

_MAXIMUM_NAMED: Final = 20
_REMAINS: Final = frozenset({"program", "library", "service"})


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
