"""From the values of the rooms to the JSON keys of the contract. One function per kind of answer; both forms of report start from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from atsam_safe.catalogue.names import bundle_text, component_text
from atsam_safe.report.json_form import problem_value
from atsam_safe.verify.essential import highest_minimum
from atsam_safe.words.model import Problem
from atsam_safe.words.translate import explain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.packages.model import ComponentPackage, Inspection
    from atsam_safe.verify.model import Assessment, Finding, Verification
    from atsam_safe.words.model import Language


def _component_package(part: ComponentPackage, catalogue: Catalogue) -> dict[str, Any]:
    return {
        "identifier": part.identifier,
        "version": part.version,
        "install_location": part.install_location,
        "payload": msgspec.to_builtins(part.payload),
        "scripts": msgspec.to_builtins(part.scripts),
        "component": part.component,
        "name": None if part.component is None else component_text(catalogue, part.component),
        "known_release": part.known_release,
        "restart_action": part.restart_action,
        "selection": part.selection,
        "minimum_os": part.minimum_os,
        "programs": _programs(part),
    }


def _programs(part: ComponentPackage) -> dict[str, Any] | None:
    """What the programs of a payload say of themselves: the processors all of them are made for, the macOS all of them start on."""
    images = part.images
    if not images:
        return None
    names = dict.fromkeys(name for image in images for name in image.architectures)
    common = [name for name in names if all(name in image.architectures for image in images)]
    return {"count": len(images), "architectures": common or list(names), "minimum_os": highest_minimum(images)}


def inspection_value(inspection: Inspection, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """One package of ``inspect``. The payload's entries stay inside the program: they are many and scripts have no use for them."""
    product = inspection.product
    signature = inspection.signature
    bundle = None if inspection.build is None else catalogue.bundle(inspection.build.bundle)
    return {
        "path": inspection.path,
        "sha256": inspection.sha256,
        "size": inspection.size,
        "format": inspection.format,
        "product": None if product is None else msgspec.to_builtins(product),
        "components": [_component_package(part, catalogue) for part in inspection.components],
        "signature": {
            **msgspec.to_builtins(signature),
            "reasons": [
                problem_value(Problem(ref=reason.ref, params=reason.params, told=reason.told), language) for reason in signature.reasons
            ],
        },
        "build": msgspec.to_builtins(inspection.build),
        "build_name": None if bundle is None else bundle_text(catalogue, bundle),
        "warnings": list(inspection.warnings),
    }


def os_value(facts: Facts) -> dict[str, Any]:
    """``data.os``."""
    value: dict[str, Any] = msgspec.to_builtins(facts.os)
    return value


def finding_value(finding: Finding, language: Language) -> dict[str, Any]:
    """One finding with its sentences."""
    words = explain(finding.problem, language)
    return {
        "ref": finding.ref,
        "severity": finding.severity,
        "component": finding.component,
        "what": words.what,
        "why": words.why,
        "next": words.next,
        "evidence": finding.evidence,
    }


def assessment_value(facts: Facts, assessment: Assessment, language: Language) -> dict[str, Any]:
    """The data of ``status``."""
    return {
        "os": os_value(facts),
        "components": [msgspec.to_builtins(component) for component in assessment.components],
        "bundle": assessment.bundle,
        "bundle_name": assessment.bundle_name,
        "certainty": assessment.certainty,
        "dependents": [msgspec.to_builtins(dependent) for dependent in assessment.dependents],
        "fit": assessment.fit,
        "findings": [finding_value(finding, language) for finding in assessment.findings],
    }


def verification_value(facts: Facts, verification: Verification, language: Language) -> dict[str, Any]:
    """The data of ``verify``: that of ``status``, judged harder."""
    value = assessment_value(facts, verification.assessment, language)
    value["ok"] = verification.ok
    value["findings"] = [finding_value(finding, language) for finding in verification.findings]
    return value


def blocking(findings: Iterable[Finding]) -> tuple[Problem, ...]:
    """The findings that make a workstation unfit."""
    return tuple(finding.problem for finding in findings if finding.severity == "blocking")


def noticed(findings: Iterable[Finding]) -> tuple[Problem, ...]:
    """The findings a person must know although they do not make the workstation unfit."""
    return tuple(finding.problem for finding in findings if finding.severity == "notice")
