"""What the program asks of a running Windows, asked in one: the surroundings of a module's child, programs, people, other installations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab.windows.practice import Practice

pytestmark = [pytest.mark.wine, pytest.mark.system, pytest.mark.slow]

# A stand-in for the binding writes down what the child found; a library is planted where the default search path would look first.
CHILD = r"""
import json, os, pathlib, sys
from atsam_safe.cards import probe
place = pathlib.Path("C:\\binding")
(place / "pkcs11").mkdir(parents=True, exist_ok=True)
(place / "pkcs11/__init__.py").write_text('''
import ctypes, json, os, pathlib
buffer = ctypes.create_unicode_buffer(1000)
found = ctypes.windll.kernel32.SearchPathW(None, "planted.dll", None, 1000, buffer, None)
values = {**os.environ, "cwd": os.getcwd(), "planted": buffer.value if found else ""}
pathlib.Path("C:/binding/seen.json").write_text(json.dumps(values))
raise ImportError
''')
for folder in ("C:\\bin", "C:\\"):
    pathlib.Path(folder).mkdir(exist_ok=True)
    pathlib.Path(folder, "planted.dll").write_bytes(b"MZ")
before = dict(os.environ)  # this process goes on answering other tests
os.environ.update({"PATH": "C:\\bin", "WINDIR": "C:\\bin", "OPENSC_CONF": "C:\\bin\\opensc.conf"})
sys.path.insert(0, str(place))
try:
    result = probe.probe("C:\\no.dll", seconds=60, libraries=("C:\\Program Files\\santesocial\\galss",))
finally:
    sys.path.remove(str(place))
    os.environ.clear()
    os.environ.update(before)
    pathlib.Path("C:\\planted.dll").unlink()
answer = [result.status, json.loads((place / "seen.json").read_text())]
"""


def test_a_library_anybody_can_plant_is_not_found_by_the_child_of_a_module(practice: Practice) -> None:
    status, seen = practice.windows.evaluate(CHILD)
    assert status == "support-missing"
    seen = {name.upper(): value.casefold() for name, value in seen.items()}
    assert seen["PLANTED"] == ""
    assert seen["CWD"] == r"c:\windows\system32"
    assert seen["PATH"] == r"c:\windows\system32;c:\windows;c:\program files\santesocial\galss"
    assert (seen["WINDIR"], seen["SYSTEMROOT"]) == (r"c:\windows", r"c:\windows")
    assert "OPENSC_CONF" not in seen


# The installer's mutex in each of its states. The access list of the last lets nobody open it.
MUTEX = r"""
import ctypes, threading
from atsam_safe.workstation.windows.system import WindowsNative
kernel32, advapi32 = ctypes.WinDLL("kernel32", use_last_error=True), ctypes.WinDLL("advapi32", use_last_error=True)
kernel32.CreateMutexW.restype = ctypes.c_void_p
kernel32.CreateMutexW.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_wchar_p]
kernel32.CloseHandle.argtypes = [ctypes.c_void_p]
kernel32.ReleaseMutex.argtypes = [ctypes.c_void_p]
name, native = "Global\\_MSIExecute", WindowsNative()

class Attributes(ctypes.Structure):
    _fields_ = (("size", ctypes.c_uint32), ("descriptor", ctypes.c_void_p), ("inherit", ctypes.c_int))

descriptor = ctypes.c_void_p()
assert advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW("O:SYG:SYD:(D;;0x1f0001;;;WD)", 1, ctypes.byref(descriptor), None)
attributes = Attributes(ctypes.sizeof(Attributes), descriptor, 0)

answer = {"none": native.installer_busy()}
handle = kernel32.CreateMutexW(None, 0, name)
answer["free"] = native.installer_busy()
kernel32.CloseHandle(handle)
held, done = threading.Event(), threading.Event()

def hold():
    mine = kernel32.CreateMutexW(None, 1, name)
    held.set()
    done.wait()
    kernel32.ReleaseMutex(mine)
    kernel32.CloseHandle(mine)

holder = threading.Thread(target=hold)
holder.start()
held.wait()
answer["held"] = native.installer_busy()
done.set()
holder.join()
handle = kernel32.CreateMutexW(ctypes.byref(attributes), 1, name)
answer["not to be opened"] = native.installer_busy()
kernel32.CloseHandle(handle)
answer["none again"] = native.installer_busy()
"""


def test_an_installers_mutex_that_may_not_be_opened_is_there(practice: Practice) -> None:
    assert practice.windows.evaluate(MUTEX) == {
        "none": False,
        "free": False,
        "held": True,
        "not to be opened": True,
        "none again": False,
    }


# Something installed for one person alone, and the whole observation.
PERSON = r"""
import pathlib, winreg
import msgspec
from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.workstation.windows import adapter, people
from atsam_safe.workstation.windows.observe import observe, system_folders
from atsam_safe.workstation.windows.system import WindowsNative
from atsam_safe.volume.windows_volume import WindowsVolume
native = WindowsNative()
person = people.person_at_screen(native, system_folders(native))
place = "\\".join((person.identifier, r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\OwnTool"))
with winreg.CreateKey(winreg.HKEY_USERS, place) as key:
    winreg.SetValueEx(key, "DisplayName", 0, winreg.REG_SZ, "Own tool")
with WindowsVolume(pathlib.Path("C:\\")) as volume:
    facts = observe(native, volume, load_catalogue(), ownership=False)
winreg.DeleteKey(winreg.HKEY_USERS, place)
answer = {
    "own": [one.per_user for one in facts.products if one.name == "Own tool"],
    "home": [facts.homes[0].user == facts.system.console_user, facts.homes[0].path, pathlib.Path(facts.homes[0].path).is_dir()],
    "processes": [process.path for process in facts.processes],
    "notes": list(facts.notes),
    "stranger": native.identifier_of("nobody-of-this-name"),
}
"""


def test_the_person_of_the_session_is_looked_at(practice: Practice) -> None:
    seen = practice.windows.evaluate(PERSON)
    assert seen["own"] == [True]
    same, home, there = seen["home"]
    assert (same, there) == (True, True)
    assert home.casefold().startswith("c:\\users\\")
    assert seen["processes"] == []  # Wine's own programs are nobody's business
    assert "people-not-looked-at" not in seen["notes"]
    assert seen["stranger"] is None
