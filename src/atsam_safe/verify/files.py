"""Every file the receipts list is there, of its kind, size, content and mode, as planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from atsam_safe.catalogue.effects import owner_numbers
from atsam_safe.catalogue.patterns import canonical, is_apple_double, is_below
from atsam_safe.plan.model import ApplyEffect, InstallPayload
from atsam_safe.verify.examine import Examination, differs
from atsam_safe.verify.model import Finding
from atsam_safe.verify.witnesses import View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.facts.model import Facts, PathFact, ReceiptEntry
    from atsam_safe.plan.model import Plan
    from atsam_safe.verify.model import Severity

_MAXIMUM_NAMED: Final = 20


class _PlannedMode(NamedTuple):
    """A mode that an effect of the plan gives to ``target`` (canonical) and, if ``recursive``, to everything below it."""

    target: str
    recursive: bool
    mode: str


def _planned_modes(plan: Plan) -> tuple[_PlannedMode, ...]:
    """In the order of the plan: the last one that means a path wins."""
    return tuple(
        _PlannedMode(canonical(step.path), step.recursive, step.mode)
        for step in plan.steps
        if isinstance(step, ApplyEffect) and step.mode is not None and step.kind != "remove"
    )


def _planned_mode(planned: tuple[_PlannedMode, ...], path: str) -> str | None:
    """The mode (octal text) the plan gives to ``path`` in the end, or ``None`` when no effect does."""
    for one in reversed(planned):
        if path == one.target or (one.recursive and is_below(path, one.target)):
            return one.mode
    return None


def file_findings(after: Facts, catalogue: Catalogue, plan: Plan) -> list[Finding]:
    """Files and links of the installed components: content by the checksum of the bill of materials, and modes."""
    view = View(after)
    findings: list[Finding] = []
    removed = {canonical(step.path) for step in plan.steps if isinstance(step, ApplyEffect) and step.kind == "remove"}
    planned = _planned_modes(plan)
    placed = {step.component for step in plan.steps if isinstance(step, InstallPayload)}
    for component in catalogue.components:
        # Only what this plan itself put in place: the modes of a component that was there before are its own script's.
        if component.id not in placed:
            continue
        examination = Examination(component, view, catalogue)
        entries = [entry for receipt in examination.receipts for entry in receipt.entries or () if entry.kind in {"file", "symlink"}]
        entries = [entry for entry in entries if not any(entry.path == path or is_below(entry.path, path) for path in removed)]
        content = [entry.path for entry in entries if _content_differs(entry, view.paths.get(entry.path), examination, plan)]
        modes = [entry.path for entry in entries if _mode_differs(entry, view.paths.get(entry.path), plan, planned)]
        for ref, paths in (("verify.content-differs", content), ("verify.mode-differs", modes)):
            if paths:
                params = {"component": component.name, "count": str(len(paths)), "path": paths[0]}
                evidence = {"component": component.id, "paths": paths[:_MAXIMUM_NAMED]}
                findings.append(Finding(ref=ref, severity="blocking", component=component.id, params=params, evidence=evidence))
        findings += _owner_findings(after, view, component, plan)
    return findings


def _owner_findings(after: Facts, view: View, component: Component, plan: Plan) -> Iterator[Finding]:
    """Files and folders without the owner that an effect of the plan gives them. Where nobody can be given a file, that is only told."""
    if after.system.gives_owners is None:
        return
    differing: dict[str, str] = {}
    for step in plan.steps:
        if isinstance(step, ApplyEffect) and step.component == component.id and step.owner is not None:
            top = canonical(step.path)
            paths = [path for path in view.paths if path == top or (step.recursive and is_below(path, top))]
            # what is kept may have other names elsewhere: then it is left as it is, and told (workstation.shared-file-kept)
            paths = [path for path in paths if path not in plan.preserved]
            differing |= {path: step.owner for path in paths if _owner_differs(view.paths[path], step.owner)}
    if differing:
        path, owner = next(iter(differing.items()))
        params = {"component": component.name, "count": str(len(differing)), "path": path, "owner": owner}
        evidence = {"component": component.id, "paths": list(differing)[:_MAXIMUM_NAMED]}
        ref = "verify.owner-differs" if after.system.gives_owners else "verify.owner-not-given"
        severity: Severity = "blocking" if after.system.gives_owners else "notice"
        yield Finding(ref=ref, severity=severity, component=component.id, params=params, evidence=evidence)


def _owner_differs(fact: PathFact, owner: str) -> bool:
    numbers = owner_numbers(owner)
    if numbers is None or fact.kind not in {"file", "directory"}:
        return False
    user, group = numbers
    return fact.uid != user or (group is not None and fact.gid != group)


def _content_differs(entry: ReceiptEntry, fact: PathFact | None, examination: Examination, plan: Plan) -> bool:
    if fact is None or examination.is_passive(entry.path) or entry.path in plan.preserved or is_apple_double(entry.path):
        return False
    return differs(entry, fact)


def _mode_differs(entry: ReceiptEntry, fact: PathFact | None, plan: Plan, planned: tuple[_PlannedMode, ...]) -> bool:
    """Set-uid and set-gid bits are never installed, so they are not asked for either."""
    if fact is None or entry.kind != "file" or fact.kind != "file":
        return False
    mode = _planned_mode(planned, entry.path)
    if mode is None and entry.path in plan.preserved:
        return False
    wanted = int(mode, 8) if mode is not None else entry.mode
    return fact.mode & 0o777 != wanted & 0o777
