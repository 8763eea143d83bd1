"""Which paths of a macOS workstation the catalogue asks about, and what is to be read of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atsam_safe.catalogue.model import Catalogue, Component, WitnessRule
    from atsam_safe.facts.model import Home
    from atsam_safe.workstation.lens import Lens

Reading = Literal["hash", "image", "plist"]

# Roles whose single files are programs: their architectures are worth knowing.
_PROGRAM_ROLES = frozenset({"program", "library"})


class Wanted:
    """Paths to look at (``readings``: path → what to read besides the entry itself; often nothing) and configurations to read.

    ``keys``: path of an Info.plist → the keys witnesses ask for. ``configs``: path → format of the configuration.
    """

    def __init__(self) -> None:
        self.readings: dict[str, set[Reading]] = {}
        self.keys: dict[str, set[str]] = {}
        self.configs: dict[str, str] = {}

    def add(self, path: str, *readings: Reading) -> None:
        """Ask for ``path``; asking twice unites what is read."""
        self.readings.setdefault(path, set()).update(readings)


def wanted_paths(lens: Lens, catalogue: Catalogue, homes: Sequence[Home]) -> Wanted:
    """Everything the catalogue asks about on macOS, ``~/`` and ``*`` resolved against what is there. Private paths are left out."""
    wanted = Wanted()
    for component in catalogue.components:
        if "macos" in component.families:
            _add_component(wanted, lens, component, homes)
    for dependent in catalogue.dependents:
        if "macos" in dependent.families:
            for pattern in (*dependent.paths, *dependent.shares, *dependent.owns):
                for path in lens.expand(pattern, homes):
                    wanted.add(path)
    return wanted


def private_patterns(catalogue: Catalogue) -> tuple[str, ...]:
    """Patterns of the paths that are never opened nor listed (patient data, law 9)."""
    return tuple(rule.path for component in catalogue.components for rule in component.paths if rule.role == "private")


def config_patterns(catalogue: Catalogue) -> tuple[str, ...]:
    """Patterns of the configuration files, which may be read even below a private folder."""
    return tuple(config.path for component in catalogue.components for config in component.configs)


def _add_component(wanted: Wanted, lens: Lens, component: Component, homes: Sequence[Home]) -> None:
    for rule in component.paths:
        if rule.role == "private":
            continue
        readings: tuple[Reading, ...] = ("image",) if rule.scope == "file" and rule.role in _PROGRAM_ROLES else ()
        for path in lens.expand(rule.path, homes):
            wanted.add(path, *readings)
    for uninstaller in component.uninstallers:
        for path in lens.expand(uninstaller.path, homes):
            wanted.add(path)
    for config in component.configs:
        for path in lens.expand(config.path, homes):
            wanted.add(path)
            wanted.configs[path] = config.format
    for witness in _witnesses(component):
        if witness.path is not None:
            for path in lens.expand(witness.path, homes):
                _add_witness(wanted, witness, path)


def _witnesses(component: Component) -> Iterable[WitnessRule]:
    yield from component.witnesses
    for release in component.releases:
        if release.family == "macos":
            yield from release.witnesses


def _add_witness(wanted: Wanted, witness: WitnessRule, path: str) -> None:
    if witness.kind == "info-plist":
        wanted.add(path, "plist")
        wanted.keys.setdefault(path, set()).add(witness.key)
    elif witness.kind == "binary":
        wanted.add(path, "image")
    elif witness.kind == "checksum":
        wanted.add(path, "hash")
