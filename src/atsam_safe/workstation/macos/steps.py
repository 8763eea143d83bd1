"""Carrying out one step on a running Mac. Every step may be carried out again after it stopped anywhere in the middle.

Exit codes prove nothing here: ``installer`` knows two, ``pkgutil --forget`` says yes although the receipt stays, ``bootout`` returns before
the job is gone, vendors' uninstallers end with 0 when they were refused. So after each step the state is read again.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import tenacity

from atsam_safe.catalogue.patterns import matches
from atsam_safe.plan.model import (
    ForgetReceipt,
    RemovePath,
    RestoreConfig,
    RunInstaller,
    RunUninstaller,
    StartService,
    StopProcess,
    StopService,
)
from atsam_safe.words.model import Problem, WorkstationError
from atsam_safe.workstation.commands import SystemCommandRunner
from atsam_safe.workstation.guest import run_guest
from atsam_safe.workstation.kept_configs import restore_config
from atsam_safe.workstation.macos import installer, launchd, people, receipts, rights
from atsam_safe.workstation.macos.domains import domains_of, session_domains
from atsam_safe.workstation.macos.quiet import KILL, wait_until_quiet
from atsam_safe.workstation.macos.staging import digest_of_file, guest_file, package_file, switched_off
from atsam_safe.workstation.offline_apply import DONE, NOT_APPLICABLE
from atsam_safe.workstation.offline_apply import apply_step as apply_to_files
from atsam_safe.workstation.services import label_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.plan.model import Step
    from atsam_safe.workstation.commands import CommandRunner
    from atsam_safe.workstation.macos.mac import Mac

# A question ends its line with the keys it takes or with a mark; anything else the guest says unfinished is not answered.
_QUESTION: Final = r"(?i)(\bo\s*/\s*n\b|\by\s*/\s*n\b|[?:\])]\s*$)"
_HISTORY_MODE: Final = 0o600


def apply_step(workstation: Mac, step: Step, staging: Path) -> str:
    """Carry out ``step``; ``done`` or ``not-applicable``. Raises ``WorkstationError``."""
    doing = _DOINGS.get(type(step))
    if doing is None:
        # Payloads, effects and receipts are the system's installer's here.
        raise _failed("macos.not-for-a-running-mac", step=type(step).__name__)
    return doing(workstation, step, staging)


# --- jobs and processes ------------------------------------------------------------------------------------------------------


def _stop_service(workstation: Mac, step: StopService, _staging: Path) -> str:
    label = _label(workstation, step)
    stopped = False
    for domain in domains_of(workstation, step.domain, step.path):
        before = launchd.state_of(workstation.runner, domain, label, step.path)
        if before is None:
            raise _failed("macos.cannot-be-asked", command=launchd.LAUNCHCTL)
        if not before.loaded:
            continue
        after = launchd.stop(workstation.runner, domain, label, step.path, workstation.patience.job)
        if after is None or after.loaded:
            raise _failed("macos.service-does-not-stop", service=label, domain=domain)
        stopped = True
    return DONE if stopped else NOT_APPLICABLE


def _label(workstation: Mac, step: StopService | StartService) -> str:
    """The name in the job's file as it is now; what the plan says counts where there is none. Raises ``macos.service-name-unusable``."""
    return (None if step.path is None else label_in(workstation.volume, step.path)) or step.label


def _start_service(workstation: Mac, step: StartService, staging: Path) -> str:
    """Start a job for whoever is logged in; one that nobody can run now starts by itself at the next login.

    One that was switched off before stays so: somebody chose it (« Login Items »), and it is said.
    """
    if step.path is None or not workstation.volume.exists(step.path):
        return NOT_APPLICABLE
    label = _label(workstation, step)
    started = False
    off = switched_off(staging)
    for domain in session_domains(domains_of(workstation, step.domain, step.path)):
        if domain != "system" and not launchd.domain_exists(workstation.runner, domain):
            continue
        if (domain, label) in off:
            workstation.notes.append(Problem(ref="macos.service-switched-off", params={"service": label, "domain": domain}))
            continue
        state = launchd.start(workstation.runner, domain, label, step.path, workstation.patience.job)
        if state is None or not state.loaded:
            raise _failed("macos.service-does-not-start", service=label, domain=domain)
        started = True
    return DONE if started else NOT_APPLICABLE


