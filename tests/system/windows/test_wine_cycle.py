"""What only a Windows can show: restarts, a msiexec that outlives its parent, and the end of a process at any record of the journal."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from lab.windows import installers
from lab.windows.practice import INI, STATE, Practice, changed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.wine, pytest.mark.system, pytest.mark.slow]

OLD = {"galss": "3.45.01 ok", "cryptolib": "5.2.2 ok", "srvsvcnam": "5.08.04 ok"}
NEW = {"galss": "3.45.01 ok", "cryptolib": "5.2.6 ok", "srvsvcnam": "5.10.04 ok"}
BOOM = (
    "INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('Boom',19,'','Echec volontaire du test')",
    "INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('Boom','NOT REMOVE',6550)",
)


def state_of(practice: Practice) -> dict[str, Any]:
    """Everything that is either exactly before or exactly after."""
    return {**practice.files(), **practice.beyond()}


def test_packages_are_installed_from_a_folder_that_stays(practice: Practice) -> None:
    practice.reset()
    new = practice.new
    practice.ask("install", practice.windows.path(new))
    assert practice.versions() == NEW
    kept = practice.drive / STATE / "packages"
    assert {path.name for path in kept.glob("*/*.msi")} >= {path.name for path in new.iterdir()}
    assert practice.ask("snapshots", "check")["exit_code"] == 0


def test_a_package_that_fails_brings_everything_back(practice: Practice) -> None:
    practice.reset()
    before = state_of(practice)
    failing = changed(installers.NEW_SET[2], statements=BOOM)
    folder = practice.packages("failing", (*installers.NEW_SET[:2], failing))
    answer = practice.ask("install", practice.windows.path(folder), status=20)
    assert answer["status"] == "rolled-back"
    assert answer["data"]["digest_after"] == answer["data"]["digest_before"]
    assert answer["errors"][0]["ref"] == "windows.installation-failed"
    assert state_of(practice) == before


@pytest.mark.parametrize(("options", "status"), [((), 30), (("--msi-exit-codes",), 3010)])
def test_a_package_that_asks_for_a_restart_ends_so(practice: Practice, options: tuple[str, ...], status: int) -> None:
    practice.reset()
    asking = changed(
        installers.NEW_SET[2],
        statements=("INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('ScheduleReboot','1',6500)",),
    )
    folder = practice.packages("asking", (*installers.NEW_SET[:2], asking))
    answer = practice.ask(*options, "install", practice.windows.path(folder), status=status)
    assert answer["status"] == "restart-needed"
    assert practice.versions() == NEW


def test_a_run_killed_while_msiexec_works_is_recovered_to_exactly_before(practice: Practice) -> None:
    practice.reset()
    before = state_of(practice)
    arguments = practice.arguments("--json", "--yes", "install", practice.windows.path(practice.new))
    running = practice.windows.start("-m", "atsam_safe", *arguments)
    _wait_for_step(practice.drive / STATE / "run/journal.log", "install-product")
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    time.sleep(2)  # a msiexec that was under way ends by itself, as it does on any Windows
    practice.ask("recover")
    assert state_of(practice) == before
    assert (practice.drive / INI).exists()


def _wait_for_step(journal: Path, name: str) -> None:
    """Wait until the journal announces a step."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        if journal.exists() and f'"{name}"' in journal.read_text("ascii", "replace"):
            return
        time.sleep(0.02)
    raise TimeoutError(name)


def _records(practice: Practice) -> list[dict[str, Any]]:
    lines = (practice.drive / STATE / "run/journal.log").read_text("ascii").splitlines()
    return [json.loads(line.split(" ", 2)[2]) for line in lines]


@pytest.mark.parametrize("record", [2, 6, 13])
def test_a_process_ended_at_a_record_of_the_journal_leaves_before_or_after(practice: Practice, record: int) -> None:
    """``TerminateProcess`` right after the record is on the disk: no exception, no ``finally``, no buffer is flushed."""
    practice.reset()
    before = state_of(practice)
    practice.windows.killed("RECORD", record, *practice.arguments("--yes", "install", practice.windows.path(practice.new)))
    records = _records(practice)
    assert len(records) == record + 1
    answer = practice.ask("recover")
    begun = any(one["record"] == "intent" for one in records)
    assert answer["data"]["transaction"]["outcome"] == ("rolled-back" if begun else "unchanged")
    assert state_of(practice) == before
    assert practice.ask("recover")["data"]["transaction"]["outcome"] == "nothing-to-do"
    assert not (practice.drive / STATE / "run/journal.log").exists()
    assert not list((practice.drive / STATE).rglob("*.tmp"))


