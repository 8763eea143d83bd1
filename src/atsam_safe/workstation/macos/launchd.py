"""launchd: which jobs are known and running, and stopping or starting one.

``launchctl print`` is « NOT API »: exit codes first, then only the lines with exactly one leading tab.
``bootout`` is asynchronous: a job is gone when ``print`` answers 113, not when ``bootout`` returns.
Error 5 is a catch-all (already loaded, disabled, race): the state is read again instead of believing it.
A ``bootstrap`` soon after a ``bootout`` can be refused (5, 37) although ``print`` answers 113 already: it is tried again.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

import msgspec
import tenacity

from atsam_safe.workstation.macos.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.workstation.commands import CommandOutcome, CommandRunner

LAUNCHCTL: Final = "/bin/launchctl"
NO_SUCH_SERVICE: Final = 113
# Answers that say "not there": no such process, no such domain, no such service, domain without that action (nobody logged in).
ABSENT_STATUSES: Final = frozenset({3, 112, NO_SUCH_SERVICE, 125})
GONE_WITHIN_SECONDS: Final = 10.0
_JOB_FOLDERS: Final = frozenset({"LaunchAgents", "LaunchDaemons"})


class JobState(msgspec.Struct, frozen=True, kw_only=True):
    """A job as launchd sees it. ``last_exit`` is ``None`` when it never ended."""

    loaded: bool
    running: bool = False
    pid: int | None = None
    last_exit: int | None = None
    path: str | None = None
    state: str = ""


class ListedJob(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``launchctl list``: a negative ``last_exit`` is the signal that ended it."""

    label: str
    pid: int | None
    last_exit: int | None


def parse_print(outcome: CommandOutcome) -> JobState | None:
    """Read ``launchctl print DOMAIN/LABEL``; ``None`` when launchd itself could not be asked."""
    if outcome.status in ABSENT_STATUSES or "Could not find service" in outcome.error_text + outcome.text:
        return JobState(loaded=False)
    if outcome.status != 0:
        return None
    values: dict[str, str] = {}
    for line in outcome.text.splitlines():
        # Nested blocks repeat the same keys deeper: only the job's own lines have exactly one tab.
        match = re.match(r"\t([^\t=][^=]*?) = (.*)$", line)
        if match is not None:
            values.setdefault(match.group(1).strip(), match.group(2).strip())
    pid = values.get("pid", "")
    exit_text = re.match(r"-?\d+", values.get("last exit code", ""))
    return JobState(
        loaded=True,
        running=values.get("state") == "running" or pid.isdigit(),
        pid=int(pid) if pid.isdigit() else None,
        last_exit=int(exit_text.group(0)) if exit_text else None,
        path=values.get("path"),
        state=values.get("state", ""),
    )


def parse_list(outcome: CommandOutcome) -> tuple[ListedJob, ...] | None:
    """Read ``launchctl list`` (the caller's own domain only)."""
    if outcome.status != 0:
        return None
    jobs = []
    for line in outcome.text.splitlines()[1:]:
        parts = line.split("\t", 2)
        if len(parts) != 3:  # noqa: PLR2004 - the table has three columns
            continue
        pid, status, label = parts
        jobs.append(
            ListedJob(
                label=label,
                pid=int(pid) if pid.isdigit() else None,
                last_exit=int(status) if re.fullmatch(r"-?\d+", status) else None,
            )
        )
    return tuple(jobs)


def parse_disabled(outcome: CommandOutcome) -> dict[str, bool]:
    """Read ``print-disabled``: ``disabled``/``true`` mean disabled, ``enabled``/``false`` mean not (the words changed in 13)."""
    found = re.findall(r'^\t+"([^"]+)" => (enabled|disabled|true|false)', outcome.text, re.MULTILINE)
    return {label: word in {"disabled", "true"} for label, word in found}


def job(domain: str, label: str) -> Probe[JobState | None]:
    """Ask for one job of ``system`` or ``gui/UID``."""
    return Probe(name="job", argv=(LAUNCHCTL, "print", f"{domain}/{label}"), parse=parse_print)


def state_of(runner: CommandRunner, domain: str, label: str, path: str | None) -> JobState | None:
    """The job of the file ``path`` (``None``: of any file). One of that name that launchd took from another file is not it: not loaded."""
    state = job(domain, label).ask(runner)
    if state is None or not state.loaded or path is None or _is_of(state, label, path):
        return state
    return JobState(loaded=False)


def _is_of(state: JobState, label: str, path: str) -> bool:
    """A name that is the file's as well is believed. Another is what the file claims: it may be the name of another vendor's job."""
    file = path.rpartition("/")[2]
    if state.path is None or file == f"{label}.plist":
        return True
    folder, _, loaded = state.path.rpartition("/")
    return loaded.casefold() == file.casefold() or folder.rpartition("/")[2] not in _JOB_FOLDERS


def disabled(domain: str) -> Probe[dict[str, bool]]:
    """Ask which jobs of a domain are disabled."""
    return Probe(name="disabled-jobs", argv=(LAUNCHCTL, "print-disabled", domain), parse=parse_disabled)


def stop(runner: CommandRunner, domain: str, label: str, path: str | None = None, patience: float = GONE_WITHIN_SECONDS) -> JobState | None:
    """Boot a job out and wait until launchd no longer knows it. Returns its last known state; absent already is fine."""
    state = state_of(runner, domain, label, path)
    if state is None or not state.loaded:
        return state
    runner.run((LAUNCHCTL, "bootout", f"{domain}/{label}"), limit=30.0)
    return _until(functools.partial(state_of, runner, domain, label, path), patience, loaded=False)


def start(runner: CommandRunner, domain: str, label: str, path: str, patience: float = GONE_WITHIN_SECONDS) -> JobState | None:
    """Bootstrap a job from its file and read its state back; a status of 5 or 37 with the job loaded is success.

    As long as launchd does not know it, it is asked to again, within the same patience: a repetition of what succeeded changes nothing.
    One that is switched off is switched on first: it would be refused, with 5 or 119, and stay off after every restart.
    """
    state = state_of(runner, domain, label, path)
    if state is not None and state.loaded:
        return state
    if disabled(domain).ask(runner).get(label, False):
        switch(runner, domain, label, on=True)

    def attempt() -> JobState | None:
        runner.run((LAUNCHCTL, "bootstrap", domain, path), limit=30.0)
        return state_of(runner, domain, label, path)

    return _until(attempt, patience, loaded=True)


def switch(runner: CommandRunner, domain: str, label: str, *, on: bool) -> None:
    """Allow or forbid a job for good: launchd remembers it, also without the job's file. Whether it did is asked afterwards."""
    runner.run((LAUNCHCTL, "enable" if on else "disable", f"{domain}/{label}"), limit=30.0)


def domain_exists(runner: CommandRunner, domain: str) -> bool:
    """True when launchd knows the domain: ``gui/501`` exists only while that person is logged in."""
    return runner.run((LAUNCHCTL, "print", domain), limit=30.0).status == 0


def _until(ask: Callable[[], JobState | None], patience: float, *, loaded: bool) -> JobState | None:
    """Ask again until the job is in the wanted state or the time is over; the last answer is returned either way."""
    retry = tenacity.Retrying(
        stop=tenacity.stop_after_delay(patience),
        wait=tenacity.wait_exponential(multiplier=0.05, max=1.0),
        retry=tenacity.retry_if_result(lambda state: state is not None and state.loaded != loaded),
        retry_error_callback=lambda attempt: attempt.outcome.result() if attempt.outcome is not None else None,
    )
    result: JobState | None = retry(ask)
    return result
