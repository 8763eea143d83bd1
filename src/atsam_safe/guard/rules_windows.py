"""Rules only Windows needs: shared product codes, packages that are not whole, components of another kind of installer."""

from __future__ import annotations

from typing import Final

from atsam_safe.catalogue.product_codes import normal
from atsam_safe.guard.case import PASS, Case, Rule, Verdict, fail, notice
from atsam_safe.verify.products import component_products


def _concerns(case: Case) -> bool:
    return case.facts.os.family == "windows"


def code_shared(case: Case) -> Verdict | None:
    """Another product has the package's product code: MICA in 32 and in 64 bits. What this run removes itself is not in the way."""
    if not _concerns(case) or case.facts.products is None:
        return None
    installed = {normal(product.code): product for product in case.facts.products}
    core = {normal(product.code) for component in case.catalogue.core for product in component_products(component, case.facts)}
    for inspection in case.inspections:
        installer = inspection.installer
        taken = installed.get(normal(installer.product_code)) if installer is not None else None
        if installer is None or taken is None or normal(taken.code) in core:
            continue
        same = taken.version == installer.version and taken.architecture in {None, installer.architecture}
        if not same:
            blocking = f"{taken.name} {taken.version or ''}".strip()
            evidence = {"code": taken.code, "installed": taken.architecture, "offered": installer.architecture}
            return fail(product=installer.name, blocking=blocking, evidence=evidence)
    return PASS


def external_cabinet(case: Case) -> Verdict | None:
    """A package whose files lie beside it cannot be installed from a place of its own, nor be repaired from it."""
    if not _concerns(case):
        return None
    for inspection in case.inspections:
        beside = inspection.installer.beside if inspection.installer is not None else ()
        if beside:
            return fail(package=inspection.path.rpartition("/")[2], cabinets=", ".join(beside), evidence={"cabinets": list(beside)})
    return PASS


def other_uninstaller(case: Case) -> Verdict | None:
    """A core component that only an uninstaller of another kind could remove: none is ever started unattended."""
    if not _concerns(case):
        return None
    products = [product for component in case.catalogue.core for product in component_products(component, case.facts)]
    others = [f"{product.name} {product.version or ''}".strip() for product in products if not product.windows_installer]
    if others:
        return fail(products=", ".join(others), evidence={"products": others})
    return PASS


def protected_software(case: Case) -> Verdict | None:
    """Remote control, databases, medical records on this machine: told, and no target of anything in any circumstance."""
    if not _concerns(case):
        return None
    found = [dependent for dependent in case.assessment.dependents if dependent.never_touch]
    if not found:
        return PASS
    return notice(software=", ".join(one.name for one in found), evidence={"dependents": [one.dependent for one in found]})


RULES: Final = (
    Rule(ref="windows.protected-software", evaluate=protected_software, commands=frozenset({"install", "uninstall"})),
    Rule(ref="windows.code-shared", evaluate=code_shared),
    Rule(ref="windows.external-cabinet", evaluate=external_cabinet),
    Rule(ref="windows.other-uninstaller", evaluate=other_uninstaller, commands=frozenset({"install", "uninstall"})),
)
