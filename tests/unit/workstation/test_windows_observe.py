"""What is looked at on a running Windows, and what is nobody's business."""

from __future__ import annotations

import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.workstation.windows.native import RunningProgram
from atsam_safe.workstation.windows.observe import known_processes, system_folders
from atsam_safe.workstation.windows.people import PROFILES, person_at_screen
from atsam_safe.workstation.windows.products import UNINSTALL, read_products
from lab.windows.fake import FakeWindows

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (r"C:\Program Files\santesocial\CPS\ccm.exe", True),
        (r"c:\program files\santesocial\cps\CPGESW64.exe", True),
        (r"C:\Windows\galsvw32.exe", True),
        (r"C:\Program Files (x86)\DmpConnect-JS2\dmpconnect-js2.exe", True),
        (r"C:\CEGEDIM\JFSE\bin\wrapper.exe", True),
        (r"C:\pyxvital\Pyxvital.exe", True),
        (r"C:\Program Files\Mozilla Firefox\firefox.exe", True),
        (r"C:\Windows\explorer.exe", False),
        (r"C:\Users\martin\AppData\Roaming\Dating\love.exe", False),
        (r"C:\Program Files\Bank\tax 2026.exe", False),
        (r"C:\Users\martin\ccm.exe", False),
        (r"C:\pyxvital\Pyxvital.exe.bak\x.exe", False),
    ],
)
def test_only_programs_that_have_to_do_with_the_card_are_told(path: str, told: bool) -> None:  # noqa: FBT001 - a column of the table
    """Once every running process went into the facts, and from there into what is shown and sent."""
    windows = FakeWindows()
    windows.running = [RunningProgram(pid=4, path=path)]
    seen = known_processes(windows, CATALOGUE, system_folders(windows))
    assert seen is not None
    assert [process.path for process in seen] == ([path] if told else [])


SID = "S-1-5-21-1-2-3-1001"
FOLDERS = {"SystemDrive": "C:"}


def practice() -> FakeWindows:
    """The doctor sits there, and somebody else's account gave the rights: ``HKCU`` is that account's."""
    windows = FakeWindows()
    windows.identifiers["CABINET\\docteur"] = SID
    windows.keys["HKU", rf"{SID}\{UNINSTALL}\DmpConnect", "64"] = {"displayname": "DMP Connect JS2", "displayversion": "3.0"}
    windows.keys["HKU", rf"{SID}\{UNINSTALL}\{{82AB7DB2-140E-4166-A04E-1FD805EE0A74}}", "64"] = {
        "displayname": "GALSS v3.45 x64",
        "windowsinstaller": 1,
    }
    windows.keys["HKCU", rf"{UNINSTALL}\Tool", "64"] = {"displayname": "A tool of the administrator"}
    windows.keys["HKLM", rf"{PROFILES}\{SID}", "64"] = {"profileimagepath": r"%SystemDrive%\Users\docteur"}
    return windows


def test_what_the_person_at_the_screen_installed_counts_and_not_what_the_account_with_the_rights_did() -> None:
    windows = practice()
    person = person_at_screen(windows, FOLDERS)
    assert person is not None
    assert (person.identifier, person.home) == (SID, r"C:\Users\docteur")
    products = read_products(windows, person)
    assert products is not None
    assert {(one.name, one.per_user) for one in products} == {("DMP Connect JS2", True), ("GALSS v3.45 x64", True)}
    # Windows Installer, started by another account, could not remove it
    assert not any(one.windows_installer for one in products)


@pytest.mark.parametrize("profile", [r"\\server\profiles\docteur", r"%Unknown%\docteur", None])
def test_a_home_that_is_not_on_this_computer_is_not_opened(profile: str | None) -> None:
    windows = practice()
    windows.keys["HKLM", rf"{PROFILES}\{SID}", "64"] = {"profileimagepath": profile}
    person = person_at_screen(windows, FOLDERS)
    assert person is not None
    assert (person.account, person.home) == ("CABINET\\docteur", None)


def test_where_nobody_can_be_told_this_accounts_own_products_are_read() -> None:
    windows = practice()
    windows.identifiers.clear()
    assert person_at_screen(windows, FOLDERS) is None
    products = read_products(windows)
    assert products is not None
    assert [one.name for one in products] == ["A tool of the administrator"]


def test_a_person_whose_part_of_the_registry_is_not_loaded_is_nobody() -> None:
    windows = practice()
    windows.keys = {place: values for place, values in windows.keys.items() if place[0] != "HKU"}
    assert person_at_screen(windows, FOLDERS) is None
