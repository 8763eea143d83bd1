"""Folders that belong to macOS or to everybody, never to one component: not removed, and not changed as a whole.

Whatever a receipt or a rule says: a bill of materials lists every folder on the way to its files, so a receipt « owns »
``/Applications`` as much as its own application. Only what lies inside is ever a component's. One list for the plan and for the steps that
carry it out: what the one spares, the other would refuse.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from atsam_safe.catalogue.patterns import REMEMBERED, fold

_FOLDERS: Final = frozenset(
    fold(path)
    for path in (
        "/Applications/Utilities",
        "/Library/Application Support",
        "/Library/Application Support/Google",
        "/Library/Application Support/Mozilla",
        "/Library/Caches",
        "/Library/Extensions",
        "/Library/Frameworks",
        "/Library/Java",
        "/Library/Java/Extensions",
        "/Library/LaunchAgents",
        "/Library/LaunchDaemons",
        "/Library/Logs",
        "/Library/PreferencePanes",
        "/Library/Preferences",
        "/Library/Receipts",
        "/Library/Security",
        "/Library/Security/tokend",
        "/Library/StartupItems",
        "/System/Library",
        "/Users/Shared",
        "/private/etc",
        "/private/tmp",
        "/private/var",
        "/private/var/db",
        "/private/var/db/receipts",
        "/private/var/log",
        "/usr/bin",
        "/usr/lib",
        "/usr/libexec",
        "/usr/libexec/SmartCardServices",
        "/usr/libexec/SmartCardServices/drivers",
        "/usr/local",
        "/usr/local/bin",
        "/usr/local/etc",
        "/usr/local/lib",
        "/usr/local/libexec",
        "/usr/local/libexec/SmartCardServices",
        "/usr/local/libexec/SmartCardServices/drivers",
        "/usr/local/share",
        "/usr/sbin",
        "/usr/share",
    )
)
# In a home, the folders every user has: ``/Users/NAME``, its Library and the usual ones below.
_IN_LIBRARY: Final = "application support|caches|frameworks|keychains|launchagents|logs|preferences|receipts"
_HOME_FOLDERS: Final = re.compile(rf"/users/[^/]+(/(applications|desktop|documents|downloads|library(/({_IN_LIBRARY}))?))?", re.DOTALL)


@lru_cache(maxsize=REMEMBERED)
def is_system_folder(path: str) -> bool:
    """True for a folder of the system, of every user or of everybody; for every folder at the root of the volume, and the root itself."""
    parts = [part for part in fold(path).split("/") if part not in ("", ".")]
    folder = "/" + "/".join(parts)
    return len(parts) <= 1 or folder in _FOLDERS or _HOME_FOLDERS.fullmatch(folder) is not None
