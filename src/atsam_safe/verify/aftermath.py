"""What a run must not have done: lose configuration, harm other software, take what was to be kept, leave parts of the set before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.patterns import canonical, expand_homes, fold, has_wildcard, is_below
from atsam_safe.catalogue.product_codes import normal
from atsam_safe.catalogue.windows_paths import name
from atsam_safe.plan.model import ApplyEffect, ForgetReceipt, RemovePath, RunInstaller, UninstallProduct, WriteReceipt
from atsam_safe.verify.dependents import evidence_of
from atsam_safe.verify.model import Finding
from atsam_safe.verify.products import product_label, resident_programs
from atsam_safe.verify.witnesses import View, component_receipts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts, PathFact
    from atsam_safe.plan.model import KeptPath, Plan, Target

_MAXIMUM_NAMED: Final = 20


def leftover_findings(after: Facts, catalogue: Catalogue, plan: Plan) -> list[Finding]:
    """Paths of the removed set that are still there although nothing of the new set put them there."""
    view = View(after)
    installed = [step for step in plan.steps if isinstance(step, RunInstaller)]
    brought = {step.identifier for step in plan.steps if isinstance(step, WriteReceipt)}
    brought |= {identifier for step in installed for identifier, _version in step.receipts}
    receipts = [receipt for component in catalogue.core for receipt in component_receipts(component, after)]
    # optional components of the packages (DiagAM, amelipro connect) came back with them
    receipts += [receipt for receipt in after.receipts if receipt.identifier in brought]
    claimed = {entry.path for receipt in receipts for entry in receipt.entries or ()}
    claimed |= {canonical(step.path) for step in plan.steps if isinstance(step, ApplyEffect) and step.kind != "remove"}
    if installed:
        claimed |= set(_made_by_scripts(after, catalogue))
    folders = {folder for path in claimed for folder in _above(path)}
    forgotten = {canonical(path) for step in plan.steps if isinstance(step, ForgetReceipt) for path in step.paths}
    left = [
        path
        for path in plan.residue_rules
        if path not in claimed and path not in folders and path not in forgotten and not has_wildcard(path) and view.anything_at(path)
    ]
    known = {receipt.identifier for receipt in after.receipts}
    targeted = brought | {getattr(step, "identifier", None) for step in plan.steps if not isinstance(step, ForgetReceipt)}
    left += [step.identifier for step in plan.steps if isinstance(step, ForgetReceipt) and step.identifier in known - targeted]
    if not left:
        return []
    params = {"count": str(len(left)), "path": left[0]}
    return [Finding(ref="verify.leftovers", severity="blocking", params=params, evidence={"paths": left[:_MAXIMUM_NAMED]})]


def _made_by_scripts(after: Facts, catalogue: Catalogue) -> Iterable[str]:
    """On a running system the vendors' scripts make files that no receipt lists: those the catalogue knows are no leftovers."""
    for component in catalogue.core:
        made = [rule.path for rule in component.paths if rule.created_by_script]
        made += [effect.path for effect in component.effects if effect.kind in {"write-file", "create-directory"}]
        for path in made:
            yield from (canonical(one) for one in expand_homes(path, after.homes))


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(2, len(parts))]


def configuration_findings(before: Facts, after: Facts, catalogue: Catalogue, plan: Plan | None) -> list[Finding]:
    """Every configuration file is byte for byte what it was, unless the plan says that the package brings its own."""
    seen = {config.path: config for config in after.configs}
    kept_names = {component.id: component.name for component in catalogue.components}
    owner = {rule.path: component.id for component in catalogue.components for rule in component.configs}
    explained = _explained(plan)
    findings: list[Finding] = []
    for config in before.configs:
        now = seen.get(config.path)
        if now is not None and now.sha256 == config.sha256:
            continue
        component = owner.get(config.path)
        params = {"path": config.path, "component": kept_names.get(component or "", "")}
        evidence = {"path": config.path, "before": config.sha256, "after": None if now is None else now.sha256}
        if plan is not None and config.path not in plan.preserved and _is_explained(config.path, explained):
            ref = "verify.configuration-removed" if now is None else "verify.configuration-replaced"
            findings.append(Finding(ref=ref, severity="info", component=component, params=params, evidence=evidence))
            continue
        ref = "verify.configuration-lost" if now is None else "verify.configuration-changed"
        findings.append(Finding(ref=ref, severity="blocking", component=component, params=params, evidence=evidence))
    return findings


def _explained(plan: Plan | None) -> list[tuple[str, bool]]:
    """Paths the plan itself removes or writes (``True``: everything below too)."""
    found: list[tuple[str, bool]] = []
    for step in plan.steps if plan is not None else ():
        if isinstance(step, RemovePath):
            found.append((canonical(step.path), step.kind == "tree"))
        elif isinstance(step, ApplyEffect) and step.kind in {"remove", "write-file"}:
            found.append((canonical(step.path), step.kind == "remove"))
    return found


def _is_explained(path: str, explained: list[tuple[str, bool]]) -> bool:
    return any(path == named or (below and is_below(path, named)) for named, below in explained)


def _accepted(plan: Plan | None) -> frozenset[str]:
    """What a person agreed to have overwritten, as ``fold`` writes it: that it is another file now is no finding."""
    return frozenset(fold(path) for path in plan.overwritten) if plan is not None else frozenset()


