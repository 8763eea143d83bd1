"""Other vendors' software that uses the components: recognised by receipts, paths, services or products, never by a word in a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.catalogue.patterns import matches
from atsam_safe.verify.model import DependentState

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue, Dependent
    from atsam_safe.verify.witnesses import View


def evidence_of(dependent: Dependent, view: View) -> tuple[str, ...]:
    """What on the workstation shows that the dependent is there: receipt identifiers, paths, service labels, product codes."""
    found: list[str] = []
    for pattern in dependent.receipts:
        found += [receipt.identifier for receipt in view.facts.receipts if matches(pattern, receipt.identifier)]
    for pattern in dependent.paths:
        found += [path for path in view.concrete(pattern) if view.anything_at(path)]
    for pattern in dependent.services:
        found += [service.label for service in view.facts.services if matches(pattern, service.label)]
    for pattern in dependent.product_names:
        found += [product.code for product in view.facts.products or () if matches(pattern, product.name)]
    return tuple(dict.fromkeys(found))


def recognise_dependents(catalogue: Catalogue, view: View) -> tuple[DependentState, ...]:
    """Every dependent of the catalogue that is there, with its evidence."""
    found: list[DependentState] = []
    for dependent in catalogue.dependents:
        if view.facts.os.family not in dependent.families:
            continue
        evidence = evidence_of(dependent, view)
        if evidence:
            found.append(
                DependentState(
                    dependent=dependent.id,
                    name=dependent.name,
                    evidence=evidence,
                    uses=dependent.uses,
                    never_touch=dependent.never_touch,
                )
            )
    return tuple(found)
