r"""A private folder on Windows: no link on the way to it, an access list for the system, administrators and this user alone.

``C:\ProgramData`` lets every user make folders, so a folder that somebody else made there before us is refused, never taken over.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

REPARSE = 0x400

Fault = Literal["link", "owner", "writable"]


def make_private_folder(place: Path) -> None:
    """Make ``place`` (and what is missing above it) and close it to others; left alone when it is there."""
    if os.path.lexists(place):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        from atsam_safe.volume import windows_security  # noqa: PLC0415 - exists on Windows alone

        windows_security.make_private_directory(str(place))
    else:
        place.mkdir(mode=0o700)


def fault_of_private_folder(place: Path) -> Fault | None:
    """What speaks against trusting ``place``: a link on the way, another owner, or rights of others; ``None`` when it is private."""
    for folder in (place, *place.parents):
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or getattr(status, "st_file_attributes", 0) & REPARSE:
            return "link"
    if sys.platform == "win32":
        from atsam_safe.volume import windows_security  # noqa: PLC0415 - exists on Windows alone

        return "writable" if windows_security.intruders(str(place)) else None
    return None
