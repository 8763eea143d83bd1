"""Who uses this Mac, and what runs on it: local accounts, the console user, processes by full path."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from atsam_safe.workstation.commands import SystemCommandRunner
from atsam_safe.workstation.macos import libproc
from atsam_safe.workstation.macos.launchd import LAUNCHCTL
from atsam_safe.workstation.macos.probe import Probe

if TYPE_CHECKING:
    from atsam_safe.workstation.commands import CommandOutcome, CommandRunner

Value = TypeVar("Value")

PS: Final = "/bin/ps"
DSCL: Final = "/usr/bin/dscl"
SCUTIL: Final = "/usr/sbin/scutil"
SUDO: Final = "/usr/bin/sudo"
FIRST_PERSON_UID: Final = 500


class RunningProcess(msgspec.Struct, frozen=True, kw_only=True):
    """A process by its executable's full path. Where the kernel does not tell it: by the name it was started by, perhaps a bare one."""

    pid: int
    parent: int
    user: str
    path: str


class CommandLine(msgspec.Struct, frozen=True, kw_only=True):
    """A process by its whole command line: a script is known by its own path there, where ``comm`` names the shell."""

    pid: int
    group: int
    line: str


class ConsoleUser(msgspec.Struct, frozen=True, kw_only=True):
    """The person in front of the screen."""

    name: str
    uid: int


def parse_processes(outcome: CommandOutcome) -> tuple[RunningProcess, ...] | None:
    """Read ``ps -axww -o pid=,ppid=,user=,comm=``: the name is last because it may hold blanks.

    ``comm`` is ``argv[0]`` on macOS (Apple's ``ps/print.c``): the full path for whatever launchd or the Finder starts, not for what
    somebody types (« sudo installer »).
    """
    if outcome.status != 0:
        return None
    processes = []
    for line in outcome.text.splitlines():
        match = re.match(r"\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*\S)\s*$", line)
        if match is not None:
            pid, parent, user, path = match.groups()
            processes.append(RunningProcess(pid=int(pid), parent=int(parent), user=user, path=path))
    return tuple(processes)


def parse_command_lines(outcome: CommandOutcome) -> tuple[CommandLine, ...] | None:
    """Read ``ps -axww -o pid=,pgid=,args=``."""
    if outcome.status != 0:
        return None
    found = (re.match(r"\s*(\d+)\s+(\d+)\s(.*)$", line) for line in outcome.text.splitlines())
    return tuple(CommandLine(pid=int(one[1]), group=int(one[2]), line=one[3].strip()) for one in found if one is not None)


def parse_console_user(outcome: CommandOutcome) -> ConsoleUser | None:
    """Read ``State:/Users/ConsoleUser``: the session that is really on the console wins over the top-level name.

    ``None`` at the login window, during the set-up assistant, or when nobody is logged in.
    """
    sessions = re.split(r"\n    \d+ : <dictionary> \{", outcome.text)
    for session in sessions[1:]:
        if re.search(r"kCGSSessionOnConsoleKey : TRUE", session) is None:
            continue
        name = re.search(r"kCGSSessionUserNameKey : (\S+)", session)
        uid = re.search(r"kCGSSessionUserIDKey : (\d+)", session)
        if name is not None and uid is not None:
            return _person(name.group(1), int(uid.group(1)))
    name = re.search(r"^  Name : (\S+)$", outcome.text, re.MULTILINE)
    uid = re.search(r"^  UID : (\d+)$", outcome.text, re.MULTILINE)
    if name is None or uid is None:
        return None
    return _person(name.group(1), int(uid.group(1)))


def _person(name: str, uid: int) -> ConsoleUser | None:
    """Leave out what is not a person: the login window, the set-up assistant, root."""
    if name in {"loginwindow", "_mbsetupuser", "root"} or uid == 0:
        return None
    return ConsoleUser(name=name, uid=uid)


def parse_accounts(outcome: CommandOutcome) -> tuple[tuple[str, int], ...] | None:
    """Read ``dscl . -list /Users UniqueID``: people only (from 500 up, no service accounts)."""
    if outcome.status != 0:
        return None
    accounts = []
    for line in outcome.text.splitlines():
        match = re.match(r"(\S+)\s+(-?\d+)\s*$", line)
        if match is not None and int(match.group(2)) >= FIRST_PERSON_UID and not match.group(1).startswith("_"):
            accounts.append((match.group(1), int(match.group(2))))
    return tuple(accounts)


def parse_home(outcome: CommandOutcome) -> str | None:
    """Read ``dscl . -read /Users/NAME NFSHomeDirectory``: a path with blanks stands on the next line, indented by one."""
    match = re.search(r"^NFSHomeDirectory:(?: |\n )(.+)$", outcome.text, re.MULTILINE)
    return match.group(1) if match is not None and outcome.status == 0 else None


def as_person(probe: Probe[Value], person: ConsoleUser | None, *, elevated: bool) -> Probe[Value]:
    """The same question asked in that person's session: what is registered for people is not registered for the administrator.

    ``asuser`` gives the session, ``sudo -u`` the identity; neither alone is enough. Without rights, or with nobody there: as it is.
    """
    if person is None or not elevated:
        return probe
    return dataclasses.replace(probe, argv=(LAUNCHCTL, "asuser", str(person.uid), SUDO, "-n", "-u", f"#{person.uid}", *probe.argv))


PROCESSES: Final = Probe(name="processes", argv=(PS, "-axww", "-o", "pid=,ppid=,user=,comm="), parse=parse_processes)
COMMAND_LINES: Final = Probe(name="command-lines", argv=(PS, "-axww", "-o", "pid=,pgid=,args="), parse=parse_command_lines)
ACCOUNTS: Final = Probe(name="accounts", argv=(DSCL, ".", "-list", "/Users", "UniqueID"), parse=parse_accounts)
CONSOLE_QUESTION: Final = b"show State:/Users/ConsoleUser\n"


def running(runner: CommandRunner) -> tuple[RunningProcess, ...] | None:
    """Everything that runs, each process with what the kernel says it runs; ``None`` when that cannot be listed."""
    found = PROCESSES.ask(runner)
    if found is None or not (isinstance(runner, SystemCommandRunner) and runner.of_this_machine):
        return found
    return tuple(msgspec.structs.replace(one, path=libproc.executable(one.pid) or one.path) for one in found)


def home_of(user: str) -> Probe[str | None]:
    """Ask for one account's home directory: names in ``/Users`` are no proof."""
    return Probe(name="home", argv=(DSCL, ".", "-read", f"/Users/{user}", "NFSHomeDirectory"), parse=parse_home)
