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
from atsam_safe.workstation.macos import keychain, launchd, people, rights, security, system
from atsam_safe.workstation.macos.domains import domains_of
from atsam_safe.workstation.macos.keychain import KeptCertificate
from atsam_safe.workstation.macos.quiet import end_guests, require_quiet
from atsam_safe.workstation.macos.steps import stop_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
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


def capture(workstation: Mac, seen: tuple[Facts, Catalogue] | None, folder: Path) -> None:
    """Write ``macos.json``. Without an observation before (a rollback's own snapshot is taken after one) nothing can be kept."""
    if seen is None:
        raise WorkstationError(Problem(ref="macos.not-observed"))
    facts, catalogue = seen
    for probe, command in ((people.PROCESSES, people.PS), (people.ACCOUNTS, people.DSCL)):
        if probe.ask(workstation.runner) is None:
            # Whose jobs run cannot be known, so they could not be brought back: nothing is begun.
            raise _problem("macos.cannot-be-asked", command=command)
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
    wanted: dict[tuple[str, str], str | None] = {}
    for service in facts.services:
        for domain in domains_of(workstation, service.domain, service.path):
            wanted[domain, service.label] = service.path
    for component in catalogue.core:
        for rule in component.services:
            if rule.match == "exact" and rule.domain in {"daemon", "agent"}:
                for domain in domains_of(workstation, rule.domain, rule.path):
                    wanted.setdefault((domain, rule.label), rule.path)
    off = {domain: launchd.disabled(domain).ask(workstation.runner) for domain in {domain for domain, _label in wanted}}
    for (domain, label), path in sorted(wanted.items()):
        state = launchd.job(domain, label).ask(workstation.runner)
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
    for job in kept.jobs:
        launchd.stop(workstation.runner, job.domain, job.label, workstation.patience.job)


def _stop_programs(workstation: Mac, kept: KeptSystem) -> None:
    running = people.PROCESSES.ask(workstation.runner) or ()
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
    if job.domain != "system" and not launchd.domain_exists(runner, job.domain):
        return ()  # that person is not logged in any more: their jobs start at their next login
    if job.loaded and job.path is not None:
        state = launchd.start(runner, job.domain, job.label, job.path, workstation.patience.job)
    else:
        state = launchd.stop(runner, job.domain, job.label, workstation.patience.job)
    if launchd.disabled(job.domain).ask(runner).get(job.label, False) != job.disabled:
        launchd.switch(runner, job.domain, job.label, on=not job.disabled)
    if state is not None and state.loaded == job.loaded:
        return ()
    ref = "macos.service-does-not-start" if job.loaded else "macos.service-does-not-stop"
    params = {"service": job.label, "domain": job.domain}
    return (Problem(ref=ref, params=params, evidence=dict(params)),)


def _problem(ref: str, **params: str) -> WorkstationError:
    return WorkstationError(Problem(ref=ref, params=params, evidence=dict(params)))
