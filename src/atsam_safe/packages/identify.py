"""Which known component, release and build a package is: by identifier, version and digest, never by a name. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.catalogue.product_codes import normal, product_named
from atsam_safe.packages.model import BuildFact, ComponentPackage, Inspection
from atsam_safe.versions import matches_release

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import Bundle, BundleMember, Catalogue, Component
    from atsam_safe.catalogue.statement import Family
    from atsam_safe.packages.model import InstallerFact


def identify(inspection: Inspection, catalogue: Catalogue) -> Inspection:
    """The inspection with ``component``, ``known_release`` and ``build`` filled from the catalogue."""
    if inspection.installer is not None:
        components = tuple(_identified_product(part, inspection, catalogue) for part in inspection.components)
    else:
        components = tuple(_identified(part, inspection.sha256, catalogue) for part in inspection.components)
    family: Family = "macos" if inspection.installer is None else "windows"
    bundle = bundle_of(components, catalogue, family) if inspection.readable else None
    build = None if bundle is None else BuildFact(id=bundle.id, bundle=bundle.id)
    return msgspec.structs.replace(inspection, components=components, build=build)


def component_of_product(installer: InstallerFact, catalogue: Catalogue) -> Component | None:
    """The catalogue's component a Windows package is: by product code, then by upgrade code, then by its whole product name."""
    code, upgrade = normal(installer.product_code), normal(installer.upgrade_code or "")
    windows = [component for component in catalogue.components if "windows" in component.families]
    for component in windows:
        codes = {normal(one) for release in component.releases for one in release.product_codes}
        codes |= {normal(one) for rule in component.products for one in rule.product_codes}
        if code in codes:
            return component
    for component in windows:
        if upgrade and upgrade in {normal(one) for rule in component.products for one in rule.upgrade_codes}:
            return component
    named = (component for component in windows for rule in component.products if product_named(rule.name_pattern, installer.name))
    return next(named, None)


def _identified_product(part: ComponentPackage, inspection: Inspection, catalogue: Catalogue) -> ComponentPackage:
    installer = inspection.installer
    component = component_of_product(installer, catalogue) if installer is not None else None
    if component is None or installer is None:
        return msgspec.structs.replace(part, component=None, known_release=False)
    known = any(
        release.family == "windows"
        and matches_release(release.version, part.version, prefix=release.version_is_prefix)
        # a release whose codes are known is that release only with one of them
        and (not release.product_codes or normal(installer.product_code) in {normal(code) for code in release.product_codes})
        for release in component.releases
    )
    return msgspec.structs.replace(part, component=component.id, known_release=known)


def component_of(identifier: str, catalogue: Catalogue) -> Component | None:
    """The catalogue's component whose receipt has this identifier: an exact rule first, then the longest prefix."""
    best: Component | None = None
    best_length = -1
    for component in catalogue.components:
        for rule in component.receipts:
            if rule.style != "flat":
                continue
            if rule.match == "exact" and rule.id == identifier:
                return component
            if rule.match == "prefix" and identifier.startswith(rule.id) and len(rule.id) > best_length:
                best = component
                best_length = len(rule.id)
    return best


def bundle_of(parts: Iterable[ComponentPackage], catalogue: Catalogue, family: Family = "macos") -> Bundle | None:
    """The listed bundle these component packages form together, or ``None``.

    The parts of the unit (``core``) decide, with whatever else the bundle requires: each in one version, one of the bundle's, nothing
    mandatory missing and none left out by the package's own choices. Genuine builds carry optional components beside them (DiagAM,
    amelipro connect), in releases that nobody listed: those make no other build, nor do parts nobody knows, which are the guard's matter.
    Among several bundles the one with an ATSAM build number wins, then the one that comes first in the catalogue.
    """
    core = {component.id for component in catalogue.core}
    versions: dict[str, set[str]] = {}
    for part in parts:
        if part.component in core and part.selection == "left-out":
            return None
        if part.component is not None and part.selection != "left-out":
            versions.setdefault(part.component, set()).add(part.version)
    unit = core & versions.keys()
    fitting = [bundle for bundle in catalogue.bundles if bundle.family == family and unit and _fits(bundle, versions, unit, catalogue)]
    return next((bundle for bundle in fitting if bundle.build is not None), fitting[0] if fitting else None)


def _fits(bundle: Bundle, versions: dict[str, set[str]], unit: set[str], catalogue: Catalogue) -> bool:
    members = {member.component: member for member in bundle.members}
    decisive = unit | {member.component for member in bundle.members if not member.optional}
    if not decisive <= members.keys() or not decisive <= versions.keys():
        return False
    return all(
        len(versions[component]) == 1 and _is_member(members[component], version, catalogue)
        for component in decisive
        for version in versions[component]
    )


def _is_member(member: BundleMember, version: str, catalogue: Catalogue) -> bool:
    component = catalogue.component(member.component)
    partial = {release.version for release in component.releases if release.version_is_prefix} if component is not None else set()
    return any(matches_release(expected, version, prefix=expected in partial) for expected in member.versions)


def _identified(part: ComponentPackage, sha256: str | None, catalogue: Catalogue) -> ComponentPackage:
    component = component_of(part.identifier, catalogue)
    if component is None:
        return msgspec.structs.replace(part, component=None, known_release=False)
    known = any(
        release.family == "macos"
        and (
            matches_release(release.version, part.version, prefix=release.version_is_prefix)
            or (sha256 is not None and sha256 in {digest.lower() for digest in release.package_sha256})
        )
        for release in component.releases
    )
    return msgspec.structs.replace(part, component=component.id, known_release=known)
