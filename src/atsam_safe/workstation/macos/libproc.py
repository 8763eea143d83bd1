"""The executable of a process as the kernel knows it. ``ps`` only tells the name it was started by (``argv[0]``), which anybody chooses.

Loaded on macOS only, and never run there by this project so far: ``scripts/mac-acceptance`` tries it.
"""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Final

from atsam_safe.volume import primitives

LIBRARY: Final = "/usr/lib/libproc.dylib"
# <sys/proc_info.h>: PROC_PIDPATHINFO_MAXSIZE; a larger buffer is refused
PATH_BYTES: Final = 4096
# Where the written folders really lie since 10.15; everybody names them without it.
DATA_VOLUME: Final = "/System/Volumes/Data"


@functools.cache
def _library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError:
        return None


def executable(pid: int) -> str | None:
    """The full path of what ``pid`` runs; ``None`` when the kernel does not tell it (it has ended), or elsewhere than on macOS."""
    library = _library() if primitives.IS_DARWIN else None
    if library is None:
        return None
    buffer = ctypes.create_string_buffer(PATH_BYTES)
    try:
        length = library.proc_pidpath(ctypes.c_int(pid), buffer, ctypes.c_uint32(PATH_BYTES))
    except AttributeError:
        return None
    path = os.fsdecode(buffer.raw[:length]) if 0 < length <= PATH_BYTES else ""
    if path.startswith(f"{DATA_VOLUME}/"):
        path = path.removeprefix(DATA_VOLUME)
    return path if path.startswith("/") else None
