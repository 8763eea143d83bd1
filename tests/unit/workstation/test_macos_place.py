"""A copy of the program that may vanish in the middle of a run does not change a running system."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from atsam_safe.words.model import PrivilegesError, UsageError
from atsam_safe.workstation import place, select
from atsam_safe.workstation.offline import OfflineWorkstation


class Live:
    """As much of a live workstation as the question needs."""

    adapter = "macos"

    def __init__(self, *, elevated: bool) -> None:
        self.elevated = elevated


@pytest.mark.parametrize("inside", ["T/unpacked", "AppTranslocation/1A2B/d", "home/.Trash"])
def test_a_place_that_may_vanish_is_refused(tmp_path: Path, inside: str) -> None:
    module = tmp_path / inside / "atsam_safe/select.py"
    module.parent.mkdir(parents=True)
    module.touch()
    found = place.unsafe_place(module, temporary=[tmp_path / "T"])
    # everything below pytest's own folder is temporary too: the system's list decides when no other is given
    assert found == str(module.parent.resolve())


def test_a_module_inside_an_archive_is_no_file(tmp_path: Path) -> None:
    archive = tmp_path / "atsam-safe.zip"
    archive.write_bytes(b"PK")
    assert place.unsafe_place(archive / "atsam_safe/select.py") == str(archive / "atsam_safe/select.py")


def test_a_permanent_place_is_fine() -> None:
    assert place.unsafe_place(Path("/bin/sh"), temporary=[Path("/nowhere")]) is None


@pytest.mark.parametrize(
    "file",
    [
        # the account that gave its rights is often another than the one that unpacked the archive
        r"C:\Users\Dr Martin\AppData\Local\Temp\Temp1_atsam-safe.zip\atsam-safe\atsam_safe\select.pyc",
        r"C:\Users\martin\AppData\Local\Temp\7zO4A2F\atsam_safe\select.pyc",
        r"c:\users\MARTIN\appdata\LOCAL\temp\_MEI1234\atsam_safe\select.pyc",
        r"D:\Users\martin\AppData\Local\Temp\x.py",
        r"C:\Windows\Temp\atsam\x.py",
        r"C:\Windows\SystemTemp\atsam\x.py",
        r"C:\Users\martin\AppData\Local\Microsoft\Windows\INetCache\IE\x.py",
        r"E:\Cabinet\atsam-safe.7z\x.py",
        r"C:\$Recycle.Bin\S-1-5-21-1\x.py",
        r"C:\Users\martin\Downloads\atsam-safe\x.py",
        r"D:\Téléchargements\atsam-safe\x.py",
        "/private/var/folders/zz/T/atsam/x.py",
        "/private/var/folders/zz/T/AppTranslocation/1A/d/x.app/x.py",
        "/private/tmp/atsam/x.py",
        "/Users/martin/Downloads/atsam-safe/x.py",
        "/Users/martin/Te\u0301le\u0301chargements/atsam-safe/x.py",
        "/Users/martin/Desktop/atsam-safe.zip/x.py",
        "/Volumes/atsam-safe/x.py",
        "/Users/x/.Trash/x.py",
    ],
)
def test_places_of_any_account_that_may_vanish(file: str) -> None:
    assert place.may_vanish(file)


@pytest.mark.parametrize(
    "file",
    [
        r"C:\Program Files\atsam-safe\atsam_safe\select.pyc",
        r"C:\Users\martin\AppData\Local\Programs\Python\Python311\Lib\site-packages\atsam_safe\select.py",
        r"C:\Users\martin\Documents\Temperature\x.py",
        r"C:\Temp and more\x.py",
        r"C:\Program Files\WindowsTemp\temp\x.py",
        r"D:\zip\x.zip",
        "/Applications/atsam-safe.app/Contents/x.py",
        "/Users/martin/Documents/downloads.d/x.py",
        "/usr/local/lib/python3.11/site-packages/atsam_safe/select.py",
        "/tmpfiles/x.py",
    ],
)
def test_places_that_stay(file: str) -> None:
    assert not place.may_vanish(file)


@pytest.mark.parametrize(
    ("folder", "emptied"),
    [
        ("/tmp/state", True),
        ("/private/var/folders/zz/T/state", True),
        ("/var/tmp/a/state", True),
        ("/mnt/account/t/state", True),
        (r"C:\Users\martin\AppData\Local\Temp\state", True),
        (r"C:\Windows\Temp\state", True),
        ("/Volumes/USB/state", False),
        ("/Users/martin/Downloads/state", False),
        ("/srv/tmp/state", False),
        (r"D:\state", False),
    ],
)
def test_folders_that_a_system_empties_by_itself(folder: str, *, emptied: bool) -> None:
    assert place.is_emptied(folder, ["/mnt/account/T"]) == emptied


def test_a_live_change_asks_for_rights_and_a_permanent_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PrivilegesError):
        select.require_rights(Live(elevated=False))  # type: ignore[arg-type]  # as much as the question needs
    monkeypatch.setattr(place, "unsafe_place", lambda _module: "/private/tmp/x")
    with pytest.raises(UsageError) as refusal:
        select.require_rights(Live(elevated=True))  # type: ignore[arg-type]  # as above
    assert refusal.value.problems[0].ref == "usage.run-from-temporary"


def test_a_volume_asks_for_neither(tmp_path: Path) -> None:
    select.require_rights(OfflineWorkstation(tmp_path))


def test_the_mac_this_runs_on_gets_the_live_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert select.open_workstation(None).adapter == "macos"
