"""Carrying out one step on a running Windows. Every step may be carried out again after it stopped anywhere in the middle.

An exit code proves nothing: after each step the system is asked again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import tenacity

from atsam_safe.catalogue.product_codes import normal
from atsam_safe.catalogue.windows_paths import key
from atsam_safe.plan.model import InstallProduct, RestoreConfig, StartService, StopProcess, StopService, UninstallProduct
from atsam_safe.versions import matches_release
from atsam_safe.words.model import Problem, WorkstationError
from atsam_safe.workstation.kept_configs import restore_config
from atsam_safe.workstation.windows.msiexec import failure_of, meaning_of
from atsam_safe.workstation.windows.staging import log_file, settle, staged_package

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.plan.model import Step
    from atsam_safe.workstation.commands import CommandOutcome
    from atsam_safe.workstation.windows.pc import Pc

DONE: Final = "done"
NOT_APPLICABLE: Final = "not-applicable"


def apply_step(pc: Pc, step: Step, staging: Path) -> str:
    """Carry out ``step``; ``done`` or ``not-applicable``. Raises ``WorkstationError``."""
    doing = _DOINGS.get(type(step))
    if doing is None:
        raise _failed("windows.not-for-windows", step=type(step).__name__)
    return doing(pc, step, staging)


def _failed(ref: str, **params: str) -> WorkstationError:
    return WorkstationError(Problem(ref=ref, params=params, evidence=dict(params)))


# --- products ----------------------------------------------------------------------------------------------------------------------


def state_of(staging: Path) -> Path:
    """The state folder a staging folder belongs to."""
    return staging.parent.parent


def is_installed(pc: Pc, code: str) -> bool:
    """True when Windows Installer knows the product."""
    codes = pc.native.products()
    if codes is None:
        raise _failed("windows.cannot-be-asked", what="Windows Installer")
    return normal(code) in {normal(one) for one in codes}


def _uninstall(pc: Pc, step: UninstallProduct, staging: Path) -> str:
    return uninstall_product(pc, step.code, step.name, state_of(staging))


def uninstall_product(pc: Pc, code: str, name: str, state: Path) -> str:
    """Remove one product by its code; ``not-applicable`` when it is not there."""
    if not is_installed(pc, code):
        return NOT_APPLICABLE
    log = log_file(state, f"uninstall-{code.strip('{}')}")
    outcome = pc.installer.run(("/x", code), log, pc.heartbeat(name))
    _until_quiet(pc, outcome)
    meaning = meaning_of(outcome.status)
    if meaning == "restart":
        pc.restart_needed = True
    elif meaning == "absent":
        return NOT_APPLICABLE
    elif meaning != "done":
        raise failure_of(outcome, log, title=name)
    if is_installed(pc, code):
        raise _failed("windows.product-still-there", product=name, log=str(log))
    return DONE


def _until_quiet(pc: Pc, outcome: CommandOutcome) -> None:
    """After a call that took too long: its service works on although the call was ended, and a way back must not begin under it."""
    if outcome.status is None and not outcome.missing:
        _patiently(lambda: pc.native.installer_busy() is not True, pc.patience.install)


def _install(pc: Pc, step: InstallProduct, staging: Path) -> str:
    staged = staged_package(staging, step.package)
    place = settle(staging / str(step.package), state_of(staging), staged.name, staged.sha256)
    return install_package(pc, place, (step.code, step.title, step.version), state_of(staging))


def install_package(pc: Pc, package: Path, product: tuple[str, str, str], state: Path) -> str:
    """Install one package whose product is ``(code, title, version)``, and ask whether exactly that is installed now."""
    code, title, version = product
    log = log_file(state, f"install-{code.strip('{}')}")
    outcome = pc.installer.run(("/i", str(package)), log, pc.heartbeat(title))
    _until_quiet(pc, outcome)
    meaning = meaning_of(outcome.status)
    if meaning == "restart":
        pc.restart_needed = True
    elif meaning != "done":
        raise failure_of(outcome, log, title=title, blocking=_blocking(pc, code))
    found = pc.native.product(code, "VersionString") if is_installed(pc, code) else None
    if found is None:
        raise _failed("windows.product-not-there", product=title, log=str(log))
    if not matches_release(version, found, prefix=False):
        raise _failed("windows.product-differs", product=title, expected=version, found=found)
    return DONE


def _blocking(pc: Pc, code: str) -> str | None:
    """The product that has the code already: name and version."""
    name = pc.native.product(code, "InstalledProductName")
    version = pc.native.product(code, "VersionString")
    return None if name is None else f"{name} {version or ''}".strip()


def _restore_config(pc: Pc, step: RestoreConfig, staging: Path) -> str:
    return DONE if restore_config(pc.volume, step, staging) else NOT_APPLICABLE


# --- services and programs ---------------------------------------------------------------------------------------------------------


def _start_service(pc: Pc, step: StartService, _staging: Path) -> str:
    return start_service(pc, step.label)


def start_service(pc: Pc, name: str) -> str:
    """Start a service that does not run; one that is not there is not applicable."""
    status = pc.native.service(name)
    if status is None or status.running:
        return NOT_APPLICABLE
    if status.start == "disabled":
        raise _failed("windows.service-disabled", service=name)
    pc.native.start_service(name)
    if not _until(pc, name, running=True):
        raise _failed("windows.service-does-not-start", service=name)
    return DONE


def _stop_service(pc: Pc, step: StopService, _staging: Path) -> str:
    return stop_service(pc, step.label)


def stop_service(pc: Pc, name: str) -> str:
    """Stop a service that runs."""
    status = pc.native.service(name)
    if status is None or not status.running:
        return NOT_APPLICABLE
    pc.native.stop_service(name)
    if not _until(pc, name, running=False):
        raise _failed("windows.service-does-not-stop", service=name)
    return DONE


def _until(pc: Pc, name: str, *, running: bool) -> bool:
    """Ask until the service is as wanted or the patience is over."""

    def asked() -> bool:
        status = pc.native.service(name)
        return status is not None and status.running is running

    return _patiently(asked, pc.patience.service)


def _patiently(asked: Callable[[], bool], seconds: float) -> bool:
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda answer: not answer),
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_fixed(0.1),
        retry_error_callback=lambda _state: False,
    )
    return bool(retrying(asked))


def _stop_process(pc: Pc, step: StopProcess, _staging: Path) -> str:
    return stop_programs(pc, (step.path,))


def stop_programs(pc: Pc, paths: tuple[str, ...]) -> str:
    """End every process of these programs. A namesake at another path is never touched."""
    wanted = {key(path) for path in paths}

    def running() -> list[int]:
        found = pc.native.processes()
        if found is None:
            raise _failed("windows.cannot-be-asked", what="processes")
        return [process.pid for process in found if key(process.path) in wanted]

    if not running():
        return NOT_APPLICABLE
    for pid in running():
        pc.native.end_process(pid)
    if not _patiently(lambda: not running(), pc.patience.process):
        raise _failed("windows.process-does-not-end", process=", ".join(paths))
    return DONE


def elapsed(started: float) -> int:
    """Whole seconds since ``started``."""
    return int(time.monotonic() - started)


_DOINGS: Final[dict[type, Callable[[Pc, Any, Path], str]]] = {
    UninstallProduct: _uninstall,
    InstallProduct: _install,
    RestoreConfig: _restore_config,
    StartService: _start_service,
    StopService: _stop_service,
    StopProcess: _stop_process,
}
