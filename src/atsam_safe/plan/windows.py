r"""The plan for a Windows workstation: products removed and installed as a unit, through Windows Installer alone.

- A product is removed by its product code, never by a program that a name or an uninstall entry points to.
- What uses another component goes first: the reverse of the order in which a build installs its members.
- Several products of one component go from the newest down, because the way back cannot put an older one under a newer one.
- Two GALSS can stand side by side: the 64-bit one usually came with DMP Connect, the 32-bit one with billing software. A package
  replaces only the one of its own width; the 64-bit one also stays while DMP Connect is there and nothing replaces it.
- Products that only an uninstaller of another kind can remove are named and left.
- Nothing of configuration is removed: what a package takes along (``galss.ini``, with GALSS) or writes anew is put back after all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.catalogue.product_codes import normal
from atsam_safe.catalogue.windows_paths import expand, has_wildcard, key, parents, system_folders, unique
from atsam_safe.guard.candidate import known_parts
from atsam_safe.plan.model import (
    InstallProduct,
    KeptPath,
    Plan,
    RestoreConfig,
    ScopeEntry,
    StartService,
    Step,
    StopProcess,
    Target,
    UninstallProduct,
)
from atsam_safe.verify.assessment import assess
from atsam_safe.verify.products import component_products, is_wide, product_label, version_rank

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.facts.model import Facts, InstalledProduct
    from atsam_safe.guard.candidate import Part
    from atsam_safe.guard.model import Decision
    from atsam_safe.packages.model import Inspection, InstallerFact
    from atsam_safe.plan.model import ScopeKind

# Components in the order in which they are installed; removed in the reverse order.
_ORDER: Final = ("galss", "cryptolib", "srvsvcnam")
# Other vendors' software that brings and needs the 64-bit GALSS.
_GALSS: Final = "galss"
_WIDE_GALSS_OWNERS: Final = frozenset({"dmp-connect-js2", "dmp-connect"})
# The cards' cache is kept like any file: an old one brought back beside a newer middleware, or lost, is a state the workstation never had.
_UNKEPT_ROLES: Final = frozenset({"private", "log"})


def plan_windows_install(facts: Facts, catalogue: Catalogue, inspections: Sequence[Inspection], decision: Decision) -> Plan:
    """Remove what the packages replace, install them, start what must run. Take ``facts`` observed with ``ownership``."""
    parts = _in_order(known_parts(catalogue, inspections))
    offered = {part.component: _installers(part.component, parts, inspections) for part in parts}
    chosen = {component.id for component in catalogue.core} if decision.unit else set(decision.replaced)
    removal = _removal(facts, catalogue, chosen | offered.keys(), offered)
    placed: list[Step] = []
    for package in dict.fromkeys(part.package for part in parts):
        part = next(part for part in parts if part.package == package)
        installer = inspections[package].installer
        if installer is not None:
            placed.append(
                InstallProduct(
                    component=part.component, package=package, code=installer.product_code, title=installer.name, version=installer.version
                )
            )
    components = _components(catalogue, chosen | offered.keys())
    configs = _configs_back(facts, components)
    steps = (*_stops(facts, components, removal), *removal.steps, *placed, *configs, *_starts(components))
    scope = _scope(facts, components)
    sizes = [part.payload.bytes for one in inspections for part in one.components if part.payload is not None]
    return Plan(
        command="install",
        target=Target(bundle=decision.bundle, versions=dict(sorted({**removal.versions, **decision.target}.items()))),
        steps=steps,
        scope=scope,
        kept=tuple(removal.kept),
        preserved=tuple(config.path for config in configs),
        bytes_to_write=sum(sizes) + 2 * sum(one.size for one in inspections),
        bytes_in_scope=_bytes(facts),
    )


def plan_windows_uninstall(facts: Facts, catalogue: Catalogue) -> Plan:
    """Remove every core component's products, but what another vendor's software still needs."""
    chosen = {component.id for component in catalogue.core}
    removal = _removal(facts, catalogue, chosen, {})
    components = _components(catalogue, chosen)
    configs = _configs_back(facts, components)
    return Plan(
        command="uninstall",
        target=Target(bundle=None, versions=removal.versions),
        steps=(*_stops(facts, components, removal), *removal.steps, *configs),
        scope=_scope(facts, components),
        kept=tuple(removal.kept),
        preserved=tuple(config.path for config in configs),
        bytes_in_scope=_bytes(facts),
    )


def _in_order(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: (not part.core, _rank(part.component), part.package, part.part))


def _rank(component: str) -> int:
    return _ORDER.index(component) if component in _ORDER else len(_ORDER)


def _components(catalogue: Catalogue, chosen: Iterable[str]) -> list[Component]:
    wanted = set(chosen)
    return sorted((one for one in catalogue.components if one.id in wanted), key=lambda one: _rank(one.id))


def _installers(component: str, parts: Iterable[Part], inspections: Sequence[Inspection]) -> list[InstallerFact]:
    found = (inspections[part.package].installer for part in parts if part.component == component)
    return [installer for installer in found if installer is not None]


class _Removal(msgspec.Struct, kw_only=True):
    """Steps that remove, what stays and why, and the versions of what stays. ``widths``: component → of what stays (64 bits: true)."""

    steps: list[Step] = msgspec.field(default_factory=list)
    kept: list[KeptPath] = msgspec.field(default_factory=list)
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    widths: dict[str, set[bool]] = msgspec.field(default_factory=dict)


def _removal(facts: Facts, catalogue: Catalogue, chosen: set[str], offered: Mapping[str, Sequence[InstallerFact]]) -> _Removal:
    """What goes of ``chosen`` before the ``offered`` packages come (component → what they say of themselves)."""
    dependents = {dependent.dependent: dependent.name for dependent in assess(facts, catalogue).dependents}
    wide_owner = next((dependents[one] for one in sorted(_WIDE_GALSS_OWNERS) if one in dependents), None)
    found = _Removal()
    for component in reversed(_components(catalogue, chosen)):
        for product in sorted(component_products(component, facts), key=lambda one: version_rank(one.version), reverse=True):
            if not product.windows_installer:
                found.kept.append(KeptPath(path=product_label(product), reason="other-uninstaller"))
                continue
            wide = is_wide(component, product)
            owner = wide_owner if wide else None
            used = (
                owner is not None
                if component.id not in offered
                else _is_of_the_other_width(product, offered[component.id], facts, wide=wide)
            )
            if component.id == _GALSS and used:
                found.kept.append(KeptPath(path=product_label(product), reason="used", owner=owner))
                found.widths.setdefault(component.id, set()).add(wide)
                found.versions |= {component.id: product.version} if product.version else {}
                continue
            step = UninstallProduct(component=component.id, code=normal(product.code), name=product.name, version=product.version)
            found.steps.append(step)
    return found


def _is_of_the_other_width(product: InstalledProduct, offered: Iterable[InstallerFact], facts: Facts, *, wide: bool) -> bool:
    """True when nothing of what is offered takes the place of ``product``. A 32-bit Windows knows one width."""
    if facts.os.hardware == "i386":
        return False
    return all(normal(one.product_code) != normal(product.code) and (one.architecture != "i386") is not wide for one in offered)


def _stops(facts: Facts, components: Iterable[Component], removal: _Removal) -> list[Step]:
    """Programs of the components that run now, by their full path: a namesake elsewhere is somebody else's, as is one of what stays."""
    running = {key(process.path): process.path for process in facts.processes or ()}
    steps: list[Step] = []
    for component in components:
        for rule in component.windows.processes if component.windows is not None else ():
            if rule.action != "stop" or rule.folder is None:
                continue
            path = expand(f"{rule.folder}\\{rule.name}", facts.folders)
            if path is not None and key(path) in running and not _is_of_what_stays(component, path, facts, removal):
                steps.append(StopProcess(component=component.id, path=running[key(path)]))
    return steps


