"""Codes and names by which Windows Installer knows a product. Pure text work.

The registry writes a code « packed »: without punctuation, each part backwards. Both spellings mean the same product.
"""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from typing import Final

_CODE: Final = re.compile(r"\{?([0-9A-F]{8})-([0-9A-F]{4})-([0-9A-F]{4})-([0-9A-F]{4})-([0-9A-F]{12})\}?\Z", re.IGNORECASE)
_PACKED: Final = re.compile(r"[0-9A-F]{32}\Z", re.IGNORECASE)
# lengths of the parts of a packed code that are written backwards: three whole ones, then pairs
_PARTS: Final = (8, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2)


def packed(code: str) -> str:
    """The registry's spelling of a code, upper case; ``ValueError`` for a text that is no code."""
    match = _CODE.match(code)
    if match is None:
        raise ValueError(code)
    return _turned("".join(match.groups())).upper()


def normal(code: str) -> str:
    """``{XXXXXXXX-…}`` in upper case for either spelling; a text that is no code is given back in upper case."""
    match = _CODE.match(code)
    if match is not None:
        return "{" + "-".join(match.groups()).upper() + "}"
    if _PACKED.match(code) is None:
        return code.upper()
    plain = _turned(code).upper()
    return f"{{{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}}}"


def is_code(text: str) -> bool:
    """True for a product code with its braces."""
    return text.startswith("{") and _CODE.match(text) is not None


def _turned(digits: str) -> str:
    found = ""
    place = 0
    for size in _PARTS:
        found += digits[place : place + size][::-1]
        place += size
    return found


def product_named(pattern: str | None, name: str) -> bool:
    """Shell-style comparison of a whole product name, without regard to case."""
    return pattern is not None and fnmatch.fnmatchcase(name.casefold(), pattern.casefold())


def organisation_key(name: str) -> str:
    """An organisation's name for comparison: without case, accents and punctuation (« Agence du Numérique en Santé »)."""
    plain = "".join(mark for mark in unicodedata.normalize("NFKD", name) if not unicodedata.combining(mark))
    return " ".join("".join(mark if mark.isalnum() else " " for mark in plain.casefold()).split())
