"""What a live run needs in private before anything is touched: packages, genuine uninstallers, configuration to be kept.

Security: the installed uninstallers lie in folders that anybody may write to (the vendors' scripts open them to all), and this program
runs as root. So the installed file itself is never run: a private copy is made, hashed, and run only when it is one the catalogue knows.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final, cast

import msgspec

from atsam_safe.plan.model import RestoreConfig, RunInstaller, RunUninstaller, StartService
from atsam_safe.volume.errors import failure
from atsam_safe.words.model import Problem, UntrustedPackageError
from atsam_safe.workstation.kept_configs import not_staged, stage_config
from atsam_safe.workstation.macos import applications, launchd, receipts
from atsam_safe.workstation.macos.domains import domains_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from atsam_safe.packages.opening import OpenedPackages as ReadPackages
    from atsam_safe.plan.model import Plan, ScopeEntry
    from atsam_safe.workstation.macos.mac import Mac
    from atsam_safe.workstation.port import OpenedPackages

# The genuine scripts have 60 kB.
MAX_GUEST_BYTES: Final = 1 << 20
PRIVATE_MODE: Final = 0o600
# A guest of a killed run is known by it in the list of processes.
GUEST_PREFIX: Final = "guest-"
PROGRAM_MODE: Final = 0o700
_CHUNK: Final = 1 << 20


def package_file(staging: Path, package: int) -> Path:
    """Where the private copy of package ``package`` lies."""
    return staging / f"package-{package}.pkg"


def guest_file(staging: Path, path: str) -> Path:
    """Where the private copy of an uninstaller lies."""
    return staging / f"{GUEST_PREFIX}{hashlib.sha256(path.encode()).hexdigest()[:16]}"


def stage_plan(workstation: Mac, plan: Plan, packages: OpenedPackages, staging: Path) -> None:
    """Bring everything in; see ``port.Workstation.stage``."""
    _stage_switches(workstation, plan, staging)
    workstation.watched = what_may_change(plan.scope)
    applications.require_changeable(workstation, workstation.watched)
    try:
        for step in plan.steps:
            if isinstance(step, RunInstaller):
                _stage_package(workstation, cast("ReadPackages", packages), step.package, staging)
            elif isinstance(step, RunUninstaller):
                _stage_guest(workstation, step, staging)
            elif isinstance(step, RestoreConfig):
                stage_config(workstation.volume, step, staging)
    except OSError as error:
        raise failure(error, str(staging)) from error


def what_may_change(scope: Iterable[ScopeEntry]) -> tuple[tuple[str, str], ...]:
    """Path and kind of what a run with this scope may change. Shared folders belong to everybody: that they move says nothing about it."""
    return tuple((entry.path, entry.kind) for entry in scope if entry.kind != "shared")


SWITCHES: Final = "switched-off.json"


def _stage_switches(workstation: Mac, plan: Plan, staging: Path) -> None:
    """Everything that is switched off where jobs are to be started: people's choices, to be told from what a vendor's script does later.

    All names: the one that a package's job has is known only when its file is there.
    """
    starts = [step for step in plan.steps if isinstance(step, StartService)]
    domains = sorted({domain for step in starts for domain in domains_of(workstation, step.domain, step.path)})
    off = [[domain, label] for domain in domains for label, is_off in launchd.disabled(domain).ask(workstation.runner).items() if is_off]
    (staging / SWITCHES).write_bytes(msgspec.json.encode(off))


def switched_off(staging: Path) -> frozenset[tuple[str, str]]:
    """Domain and label of the jobs that were switched off before the run."""
    try:
        return frozenset(msgspec.json.decode((staging / SWITCHES).read_bytes(), type=list[tuple[str, str]]))
    except (OSError, msgspec.MsgspecError) as error:
        raise not_staged(SWITCHES, type(error).__name__) from error


def digest_of_file(path: Path) -> str:
    """SHA-256 of a staged file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _stage_package(workstation: Mac, packages: ReadPackages, index: int, staging: Path) -> None:
    """Copy from the descriptor that was checked; what cannot have changed in between is proven by its digest all the same."""
    inspection = packages.inspections[index]
    workstation.progress("stage", 0, inspection.size)
    target = package_file(staging, index)
    target.unlink(missing_ok=True)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    try:
        packages.copy(index, fd)
        os.fsync(fd)
    finally:
        os.close(fd)
    if digest_of_file(target) != inspection.sha256:
        raise UntrustedPackageError(Problem(ref="macos.package-changed", params={"package": inspection.path}))
    _require_accepted(workstation, target, inspection.path)
    workstation.progress("stage", inspection.size, inspection.size)


def _require_accepted(workstation: Mac, package: Path, shown: str) -> None:
    """The system's own opinion, asked while nothing has been touched.

    ``installer`` takes unsigned packages, but refuses a signature that it does not trust any more: after the old components were removed.
    """
    status = receipts.signature_of(str(package)).ask(workstation.runner).status
    if status.startswith(receipts.REFUSED_WORDINGS):
        params = {"package": shown, "status": status}
        raise UntrustedPackageError(Problem(ref="macos.package-not-accepted", params=params, evidence=dict(params)))


def _stage_guest(workstation: Mac, step: RunUninstaller, staging: Path) -> None:
    """A private copy when it is genuine; otherwise no copy, and it is said."""
    target = guest_file(staging, step.path)
    target.unlink(missing_ok=True)
    entry = workstation.volume.lstat(step.path)
    if entry is None or entry.kind != "file" or entry.size > MAX_GUEST_BYTES:
        return
    data = workstation.volume.read_bytes(step.path, MAX_GUEST_BYTES)
    digest = hashlib.sha256(data).hexdigest()
    if digest not in step.sha256:
        params = {"path": step.path}
        workstation.notes.append(Problem(ref="macos.uninstaller-not-genuine", params=params, evidence={**params, "sha256": digest}))
        return
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PROGRAM_MODE)
    with os.fdopen(fd, "wb") as stream:
        stream.write(data)
        # what the process's umask took away
        os.fchmod(stream.fileno(), PROGRAM_MODE)