def _is_of_what_stays(component: Component, path: str, facts: Facts, removal: _Removal) -> bool:
    rules = component.windows.paths if component.windows is not None else ()
    widths = {rule.architecture == "x64" for rule in rules if rule.architecture != "any" and _is_at(rule.path, path, facts)}
    return bool(widths) and widths <= removal.widths.get(component.id, set())


def _is_at(pattern: str, path: str, facts: Facts) -> bool:
    place = expand(pattern, facts.folders)
    return place is not None and key(place) == key(path)


def _configs_back(facts: Facts, components: Iterable[Component]) -> list[RestoreConfig]:
    """The unit's configuration as it was: it is on no package, and GALSS's set-up would write one for the readers it sees just then."""
    rules = [rule for one in components if one.core and one.windows is not None for rule in one.windows.paths]
    places = {key(path) for rule in rules if rule.role == "config" and (path := expand(rule.path, facts.folders)) is not None}
    return [RestoreConfig(path=one.path, sha256=one.sha256) for one in facts.configs if one.sha256 and key(one.path) in places]


def _starts(components: Iterable[Component]) -> list[Step]:
    """Services the components need: started when they do not run."""
    names: dict[str, Step] = {}
    for component in components:
        for rule in component.windows.services if component.windows is not None else ():
            if rule.importance == "required":
                names.setdefault(rule.name, StartService(component=component.id, label=rule.name, path=None, domain="service"))
    return list(names.values())


def _scope(facts: Facts, components: Iterable[Component]) -> tuple[ScopeEntry, ...]:
    """Every path of the components that Windows Installer may write, and the folders of ours above them."""
    system = system_folders(facts.folders)
    found: dict[str, tuple[str, ScopeKind]] = {}
    for component in components:
        for rule in component.windows.paths if component.windows is not None else ():
            path = expand(rule.path, facts.folders)
            if path is None or rule.role in _UNKEPT_ROLES or has_wildcard(path) or key(path) in system:
                continue
            kind: ScopeKind = rule.scope
            found[key(path)] = (path, kind)
            for folder in parents(path):
                if key(folder) not in system:
                    found.setdefault(key(folder), (folder, "shared"))
    trees = [place for place, (_path, kind) in found.items() if kind == "tree"]
    kept = [entry for place, entry in found.items() if not any(place.startswith(f"{tree}\\") for tree in trees)]
    spelled = {key(path): path for path in unique(path for path, _kind in kept)}
    return tuple(ScopeEntry(path=spelled[key(path)], kind=kind) for path, kind in sorted(kept, key=lambda entry: key(entry[0])))


def _bytes(facts: Facts) -> int:
    return sum(fact.size for fact in facts.paths if fact.kind == "file")
