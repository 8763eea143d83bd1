"""How a person calls what the catalogue lists. Shown beside the ids, which scripts and ``manifests show`` use, never in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atsam_safe.catalogue.model import Bundle, Catalogue


def bundle_text(catalogue: Catalogue, bundle: Bundle) -> str:
    """A bundle: ``ATSAM 4.41``, or what it cannot be without when it is a set without a build number; never its id."""
    if bundle.build is not None:
        return f"ATSAM {bundle.build}"
    return set_text(
        catalogue, {member.component: member.versions[0] for member in bundle.members if not member.optional and member.versions}
    )


def component_text(catalogue: Catalogue, identifier: str) -> str:
    """A component: ``Cryptolib CPS``; its id when the catalogue does not have it."""
    component = catalogue.component(identifier)
    return identifier if component is None else component.name


def set_text(catalogue: Catalogue, versions: Mapping[str, str]) -> str:
    """Component id → version as one line, in the order of the catalogue: ``Cryptolib CPS 5.1.5, GALSS 3.42.03``."""
    order = {component.id: index for index, component in enumerate(catalogue.components)}
    ordered = sorted(versions.items(), key=lambda item: (order.get(item[0], len(order)), item[0]))
    return ", ".join(f"{component_text(catalogue, component)} {version}" for component, version in ordered)
