"""``WinVerifyTrust`` through ``ctypes``. Loaded on Windows only."""

from __future__ import annotations

import ctypes
import msvcrt
import sys
import uuid
from ctypes import wintypes
from typing import Final

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this module is for

_LONGEST_PATH: Final = 32_768
_NO_DIALOGUE: Final = 2
_ABOUT_A_FILE: Final = 1
# no revocation list is fetched, and nothing else: only what this Windows knows already
_WITHOUT_NETWORK: Final = 0x10 | 0x1000
_GENERIC_VERIFY: Final = uuid.UUID("00AAC56B-CD44-11d0-8CC2-00C04FC295EE")


class _FileInfo(ctypes.Structure):
    _fields_ = (("size", wintypes.DWORD), ("path", wintypes.LPCWSTR), ("handle", ctypes.c_void_p), ("subject", ctypes.c_void_p))


class _TrustData(ctypes.Structure):
    _fields_ = (
        ("size", wintypes.DWORD),
        ("callback", ctypes.c_void_p),
        ("client", ctypes.c_void_p),
        ("dialogue", wintypes.DWORD),
        ("revocation", wintypes.DWORD),
        ("kind", wintypes.DWORD),
        ("file", ctypes.POINTER(_FileInfo)),
        ("action", wintypes.DWORD),
        ("state", ctypes.c_void_p),
        ("reference", wintypes.LPCWSTR),
        ("flags", wintypes.DWORD),
        ("context", wintypes.DWORD),
        ("settings", ctypes.c_void_p),
    )


def verify(descriptor: int) -> int | None:
    """What Windows says of the signature of the open file, as an unsigned HRESULT; ``None`` when it could not be asked."""
    try:
        library = ctypes.WinDLL("wintrust")
        kernel32 = ctypes.WinDLL("kernel32")
    except OSError:
        return None
    path = ctypes.create_unicode_buffer(_LONGEST_PATH)
    handle = msvcrt.get_osfhandle(descriptor)
    if not kernel32.GetFinalPathNameByHandleW(ctypes.c_void_p(handle), path, len(path), 0):
        return None
    info = _FileInfo(ctypes.sizeof(_FileInfo), path.value.removeprefix("\\\\?\\"), handle, None)
    data = _TrustData(
        size=ctypes.sizeof(_TrustData), dialogue=_NO_DIALOGUE, kind=_ABOUT_A_FILE, file=ctypes.pointer(info), flags=_WITHOUT_NETWORK
    )
    action = (ctypes.c_ubyte * 16).from_buffer_copy(_GENERIC_VERIFY.bytes_le)
    library.WinVerifyTrust.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    return int(library.WinVerifyTrust(None, ctypes.byref(action), ctypes.byref(data))) & 0xFFFFFFFF
