"""``native.Native`` on a real Windows: ``winreg``, and ``msi``, ``advapi32``, ``kernel32`` through ``ctypes``. Loaded on Windows only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import winreg
from ctypes import wintypes
from typing import TYPE_CHECKING, Any, Final

from atsam_safe.workstation.windows.native import RunningProgram, ServiceStatus
from atsam_safe.workstation.windows.pending import SESSION_MANAGER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.workstation.windows.native import Hive, RegistryValue, Start, View

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this module is for

_HIVES: Final = {
    "HKLM": winreg.HKEY_LOCAL_MACHINE,
    "HKCU": winreg.HKEY_CURRENT_USER,
    "HKCR": winreg.HKEY_CLASSES_ROOT,
    "HKU": winreg.HKEY_USERS,
}
_VIEWS: Final = {"64": winreg.KEY_WOW64_64KEY, "32": winreg.KEY_WOW64_32KEY}
_STARTS: Final[dict[int, Start]] = {0: "boot", 1: "system", 2: "automatic", 3: "manual", 4: "disabled"}
_MACHINES: Final = {0x8664: "x86_64", 0xAA64: "arm64", 0x14C: "i386"}
_NAMES: Final = {"amd64": "x86_64", "arm64": "arm64", "x86": "i386"}
_MOST: Final = 100_000
_SUCCESS: Final = 0
# the end of a list; one product whose registration is damaged, after which the list goes on
_NO_MORE_ITEMS, _BAD_CONFIGURATION = 259, 1610
_RUNNING, _STOPPED = 4, 1
_QUERY_LIMITED: Final = 0x1000
_TERMINATE: Final = 0x0001
_WAIT_OBJECT, _WAIT_ABANDONED = 0, 0x80
_SYNCHRONIZE: Final = 0x00100000
_SNAP_PROCESSES: Final = 0x2
_BATTERY: Final = 0
# version numbers stand in the first sixteen bytes
_FIXED_PART: Final = 16
_NO_SESSION: Final = 0xFFFFFFFF
_USER_NAME, _DOMAIN_NAME = 5, 7
_NOT_FOUND, _DENIED = 2, 5
# the kind of account that a person has
_PERSON: Final = 1
_INSTALLER_MUTEX: Final = "Global\\_MSIExecute"


def _library(name: str) -> Any:  # noqa: ANN401 - functions of a library
    return ctypes.WinDLL(name, use_last_error=True)


class _ServiceState(ctypes.Structure):
    _fields_ = tuple((name, wintypes.DWORD) for name in ("kind", "state", "controls", "exit", "own_exit", "check", "hint"))


class _ProcessEntry(ctypes.Structure):
    _fields_ = (
        ("size", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("pid", wintypes.DWORD),
        ("heap", ctypes.c_size_t),
        ("module", wintypes.DWORD),
        ("threads", wintypes.DWORD),
        ("parent", wintypes.DWORD),
        ("priority", ctypes.c_long),
        ("flags", wintypes.DWORD),
        ("name", ctypes.c_wchar * 260),
    )


class _PowerStatus(ctypes.Structure):
    _fields_ = (
        ("line", ctypes.c_ubyte),
        ("battery", ctypes.c_ubyte),
        ("percent", ctypes.c_ubyte),
        ("saver", ctypes.c_ubyte),
        ("left", wintypes.DWORD),
        ("full", wintypes.DWORD),
    )


class WindowsNative:
    """The system this program runs on."""

    def __init__(self) -> None:
        self._msi = _library("msi")
        self._kernel32 = _library("kernel32")
        self._advapi32 = _library("advapi32")
        for name in ("OpenSCManagerW", "OpenServiceW"):
            getattr(self._advapi32, name).restype = ctypes.c_void_p
        for name in ("CloseServiceHandle", "QueryServiceStatus", "StartServiceW", "ControlService", "ChangeServiceConfigW"):
            getattr(self._advapi32, name).argtypes = None
        for name in ("OpenProcess", "OpenMutexW", "CreateToolhelp32Snapshot", "GetCurrentProcess"):
            getattr(self._kernel32, name).restype = ctypes.c_void_p
        self._kernel32.CloseHandle.argtypes = [ctypes.c_void_p]

    # --- registry ------------------------------------------------------------------------------------------------------------------

    @staticmethod
    def _open(hive: Hive, key: str, view: View) -> winreg.HKEYType | None:
        try:
            return winreg.OpenKey(_HIVES[hive], key, 0, winreg.KEY_READ | _VIEWS[view])
        except OSError:
            return None

    def values(self, hive: Hive, key: str, view: View) -> dict[str, RegistryValue] | None:
        """See ``Native``."""
        opened = self._open(hive, key, view)
        if opened is None:
            return None
        found: dict[str, RegistryValue] = {}
        with opened:
            for index in range(_MOST):
                try:
                    name, value, _kind = winreg.EnumValue(opened, index)
                except OSError:
                    break
                found[name.casefold()] = tuple(value) if isinstance(value, list) else value
        return found

    def subkeys(self, hive: Hive, key: str, view: View) -> tuple[str, ...]:
        """See ``Native``."""
        opened = self._open(hive, key, view)
        if opened is None:
            return ()
        found: list[str] = []
        with opened:
            for index in range(_MOST):
                try:
                    found.append(winreg.EnumKey(opened, index))
                except OSError:
                    break
        return tuple(found)

    # --- products ------------------------------------------------------------------------------------------------------------------

    def products(self) -> tuple[str, ...] | None:
        """See ``Native``."""
        buffer = ctypes.create_unicode_buffer(40)
        found: list[str] = []
        for index in range(_MOST):
            code = self._msi.MsiEnumProductsW(index, buffer)
            if code == _NO_MORE_ITEMS:
                return tuple(found)
            if code == _SUCCESS:
                found.append(buffer.value.upper())
            elif code != _BAD_CONFIGURATION:
                return None  # half a list would read as « not installed »
        return None

    def product(self, code: str, detail: str) -> str | None:
        """See ``Native``."""
        size = wintypes.DWORD(4096)
        buffer = ctypes.create_unicode_buffer(4096)
        if self._msi.MsiGetProductInfoW(code, detail, buffer, ctypes.byref(size)) != _SUCCESS:
            return None
        return buffer.value or None

    # --- services ------------------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _service(self, name: str, access: int) -> Iterator[int | None]:
        manager = self._advapi32.OpenSCManagerW(None, None, 1)
        service = self._advapi32.OpenServiceW(ctypes.c_void_p(manager), name, access) if manager else None
        try:
            yield service
        finally:
            for handle in (service, manager):
                if handle:
                    self._advapi32.CloseServiceHandle(ctypes.c_void_p(handle))

    def service(self, name: str) -> ServiceStatus | None:
        """See ``Native``."""
        configured = self.values("HKLM", f"SYSTEM\\CurrentControlSet\\Services\\{name}", "64")
        with self._service(name, 0x4) as service:
            if service is None:
                return None
            state = _ServiceState()
            known = bool(self._advapi32.QueryServiceStatus(ctypes.c_void_p(service), ctypes.byref(state)))
        start = (configured or {}).get("start")
        program = (configured or {}).get("imagepath")
        return ServiceStatus(
            name=name,
            start=_STARTS.get(start) if isinstance(start, int) else None,
            running=state.state == _RUNNING if known else None,
            program=program if isinstance(program, str) else None,
        )

    def start_service(self, name: str) -> bool:
        """See ``Native``."""
        with self._service(name, 0x10) as service:
            return service is not None and bool(self._advapi32.StartServiceW(ctypes.c_void_p(service), 0, None))

    def stop_service(self, name: str) -> bool:
        """See ``Native``."""
        with self._service(name, 0x20) as service:
            state = _ServiceState()
            return service is not None and bool(self._advapi32.ControlService(ctypes.c_void_p(service), 1, ctypes.byref(state)))

    def set_service_start(self, name: str, start: Start) -> bool:
        """See ``Native``."""
        number = next(number for number, known in _STARTS.items() if known == start)
        same = wintypes.DWORD(0xFFFFFFFF)
        with self._service(name, 0x2) as service:
            return service is not None and bool(
                self._advapi32.ChangeServiceConfigW(
                    ctypes.c_void_p(service), same, wintypes.DWORD(number), same, None, None, None, None, None, None, None
                )
            )

    # --- processes -----------------------------------------------------------------------------------------------------------------

    def processes(self) -> tuple[RunningProgram, ...] | None:
        """See ``Native``."""
        snapshot = self._kernel32.CreateToolhelp32Snapshot(_SNAP_PROCESSES, 0)
        if snapshot in (None, ctypes.c_void_p(-1).value):
            return None
        entry = _ProcessEntry(size=ctypes.sizeof(_ProcessEntry))
        found: list[RunningProgram] = []
        handle = ctypes.c_void_p(snapshot)
        more = self._kernel32.Process32FirstW(handle, ctypes.byref(entry))
        while more and len(found) < _MOST:
            path = self._program_of(entry.pid)
            if path is not None:
                found.append(RunningProgram(pid=entry.pid, path=path))
            more = self._kernel32.Process32NextW(handle, ctypes.byref(entry))
        self._kernel32.CloseHandle(handle)
        return tuple(found)

    def _program_of(self, pid: int) -> str | None:
        opened = self._kernel32.OpenProcess(_QUERY_LIMITED, False, pid)  # noqa: FBT003 - a C function's argument
        if not opened:
            return None
        size = wintypes.DWORD(32_768)
        buffer = ctypes.create_unicode_buffer(32_768)
        known = self._kernel32.QueryFullProcessImageNameW(ctypes.c_void_p(opened), 0, buffer, ctypes.byref(size))
        self._kernel32.CloseHandle(ctypes.c_void_p(opened))
        return buffer.value if known and buffer.value else None

    def end_process(self, pid: int) -> bool:
        """See ``Native``."""
        opened = self._kernel32.OpenProcess(_TERMINATE, False, pid)  # noqa: FBT003 - a C function's argument
        if not opened:
            return False
        ended = bool(self._kernel32.TerminateProcess(ctypes.c_void_p(opened), 1))
        self._kernel32.CloseHandle(ctypes.c_void_p(opened))
        return ended

    # --- the machine ---------------------------------------------------------------------------------------------------------------

    def installer_busy(self) -> bool | None:
        """See ``Native``: the service keeps its mutex for as long as an installation is carried out.

        A mutex that may not be opened is there; only « not found » means that there is none.
        """
        mutex = self._kernel32.OpenMutexW(_SYNCHRONIZE, False, _INSTALLER_MUTEX)  # noqa: FBT003 - a C function's argument
        if not mutex:
            return {_NOT_FOUND: False, _DENIED: True}.get(ctypes.get_last_error())
        handle = ctypes.c_void_p(mutex)
        answer = self._kernel32.WaitForSingleObject(handle, 0)
        if answer in (_WAIT_OBJECT, _WAIT_ABANDONED):
            self._kernel32.ReleaseMutex(handle)
        self._kernel32.CloseHandle(handle)
        return answer not in (_WAIT_OBJECT, _WAIT_ABANDONED)

    def elevated(self) -> bool:
        """See ``Native``."""
        return bool(_library("shell32").IsUserAnAdmin())

    def machine(self) -> str | None:
        """See ``Native``."""
        process, native = wintypes.USHORT(), wintypes.USHORT()
        asks = getattr(self._kernel32, "IsWow64Process2", None)
        handle = ctypes.c_void_p(self._kernel32.GetCurrentProcess())
        if asks is not None and asks(handle, ctypes.byref(process), ctypes.byref(native)) and native.value in _MACHINES:
            return _MACHINES[native.value]
        named = os.environ.get("PROCESSOR_ARCHITEW6432") or os.environ.get("PROCESSOR_ARCHITECTURE", "")
        return _NAMES.get(named.casefold())

    def redirected(self) -> bool:
        """See ``Native``."""
        emulated = wintypes.BOOL()
        handle = ctypes.c_void_p(self._kernel32.GetCurrentProcess())
        return bool(self._kernel32.IsWow64Process(handle, ctypes.byref(emulated)) and emulated.value)

    def build(self) -> tuple[str, str] | None:
        """See ``Native``."""
        told = sys.getwindowsversion()
        return f"{told.major}.{told.minor}.{told.build}", "server" if told.product_type != 1 else ""

    def on_battery(self) -> bool | None:
        """See ``Native``."""
        status = _PowerStatus()
        if not self._kernel32.GetSystemPowerStatus(ctypes.byref(status)) or status.line not in (0, 1):
            return None
        return bool(status.line == _BATTERY)

    def session_owner(self) -> str | None:
        """See ``Native``."""
        try:
            sessions = _library("wtsapi32")
        except OSError:
            return None
        session = self._own_session() or self._kernel32.WTSGetActiveConsoleSessionId()
        if session in (_NO_SESSION, -1):
            return None
        told = [self._session_text(sessions, session, kind) for kind in (_DOMAIN_NAME, _USER_NAME)]
        return "\\".join(part for part in told if part) if told[1] else None

    def _own_session(self) -> int:
        """The session of this process: rights given in it change the account and not the session. Services have number 0."""
        number = wintypes.DWORD()
        known = self._kernel32.ProcessIdToSessionId(os.getpid(), ctypes.byref(number))
        return number.value if known else 0

    def identifier_of(self, account: str) -> str | None:
        """See ``Native``."""
        identifier = ctypes.create_string_buffer(256)
        domain = ctypes.create_unicode_buffer(256)
        size, length, kind = wintypes.DWORD(256), wintypes.DWORD(256), wintypes.DWORD()
        sizes = (ctypes.byref(size), domain, ctypes.byref(length), ctypes.byref(kind))
        if not self._advapi32.LookupAccountNameW(None, ctypes.c_wchar_p(account), identifier, *sizes) or kind.value != _PERSON:
            return None
        text = ctypes.c_wchar_p()
        if not self._advapi32.ConvertSidToStringSidW(identifier, ctypes.byref(text)):
            return None
        value = text.value
        self._kernel32.LocalFree(text)
        return value

    @staticmethod
    def _session_text(sessions: Any, session: int, kind: int) -> str:  # noqa: ANN401 - a library
        text, size = ctypes.c_wchar_p(), wintypes.DWORD()
        if not sessions.WTSQuerySessionInformationW(None, session, kind, ctypes.byref(text), ctypes.byref(size)):
            return ""
        value = text.value or ""
        sessions.WTSFreeMemory(text)
        return value

    def set_pending_renames(self, texts: tuple[str, ...]) -> bool:
        """See ``Native``."""
        try:
            access = winreg.KEY_SET_VALUE | winreg.KEY_WOW64_64KEY
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, SESSION_MANAGER, 0, access) as opened:
                if texts:
                    winreg.SetValueEx(opened, "PendingFileRenameOperations", 0, winreg.REG_MULTI_SZ, list(texts))
                else:
                    winreg.DeleteValue(opened, "PendingFileRenameOperations")
        except OSError:
            return False
        return True

    def file_version(self, path: str) -> str | None:
        """See ``Native``."""
        library = _library("version")
        size = library.GetFileVersionInfoSizeW(path, None)
        if not 0 < size <= 1 << 20:
            return None
        data = ctypes.create_string_buffer(size)
        place, length = ctypes.c_void_p(), wintypes.UINT()
        if not library.GetFileVersionInfoW(path, 0, size, data):
            return None
        if not library.VerQueryValueW(data, "\\", ctypes.byref(place), ctypes.byref(length)) or length.value < _FIXED_PART:
            return None
        if place.value is None:
            return None
        high, low = (ctypes.c_uint32 * 4).from_address(place.value)[2:4]
        return f"{high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}"
