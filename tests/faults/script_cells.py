"""Cells that end the stand-alone script of a snapshot between any two of its commands: what it left is brought back by it, or by us."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Final

from faults.child import STRACE, Call
from faults.fingerprint import STATE_FOLDER, differences, fingerprint
from faults.journal_eyes import read_records
from faults.oracle import CLEAN_ENVIRONMENT, NAMED, SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from faults.oracle import Oracle

# every command of a shell begins with one of these
FORKING: Final = "clone,clone3,fork,vfork"
AFTERWARDS: Final = ("recover", "script, recover")


def script_of(root: Path) -> list[str]:
    """The command that brings an interrupted workstation back without us."""
    records = read_records(root / STATE_FOLDER / "run/journal.log")
    snapshot = next(record["snapshot"] for record in records if record.get("record") == "snapshot")
    return ["/bin/sh", str(root / STATE_FOLDER / "snapshots" / snapshot / "restore.sh"), str(root)]


def commands_of(root: Path, scratch: Path) -> tuple[Call, ...]:
    """The places at which the script of an interrupted workstation starts a command. It is carried out."""
    report = scratch / "script-strace"
    _traced(root, report, ())
    counts: collections.Counter[str] = collections.Counter()
    places = []
    for name in re.findall(rf"^(?:\d+ +)?({FORKING.replace(',', '|')})\(", report.read_text(errors="replace"), re.MULTILINE):
        counts[name] += 1
        places.append(Call(name=name, number=counts[name], shown=""))
    return tuple(places)


def kill_script(root: Path, scratch: Path, call: Call) -> bool:
    """End the script and all that it started before one of its commands; ``True`` when it was met."""
    code = _traced(root, scratch / "script-strace", ("-e", f"inject={call.name}:signal=KILL:when={call.number}"))
    return code in {-signal.SIGKILL, 128 + signal.SIGKILL}


def _traced(root: Path, report: Path, inject: tuple[str, ...]) -> int:
    command = [STRACE, "-qq", "-o", str(report), "-e", f"trace={FORKING}", "-e", "signal=none", *inject, *script_of(root)]
    quiet = subprocess.DEVNULL
    running = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, env=CLEAN_ENVIRONMENT, start_new_session=True)
    code = running.wait(SECONDS)
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.killpg(running.pid, signal.SIGKILL)
            time.sleep(0.001)
    return code


def judge_script_again(oracle: Oracle) -> None:
    """The script, run again to its end, brings all of it back."""
    done = subprocess.run(script_of(oracle.root), capture_output=True, text=True, check=False, timeout=SECONDS, env=CLEAN_ENVIRONMENT)
    left = differences(*(oracle.as_a_shell_can(found) for found in (fingerprint(oracle.root), oracle.states.before)))
    if done.returncode or left:
        oracle.say("script", f"again it ended {done.returncode}, {len(left)} paths differ {left[:NAMED]}: {done.stderr[-200:]}")
