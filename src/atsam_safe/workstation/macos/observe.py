"""Observation of a running macOS: what its files say (as on any volume), corrected and completed by what the system says.

The files come first: receipts, property lists, binaries and configurations are read the same way as on an offline volume. Then
Apple's commands answer what files cannot: the real release behind the compatibility lie, the hardware behind Rosetta, running jobs
and processes, people, protections, room. A command that is missing, hangs or answers nonsense leaves ``None``: unknown, never OK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.catalogue.patterns import expand_homes, matches
from atsam_safe.facts.model import (
    CertificateFact,
    Facts,
    Home,
    OperatingSystem,
    ProcessFact,
    ServiceFact,
    Space,
    SystemState,
    TokenExtensionFact,
)
from atsam_safe.workstation.macos import launchd, people, receipts, security, smartcards, system
from atsam_safe.workstation.macos.installer import SCRIPT_SERVICE, WORKING_PROGRAMS, may_be
from atsam_safe.workstation.receipts import receipt_filter

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.workstation.commands import CommandRunner


def complete(facts: Facts, catalogue: Catalogue, runner: CommandRunner, *, elevated: bool, moves: Callable[[], bool]) -> Facts:
    """Return ``facts`` (read from the files of the system volume) completed by the running system. ``elevated``: we may change it.

    ``moves``: whether files are moving right now, asked only when nothing else tells whether an installation is under way.
    """
    notes = list(facts.notes)
    processes = people.running(runner)
    console = people.parse_console_user(runner.run((people.SCUTIL,), limit=10.0, answers=people.CONSOLE_QUESTION))
    homes = _homes(facts, runner)
    notes.extend(_receipt_notes(facts, catalogue, runner))
    return msgspec.structs.replace(
        facts,
        adapter="macos",
        os=_operating_system(facts, runner),
        homes=homes,
        services=tuple(_service(service, homes, console, runner) for service in facts.services),
        processes=None if processes is None else _known_processes(processes, catalogue, homes),
        certificates=_certificates(runner),
        space=_space(facts, runner),
        token_extensions=_extensions(runner, console, elevated=elevated),
        card_tokens=_tokens(runner, console, elevated=elevated),
        system=SystemState(
            restart_pending=_restart_pending(runner),
            installer_running=None if processes is None else _installing(processes, moves),
            on_battery=system.POWER.ask(runner),
            elevated=elevated,
            console_user=console.name if console is not None else None,
            gatekeeper=system.GATEKEEPER.ask(runner),
            encrypting=system.FILEVAULT.ask(runner),
            trust_settings_open=_trust_settings_open(runner),
        ),
        notes=tuple(notes),
    )


def _operating_system(facts: Facts, runner: CommandRunner) -> OperatingSystem:
    """Prefer ``sw_vers`` with the compatibility switch off: a process built against an old SDK is lied to, even in the plist."""
    release = system.RELEASE.ask(runner)
    silicon = system.APPLE_SILICON.ask(runner)
    hardware = facts.os.hardware if silicon is None else ("arm64" if silicon else "x86_64")
    rosetta = system.ROSETTA.ask(runner) if hardware == "arm64" else None
    if release is None:
        return msgspec.structs.replace(facts.os, hardware=hardware, rosetta=rosetta)
    return msgspec.structs.replace(
        facts.os,
        name=release.name or facts.os.name,
        version=release.version,
        build=release.build or facts.os.build,
        hardware=hardware,
        rosetta=rosetta,
        source=system.SW_VERS,
        problem=None,
    )


def _homes(facts: Facts, runner: CommandRunner) -> tuple[Home, ...]:
    """Accounts and homes as the directory service knows them; folder names in /Users are only the fallback."""
    accounts = people.ACCOUNTS.ask(runner)
    if accounts is None:
        return facts.homes
    homes = []
    for name, uid in accounts:
        path = people.home_of(name).ask(runner)
        if path is not None and path.startswith("/"):
            homes.append(Home(user=name, path=path, uid=uid))
    return tuple(homes) or facts.homes


def _service(service: ServiceFact, homes: tuple[Home, ...], console: people.ConsoleUser | None, runner: CommandRunner) -> ServiceFact:
    """Ask launchd about one job, in the system's domain or in its user's."""
    domain = domain_of(service, homes, console)
    if domain is None:
        return service
    state = launchd.state_of(runner, domain, service.label, service.path)
    if state is None:
        return service
    disabled = launchd.disabled(domain).ask(runner).get(service.label, service.disabled)
    return msgspec.structs.replace(service, running=state.running, last_exit=state.last_exit, disabled=disabled)


def domain_of(service: ServiceFact, homes: tuple[Home, ...], console: people.ConsoleUser | None) -> str | None:
    """Launchd's name for where a job runs. An agent runs once per person logged in: whoever is at the screen stands for them."""
    if service.domain == "daemon":
        return "system"
    if service.domain == "agent" and console is not None:
        return f"gui/{console.uid}"
    for home in homes:
        if home.uid is not None and (service.domain == "agent" or service.path.startswith(home.path + "/")):
            return f"gui/{home.uid}"
    return None


