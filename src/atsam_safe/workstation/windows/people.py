"""The person whose session it is: on Windows the rights of an installation often come from another account, whose own things say nothing.

A practice's doctor has no administrator's rights; somebody types the name and password of an account that has. ``HKCU`` and the folders of
variables are then that account's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.catalogue.windows_paths import expand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atsam_safe.workstation.windows.native import Native

PROFILES: Final = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"
NOT_LOOKED_AT: Final = "people-not-looked-at"
"""Among the notes of ``Facts``: what people installed and registered for themselves alone was not looked at."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with a session. ``identifier`` names the part of the registry that is theirs, ``home`` their profile's folder."""

    account: str
    identifier: str
    home: str | None = None


def person_at_screen(native: Native, folders: Mapping[str, str]) -> Person | None:
    """Whose session it is; ``None`` when nobody is there, or when their part of the registry cannot be read."""
    account = native.session_owner()
    identifier = native.identifier_of(account) if account is not None else None
    if account is None or identifier is None or not native.subkeys("HKU", identifier, "64"):
        return None
    told = (native.values("HKLM", f"{PROFILES}\\{identifier}", "64") or {}).get("profileimagepath")
    home = expand(told, folders) if isinstance(told, str) else None
    # a profile elsewhere on the network is not opened with an administrator's rights
    return Person(account=account, identifier=identifier, home=home if home is not None and home[1:3] == ":\\" else None)
