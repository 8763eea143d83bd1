"""Is the workstation right now? Held against what was planned, against how it was before, or against one bundle.

``verify`` judges the end of a run: exact versions by several witnesses, receipts, files and modes, nothing left of the set before,
configuration unchanged byte for byte or explained, dependents and kept paths still whole. One blocking finding undoes the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from atsam_safe.catalogue.names import bundle_text
from atsam_safe.catalogue.product_codes import normal
from atsam_safe.plan.model import InstallProduct, Plan, Target
from atsam_safe.verify.aftermath import (
    configuration_findings,
    dependent_findings,
    foreign_receipt_findings,
    kept_findings,
    leftover_findings,
    stopped_findings,
)
from atsam_safe.verify.assessment import assess, os_text
from atsam_safe.verify.bundles import is_bundle, is_release, os_certainty, recommended_bundle
from atsam_safe.verify.examine import examined
from atsam_safe.verify.files import file_findings
from atsam_safe.verify.model import Assessment, Finding, Verification
from atsam_safe.verify.products import component_products, product_label
from atsam_safe.verify.remains import inventory_findings, payload_findings, without_folders_of_others
from atsam_safe.verify.standing import incomplete_dependents, remains_findings
from atsam_safe.verify.witnesses import View
from atsam_safe.words.model import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import Bundle, Catalogue
    from atsam_safe.facts.model import Facts

_OFFLINE = "offline"
# What is wrong with a component of which every file is there, and as it was released.
_WITHOUT_FILES = frozenset({"component.witnesses-disagree", "component.wrong-processor", "component.needs-newer-os"})


def verify(before: Facts | None, after: Facts, catalogue: Catalogue, planned: Plan | Target) -> Verification:
    """Judge ``after``. ``before`` (the facts the plan was made from) makes losses visible; without it only ``after`` itself is judged."""
    plan = planned if isinstance(planned, Plan) else None
    target = planned.target if isinstance(planned, Plan) else planned
    assessment = assess(after, catalogue)
    placed = without_folders_of_others(before, _without_what_stays_beside(after, catalogue, plan), catalogue, plan)
    findings = list(target_findings(assessment if placed is after else assess(placed, catalogue), after, catalogue, target))
    if plan is not None:
        findings += file_findings(after, catalogue, plan)
        findings += leftover_findings(after, catalogue, plan)
        findings += payload_findings(after, catalogue, plan)
    if before is not None and plan is not None:
        findings += inventory_findings(before, after, catalogue, plan)
    if before is not None:
        findings += configuration_findings(before, after, catalogue, plan)
        findings += dependent_findings(before, after, catalogue, plan)
        findings += foreign_receipt_findings(before, after, catalogue)
        findings += kept_findings(before, after, plan)
        findings += stopped_findings(before, after, catalogue, target)
    # What the set lacks on this OS was the guard's question (and may have been accepted): told here, never a reason to undo.
    findings += [_softened(finding) for finding in assessment.findings if finding.ref.startswith(("set.", "config."))]
    findings += _card_finding(after, target)
    return _verification(findings, assessment)


def _without_what_stays_beside(after: Facts, catalogue: Catalogue, plan: Plan | None) -> Facts:
    """The facts without products that were kept beside a new one of their component: what was installed is judged by itself."""
    kept = {entry.path for entry in plan.kept if entry.reason == "used"} if plan is not None else set()
    new = (
        {normal(step.code): step.component for step in plan.steps if isinstance(step, InstallProduct)} if plan is not None and kept else {}
    )
    beside = {
        product.code
        for component in catalogue.components
        for product in (component_products(component, after) if component.id in new.values() else ())
        if product_label(product) in kept and normal(product.code) not in new
    }
    if not beside:
        return after
    return msgspec.structs.replace(after, products=tuple(product for product in after.products or () if product.code not in beside))


def verify_against(facts: Facts, catalogue: Catalogue, bundle_id: str | None) -> Verification:
    """Hold the workstation against one bundle (the command ``verify``); without an id, against the listed set that it is.

    Raises ``UsageError`` (``verify.bundle-unknown``) for a ``bundle_id`` that the catalogue does not have.
    """
    bundle = None if bundle_id is None else _bundle(catalogue, bundle_id)
    assessment = assess(facts, catalogue)
    findings = [*assessment.findings, *_standing(facts, catalogue)]
    if bundle is not None:
        params = {"bundle": bundle_text(catalogue, bundle), "os": os_text(facts), "set": _set_text(assessment)}
        build = recommended_bundle(catalogue, facts.os)
        params["recommended"] = "?" if build is None else bundle_text(catalogue, build)
        if not is_bundle(catalogue, bundle, assessment.installed):
            evidence = {"bundle": bundle.id, "installed": assessment.installed}
            told = None if build is not None else "verify.other-set.no-build"
            findings.append(Finding(ref="verify.other-set", severity="blocking", params=params, evidence=evidence, told=told))
        if os_certainty(bundle, facts.os) is None:
            findings.append(Finding(ref="verify.bundle-not-for-os", severity="blocking", params=params, evidence={"bundle": bundle.id}))
    findings += _card_finding(facts, None)
    return _verification(findings, assessment)


def _standing(facts: Facts, catalogue: Catalogue) -> list[Finding]:
    view = View(facts)
    return [*remains_findings(examined(catalogue, view)), *incomplete_dependents(catalogue, view)]


def _bundle(catalogue: Catalogue, identifier: str) -> Bundle:
    """The bundle of this id or build number."""
    found = catalogue.bundle(identifier) or next((entry for entry in catalogue.bundles if entry.build == identifier), None)
    if found is None:
        raise UsageError(Problem(ref="verify.bundle-unknown", params={"bundle": identifier}, evidence={"bundle": identifier}))
    return found


def _verification(findings: Iterable[Finding], assessment: Assessment) -> Verification:
    unique = list(dict.fromkeys((finding.ref, msgspec.json.encode(finding)) for finding in findings))
    by_key = {(finding.ref, msgspec.json.encode(finding)): finding for finding in findings}
    ordered = tuple(by_key[key] for key in unique)
    return Verification(ok=all(finding.severity != "blocking" for finding in ordered), findings=ordered, assessment=assessment)


def target_findings(assessment: Assessment, after: Facts, catalogue: Catalogue, target: Target) -> Iterable[Finding]:
    """Exactly the planned versions are there, whole, by every witness; nothing of the unit beside them."""
    for state in assessment.components:
        wanted = target.versions.get(state.component)
        params = {"component": state.name, "expected": wanted or "", "found": state.version or ""}
        evidence: dict[str, Any] = {"component": state.component, "expected": wanted, "found": state.version, "state": state.state}
        if wanted is None:
            if state.core and state.state != "absent":
                ref = "verify.still-there" if state.version else "verify.still-there.unversioned"
                yield Finding(ref=ref, severity="blocking", component=state.component, params=params, evidence=evidence)
            continue
        if state.state == "absent":
            yield Finding(ref="verify.component-missing", severity="blocking", component=state.component, params=params, evidence=evidence)
            continue
        component = catalogue.component(state.component)
        if state.version is None or not is_release(component, wanted, state.version, after.os.family):
            ref = "verify.version-differs" if state.version else "verify.version-differs.unversioned"
            yield Finding(ref=ref, severity="blocking", component=state.component, params=params, evidence=evidence)
        if state.state != "ok":
            params |= {"count": str(len(state.missing) + len(state.changed)), "path": next(iter((*state.missing, *state.changed)), "")}
            evidence |= {"missing": list(state.missing[:20]), "changed": list(state.changed[:20])}
            # « 0 files are damaged » helps nobody: when every file is there, the places that contradict each other are what is wrong
            told = [finding for finding in assessment.findings if finding.component == state.component and finding.ref in _WITHOUT_FILES]
            if state.missing or state.changed or not told:
                yield Finding(ref="verify.not-whole", severity="blocking", component=state.component, params=params, evidence=evidence)
            yield from (msgspec.structs.replace(finding, severity="blocking") for finding in told)
        if not state.receipts and not any(witness.kind == "product" for witness in state.witnesses):
            yield Finding(ref="verify.receipt-missing", severity="blocking", component=state.component, params=params, evidence=evidence)
        if len(state.witnesses) == 1:
            yield Finding(ref="verify.one-witness", severity="info", component=state.component, params=params, evidence=evidence)


def _softened(finding: Finding) -> Finding:
    if finding.severity != "blocking":
        return finding
    return msgspec.structs.replace(finding, severity="notice")


def _set_text(assessment: Assessment) -> str:
    return ", ".join(f"{state.name} {state.version}" for state in assessment.components if state.core and state.version) or "?"


def _card_finding(facts: Facts, target: Target | None) -> list[Finding]:
    """The association of the CPS needs a reader and a running system: it is said to be unchecked, not failed.

    On a running system the command ``verify`` looks when it is asked to; a run that changes something has a witness of its own.
    """
    if facts.adapter != _OFFLINE:
        return [Finding(ref="card.not-looked-at", severity="info")] if target is None else []
    return [] if target is not None and not target.versions else [Finding(ref="card.not-checkable-offline", severity="info")]
