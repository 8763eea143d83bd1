r"""What the child that loads a module finds around it: environment, search path, folder.

A library without a full path is looked for along the search path and in the present folder. On Windows the interpreter's default search
path is the present folder and ``C:\bin``, which any user may make and fill: a library put there would be loaded with our rights. So both
are folders of the system alone, and where these lie is asked of the system, not of a variable that anybody can set.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.processes import WINDOWS_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Where a module finds its reader service, its configuration and a place for its own files. Nothing else of our environment reaches it.
PASSED_ON: Final = (
    "HOME",
    "PCSCLITE_CSOCK_NAME",
    "OPENSC_CONF",
    "SOFTHSM2_CONF",
    "TEMP",
    "TMP",
    "TMPDIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
)
# No configuration of other middleware there: a person's own variables reach a program that was given an administrator's rights.
_PASSED_ON_WINDOWS: Final = ("TEMP", "TMP", *WINDOWS_VARIABLES)


class Surroundings(msgspec.Struct, frozen=True):
    """The whole environment of the child, and the folder it starts in."""

    environment: dict[str, str]
    folder: str


def surroundings(extra: Mapping[str, str], libraries: Sequence[str] = ()) -> Surroundings:
    """For a child of this program on this system. ``extra``: further variables; ``libraries``: further folders of libraries (Windows)."""
    if sys.platform == "win32":
        from atsam_safe.volume.windows_handles import system_folder  # noqa: PLC0415 - exists on Windows alone

        return windows_surroundings(os.environ, system_folder(), extra, libraries)
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return Surroundings({**passed, "LC_ALL": "C", "PATH": os.defpath, **extra}, "/")


def windows_surroundings(ours: Mapping[str, str], system: str, extra: Mapping[str, str], libraries: Sequence[str]) -> Surroundings:
    """As above from given values. ``system``: the folder ``System32``; a folder of libraries that is not absolute is left out."""
    root = system.rstrip("\\").rpartition("\\")[0]
    folders = [system, root, *(folder for folder in libraries if folder[1:3] == ":\\" and ";" not in folder)]
    environment = {name: ours[name] for name in _PASSED_ON_WINDOWS if name in ours}
    environment |= {"SystemRoot": root, "windir": root, "SystemDrive": root[:2], "LC_ALL": "C", "PATH": ";".join(folders)}
    return Surroundings({**environment, **extra}, system)
