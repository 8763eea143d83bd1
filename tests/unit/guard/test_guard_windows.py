"""What only a Windows workstation asks of the guard: programs by its own list, and its own words."""

from __future__ import annotations

import pytest

from atsam_safe.facts.model import Facts, OperatingSystem, ProcessFact, SystemState
from atsam_safe.guard import RunState, check, check_rollback, check_uninstall, explain_rule
from atsam_safe.guard.guard import is_acceptable
from lab.decisions import shipped_catalogue

ELEVEN = OperatingSystem(family="windows", name="Windows 11 Pro", version="10.0.26100", build="26100", hardware="x86_64")
FOLDERS = {
    "SystemDrive": "C:",
    "ProgramFiles": r"C:\Program Files",
    "ProgramFiles(x86)": r"C:\Program Files (x86)",
}


def workstation(*programs: str, elevated: bool = True) -> Facts:
    running = tuple(ProcessFact(path=path, pid=10 + number) for number, path in enumerate(programs))
    return Facts(adapter="windows", os=ELEVEN, folders=FOLDERS, processes=running, system=SystemState(elevated=elevated))


BLOCKING = (
    r"C:\Program Files\santesocial\CPS\cpgesw64.exe",
    r"c:\program files\SANTESOCIAL\cps\CPGESW64.EXE",
    r"C:\Program Files (x86)\santesocial\CPS\cpgesw32.exe",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Users\Dr Martin\AppData\Local\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    r"C:\Program Files\Mozilla Firefox\firefox.exe",
    r"C:\Program Files\WindowsApps\Mozilla.Firefox_140.0_x64__n80bbvh6b1yt2\VFS\ProgramFiles\Firefox Package Root\firefox.exe",
)
HARMLESS = (
    r"C:\Program Files\santesocial\CPS\ccm.exe",  # stopped by the run itself
    r"C:\Users\x\Downloads\cpgesw64.exe",
    r"C:\Program Files\Google\Chrome\Application\140.0\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\EdgeWebView\Application\msedgewebview2.exe",
    "/Applications/Firefox.app/Contents/MacOS/firefox",
)


@pytest.mark.parametrize(("path", "expected"), [*((path, "fail") for path in BLOCKING), *((path, "pass") for path in HARMLESS)])
def test_programs_that_hold_the_card_are_found_whatever_their_case(path: str, expected: str) -> None:
    """Once only the macOS list was read, which can match nothing here."""
    decision = check(workstation(path), shipped_catalogue(), [], run=RunState())
    assert next(rule.outcome for rule in decision.rules if rule.ref == "processes.blocking") == expected


def test_they_are_named_once_and_by_their_own_name_and_may_be_accepted() -> None:
    chrome = r"C:\Program Files\Google\Chrome\Application\chrome.exe"
    facts = workstation(chrome, chrome, r"C:\Program Files\Mozilla Firefox\firefox.exe")
    for decision in (
        check_uninstall(facts, shipped_catalogue(), run=RunState()),
        check_rollback(facts, shipped_catalogue(), run=RunState()),
    ):
        (rule,) = [rule for rule in decision.rules if rule.ref == "processes.blocking"]
        told = explain_rule(rule, "fr")
        assert told.ref == "processes.blocking"
        assert " chrome.exe, firefox.exe." in told.what
        assert "Gestionnaire des tâches" in told.next
    assert is_acceptable("processes.blocking")


def test_a_folder_this_workstation_does_not_tell_matches_nothing() -> None:
    facts = Facts(adapter="windows", os=ELEVEN, processes=(ProcessFact(path=BLOCKING[0], pid=1),), system=SystemState(elevated=True))
    decision = check(facts, shipped_catalogue(), [], run=RunState())
    assert next(rule.outcome for rule in decision.rules if rule.ref == "processes.blocking") == "pass"


def test_missing_rights_are_told_in_words_of_windows() -> None:
    """Doctors were once told to use « sudo »."""
    decision = check(workstation(elevated=False), shipped_catalogue(), [], run=RunState())
    (rule,) = [rule for rule in decision.rules if rule.ref == "privileges.missing"]
    told = explain_rule(rule, "fr")
    assert (rule.outcome, told.ref) == ("fail", "privileges.missing")
    assert "sudo" not in told.next
    assert "Exécuter en tant qu’administrateur" in told.next
    assert "Run as administrator" in explain_rule(rule, "en").next
