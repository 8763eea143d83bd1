"""What a run left, lost or could not give, without being wrong for it: told, so that nobody has to find it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.catalogue.effects import effect_applies, effect_possible, script_was_read
from atsam_safe.catalogue.patterns import canonical, expand_homes, is_below
from atsam_safe.plan.model import InstallPayload
from atsam_safe.verify.model import Finding
from atsam_safe.verify.witnesses import View, component_receipts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.facts.model import Facts
    from atsam_safe.plan.model import Plan

_MAXIMUM_NAMED: Final = 20
_FIRST: Final = 3
_OF_OTHERS: Final = frozenset({"foreign", "undecided"})


def without_folders_of_others(before: Facts | None, after: Facts, catalogue: Catalogue, plan: Plan | None) -> Facts:
    """The facts without the components' folders of which only files of others are left, as planned: such a folder is no component.

    Only where a receipt said which files were the component's own: else nobody could tell that what is left is not.
    """
    kept = {entry.path for entry in plan.kept if entry.reason in _OF_OTHERS} if plan is not None else set()
    if before is None or not kept:
        return after
    listed = {
        canonical(entry.path)
        for component in catalogue.core
        for receipt in component_receipts(component, before)
        for entry in receipt.entries or ()
        if entry.kind != "directory"
    }
    ours = [fact.path for fact in after.paths if fact.kind != "directory" and fact.path not in kept]
    emptied = [
        folder
        for folder in _folders(catalogue, after)
        if any(is_below(path, folder) for path in kept)
        and any(is_below(path, folder) for path in listed)
        and not any(is_below(path, folder) for path in ours)
    ]
    if not emptied:
        return after
    left = tuple(fact for fact in after.paths if not any(fact.path == folder or is_below(fact.path, folder) for folder in emptied))
    return msgspec.structs.replace(after, paths=left)


def _folders(catalogue: Catalogue, facts: Facts) -> Iterator[str]:
    """The folders that go with the components as a whole."""
    for component in catalogue.core:
        for rule in component.paths:
            if rule.scope == "tree" and rule.on_uninstall == "remove":
                yield from (canonical(path) for path in expand_homes(rule.path, facts.homes))


def inventory_findings(before: Facts, after: Facts, catalogue: Catalogue, plan: Plan) -> list[Finding]:
    """Inventory files of what was installed that were there and were not written again.

    A script that was read and leaves one out means it: no finding then.
    """
    old, new = View(before), View(after)
    lost: dict[str, None] = {}
    for component in catalogue.core:
        version = plan.target.versions.get(component.id)
        if version is None or script_was_read(component, version, after.os.version):
            continue
        for rule in component.paths:
            if rule.role == "inventory":
                found = [path for path in old.concrete(rule.path) if path in old.paths and path not in new.paths]
                lost |= dict.fromkeys(found)
    if not lost:
        return []
    paths = sorted(lost)
    params = {"count": str(len(paths)), "paths": _named(paths)}
    return [Finding(ref="verify.inventory-lost", severity="notice", params=params, evidence={"paths": paths[:_MAXIMUM_NAMED]})]


def payload_findings(after: Facts, catalogue: Catalogue, plan: Plan) -> list[Finding]:
    """What a package brings and a script of the component removes again, where the script of this release was not read."""
    view = View(after)
    findings: list[Finding] = []
    for step in plan.steps:
        component = catalogue.component(step.component or "") if isinstance(step, InstallPayload) else None
        if component is None or not isinstance(step, InstallPayload):
            continue
        paths = sorted({path for path in _perhaps_removed(component, step, after) if view.anything_at(path)})
        if paths:
            params = {"component": component.name, "version": step.version, "count": str(len(paths)), "paths": _named(paths)}
            evidence = {"component": component.id, "paths": paths[:_MAXIMUM_NAMED]}
            findings.append(
                Finding(ref="verify.left-by-payload", severity="notice", component=component.id, params=params, evidence=evidence)
            )
    return findings


def _perhaps_removed(component: Component, step: InstallPayload, after: Facts) -> Iterator[str]:
    system = after.os.version
    brought = [canonical(entry.path) for receipt in component_receipts(component, after) for entry in receipt.entries or ()]
    for effect in component.effects:
        if effect.kind != "remove" or effect_applies(effect, step.version, system) or not effect_possible(effect, system):
            continue
        for path in (canonical(one) for one in expand_homes(effect.path, after.homes)):
            if any(entry == path or is_below(entry, path) for entry in brought):
                yield path


def _named(paths: list[str]) -> str:
    return ", ".join(paths[:_FIRST]) + (" …" if len(paths) > _FIRST else "")
