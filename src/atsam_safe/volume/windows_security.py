r"""Access lists of Windows files, as SDDL text. Loaded on Windows only.

Only what was set *on this very file* is kept and put back; what it inherits from its folder comes back by itself. An access list that
holds nothing of its own is the empty text.
"""

from __future__ import annotations

import ctypes
import re
import sys
from ctypes import wintypes
from typing import Any, Final

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this module is for

FILE_OBJECT: Final = 1
OWNER: Final = 0x1
DACL: Final = 0x4
PROTECTED: Final = 0x80000000
UNPROTECTED: Final = 0x20000000
REVISION: Final = 1
# full control for the system and for administrators, for this folder and everything that will lie in it, nothing from above
PRIVATE_FOLDER: Final = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
TRUSTED: Final = frozenset({"SY", "BA", "S-1-5-18", "S-1-5-32-544", "CO", "S-1-3-0", "LA"})
_ENTRY: Final = re.compile(r"\(([^()]*)\)")
_LONGEST: Final = 65_536

advapi32: Any = ctypes.WinDLL("advapi32", use_last_error=True)
kernel32: Any = ctypes.WinDLL("kernel32", use_last_error=True)
for _name in ("GetNamedSecurityInfoW", "SetNamedSecurityInfoW"):
    getattr(advapi32, _name).restype = wintypes.DWORD
advapi32.GetNamedSecurityInfoW.argtypes = [
    wintypes.LPCWSTR,
    ctypes.c_int,
    wintypes.DWORD,
    *[ctypes.c_void_p] * 5,
]
advapi32.SetNamedSecurityInfoW.argtypes = [wintypes.LPCWSTR, ctypes.c_int, wintypes.DWORD, *[ctypes.c_void_p] * 4]
advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW.argtypes = [
    ctypes.c_void_p,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.c_void_p,
    ctypes.c_void_p,
]
advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW.argtypes = [
    wintypes.LPCWSTR,
    wintypes.DWORD,
    ctypes.c_void_p,
    ctypes.c_void_p,
]
advapi32.GetSecurityDescriptorDacl.argtypes = [ctypes.c_void_p] * 4
advapi32.ConvertSidToStringSidW.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
advapi32.OpenProcessToken.argtypes = [ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p]
advapi32.GetTokenInformation.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p]
kernel32.GetCurrentProcess.restype = ctypes.c_void_p
kernel32.LocalFree.argtypes = [ctypes.c_void_p]
kernel32.CloseHandle.argtypes = [ctypes.c_void_p]


def _failure(code: int) -> OSError:
    return ctypes.WinError(code)


def descriptor(path: str) -> str:
    """Owner and access list of ``path`` as SDDL."""
    found = ctypes.c_void_p()
    code = advapi32.GetNamedSecurityInfoW(path, FILE_OBJECT, OWNER | DACL, None, None, None, None, ctypes.byref(found))
    if code:
        raise _failure(code)
    text = ctypes.c_wchar_p()
    try:
        if not advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW(found, REVISION, OWNER | DACL, ctypes.byref(text), None):
            raise _failure(ctypes.get_last_error())
        return text.value or ""
    finally:
        kernel32.LocalFree(ctypes.cast(text, ctypes.c_void_p))
        kernel32.LocalFree(found)


def split(sddl: str) -> tuple[str, str, tuple[str, ...]]:
    """Owner, flags and entries of an SDDL text with owner and access list (pure)."""
    owner = re.search(r"O:(.*?)(?=[GDS]:|\Z)", sddl)
    access = re.search(r"D:([A-Z]*)((?:\(.*\))?)", sddl)
    flags = access[1] if access else ""
    return owner[1] if owner else "", flags, tuple(_ENTRY.findall(access[2])) if access else ()


def explicit_access(path: str) -> str:
    """What was set on the file itself: ``D:(…)``, ``D:P(…)`` when nothing is inherited, empty when there is nothing of its own."""
    _owner, flags, entries = split(descriptor(path))
    own = [entry for entry in entries if "ID" not in _pairs(entry)]
    protected = "P" in flags.replace("AI", "").replace("AR", "")
    if not own and not protected:
        return ""
    return f"D:{'P' if protected else ''}{''.join(f'({entry})' for entry in own)}"


