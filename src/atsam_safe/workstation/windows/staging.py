"""Verified copies of the packages, and the permanent folder from which they are installed.

Windows Installer remembers where a package came from and asks for it again when it repairs: a source in a temporary folder is a fault that
shows months later. So packages are installed from the state folder, under their own names, and stay there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.plan.model import InstallProduct, RestoreConfig
from atsam_safe.volume.errors import failure
from atsam_safe.words.model import Problem, UntrustedPackageError, WorkstationError
from atsam_safe.workstation.kept_configs import stage_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.packages.opening import OpenedPackages
    from atsam_safe.plan.model import Plan
    from atsam_safe.volume.volume import Volume

PACKAGES: Final = "packages"
LOGS: Final = "logs"
LISTED: Final = "packages.json"
_UNSAFE: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_LONGEST_NAME: Final = 120
_CHUNK: Final = 1 << 20


class StagedPackage(msgspec.Struct, frozen=True, kw_only=True):
    """One package in ``staging``: its own name, and what it must be."""

    package: int
    name: str
    sha256: str


def stage(plan: Plan, packages: OpenedPackages, staging: Path, progress: Callable[[str, int, int], None]) -> None:
    """Copy every package the plan installs into ``staging``, through the descriptor it was checked by, and hash the copy."""
    wanted = sorted({step.package for step in plan.steps if isinstance(step, InstallProduct)})
    listed: list[StagedPackage] = []
    for done, index in enumerate(wanted):
        progress("stage", done, len(wanted))
        inspection = packages.inspections[index]
        target = staging / str(index)
        with target.open("xb") as stream:
            packages.copy(index, stream.fileno())
            stream.flush()
            os.fsync(stream.fileno())
        if inspection.sha256 is None or digest_of(target) != inspection.sha256:
            raise UntrustedPackageError(
                Problem(ref="package.damaged", params={"package": package_name(inspection.path), "reason": "changed-while-copied"})
            )
        listed.append(StagedPackage(package=index, name=package_name(inspection.path), sha256=inspection.sha256))
    (staging / LISTED).write_bytes(msgspec.json.encode(listed))


def stage_configs(volume: Volume, plan: Plan, staging: Path) -> None:
    """Copies of the configuration that the vendors' packages would take along or write anew, with rights and attributes."""
    try:
        for step in plan.steps:
            if isinstance(step, RestoreConfig):
                stage_config(volume, step, staging, xattrs=True)
    except OSError as error:
        raise failure(error, str(staging)) from error


def package_name(path: str) -> str:
    """The package's own name, as far as Windows can hold it; always ending in ``.msi``."""
    name = _UNSAFE.sub("_", re.split(r"[\\/]", path)[-1]).strip(" .")[-_LONGEST_NAME:]
    return name if name.casefold().endswith(".msi") else f"{name or 'package'}.msi"


def digest_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while data := stream.read(_CHUNK):
            hasher.update(data)
    return hasher.hexdigest()


def staged_package(staging: Path, index: int) -> StagedPackage:
    """What was staged for one package. Raises ``WorkstationError`` when the list cannot be read."""
    try:
        listed = msgspec.json.decode((staging / LISTED).read_bytes(), type=list[StagedPackage])
    except (OSError, msgspec.MsgspecError) as error:
        raise WorkstationError(Problem(ref="windows.package-not-staged", params={"package": str(index)})) from error
    found = next((one for one in listed if one.package == index), None)
    if found is None:
        raise WorkstationError(Problem(ref="windows.package-not-staged", params={"package": str(index)}))
    return found


def settle(source: Path, state: Path, name: str, sha256: str) -> Path:
    """Copy a package to its permanent place (``packages/DIGEST/NAME`` in the state folder) and return it, verified."""
    place = state / PACKAGES / sha256[:16] / name
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_file() or digest_of(place) != sha256:
            shutil.copyfile(source, place)
        if digest_of(place) != sha256:
            raise WorkstationError(Problem(ref="windows.package-not-staged", params={"package": name}))
    except OSError as error:
        raise failure(error, str(place)) from error
    return place


def log_file(state: Path, name: str) -> Path:
    """Where the log of one call goes; the folder is made."""
    folder = state / LOGS
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise failure(error, str(folder)) from error
    return folder / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', name)[:80]}.log"
