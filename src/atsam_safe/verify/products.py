"""Windows products that are a component: product codes first, whole names second, never a part of a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.catalogue.product_codes import normal, product_named
from atsam_safe.catalogue.windows_paths import expand, is_program, key
from atsam_safe.verify.bundles import bundles_with
from atsam_safe.verify.model import Witness
from atsam_safe.versions import ComponentVersion, VersionError

_PROGRAMS = frozenset({"program", "library"})

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.facts.model import Facts, InstalledProduct, RegistryFact


def component_products(component: Component, facts: Facts) -> tuple[InstalledProduct, ...]:
    """Products registered on the workstation that are ``component``; none when products were not observed."""
    codes = {normal(code) for release in component.releases for code in release.product_codes}
    codes |= {normal(code) for rule in component.products for code in (*rule.product_codes, *rule.uninstall_keys)}
    found: list[InstalledProduct] = []
    for product in facts.products or ():
        named = any(product_named(rule.name_pattern, product.name) for rule in component.products)
        if normal(product.code) in codes or named:
            found.append(product)
    return tuple(found)


def is_wide(component: Component, product: InstalledProduct) -> bool:
    """True for a 64-bit product: by the view its uninstall entry is in, else by the rule it is recognised by."""
    if product.architecture is not None:
        return product.architecture != "i386"
    for rule in component.products:
        codes = {normal(code) for code in (*rule.product_codes, *rule.uninstall_keys)}
        if normal(product.code) in codes or product_named(rule.name_pattern, product.name):
            return rule.architecture != "x86"
    return True


def product_label(product: InstalledProduct) -> str:
    """How a product is named to a person: name and version."""
    return f"{product.name} {product.version or ''}".strip()


def version_rank(text: str | None) -> tuple[int, ...]:
    """Where a product's version stands among those of its component; a text that is no version is below them all."""
    version = _version(text)
    return () if version is None else version.key


def by_width(component: Component, products: Iterable[InstalledProduct]) -> tuple[tuple[InstalledProduct, ...], ...]:
    """The products as they stand side by side: those of 64 bits and those of 32, for a component that the catalogue has in both.

    There a release takes the place of an older one of its own width alone.
    """
    there = tuple(products)
    if not {"x86", "x64"} <= {rule.architecture for rule in component.products}:
        return (there,) if there else ()
    groups = (tuple(one for one in there if is_wide(component, one) is wide) for wide in (True, False))
    return tuple(group for group in groups if group)


def serving_products(component: Component, facts: Facts, products: Iterable[InstalledProduct]) -> tuple[InstalledProduct, ...]:
    """Of all releases of a component that are registered the one that serves, in each width of a component that can stand twice.

    Older releases stay registered on many workstations where everything works. The one whose code stands in the component's own key wrote
    it last; without such a key the newest serves, because an older one is not installed over it.
    """
    return tuple(one for group in by_width(component, products) for one in _serving(component, facts, group))


def speaking_products(
    component: Component, catalogue: Catalogue, family: str, serving: Iterable[InstalledProduct]
) -> list[InstalledProduct]:
    """Of those that serve the ones a set is judged by: where two widths differ, the release that a listed set has, else the newest.

    The other components are not asked: a change of theirs must not change what is said of this one.
    """

    def rank(product: InstalledProduct) -> tuple[bool, tuple[int, ...]]:
        version = _version(product.version)
        bundles = () if version is None else bundles_with(catalogue, component.id, version.text, family)
        return any(bundle.complete for bundle in bundles), version_rank(product.version)

    there = list(serving)
    best = max(map(rank, there), default=None)
    return [one for one in there if rank(one) == best]


def _serving(component: Component, facts: Facts, there: tuple[InstalledProduct, ...]) -> tuple[InstalledProduct, ...]:
    codes = {normal(fact.values.get("productcode", "")) for fact in _identities(component, facts)}
    newest = max((version_rank(one.version) for one in [one for one in there if normal(one.code) in codes] or there), default=())
    return tuple(one for one in there if version_rank(one.version) == newest)


def _identities(component: Component, facts: Facts) -> list[RegistryFact]:
    """What the component's own keys say, in both views."""
    keys = {
        rule.key.casefold() for rule in (component.windows.registry if component.windows is not None else ()) if rule.role == "identity"
    }
    return [fact for fact in facts.registry if fact.key.casefold() in keys]


def product_witnesses(component: Component, facts: Facts, products: Iterable[InstalledProduct]) -> tuple[Witness, ...]:
    """What installed products say of the component's version: Windows Installer, and the component's own key in the registry.

    A key speaks for the product whose code stands in it; what an older product left behind, or a key without a code, speaks for nobody.
    Where one of the two spells the version longer than the other, only what both tell is compared.
    """
    found: list[Witness] = []
    for product in products:
        installed = _version(product.version)
        if installed is None:
            continue
        found.append(Witness(kind="product", version=installed.text, source=product.code))
        for fact in _identities(component, facts):
            written = _version(fact.values.get("version"))
            if written is not None and normal(fact.values.get("productcode", "")) == normal(product.code):
                source = f"HKLM\\{fact.key} ({fact.view})"
                told = installed if written.starts_with(installed) else written
                found.append(
                    Witness(
                        kind="registry", version=told.text, source=source, partial=told.key != installed.key and installed.starts_with(told)
                    )
                )
    return tuple(found)


def _version(text: str | None) -> ComponentVersion | None:
    """A version that somebody wrote; ``None`` when it is none."""
    try:
        return None if text is None else ComponentVersion.parse(text)
    except VersionError:
        return None


def windows_files(component: Component, facts: Facts, products: Iterable[InstalledProduct]) -> tuple[str, ...]:
    """Programs and libraries that an installed product must have: confirmed ones alone, of the products' architectures.

    A file that two sources put in two places is expected in none; where no file was looked at, nothing is expected.
    """
    architectures = {"x86" if product.architecture == "i386" else "x64" for product in products}
    if (
        component.windows is None
        or not architectures
        or not any(key(fact.path) == key(facts.folders.get("WINDIR", "")) for fact in facts.paths)
    ):
        return ()
    rules = [
        rule
        for rule in component.windows.paths
        if rule.scope == "file"
        and rule.role in _PROGRAMS
        and rule.certainty == "confirmed"
        and not rule.legacy
        and rule.architecture != "any"
        and rule.architecture in architectures
    ]
    names = [rule.path.rsplit("\\", 1)[-1].casefold() for rule in component.windows.paths]
    found = [expand(rule.path, facts.folders) for rule in rules if names.count(rule.path.rsplit("\\", 1)[-1].casefold()) == 1]
    return tuple(path for path in found if path is not None)


def resident_programs(component: Component, facts: Facts) -> dict[str, str]:
    """Programs of ``component`` that run now and should run all the time: path without regard to case → path."""
    rules = [rule for rule in (component.windows.processes if component.windows is not None else ()) if rule.resident]
    running = [process.path for process in facts.processes or ()]
    return {key(path): path for path in running if any(is_program(rule, path, facts.folders) for rule in rules)}
