"""File access of a Windows, asked in a Windows: what another program holds open, and who may enter our folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab.windows.practice import Practice

pytestmark = [pytest.mark.wine, pytest.mark.system, pytest.mark.slow]

# A file is held by a handle that shares nothing, as an antivirus program does, for a while or for ever; then it is removed and replaced.
HELD = r"""
import ctypes, pathlib, threading, time
from atsam_safe.volume.windows_volume import WindowsVolume
kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
kernel32.CreateFileW.restype = ctypes.c_void_p
place = pathlib.Path("C:\\held")
place.mkdir(exist_ok=True)

def hold(name, seconds):
    (place / name).write_bytes(b"before")
    handle = kernel32.CreateFileW(str(place / name), 0x80000000, 0, None, 3, 0, None)
    assert handle not in (None, ctypes.c_void_p(-1).value)
    timer = threading.Timer(seconds, kernel32.CloseHandle, (ctypes.c_void_p(handle),))
    timer.start()
    return timer

def tried(action):
    began = time.monotonic()
    try:
        action()
    except Exception as error:
        return [getattr(error, "problems", [error])[0].ref, time.monotonic() - began]
    return ["done", time.monotonic() - began]

answer = {}
with WindowsVolume(pathlib.Path("C:\\")) as volume:
    hold("a", 0.4)
    answer["removed"] = tried(lambda: volume.remove_file("/held/a")) + [(place / "a").exists()]
    hold("b", 0.4)
    answer["read"] = tried(lambda: volume.read_bytes("/held/b", 100))
    timer = hold("c", 60)
    answer["never"] = tried(lambda: volume.remove_file("/held/c"))[0:2]
    timer.cancel(); timer.function(*timer.args)
"""
ACCESS = r"""
import pathlib
from atsam_safe.volume import private_place, windows_security
place = pathlib.Path("C:\\ours") / given
private_place.make_private_folder(place)
texts = [windows_security.private_folder_access("S-1-5-21-1", administrator=one) for one in (True, False)]
answer = [*texts, private_place.fault_of_private_folder(place)]
"""


def test_a_file_that_is_held_for_a_moment_is_waited_for_and_one_held_for_ever_is_not(practice: Practice) -> None:
    found = practice.windows.evaluate(HELD)
    assert found["removed"][0] == "done"
    assert found["removed"][1] > 0.3
    assert found["removed"][2] is False
    assert found["read"][0] == "done"
    assert found["never"][0] != "done"
    assert found["never"][1] < 6


def test_a_folder_of_an_administrator_is_every_administrators(practice: Practice) -> None:
    """Wine keeps no access lists, so the text that makes the folder is looked at; and the folder made with it is accepted."""
    shared, own, fault = practice.windows.evaluate(ACCESS, "state")
    assert fault is None
    assert shared == "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
    assert own == "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;S-1-5-21-1)"


# A real library (a copy of one of Python's own) is loaded from C:\loaded; then it is replaced and removed as a way back does it.
LOADED = r"""
import ctypes, os, pathlib, shutil, winreg
from _ctypes import FreeLibrary
from atsam_safe.volume.aside import ASIDE
from atsam_safe.volume.model import Metadata
from atsam_safe.volume.windows_volume import WindowsVolume
place, state = pathlib.Path("C:\\loaded"), pathlib.Path("C:\\ours-aside")
place.mkdir(exist_ok=True); state.mkdir(exist_ok=True)
library = next(pathlib.Path("C:\\py311").glob("*.pyd"))
MANAGER = r"SYSTEM\CurrentControlSet\Control\Session Manager"
handles = []

def load(name):
    shutil.copyfile(library, place / name)
    handles.append(ctypes.WinDLL(str(place / name))._handle)

def tried(action):
    try:
        action()
    except Exception as error:
        return getattr(error, "problems", [error])[0].ref
    return "done"

def aside():
    return sorted(os.listdir(state / "aside")) if (state / "aside").exists() else []

def at_restart():
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, MANAGER) as key:
        return winreg.QueryValueEx(key, "PendingFileRenameOperations")[0]

answer = {}
load("a.dll"); load("b.dll")
with WindowsVolume(pathlib.Path("C:\\")) as volume:
    replace = lambda: volume.write_file_atomic("/loaded/a.dll", b"right", Metadata(mode=0o600))
    answer["not allowed"] = [tried(replace), (place / "a.dll").read_bytes() == library.read_bytes(), aside()]
    answer["fresh"] = ASIDE.allow(state)
    (place / "open").write_bytes(b"held")
    kernel32 = ctypes.WinDLL("kernel32")
    kernel32.CreateFileW.restype = ctypes.c_void_p
    held = kernel32.CreateFileW(str(place / "open"), 0x80000000, 0, None, 3, 0, None)
    answer["held"] = [tried(lambda: volume.remove_file("/loaded/open")), aside()]
    kernel32.CloseHandle(ctypes.c_void_p(held))
    answer["folder"] = [tried(lambda: volume.remove_file("/loaded")), aside()]
    answer["replaced"] = [tried(replace), (place / "a.dll").read_bytes().decode(), len(aside())]
    answer["removed"] = [tried(lambda: volume.remove_file("/loaded/b.dll")), (place / "b.dll").exists(), len(aside())]
    answer["names"] = sorted(os.listdir(place))
answer["at restart"] = [any(path.endswith(name) for path in at_restart()) for name in aside()]
answer["still loaded"] = ASIDE.allow(state)
answer["taken"] = list(ASIDE.end())
for handle in handles:
    FreeLibrary(handle)
answer["free again"] = [ASIDE.allow(state), aside(), list(ASIDE.end())]
with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, MANAGER, 0, winreg.KEY_SET_VALUE) as key:
    winreg.DeleteValue(key, "PendingFileRenameOperations")  # this Windows serves other tests, and none of them waits for a restart
"""


def test_a_loaded_library_is_put_aside_only_on_a_way_back_and_leaves_no_trace_beside_the_right_file(practice: Practice) -> None:
    """A name that is merely held is not moved: only what is loaded may be, and only into the private folder."""
    found = practice.windows.evaluate(LOADED)
    assert found["not allowed"][0] != "done"
    assert found["not allowed"][1:] == [True, []]
    assert found["fresh"] is False
    assert found["held"][0] != "done"
    assert found["held"][1] == []
    assert found["folder"] == ["volume.not-a-file", []]
    assert found["replaced"] == ["done", "right", 1]
    assert found["removed"] == ["done", False, 2]
    assert found["names"] == ["a.dll", "open"]
    assert found["at restart"] == [True, True]
    assert found["still loaded"] is True
    assert found["taken"] == [r"C:\loaded\a.dll", r"C:\loaded\b.dll"]
    assert found["free again"] == [False, [], []]
