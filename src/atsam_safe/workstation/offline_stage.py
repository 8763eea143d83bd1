"""Bringing every byte a plan will install into the staging folder, verified while it is read, before anything is changed."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, cast

from atsam_safe.packages.extract import extract_component
from atsam_safe.plan.model import InstallPayload, WriteReceipt
from atsam_safe.volume.errors import failure
from atsam_safe.workstation.staged import StagedPayload, folder_of, not_staged, write_payload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.packages.opening import OpenedPackages as ReadPackages
    from atsam_safe.plan.model import Plan
    from atsam_safe.words.model import WorkstationError
    from atsam_safe.workstation.port import OpenedPackages

PHASE = "stage"


def stage_plan(plan: Plan, packages: OpenedPackages, staging: Path, progress: Callable[[str, int, int], None]) -> None:
    """Extract each component package the plan installs, from the descriptors it was inspected through.

    ``staging`` must lie on the volume's file system, so that files get in place by one rename. Staging again starts afresh.
    ``progress(PHASE, done, total)`` counts bytes. Raises ``UntrustedPackageError`` when a checksum fails and ``WorkstationError``
    when ``staging`` cannot be written (no room, read-only).
    """
    opened = cast("ReadPackages", packages)
    wanted: dict[tuple[int, int], str] = {}
    for step in plan.steps:
        if isinstance(step, InstallPayload | WriteReceipt):
            wanted.setdefault((step.package, step.part), step.identifier)
    sizes = {key: _size(packages, *key) for key in wanted}
    total, done = sum(sizes.values()), 0
    progress(PHASE, done, total)
    for (package, part), identifier in wanted.items():
        try:
            _stage_one(opened, package, part, identifier, staging)
        except OSError as error:
            raise failure(error, str(staging)) from error
        done += sizes[package, part]
        progress(PHASE, done, total)


def _size(packages: OpenedPackages, package: int, part: int) -> int:
    try:
        payload = packages.inspections[package].components[part].payload
    except IndexError:
        raise _no_such_part(package, part) from None
    return payload.bytes if payload is not None else 0


def _stage_one(opened: ReadPackages, package: int, part: int, identifier: str, staging: Path) -> None:
    inspection = opened.inspections[package]
    component = inspection.components[part]
    if component.identifier != identifier:
        raise not_staged(identifier, component.identifier)
    folder = folder_of(staging, package, part)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    entries = extract_component(opened, package, part, folder)
    name = component.directory.rstrip("/") or inspection.path.replace("\\", "/").rsplit("/", 1)[-1]
    write_payload(
        folder,
        StagedPayload(
            identifier=component.identifier,
            version=component.version,
            prefix=component.install_location,
            package_file=name,
            staged_at=int(time.time()),
            entries=entries,
        ),
    )


def _no_such_part(package: int, part: int) -> WorkstationError:
    return not_staged(f"{package}-{part}", "no such package")
