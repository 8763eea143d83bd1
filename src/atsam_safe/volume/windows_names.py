"""Names on Windows: those it cannot hold or would rewrite, and those of the lists in a snapshot. Pure text work."""

from __future__ import annotations

import re
from typing import Final

# What the Windows adapter keeps beside its own file, one entry a line, for a script that cannot read JSON.
PRODUCTS: Final = "products.list"
STRANGERS: Final = "strangers.list"
NEWER: Final = "newer.list"
KEYS: Final = "keys.list"
SERVICES: Final = "services.list"
_UNUSABLE: Final = re.compile(r'[<>:"|?*\x00-\x1f]|[ .]\Z')
_DEVICES: Final = re.compile(
    r"(?:con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$)(?:\..*)?\Z", re.IGNORECASE
)


def unusable_name(name: str) -> bool:
    """True for a name Windows would take for a device, a stream or another name (``a.``, ``con``, ``a:b``)."""
    return _UNUSABLE.search(name) is not None or _DEVICES.match(name) is not None


def unusable(path: str) -> bool:
    """True when one name of a path (``/a/b``) is unusable."""
    return any(unusable_name(name) for name in path.split("/") if name)
