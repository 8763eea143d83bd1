"""What files do not hold on a running Mac, kept with the snapshot: jobs, the trust-settings right, our certificates in the keychain.

``macos.json`` in the snapshot's ``system`` folder says everything; the way back needs no catalogue and no observation. The keychain file
itself is never copied: it holds other people's secrets. Certificates are public, and only those the catalogue knows are kept.
"""

from __future__ import annotations

import functools
import plistlib
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.catalogue.patterns import expand_homes, matches
from atsam_safe.words.model import Problem, WorkstationError
from atsam_safe.workstation.macos import applications, keychain, launchd, people, rights, security, system
from atsam_safe.workstation.macos.domains import domains_of
from atsam_safe.workstation.macos.keychain import KeptCertificate
from atsam_safe.workstation.macos.quiet import end_guests, require_quiet
from atsam_safe.workstation.macos.staging import what_may_change
from atsam_safe.workstation.macos.steps import stop_processes
from atsam_safe.workstation.services import label_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.plan.model import ScopeEntry
    from atsam_safe.workstation.macos.mac import Mac

RECORD: Final = "macos.json"
FORMAT: Final = 1
_MAX_RECORD: Final = 16 << 20


class KeptJob(msgspec.Struct, frozen=True, kw_only=True):
    """One job in one domain (``system``, ``gui/501``) as it was before. ``disabled``: switched off for good."""

    domain: str
    label: str
    path: str | None
    loaded: bool
    disabled: bool = False


class KeptSystem(msgspec.Struct, frozen=True, kw_only=True):
    """Everything ``macos.json`` says. ``right`` is a property list (``None``: it could not be read). ``programs``: patterns of ours to end.

    ``ours``: SHA-1 of certificates that the components add, and ``names`` of those made on the spot: what of these was not there before
    goes. ``certificates`` is ``None`` when the keychain could not be read. ``trust_known``: their ``trusted`` is what the Mac itself said.
    ``watched``: what an installation of that run could move.
    """

    format: int
    jobs: tuple[KeptJob, ...]
    programs: tuple[str, ...]
    right: str | None
    certificates: tuple[KeptCertificate, ...] | None
    ours: tuple[str, ...]
    names: tuple[str, ...]
    trust_known: bool = False
    watched: tuple[tuple[str, str], ...] = ()
    local_snapshot: str | None = None


def capture(workstation: Mac, seen: tuple[Facts, Catalogue] | None, folder: Path, scope: Sequence[ScopeEntry]) -> None:
    """Write ``macos.json``. Without an observation before (a rollback's own snapshot is taken after one) nothing can be kept."""
    if seen is None:
        raise WorkstationError(Problem(ref="macos.not-observed"))
    facts, catalogue = seen
    for probe, command in ((people.PROCESSES, people.PS), (people.ACCOUNTS, people.DSCL)):
        if probe.ask(workstation.runner) is None:
            # Whose jobs run cannot be known, so they could not be brought back: nothing is begun.
            raise _problem("macos.cannot-be-asked", command=command)
    workstation.watched = what_may_change(scope)
    applications.require_changeable(workstation, workstation.watched)  # for a rollback, too, which stages nothing
    right = security.TRUST_RIGHT.ask(workstation.runner)
    ours, names, _roots = keychain.ours_of(catalogue)
    certificates = keychain.keep(workstation, catalogue)
    kept = KeptSystem(
        format=FORMAT,
        jobs=tuple(_jobs(workstation, facts, catalogue)),
        programs=tuple(_programs(facts, catalogue)),
        right=None if right is None else plistlib.dumps(right).decode(),
        certificates=None if certificates is None else certificates.certificates,
        ours=tuple(sorted(ours)),
        names=tuple(sorted(names)),
        trust_known=certificates is not None and certificates.trust_known,
        watched=workstation.watched,
        local_snapshot=_second_net(workstation),
    )
    (folder / RECORD).write_bytes(msgspec.json.encode(kept))


def _jobs(workstation: Mac, facts: Facts, catalogue: Catalogue) -> Iterable[KeptJob]:
    """Jobs whose files are there, and those a package may bring: the way back must also end what was not there before."""
    wanted: set[tuple[str, str, str]] = set()
    for service in facts.services:
        wanted |= {(domain, service.label, service.path) for domain in domains_of(workstation, service.domain, service.path)}
    for component in catalogue.core:
        for rule in component.services:
            if rule.match == "exact" and rule.domain in {"daemon", "agent"}:
                label = (None if rule.path is None else label_in(workstation.volume, rule.path)) or rule.label
                wanted |= {(domain, label, rule.path or "") for domain in domains_of(workstation, rule.domain, rule.path)}
    off = {domain: launchd.disabled(domain).ask(workstation.runner) for domain in {entry[0] for entry in wanted}}
    for domain, label, place in sorted(wanted):
        path = place or None
        state = launchd.state_of(workstation.runner, domain, label, path)
        if state is None:
            raise _problem("macos.cannot-be-asked", command=launchd.LAUNCHCTL)
        yield KeptJob(domain=domain, label=label, path=path, loaded=state.loaded, disabled=off[domain].get(label, False))


def _programs(facts: Facts, catalogue: Catalogue) -> Iterable[str]:
    for component in catalogue.core:
        for rule in component.processes:
            if rule.action == "stop":
                yield from expand_homes(rule.path, facts.homes)


def _second_net(workstation: Mac) -> str | None:
    """An APFS snapshot of the whole Mac, for a person to go back to should all else fail; not having one stops nothing."""
    made = system.LOCAL_SNAPSHOT.ask(workstation.runner)
    if made is None:
        workstation.notes.append(Problem(ref="macos.no-second-net"))
    return made


