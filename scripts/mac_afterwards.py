"""The part of the acceptance on a real Mac that installs: the program's own installation, what macOS does after it, the way back."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbum import local

from atsam_safe.workstation.commands import SystemCommandRunner
from atsam_safe.workstation.macos import people, security

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.workstation.commands import CommandRunner


def services_now(found: Sequence[people.RunningProcess]) -> list[str]:
    """Apple's services that carry installations out, and how many children each has."""
    names = {"installd", "system_installd", "package_script_service", "installer", "Installer"}
    return [
        f"{Path(one.path).name} ({one.path}): {sum(child.parent == one.pid for child in found)} children"
        for one in found
        if Path(one.path).name in names
    ]


def watch_services(runner: CommandRunner, seconds: Sequence[float] = (0, 5, 15, 30, 60)) -> None:
    """After an installation: which services stay, and for how long. Only asked."""
    begin = time.monotonic()
    for moment in seconds:
        time.sleep(max(0.0, begin + moment - time.monotonic()))
        now = services_now(people.running(runner) or ())
        sys.stdout.write(f"services {moment:g} s after the installation: {', '.join(now) or 'none'}\n")


def rights_alike(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    """Whether a definition that was written and read again is the one of before, to the last key and in what decides."""
    if before is None or after is None:
        return "not read"
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return f"decides the same: {security.rule_of(before) == security.rule_of(after)}; keys that differ: {', '.join(changed) or 'none'}"


def install_and_go_back(package: str) -> int:
    """The program's own installation, which asks before it changes anything, and the way back right after."""
    program = local[sys.executable]["-m", "atsam_safe"]
    runner = SystemCommandRunner()
    right = security.TRUST_RIGHT.ask(runner)
    for arguments in (["check", package], ["install", package], ["status"], ["snapshots", "check"], ["rollback"], ["status"]):
        sys.stderr.write(f"== atsam-safe {' '.join(arguments)}\n")
        # the program talks to the person at the terminal itself
        status = program[arguments].popen(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr).wait()
        sys.stdout.write(f"\natsam-safe {arguments[0]}: exit {status}\n")
        if arguments[0] == "install":
            watch_services(runner)
        if arguments[0] in {"install", "rollback"}:
            sys.stdout.write(f"right {security.TRUST_SETTINGS_RIGHT}: {rights_alike(right, security.TRUST_RIGHT.ask(runner))}\n")
        if status not in {0, 30} and arguments[0] in {"check", "install"}:
            return int(status)
    return 0