def _pairs(entry: str) -> set[str]:
    flags = entry.split(";")[1] if entry.count(";") >= 2 else ""  # noqa: PLR2004 - kind;flags;rights;…
    return {flags[place : place + 2] for place in range(0, len(flags), 2)}


def set_explicit_access(path: str, sddl: str) -> None:
    """Give the file exactly these entries of its own; what its folder passes on is added again unless the list is protected."""
    if len(sddl) > _LONGEST:
        raise OSError(22, "access list too long", path)
    found = ctypes.c_void_p()
    if not advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW(sddl or "D:", REVISION, ctypes.byref(found), None):
        raise _failure(ctypes.get_last_error())
    try:
        present, access, defaulted = wintypes.BOOL(), ctypes.c_void_p(), wintypes.BOOL()
        if not advapi32.GetSecurityDescriptorDacl(found, ctypes.byref(present), ctypes.byref(access), ctypes.byref(defaulted)):
            raise _failure(ctypes.get_last_error())
        what = DACL | (PROTECTED if sddl.startswith("D:P") else UNPROTECTED)
        code = advapi32.SetNamedSecurityInfoW(path, FILE_OBJECT, what, None, None, access, None)
        if code:
            raise _failure(code)
    finally:
        kernel32.LocalFree(found)


def own_identifier() -> str:
    """Security identifier of the user this process runs as."""
    token = ctypes.c_void_p()
    if not advapi32.OpenProcessToken(kernel32.GetCurrentProcess(), 0x8, ctypes.byref(token)):
        raise _failure(ctypes.get_last_error())
    try:
        buffer = ctypes.create_string_buffer(1024)
        size = wintypes.DWORD()
        if not advapi32.GetTokenInformation(token, 1, buffer, len(buffer), ctypes.byref(size)):
            raise _failure(ctypes.get_last_error())
        text = ctypes.c_wchar_p()
        sid = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_void_p))[0]
        if not advapi32.ConvertSidToStringSidW(sid, ctypes.byref(text)):
            raise _failure(ctypes.get_last_error())
        try:
            return text.value or ""
        finally:
            kernel32.LocalFree(ctypes.cast(text, ctypes.c_void_p))
    finally:
        kernel32.CloseHandle(token)


class _SecurityAttributes(ctypes.Structure):
    _fields_ = (("length", wintypes.DWORD), ("descriptor", ctypes.c_void_p), ("inherit", wintypes.BOOL))


def private_folder_access(identifier: str, *, administrator: bool) -> str:
    """Who may enter a folder of ours, as SDDL (pure).

    An administrator gives it to administrators as such: with a right of his own in it the next one would find a folder he cannot trust,
    and the way back with it.
    """
    return f"O:BA{PRIVATE_FOLDER}" if administrator else f"{PRIVATE_FOLDER}(A;OICI;FA;;;{identifier})"


def make_private_directory(path: str) -> None:
    """Make a folder that only the system, administrators and (when it is none) this user can enter, from its first instant on."""
    found = ctypes.c_void_p()
    sddl = private_folder_access(own_identifier(), administrator=bool(ctypes.WinDLL("shell32").IsUserAnAdmin()))
    if not advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW(sddl, REVISION, ctypes.byref(found), None):
        raise _failure(ctypes.get_last_error())
    try:
        attributes = _SecurityAttributes(ctypes.sizeof(_SecurityAttributes), found, False)  # noqa: FBT003 - a C structure's field
        if not kernel32.CreateDirectoryW(path, ctypes.byref(attributes)):
            raise _failure(ctypes.get_last_error())
    finally:
        kernel32.LocalFree(found)


def intruders(path: str) -> tuple[str, ...]:
    """Who else owns the folder or has rights on it (security identifiers); nobody when it is private."""
    trusted = TRUSTED | {own_identifier()}
    owner, _flags, entries = split(descriptor(path))
    found = [] if owner in trusted else [owner]
    found += [who for entry in entries if entry.startswith("A;") and (who := entry.rsplit(";", 1)[-1]) not in trusted]
    return tuple(dict.fromkeys(found))