# --- the way back ------------------------------------------------------------------------------------------------------------


def read(folder: Path) -> KeptSystem | None:
    """What was kept; ``None`` for a snapshot of another adapter. Raises ``WorkstationError`` when it cannot be read."""
    place = folder / RECORD
    if not place.exists():
        return None
    try:
        with place.open("rb") as stream:
            kept = msgspec.json.decode(stream.read(_MAX_RECORD), type=KeptSystem)
    except (OSError, msgspec.MsgspecError) as error:
        raise _problem("snapshot.system-state-damaged", path=str(place)) from error
    if kept.format != FORMAT:
        raise _problem("snapshot.system-state-damaged", path=str(place))
    return kept


def prepare_back(workstation: Mac, folder: Path) -> None:
    """What an earlier run started comes to its end; jobs and programs of ours stop: their files are about to change.

    Everything is tried, then what failed is told: the files come back all the same. A job that does not stop is judged in ``bring_back``.
    Raises ``WorkstationError``, also when an installation is still being carried out.
    """
    kept = read(folder)
    if kept is None:
        return
    workstation.watched = kept.watched or workstation.watched
    problems: list[Problem] = []
    actions: tuple[Callable[[], None], ...] = (
        functools.partial(end_guests, workstation, _state(folder) / "run" / "staging"),
        functools.partial(require_quiet, workstation),
        functools.partial(_stop_jobs, workstation, kept),
        functools.partial(_stop_programs, workstation, kept),
    )
    for action in actions:
        try:
            action()
        except WorkstationError as error:
            problems += error.problems
    if problems:
        raise WorkstationError(*problems)


def _stop_jobs(workstation: Mac, kept: KeptSystem) -> None:
    """The jobs as they were called, and as their files call them now: a package may have brought another name, which only its file tells.

    Raises ``WorkstationError`` for one of the latter that stays: when the file is as it was, nothing names it any more.
    """
    runner, patience = workstation.runner, workstation.patience.job
    for job in kept.jobs:
        launchd.stop(runner, job.domain, job.label, job.path, patience)
    known = {(job.domain, job.label) for job in kept.jobs}
    brought = {(job.domain, label, job.path) for job in kept.jobs if (label := _label_now(workstation, job)) is not None}
    left: list[Problem] = []
    for domain, label, path in sorted(one for one in brought if one[:2] not in known):
        now = launchd.stop(runner, domain, label, path, patience)
        if now is None or now.loaded:
            params = {"service": label, "domain": domain}
            left.append(Problem(ref="macos.service-does-not-stop", params=params, evidence=dict(params)))
    if left:
        raise WorkstationError(*left)


def _label_now(workstation: Mac, job: KeptJob) -> str | None:
    """How the job's file calls it now; ``None`` when it does not."""
    try:
        return None if job.path is None else label_in(workstation.volume, job.path)
    except WorkstationError:
        return None  # no name that could be asked for


def _stop_programs(workstation: Mac, kept: KeptSystem) -> None:
    running = people.running(workstation.runner) or ()
    ours = {process.path for process in running if any(matches(pattern, process.path) for pattern in kept.programs)}
    if ours:
        stop_processes(workstation, tuple(sorted(ours)))


def _state(folder: Path) -> Path:
    """The state folder, from ``snapshots/ID/system`` inside it."""
    return folder.parents[2]


def bring_back(workstation: Mac, folder: Path) -> None:
    """Certificates, right and jobs as they were; everything is tried, then everything that failed is told at once.

    Certificates come first: as long as a run that died left the right open, macOS lets them be trusted without asking anybody.
    """
    kept = read(folder)
    if kept is None:
        return
    problems: list[Problem] = []
    if kept.certificates is not None:
        known = keychain.KeptKeychain(certificates=kept.certificates, ours=kept.ours, names=kept.names, trust_known=kept.trust_known)
        problems += keychain.bring_back(workstation, known)
    if kept.right is not None:
        try:
            rights.put_back(workstation.runner, plistlib.loads(kept.right.encode()))
        except WorkstationError as error:
            problems += error.problems
    for job in kept.jobs:
        problems += _job_back(workstation, job)
    if problems:
        raise WorkstationError(*problems)


def _job_back(workstation: Mac, job: KeptJob) -> tuple[Problem, ...]:
    runner = workstation.runner
    # Ours are called as before again; another vendor's file may have been renewed since.
    label = (_label_now(workstation, job) if job.loaded else None) or job.label
    if job.domain != "system" and not launchd.domain_exists(runner, job.domain):
        return ()  # that person is not logged in any more: their jobs start at their next login
    if job.loaded and job.path is not None:
        state = launchd.start(runner, job.domain, label, job.path, workstation.patience.job)
    else:
        state = launchd.stop(runner, job.domain, label, job.path, workstation.patience.job)
    if launchd.disabled(job.domain).ask(runner).get(job.label, False) != job.disabled:
        launchd.switch(runner, job.domain, job.label, on=not job.disabled)
    if state is not None and state.loaded == job.loaded:
        return ()
    ref = "macos.service-does-not-start" if job.loaded else "macos.service-does-not-stop"
    params = {"service": label, "domain": job.domain}
    return (Problem(ref=ref, params=params, evidence=dict(params)),)


def _problem(ref: str, **params: str) -> WorkstationError:
    return WorkstationError(Problem(ref=ref, params=params, evidence=dict(params)))
