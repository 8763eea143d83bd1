"""What the given packages would make of this workstation: which components they bring, and the set that results.

Components are removed and installed as a unit (law 4). The one exception is the doctor's own good update: packages that hold
only some of the installed components replace just these, because the packages of the others are not at hand; the *resulting* set
(installed plus replaced) must then be a listed one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.catalogue.model import Bundle
from atsam_safe.catalogue.names import component_text
from atsam_safe.verify.bundles import matching_bundles, os_certainty, strength

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.facts.model import Facts
    from atsam_safe.packages.model import ComponentPackage, Inspection
    from atsam_safe.verify.model import Assessment


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One component package among the inspected ones; ``package`` and ``part`` are its indexes. ``core``: belongs to the unit."""

    package: int
    part: int
    identifier: str
    component: str
    version: str
    core: bool
    known_release: bool


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """The change the packages stand for.

    - ``offered``: core component → version the packages bring (the first one when they contradict each other).
    - ``conflicting``: core components that are offered in two versions.
    - ``resulting``: core component → version afterwards.
    - ``bundles``: the listed bundles that ``resulting`` is.
    """

    parts: tuple[Part, ...]
    offered: dict[str, str]
    conflicting: tuple[str, ...]
    unit: bool
    resulting: dict[str, str]
    bundles: tuple[Bundle, ...]
    bundle: Bundle | None

    @property
    def changed(self) -> bool:
        """True when the packages bring at least one core component."""
        return bool(self.offered)


def is_brought(content: ComponentPackage, component: Component | None) -> bool:
    """True when this program installs the part: known, and selected by the package's own choices.

    Where only scripts that are never run could tell, a part of the unit counts (without it the run fails and is undone), an optional one
    does not: what is there of it stays.
    """
    return component is not None and (content.selection == "installed" or (component.core and content.selection == "undecided"))


def left_out_parts(catalogue: Catalogue, inspections: Sequence[Inspection]) -> tuple[str, ...]:
    """Known parts that are not installed, as a person reads them: ``DiagAM 2.01.19``."""
    return tuple(
        f"{component_text(catalogue, content.component)} {content.version}"
        for inspection in inspections
        for content in inspection.components
        if content.component is not None and not is_brought(content, catalogue.component(content.component))
    )


def known_parts(catalogue: Catalogue, inspections: Sequence[Inspection]) -> tuple[Part, ...]:
    """Every component package that is installed and whose component is in the catalogue, in package order."""
    found: list[Part] = []
    for package, inspection in enumerate(inspections):
        for part, content in enumerate(inspection.components):
            component = catalogue.component(content.component) if content.component is not None else None
            if component is None or not is_brought(content, component):
                continue
            found.append(
                Part(
                    package=package,
                    part=part,
                    identifier=content.identifier,
                    component=component.id,
                    version=content.version,
                    core=component.core,
                    known_release=content.known_release,
                )
            )
    return tuple(found)


def _covers_a_bundle(catalogue: Catalogue, offered: dict[str, str], family: str) -> bool:
    """True when the offered components are all that some listed bundle requires (whatever their versions)."""
    core = {component.id for component in catalogue.core}
    for bundle in catalogue.bundles:
        required = {member.component for member in bundle.members if not member.optional and member.component in core}
        if bundle.family == family and bundle.complete and required and required <= set(offered):
            return True
    return False


def build_candidate(facts: Facts, catalogue: Catalogue, inspections: Sequence[Inspection], assessment: Assessment) -> Candidate:
    """Work out what the packages would make of this workstation."""
    parts = known_parts(catalogue, inspections)
    offered: dict[str, str] = {}
    conflicting = [part.component for part in parts if part.core and offered.setdefault(part.component, part.version) != part.version]
    installed = assessment.installed
    family = facts.os.family
    unit = set(installed) <= set(offered) and _covers_a_bundle(catalogue, offered, family)
    resulting = dict(offered) if unit else {**installed, **offered}
    bundles = tuple(matching_bundles(catalogue, resulting, family)) if offered else ()
    return Candidate(
        parts=parts,
        offered=offered,
        conflicting=tuple(dict.fromkeys(conflicting)),
        unit=unit,
        resulting=dict(sorted(resulting.items())),
        bundles=bundles,
        bundle=_best(bundles, facts),
    )


def _best(bundles: tuple[Bundle, ...], facts: Facts) -> Bundle | None:
    """The bundle best known to suit this OS; any of them when none is listed for it."""

    def rank(bundle: Bundle) -> tuple[int, bool, str]:
        certainty = os_certainty(bundle, facts.os)
        return (-1 if certainty is None else strength(certainty), bundle.build is not None, bundle.id)

    return max(bundles, key=rank, default=None)
