"""``assess``: what is installed, is it whole, is it a known good set for this OS, who uses it. A pure function of facts and catalogue.

State of a component
- ``absent``: no receipt of it and none of its own files. A receipt whose files are all gone does not count as installed.
- ``ok``: every witness agrees and nothing expected is missing.
- ``partial``: it is there, but expected files are missing, or its files are there without a receipt.
- ``damaged``: witnesses contradict each other, a file is not the one of its release, or its receipt cannot be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.catalogue.names import bundle_text
from atsam_safe.verify.bundles import best_fit, failed_on, os_family_text, recommended_bundle, strength, told_number
from atsam_safe.verify.configuration import config_findings
from atsam_safe.verify.dependents import recognise_dependents
from atsam_safe.verify.essential import minimum_text
from atsam_safe.verify.examine import Examination, examined
from atsam_safe.verify.model import Assessment, ComponentState, Finding
from atsam_safe.verify.products import by_width, is_wide, version_rank
from atsam_safe.verify.witnesses import View, release_of

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.facts.model import Facts
    from atsam_safe.verify.model import BundleFit

_MAXIMUM_NAMED: Final = 20
PUT_RIGHT_BY_A_BUILD: Final = frozenset(
    {
        "receipts.orphan",
        "component.witnesses-disagree",
        "component.changed",
        "component.rights-missing",
        "component.files-missing",
        "component.no-receipt",
        "component.version-unknown",
        "component.service-missing",
        "set.nothing-installed",
        "set.unlisted",
        "set.wrong-for-os",
    }
)
"""Findings whose next step is to install the build meant for the system: each sentence names it."""
_OBSTACLES: Final = {
    "processor": "component.wrong-processor",
    "rosetta": "component.needs-rosetta",
    "system": "component.needs-newer-os",
}


def assess(facts: Facts, catalogue: Catalogue) -> Assessment:
    """Judge the workstation. Never raises for odd facts: what cannot be read becomes a state or a finding."""
    view = View(facts)
    examinations = examined(catalogue, view)
    states = tuple(examination.summary() for examination in examinations)
    core = [state for state in states if state.core]
    versions = {state.component: state.version for state in core if state.state != "absent" and state.version is not None}
    unknown = [state for state in core if state.state != "absent" and state.version is None]
    fit = best_fit(catalogue, versions, facts.os) if versions and not unknown else None
    whole = all(state.state in {"ok", "absent"} for state in core)
    known_good = fit is not None and fit.certainty is not None and strength(fit.certainty) > strength("inferred")
    findings = [finding for examination in examinations for finding in component_findings(examination)]
    findings += set_findings(facts, catalogue, versions, fit)
    build = recommended_bundle(catalogue, facts.os)
    name = None if build is None else bundle_text(catalogue, build)
    findings = [_naming_the_build(finding, facts, name) for finding in findings]
    findings += config_findings(view, catalogue, frozenset(state.component for state in states if state.state != "absent"))
    return Assessment(
        components=states,
        bundle=None if fit is None else fit.bundle,
        bundle_name=None if fit is None else fit.name,
        certainty=None if fit is None else fit.certainty,
        fit=known_good and whole and all(finding.severity != "blocking" for finding in findings),
        dependents=recognise_dependents(catalogue, view),
        findings=tuple(findings),
    )


def component_findings(examination: Examination) -> list[Finding]:
    """What is wrong, or worth telling, about one component."""
    component = examination.component
    findings = [
        _finding("receipts.damaged", component, receipts=receipt.identifier, reason=receipt.problem)
        for receipt in examination.receipts
        if receipt.problem is not None
    ]
    findings += [_finding("receipts.orphan", component, blocking=False, receipt=identifier) for identifier in examination.orphans]
    if not examination.present:
        return findings
    findings += [
        _finding(
            "component.witnesses-disagree",
            component,
            version=examination.version or "?",
            source=witness.source,
            other=witness.version,
        )
        for witness in examination.disagreeing
    ]
    if examination.changed:
        findings.append(_paths_finding("component.changed", component, examination.changed))
    findings += _rights_findings(examination)
    if not (examination.receipts or examination.products):
        findings.append(_paths_finding("component.no-receipt", component, examination.own_files))
    else:
        findings += _missing_findings(examination)
    if examination.version is None:
        findings.append(_finding("component.version-unknown", component))
    elif examination.release is None and component.core:
        findings.append(_finding("component.unknown-release", component, blocking=False, version=examination.version))
    findings += _obstacle_findings(examination)
    findings += _service_findings(examination)
    findings += _width_findings(examination)
    findings += _several_findings(examination)
    return findings


def _missing_findings(examination: Examination) -> list[Finding]:
    """Files that are not there, apart from those of which nobody knows: a link lies on the way to them."""
    component, view = examination.component, examination.view
    behind = {path: link for path in examination.missing if (link := view.link_above(path)) is not None}
    gone = tuple(path for path in examination.missing if path not in behind)
    findings = [_paths_finding("component.files-missing", component, gone)] if gone else []
    if behind:
        finding = _paths_finding("component.behind-link", component, tuple(behind))
        links = list(dict.fromkeys(behind.values()))
        finding.params["link"], finding.evidence["links"] = ", ".join(links), links
        findings.append(finding)
    return findings


def _rights_findings(examination: Examination) -> list[Finding]:
    """What users can no longer read or start: the first with its rights, and how many."""
    lacking = examination.lacking_rights
    if not lacking:
        return []
    finding = _paths_finding("component.rights-missing", examination.component, tuple(one.path for one in lacking))
    finding.params.update(mode=f"{lacking[0].mode:o}", wanted=f"{lacking[0].wanted:o}")
    return [finding]


def _several_findings(examination: Examination) -> list[Finding]:
    """Releases that are only still registered beside the one of their width that serves: told, and no fault."""
    component = examination.component
    findings: list[Finding] = []
    for group in by_width(component, examination.products):
        serving = next((product.version for product in group if product in examination.serving), None)
        others = [product for product in group if product not in examination.serving]
        listed = [{"code": product.code, "version": product.version} for product in others]
        versions = sorted({product.version or "?" for product in others}, key=lambda version: (version_rank(version), version))
        if others:
            findings.append(
                Finding(
                    ref="component.several-products",
                    severity="notice" if component.core else "info",
                    component=component.id,
                    params={"component": component.name, "version": serving or "?", "others": ", ".join(versions)},
                    evidence={"component": component.id, "version": serving, "others": listed},
                )
            )
    return findings


def _width_findings(examination: Examination) -> list[Finding]:
    """Two releases that both serve, one of 64 bits and one of 32: both are named, and the one by which no set is judged is judged too."""
    component = examination.component
    others = [product for product in examination.serving if product not in examination.speaking]
    versions = {is_wide(component, product): product.version or "?" for product in examination.serving}
    if not others or len(versions) == 1 or examination.version is None:
        return []
    params = {"wide": versions[True], "narrow": versions[False], "version": examination.version}
    findings = [_finding("component.both-widths", component, blocking=False, **params)]
    family = examination.view.facts.os.family
    unknown = [one.version for one in others if one.version is not None and release_of(component, one.version, family) is None]
    if component.core:
        findings += [
            _finding("component.unknown-release", component, blocking=False, version=version) for version in dict.fromkeys(unknown)
        ]
    return findings


def _obstacle_findings(examination: Examination) -> list[Finding]:
    """Programs that are there and cannot run here: told of the first one of each kind."""
    component, view = examination.component, examination.view
    findings: dict[str, Finding] = {}
    for path, why in examination.obstacles:
        image = view.paths[path].image
        if image is not None and why not in findings:
            params = {
                "path": path,
                "architectures": ", ".join(image.architectures),
                "minimum": minimum_text(image),
                "os": os_text(view.facts),
            }
            findings[why] = _finding(_OBSTACLES[why], component, blocking=True, **params)
    return list(findings.values())


def _service_findings(examination: Examination) -> list[Finding]:
    """A job file that a whole component needs and that is not there. Only told when its own path is exactly known."""
    component = examination.component
    view = examination.view
    findings: list[Finding] = []
    expected = {entry.path for entry in examination.expected}
    for rule in component.services:
        if rule.legacy or rule.match != "exact" or rule.path is None or rule.path not in expected:
            continue
        if (
            rule.path not in view.paths
            and view.link_above(rule.path) is None
            and not any(service.path == rule.path for service in view.facts.services)
        ):
            findings.append(_finding("component.service-missing", component, service=rule.label, path=rule.path))
    return findings


def set_findings(facts: Facts, catalogue: Catalogue, versions: dict[str, str], fit: BundleFit | None) -> list[Finding]:
    """Say whether the set of core components is a listed one and suits this OS."""
    named = ", ".join(f"{component.name} {versions[component.id]}" for component in catalogue.components if component.id in versions)
    params = {"set": named, "os": os_text(facts)}
    if os_family_text(facts.os) is None or not versions:
        # Without a readable system neither "nothing installed" nor "wrong for this OS" may be claimed: this may be no system volume.
        ref = "set.nothing-installed" if os_family_text(facts.os) is not None else "set.os-unreadable"
        lie = told_number(facts.os)
        if ref == "set.os-unreadable" and lie is not None:
            ref = "set.os-hidden"
            params |= {"version": lie.text, "hidden": lie.hidden_first_family or "11"}
        return [Finding(ref=ref, severity="blocking", params=params, evidence={"problem": facts.os.problem} if facts.os.problem else {})]
    if fit is None:
        evidence: dict[str, Any] = {"versions": versions}
        return [Finding(ref="set.unlisted", severity="blocking", params=params, evidence=evidence)]
    params["set"] = named if fit.name == named else f"{fit.name} ({named})"
    evidence = {"bundle": fit.bundle}
    if fit.certainty is None:
        told = "set.wrong-for-os.seen" if failed_on(catalogue, versions, facts.os) else None
        return [Finding(ref="set.wrong-for-os", severity="blocking", params=params, evidence={"versions": versions, **evidence}, told=told)]
    if fit.certainty == "inferred":
        return [Finding(ref="set.uncertain-for-os", severity="blocking", params=params, evidence=evidence)]
    if fit.certainty == "field":
        return [Finding(ref="set.field-only", severity="notice", params=params, evidence=evidence)]
    return []


def _naming_the_build(finding: Finding, facts: Facts, build: str | None) -> Finding:
    """What is put right by an installation: of which build, or that none is known for this system."""
    if finding.ref not in PUT_RIGHT_BY_A_BUILD:
        return finding
    params = {**finding.params, "os": os_text(facts), "recommended": build or "?"}
    told = finding.told if build is not None else f"{finding.told or finding.ref}.no-build"
    return msgspec.structs.replace(finding, params=params, told=told)


def os_text(facts: Facts) -> str:
    """The OS as a person reads it: ``macOS 10.14.6`` (also where the volume still says « Mac OS X »)."""
    name = "macOS" if facts.os.family == "macos" else facts.os.name or {"windows": "Windows", "linux": "Linux"}[facts.os.family]
    return f"{name} {facts.os.version}" if facts.os.version else name


def broken_states(assessment: Assessment) -> tuple[ComponentState, ...]:
    """Core components that are there but not whole."""
    return tuple(state for state in assessment.components if state.core and state.state in {"damaged", "partial"})


def _finding(ref: str, component: Component, *, blocking: bool = True, **params: str) -> Finding:
    severity = "blocking" if blocking and component.core else "notice"
    return Finding(
        ref=ref,
        severity=severity,  # type: ignore[arg-type]  # one of the two literals above
        component=component.id,
        params={"component": component.name, **params},
        evidence={"component": component.id, **params},
    )


def _paths_finding(ref: str, component: Component, paths: tuple[str, ...]) -> Finding:
    """A finding about many paths: counted whole, named up to a bound."""
    return Finding(
        ref=ref,
        severity="blocking" if component.core else "notice",
        component=component.id,
        params={"component": component.name, "count": str(len(paths)), "path": paths[0] if paths else ""},
        evidence={"component": component.id, "count": len(paths), "paths": list(paths[:_MAXIMUM_NAMED])},
    )