def _stop_process(workstation: Mac, step: StopProcess, _staging: Path) -> str:
    return stop_processes(workstation, (step.path,))


def stop_processes(workstation: Mac, paths: tuple[str, ...]) -> str:
    """End every process of these executables: asked first, then made. A namesake at another path is never touched."""
    if not _running(workstation, paths):
        return NOT_APPLICABLE
    for signal in ("-TERM", "-KILL"):
        # Asked again before each signal: a number may belong to somebody else by now.
        for process in _running(workstation, paths):
            workstation.runner.run((KILL, signal, str(process.pid)), limit=10.0)
        if not _until_gone(workstation, paths):
            return DONE
    left = _until_gone(workstation, paths)
    if left:
        raise _failed("macos.process-does-not-end", process=left[0].path)
    return DONE


def _running(workstation: Mac, paths: tuple[str, ...]) -> tuple[people.RunningProcess, ...]:
    found = people.running(workstation.runner)
    if found is None:
        raise _failed("macos.cannot-be-asked", command=people.PS)
    return tuple(process for process in found if any(matches(path, process.path) for path in paths))


def _until_gone(workstation: Mac, paths: tuple[str, ...]) -> tuple[people.RunningProcess, ...]:
    """Ask until none is left or the patience is over; whoever is left is returned."""
    retry = tenacity.Retrying(
        stop=tenacity.stop_after_delay(workstation.patience.process),
        wait=tenacity.wait_exponential(multiplier=0.05, max=0.5),
        retry=tenacity.retry_if_result(bool),
        retry_error_callback=lambda attempt: attempt.outcome.result() if attempt.outcome is not None else (),
    )
    left: tuple[people.RunningProcess, ...] = retry(_running, workstation, paths)
    return left


# --- guests ------------------------------------------------------------------------------------------------------------------


def _run_uninstaller(workstation: Mac, step: RunUninstaller, staging: Path) -> str:
    """Run the private, genuine copy. Whatever it answers, what it left is removed by the steps that follow; its words are kept."""
    program = guest_file(staging, step.path)
    if not program.is_file():
        return NOT_APPLICABLE
    if digest_of_file(program) not in step.sha256:
        raise _failed("workstation.not-staged", identifier=step.path, detail="changed")
    home = staging / "guest-home"
    home.mkdir(mode=0o700, exist_ok=True)
    outcome = run_guest(
        program,
        step.arguments,
        answers=[(_QUESTION, keys) for keys in step.answers],
        limit=workstation.patience.guest,
        heartbeat=_heartbeat(workstation),
        unanswered_after=workstation.patience.question,
        home=home,
    )
    _keep(staging, "uninstaller", f"{step.path}\nstatus: {outcome.status}\nanswered: {outcome.answered}\n\n{outcome.transcript}")
    if outcome.left_behind:
        workstation.notes.append(Problem(ref="macos.uninstaller-went-on", params={"path": step.path}, evidence={"path": step.path}))
    if outcome.status is None:
        params = {"path": step.path, "question": outcome.unanswered or "—"}
        ref = "macos.uninstaller-timed-out" if outcome.unanswered is None else "macos.uninstaller-asked"
        workstation.notes.append(Problem(ref=ref, params=params, evidence=dict(params)))
    return DONE


def _keep(staging: Path, name: str, text: str) -> None:
    """What a guest or the installer said is kept beside the journals of ended runs, private. Failing to keep it fails nothing."""
    folder = staging.parent.parent / "history"
    place = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{name}.txt"
    try:
        fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _HISTORY_MODE)
    except OSError:
        return
    with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as stream:
        stream.write(text)


def _heartbeat(workstation: Mac) -> Callable[[float], None]:
    return lambda seconds: workstation.progress("wait", int(seconds), 0)


# --- receipts ----------------------------------------------------------------------------------------------------------------


