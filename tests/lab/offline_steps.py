"""Staging and carrying out steps on a laid-out volume, as a transaction does, for tests of the workstation."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING

from atsam_safe.catalogue.model import Trust
from atsam_safe.packages.opening import open_packages
from atsam_safe.plan.model import (
    InstallPayload,
    Plan,
    Step,
    Target,
    WriteReceipt,
)
from lab.atsam import CRYPTOLIB, GALSS, IDENTIFIERS, component_items
from lab.packages import Component, Product, product_package

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.workstation.offline import OfflineWorkstation

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
VERSIONS = {GALSS: "3.43.02", CRYPTOLIB: "5.1.8"}
SERVER = "Library/Application Support/Galss/galsvosx"


def tree(root: Path) -> dict[str, tuple[str, int, str]]:
    """Every path below ``root`` with kind, mode and content: equal trees are equal workstations."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            found[str(path.relative_to(root))] = ("symlink", 0, str(path.readlink()))
        elif path.is_dir():
            found[str(path.relative_to(root))] = ("directory", status.st_mode, "")
        else:
            found[str(path.relative_to(root))] = ("file", status.st_mode, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def story_package(path: Path) -> Path:
    """An unsigned product of GALSS and Cryptolib in genuine format, written to ``path``."""
    components = tuple(
        Component(identifier=IDENTIFIERS[component], version=version, items=tuple(component_items(component, version)))
        for component, version in VERSIONS.items()
    )
    path.write_bytes(product_package(Product(title="ATSAM 4.50", components=components)))
    return path


def steps_of(*, preserve: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """Install and remember every component of ``VERSIONS``."""
    steps: list[Step] = []
    for part, (component, version) in enumerate(VERSIONS.items()):
        identifier = IDENTIFIERS[component]
        steps.append(
            InstallPayload(
                component=component, identifier=identifier, version=version, package=0, part=part, files=1, bytes=1, preserve=preserve
            )
        )
        steps.append(WriteReceipt(component=component, identifier=identifier, version=version, package=0, part=part, title="ATSAM 4.50"))
    return tuple(steps)


def plan_of(steps: tuple[Step, ...]) -> Plan:
    """A plan with these steps; its other fields do not matter to a workstation."""
    return Plan(command="install", target=Target(bundle=None, versions={}), steps=steps, scope=())


def staged(
    workstation: OfflineWorkstation, package: Path, staging: Path, catalogue: Catalogue, steps: tuple[Step, ...]
) -> list[tuple[str, int, int]]:
    """Stage the packages for ``steps``; the progress that was reported."""
    seen: list[tuple[str, int, int]] = []
    with open_packages(package, Trust(), catalogue, NOW) as opened:
        workstation.stage(plan_of(steps), opened, staging, lambda name, done, total: seen.append((name, done, total)))
    return seen


def run_all(workstation: OfflineWorkstation, steps: tuple[Step, ...], staging: Path) -> None:
    """Carry out every step in order."""
    for step in steps:
        workstation.apply(step, staging)
