"""Places where a receipt alone proves nothing: what lies there is removed only when the catalogue itself names it."""

from __future__ import annotations

from typing import Final

from atsam_safe.catalogue.patterns import fold

_CATALOGUE_ONLY: Final = (
    "/system/",
    "/bin/",
    "/sbin/",
    "/dev/",
    "/volumes/",
    "/cores/",
    "/users/",
    "/private/",
    "/usr/bin/",
    "/usr/lib/",
    "/usr/libexec/",
    "/usr/sbin/",
    "/usr/share/",
)


def needs_catalogue(path: str) -> bool:
    """True where a receipt alone is no reason to remove: the system's own places, and people's homes."""
    return fold(path).startswith(_CATALOGUE_ONLY)
