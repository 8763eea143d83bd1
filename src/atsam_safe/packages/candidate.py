"""One file that may be a package, and how such a file is recognised."""

from __future__ import annotations

from typing import Final

import msgspec

from atsam_safe.packages.errors import PackageError
from atsam_safe.packages.reading import PinnedFile

MAGIC_LENGTH: Final = 4
PACKAGE_NAMES: Final = (".pkg", ".mpkg", ".msi", ".rpm")
_KNOWN_MAGICS: Final = (b"xar!", b"\xd0\xcf\x11\xe0", b"\xed\xab\xee\xdb")


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One file to inspect, or the reason why it could not even be opened. ``shown_path`` is for people."""

    shown_path: str
    file: PinnedFile | None
    error: PackageError | None = None


def is_candidate(head: bytes, name: str) -> bool:
    """Content says what is a package. A name only ever adds a suspect: a damaged package must not be passed over in silence."""
    return head in _KNOWN_MAGICS or name.lower().endswith(PACKAGE_NAMES)