def _forget(workstation: Mac, step: ForgetReceipt, staging: Path) -> str:
    """Forget a receipt, remove what is left of its files, and ask again: success is printed even when the receipt stays."""
    known = receipts.package_info(step.identifier).ask(workstation.runner)
    if known:
        workstation.runner.run((receipts.PKGUTIL, "--forget", step.identifier), limit=60.0)
    apply_to_files(workstation.volume, step, staging, workstation.notes)
    if receipts.package_info(step.identifier).ask(workstation.runner):
        raise _failed("macos.receipt-not-forgotten", receipt=step.identifier)
    return DONE


# --- the installer -----------------------------------------------------------------------------------------------------------


def _run_installer(workstation: Mac, step: RunInstaller, staging: Path) -> str:
    package = package_file(staging, step.package)
    if not package.is_file():
        raise _failed("workstation.not-staged", identifier=step.title, detail="missing")
    with rights.watched(workstation, staging):
        outcome = _runner_for_the_person(workstation).run(
            installer.arguments(str(package)), limit=workstation.patience.install, heartbeat=_heartbeat(workstation)
        )
        ended = installer.parse_outcome(outcome)
        _keep(staging, "installer", f"{step.title}\nstatus: {outcome.status}\n\n{outcome.text}\n{outcome.error_text}")
        # The installation is carried out by a service of the system, which may go on after ``installer`` ended, whatever it said.
        quiet = wait_until_quiet(workstation, workstation.patience.settle)
    problems = _problems_of(ended, step, workstation.patience.install)
    if not quiet:
        problems.append(Problem(ref="macos.installer-still-at-work"))
    if problems:
        raise WorkstationError(*problems)
    for identifier, version in step.receipts:
        found = receipts.package_info(identifier).ask(workstation.runner)
        if not any(info.version == version for info in found):
            raise _failed("macos.installer-said-yes", package=step.title, receipt=identifier, version=version)
    return DONE


def _problems_of(ended: installer.InstallerOutcome, step: RunInstaller, limit: float) -> list[Problem]:
    """Why the installation counts as failed; empty when the installer says that it is done."""
    if ended.kind == "installed":
        return []
    ref = {
        "needs-rosetta": "macos.installer-needs-rosetta",
        "timed-out": "macos.installer-timed-out",
        "refused": "macos.installer-refused",
        "untrusted": "macos.installer-refused",
    }.get(ended.kind, "macos.installer-failed")
    params = {"package": step.title, "reason": ended.reason or ended.kind, "minutes": str(int(limit // 60))}
    return [Problem(ref=ref, params=params, evidence=dict(params))]


def _runner_for_the_person(workstation: Mac) -> CommandRunner:
    """The vendors' scripts treat the home they are told: that of the person at the screen, whoever gave the administrator rights."""
    runner = workstation.runner
    console = people.parse_console_user(runner.run((people.SCUTIL,), limit=10.0, answers=people.CONSOLE_QUESTION))
    home = None if console is None else people.home_of(console.name).ask(runner)
    if console is None or home is None or not isinstance(runner, SystemCommandRunner):
        return runner
    return runner.with_environment({"HOME": home, "USER": console.name, "LOGNAME": console.name})


# --- configuration -----------------------------------------------------------------------------------------------------------


def _restore_config(workstation: Mac, step: RestoreConfig, staging: Path) -> str:
    return DONE if restore_config(workstation.volume, step, staging) else NOT_APPLICABLE


def _remove(workstation: Mac, step: RemovePath, staging: Path) -> str:
    return apply_to_files(workstation.volume, step, staging, workstation.notes)


def _failed(ref: str, **params: str) -> WorkstationError:
    return WorkstationError(Problem(ref=ref, params=params, evidence=dict(params)))


_DOINGS: Final[dict[type, Callable[[Mac, Any, Path], str]]] = {
    StopService: _stop_service,
    StopProcess: _stop_process,
    RunUninstaller: _run_uninstaller,
    RemovePath: _remove,
    ForgetReceipt: _forget,
    RunInstaller: _run_installer,
    RestoreConfig: _restore_config,
    StartService: _start_service,
}
