"""The local users of an offline volume, from the folders below ``/Users``: one level, nothing below a home is listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.facts.model import Home

if TYPE_CHECKING:
    from atsam_safe.workstation.lens import Lens

USERS: Final = "/Users"
# Folders of /Users that belong to nobody: macOS's exchange folder, and where it leaves the archives of removed accounts.
_NOBODY: Final = frozenset({"shared", "deleted users"})


def find_homes(lens: Lens) -> tuple[Home, ...]:
    """Every local user's home, sorted by name. A link in place of a home is not followed and is no home."""
    found = []
    for name in lens.names(USERS):
        if name.startswith(".") or name.casefold() in _NOBODY:
            continue
        entry = lens.entry(f"{USERS}/{name}")
        if entry is not None and entry.kind == "directory":
            found.append(Home(user=name, path=f"{USERS}/{name}", uid=entry.uid))
    return tuple(found)