def dependent_findings(before: Facts, after: Facts, catalogue: Catalogue, plan: Plan | None = None) -> list[Finding]:
    """Everything by which a dependent was recognised is still there, and its files are the same."""
    old, new = View(before), View(after)
    accepted = _accepted(plan)
    findings: list[Finding] = []
    for dependent in catalogue.dependents:
        had = evidence_of(dependent, old)
        if not had or before.os.family not in dependent.families:
            continue
        lost = [evidence for evidence in had if evidence not in evidence_of(dependent, new)]
        owned = [path for pattern in (*dependent.owns, *dependent.paths) for path in old.concrete(pattern)]
        changed = [path for path in owned if _differs(old.paths.get(path), new.paths.get(path)) and fold(path) not in accepted]
        harmed = list(dict.fromkeys([*lost, *changed]))
        if harmed:
            params = {"dependent": dependent.name, "count": str(len(harmed)), "path": harmed[0]}
            evidence = {"dependent": dependent.id, "lost": lost[:_MAXIMUM_NAMED], "changed": changed[:_MAXIMUM_NAMED]}
            findings.append(Finding(ref="verify.dependent-harmed", severity="blocking", params=params, evidence=evidence))
    return findings


def foreign_receipt_findings(before: Facts, after: Facts, catalogue: Catalogue) -> list[Finding]:
    """Receipts that belong to no core component are untouched."""
    ours = {receipt.identifier for component in catalogue.core for receipt in component_receipts(component, before)}
    now = {(receipt.identifier, receipt.version) for receipt in after.receipts}
    lost = [
        receipt.identifier
        for receipt in before.receipts
        if receipt.identifier not in ours
        and (receipt.identifier, receipt.version) not in now
        and not _is_optional(receipt.identifier, catalogue)
    ]
    if not lost:
        return []
    return [
        Finding(
            ref="verify.foreign-receipt-changed",
            severity="blocking",
            params={"receipts": ", ".join(lost[:_MAXIMUM_NAMED])},
            evidence={"receipts": lost[:_MAXIMUM_NAMED]},
        )
    ]


def _is_optional(identifier: str, catalogue: Catalogue) -> bool:
    """True for an optional component's receipt: a package may bring a newer one."""
    for component in catalogue.components:
        if component.core:
            continue
        for rule in component.receipts:
            if identifier == rule.id or (rule.match == "prefix" and identifier.startswith(rule.id)):
                return True
    return False


def _promised(before: Facts, plan: Plan | None) -> list[str]:
    """What was there, is another's or was to be kept, and may not be missed or changed afterwards."""
    seen = View(before).paths
    beside = frozenset(canonical(path) for path in before.unclaimed)
    claims = frozenset(fold(claim.path) for claim in before.foreign_claims)
    kept = [entry.path for entry in plan.kept if not _rewritten_by_guests(entry, before)] if plan is not None else []
    kept += [path for path in seen if fold(path) in claims]
    accepted = _accepted(plan)
    return [path for path in dict.fromkeys(kept) if (path in seen or path in beside) and fold(path) not in accepted]


def seen_again(before: Facts, plan: Plan) -> frozenset[str]:
    """The paths that the look after a run must not leave out: where only a receipt of ours had named one, nothing would any more."""
    return frozenset(_promised(before, plan))


def kept_findings(before: Facts, after: Facts, plan: Plan | None) -> list[Finding]:
    """What the plan promised to keep is there and the same; a folder only has to be there, a product in its version."""
    old, new = View(before), View(after)
    kept = {entry.path for entry in plan.kept if not _rewritten_by_guests(entry, before)} if plan is not None else set()
    unexpected = _promised(before, plan)
    beside = frozenset(canonical(path) for path in after.unclaimed)
    lost = [
        path
        for path in unexpected
        if _differs(old.paths.get(path), new.paths.get(path)) or not (path in old.paths or path in new.paths or path in beside)
    ]
    there = {(product.code, product.version) for product in after.products or ()}
    removed = {normal(step.code) for step in plan.steps if isinstance(step, UninstallProduct)} if plan is not None else set()
    products = [one for one in before.products or () if product_label(one) in kept and normal(one.code) not in removed]
    lost += [product_label(product) for product in products if (product.code, product.version) not in there]
    if not lost:
        return []
    params = {"count": str(len(lost)), "path": lost[0]}
    return [Finding(ref="verify.kept-path-lost", severity="blocking", params=params, evidence={"paths": lost[:_MAXIMUM_NAMED]})]


def stopped_findings(before: Facts, after: Facts, catalogue: Catalogue, target: Target) -> list[Finding]:
    """Programs that ran all the time and do not run now. They are not started here, with an administrator's rights: a person signs in."""
    if after.processes is None:
        return []
    findings: list[Finding] = []
    for component in catalogue.components:
        now = resident_programs(component, after)
        for place, path in resident_programs(component, before).items() if component.id in target.versions else ():
            if place not in now:
                params = {"program": name(path)}
                evidence = {**params, "path": path}
                findings.append(
                    Finding(ref="windows.program-not-running", severity="notice", component=component.id, params=params, evidence=evidence)
                )
    return findings


def _rewritten_by_guests(entry: KeptPath, facts: Facts) -> bool:
    """On a running system the vendors' own programs write their logs, backups and registrations anew: kept, not necessarily the same."""
    return facts.adapter != "offline" and entry.reason in {"log", "backup", "cache", "catalogue"}


def _differs(old: PathFact | None, new: PathFact | None) -> bool:
    """True when a path that was seen is gone or is another thing. Folders may have got other times or children."""
    if old is None:
        return False
    if new is None or old.kind != new.kind:
        return True
    if old.kind == "directory":
        return False
    # A digest is only compared when both looks took it: what is read of a path depends on the receipts that list it.
    digests = ((old.sha256, new.sha256), (old.checksum, new.checksum))
    return (old.size, old.link) != (new.size, new.link) or any(None not in pair and pair[0] != pair[1] for pair in digests)
