"""What no answer may show, whichever path it took there: the serial number of the card, of which the middleware makes names of files.

The rooms do not put it into their answers. But a snapshot's manifest and a fault of the disk name files as they are, so every answer passes
here once more on its way out.
"""

from __future__ import annotations

import re
from typing import Final

_SEPARATOR: Final = rb"(?:/|\\{1,2})"
_CACHED: Final = re.compile(
    rb"(santesocial" + _SEPARATOR + rb"CPS" + _SEPARATOR + rb"(?:cache" + _SEPARATOR + rb")?)[0-9A-F]{6,40}(?=_)", re.IGNORECASE
)


def without_card_numbers(output: bytes) -> bytes:
    """``output`` (text or JSON) with the card's number taken out of the names of cached card files."""
    return _CACHED.sub(rb"\1***", output)
