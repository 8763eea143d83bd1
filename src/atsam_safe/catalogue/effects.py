"""When does a vetted effect of a vendor's script apply? The bounds an ``EffectRule`` states, held against a release and an OS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.versions import ComponentVersion, MacosRelease, VersionError

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Component, EffectRule

# Numbers that every macOS gives to these names (/etc/passwd, /etc/group; "" = the group is not changed).
_USERS: Final = {"root": 0}
_GROUPS: Final[dict[str, int | None]] = {"wheel": 0, "staff": 20, "admin": 80, "": None}


def effect_applies(effect: EffectRule, version: str | None, os_version: str | None) -> bool:
    """True when the script of release ``version`` does this on ``os_version``.

    A bound that cannot be compared (unreadable version) counts as not met: nothing is done on a guess.
    """
    try:
        if effect.from_release is not None or effect.below_release is not None:
            release = ComponentVersion.parse(version or "")
            if effect.from_release is not None and release < ComponentVersion.parse(effect.from_release):
                return False
            if effect.below_release is not None and release >= ComponentVersion.parse(effect.below_release):
                return False
    except VersionError:
        return False
    return effect_possible(effect, os_version)


def effect_possible(effect: EffectRule, os_version: str | None) -> bool:
    """True when the script of some release does this on ``os_version``: one nobody read may do the same.

    So that a file is gone which such a script removes is no damage, whichever release it is.
    """
    return is_for_os(effect.from_os, effect.below_os, os_version)


def is_for_os(from_os: str | None, below_os: str | None, os_version: str | None) -> bool:
    """True when the macOS family lies between the two; an unreadable release lies in no bounds, and in what has none."""
    if from_os is None and below_os is None:
        return True
    try:
        family = MacosRelease.parse(os_version or "").family
        return (from_os is None or family >= MacosRelease.parse(from_os).family) and (
            below_os is None or family < MacosRelease.parse(below_os).family
        )
    except VersionError:
        return False


def script_was_read(component: Component, version: str, os_version: str | None) -> bool:
    """True when what the script of this release writes beside its files is known: what it does not write, it means not to."""
    return any(effect.kind == "write-file" and effect_applies(effect, version, os_version) for effect in component.effects)


def owner_numbers(owner: str) -> tuple[int, int | None] | None:
    """User and group of ``user:group`` as every macOS numbers them; ``None`` when it is for each system to say."""
    user, _, group = owner.partition(":")
    return (_USERS[user], _GROUPS[group]) if user in _USERS and group in _GROUPS else None