def test_a_recovery_that_is_ended_as_well_is_recovered(practice: Practice) -> None:
    practice.reset()
    before = state_of(practice)
    practice.windows.killed("RECORD", 12, *practice.arguments("--yes", "install", practice.windows.path(practice.new)))
    practice.windows.killed("RECORD", 14, *practice.arguments("--yes", "recover"))
    assert len(_records(practice)) == 15
    practice.ask("recover")
    assert state_of(practice) == before


# Another program works with a library of the components while the state before is brought back: the test's own Windows Python loads it.
LOAD = r"""
import _ctypes, ctypes, pathlib, shutil
place = pathlib.Path("C:\\windows\\cptabw64.dll")
shutil.copyfile(next(pathlib.Path("C:\\py311").glob("*.pyd")), place)
answer = ctypes.WinDLL(str(place))._handle
"""
LET_GO = r"""
import _ctypes, winreg
_ctypes.FreeLibrary(given)
with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\Session Manager", 0, winreg.KEY_ALL_ACCESS) as key:
    answer = winreg.QueryValueEx(key, "PendingFileRenameOperations")[0]
    winreg.DeleteValue(key, "PendingFileRenameOperations")
"""


def test_a_library_that_another_program_has_loaded_does_not_keep_the_state_before_away(practice: Practice) -> None:
    """The digest is that of before, a restart is asked for (30), and what was put aside is removed by that restart."""
    practice.reset()
    before = state_of(practice)
    practice.ask("install", practice.windows.path(practice.new))
    handle = practice.windows.evaluate(LOAD)
    try:
        answer = practice.ask("rollback", status=30)
    finally:
        waiting = practice.windows.evaluate(LET_GO, handle)
    assert state_of(practice) == before
    # the other program had put its own content there
    assert [one["ref"] for one in answer["notices"]] == ["snapshot.later-work", "windows.file-was-loaded"]
    assert answer["data"]["changed_since"] == ["/windows/cptabw64.dll"]
    (kept,) = (practice.drive / STATE / "aside").iterdir()
    # what Windows Installer had planned for the loaded file would have removed the right one: only its leavings go
    assert not [path for path in waiting if path.endswith("cptabw64.dll")]
    assert waiting[1::2] == [""] * (len(waiting) // 2)
    assert waiting[-2].endswith(kept.name)


# The server of SrvSvCnam runs, as from every sign-in on: another program of Windows in its place, which waits for words that never come.
RUN = r"""
import pathlib, shutil, subprocess, time
place = pathlib.Path("C:\\Program Files (x86)\\santesocial\\srvsvcnam\\SRVSVCNAM.exe")
shutil.copyfile("C:\\windows\\system32\\cmd.exe", place)
subprocess.kept = subprocess.Popen([str(place), "/q", "/k"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(1)
answer = subprocess.kept.poll()
"""


def test_a_program_that_the_run_ended_is_missed_at_its_end_and_on_the_way_back(practice: Practice) -> None:
    """It is not started with an administrator's rights: that somebody has to sign in again is said, and the exit code is 30."""
    practice.reset()
    assert practice.windows.evaluate(RUN) is None, "it runs"
    for arguments in (("install", practice.windows.path(practice.new)), ("rollback",)):
        answer = practice.ask(*arguments, status=30)
        missed = [one for one in answer["notices"] if one["ref"] == "windows.program-not-running"]
        assert [one["evidence"]["program"] for one in missed] == ["SRVSVCNAM.exe"], arguments
    (practice.drive / "Program Files (x86)/santesocial/srvsvcnam/SRVSVCNAM.exe").unlink()


def several(practice: Practice) -> None:
    """The workstation win-09: three Cryptolibs, of which an older one is refused over a newer one."""
    practice.reset()
    practice.remove(installers.OLD_SET[1])
    practice.add("several", installers.SEVERAL_CRYPTOLIBS)


def test_an_older_cryptolib_is_refused_over_a_newer_one(practice: Practice) -> None:
    """What the next test stands on."""
    several(practice)
    practice.remove(installers.SEVERAL_CRYPTOLIBS[0])
    assert practice.add("several", installers.SEVERAL_CRYPTOLIBS[:1]) == [1603]


@pytest.mark.parametrize("record", [None, 6, 8, 13])
def test_several_products_of_one_component_all_come_back(practice: Practice, record: int | None) -> None:
    """After a package that fails, and after an end at a record of the journal: some are gone, the newest may be there already."""
    several(practice)
    before = state_of(practice)
    failing = changed(installers.NEW_SET[2], statements=BOOM)
    offered = practice.windows.path(practice.packages("failing", (*installers.NEW_SET[:2], failing)))
    if record is None:
        assert practice.ask("install", offered, status=20)["status"] == "rolled-back"
    else:
        practice.windows.killed("RECORD", record, *practice.arguments("--yes", "install", offered))
        practice.ask("recover")
    assert state_of(practice) == before
