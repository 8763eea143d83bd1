"""``restore.cmd`` really run by a ``cmd.exe`` (Wine's): the way back without this program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.windows import certutil, wine
from lab.windows.practice import INI, STATE

if TYPE_CHECKING:
    from lab.windows.practice import Practice

pytestmark = [pytest.mark.wine, pytest.mark.system, pytest.mark.slow]


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    """Contents alone: nothing that every Windows has can set the time of a file."""
    return {path: told[1] if isinstance(told, tuple) else told for path, told in found.items()}


def state_of(practice: Practice) -> dict[str, Any]:
    return {**without_times(practice.files()), **practice.beyond()}


def script(practice: Practice, *arguments: str) -> tuple[int, str]:
    """Run the latest snapshot's script as a technician would."""
    latest = (practice.drive / STATE / "latest").read_text().strip()
    place = f"C:\\{STATE}\\snapshots\\{latest}\\restore.cmd".replace("/", "\\")
    run = (
        "import subprocess; done = subprocess.run(given, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT);"
        " answer = [done.returncode, done.stdout.decode('cp850')]"
    )
    status, said = practice.windows.evaluate(run, ["C:\\windows\\system32\\cmd.exe", "/d", "/c", place, *arguments])
    return status, said


def test_the_script_alone_brings_the_state_before_back(practice: Practice) -> None:
    """A damaged snapshot touches nothing; a whole one brings back products, files and keys, and a second run finds nothing to do."""
    certutil.install(practice.drive, wine.PYTHON)
    practice.reset()
    odd = practice.drive / "ProgramData/santesocial/cps/coffre/copie d'une cle & (2) ^!.cer"
    odd.parent.mkdir(parents=True, exist_ok=True)
    odd.write_bytes(b"kept")
    before = state_of(practice)
    practice.ask("install", practice.windows.path(practice.new))
    (practice.drive / INI).write_bytes(b"broken")
    odd.unlink()
    after = state_of(practice)
    latest = practice.drive / STATE / "snapshots" / (practice.drive / STATE / "latest").read_text().strip()
    # the very first that the script looks at: each look costs a start of the Windows Python here
    first = next(line for line in (latest / "restore.cmd").read_text().splitlines() if line.startswith('set "o='))
    damaged = practice.drive / STATE / "objects" / first[7:-1].replace("\\", "/")
    content = damaged.read_bytes()
    damaged.write_bytes(content + b"?")
    status, said = script(practice)
    assert (status, said.splitlines()[-1]) == (1, "STOP: content missing or damaged in the snapshot, nothing is touched."), said
    assert state_of(practice) == after
    damaged.write_bytes(content)
    status, said = script(practice)
    assert (status, said.splitlines()[-1]) == (0, "Termine. / Done."), said
    assert state_of(practice) == before