def _known_processes(
    processes: tuple[people.RunningProcess, ...], catalogue: Catalogue, homes: tuple[Home, ...]
) -> tuple[ProcessFact, ...]:
    """Only processes the catalogue names, by full path: what else a practice runs is nobody's business."""
    patterns = [
        pattern
        for component in catalogue.components
        for rule in component.processes
        if rule.path is not None
        for pattern in expand_homes(rule.path, homes)
    ]
    patterns += WORKING_PROGRAMS
    return tuple(
        ProcessFact(path=process.path, pid=process.pid, user=process.user)
        for process in processes
        if any(matches(pattern, process.path) for pattern in patterns)
    )


def _installing(processes: tuple[people.RunningProcess, ...], moves: Callable[[], bool]) -> bool:
    """True while an installation is under way. The service for scripts may stay without any: then what files do decides."""
    services = {process.pid for process in processes if may_be(SCRIPT_SERVICE, process.path)}
    others = set(WORKING_PROGRAMS) - {SCRIPT_SERVICE}
    if any(process.parent in services or any(may_be(other, process.path) for other in others) for process in processes):
        return True
    return bool(services) and moves()


def _certificates(runner: CommandRunner) -> tuple[CertificateFact, ...] | None:
    found = security.CERTIFICATES.ask(runner)
    if found is None:
        return None
    return tuple(CertificateFact(sha1=one.sha1, sha256=one.sha256, label=one.label) for one in found)


def _restart_pending(runner: CommandRunner) -> bool | None:
    """True when the files are of another release than the system that was started: an update waits for its restart.

    An update that is only downloaded is not seen: it changes nothing before the restart.
    """
    files, started = system.RELEASE.ask(runner), system.STARTED_RELEASE.ask(runner)
    if files is None or started is None:
        return None
    return files.version.removesuffix(".0") != started.removesuffix(".0")


def _tokens(runner: CommandRunner, console: people.ConsoleUser | None, *, elevated: bool) -> tuple[str, ...] | None:
    """Which drivers present a card now; the rest of a token's name is the card's serial number, nobody's business."""
    if elevated and console is None:
        return None
    found = people.as_person(security.TOKENS, console, elevated=elevated).ask(runner)
    return None if found is None else tuple(dict.fromkeys(token.partition(":")[0] for token in found))


def _extensions(runner: CommandRunner, console: people.ConsoleUser | None, *, elevated: bool) -> tuple[TokenExtensionFact, ...] | None:
    """What is registered for the person at the screen. Nobody there: the administrator's own empty list would be no answer."""
    if elevated and console is None:
        return None
    found = people.as_person(smartcards.EXTENSIONS, console, elevated=elevated).ask(runner)
    return None if found is None else tuple(TokenExtensionFact(identifier=one.identifier, state=one.state) for one in found)


def _space(facts: Facts, runner: CommandRunner) -> Space | None:
    """The container's room: on a sealed system volume the volume itself always says 0 or cannot be written."""
    room = system.ROOM.ask(runner)
    if room is None:
        return facts.space
    writable = facts.space.writable if facts.space is not None else True
    return Space(free=room.free, total=room.total, writable=writable)


def _trust_settings_open(runner: CommandRunner) -> bool | None:
    """True when anybody may change the Mac's trust settings: the mark of a Cryptolib installation that died half-way."""
    right = security.TRUST_RIGHT.ask(runner)
    return None if right is None else security.is_open(right)


def _receipt_notes(facts: Facts, catalogue: Catalogue, runner: CommandRunner) -> list[str]:
    """The files and ``pkgutil`` must agree on which of our receipts exist; a difference is told, not resolved."""
    listed = receipts.IDENTIFIERS.ask(runner)
    if listed is None:
        return ["pkgutil did not list the receipts"]
    ours = {receipt.identifier for receipt in facts.receipts if receipt.store.endswith(".plist")}
    known = receipt_filter(catalogue)
    strays = {identifier for identifier in listed if identifier in known.core} - {receipt.identifier for receipt in facts.receipts}
    return [
        *(f"receipt {identifier} has files but pkgutil does not list it" for identifier in sorted(ours - set(listed))),
        *(f"pkgutil lists the receipt {identifier} but it has no files" for identifier in sorted(strays)),
    ]
