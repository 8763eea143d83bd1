"""Property lists of the workstation, read with bounds: a corrupt one becomes a sentence for the log, never a traceback."""

from __future__ import annotations

import plistlib
import struct
from typing import Any, Final
from xml.parsers.expat import ExpatError

from atsam_safe.workstation.unreadable import UnreadableError

# The largest lists met are old InstallHistory.plist files of a few hundred kilobytes; an Info.plist has a few.
MAX_PLIST_BYTES: Final = 4 << 20

_BINARY_MAGIC: Final = b"bplist"
_TRAILER: Final = struct.Struct(">6xBBQQQ")
_HEADER_BYTES: Final = 8

# plistlib raises a different exception for each way a list can be malformed (measured by the property tests).
_MALFORMED: Final = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    OverflowError,
    RecursionError,
    MemoryError,
    AssertionError,
    ExpatError,
    struct.error,
)


class PlistError(UnreadableError):
    """The bytes are not a property list that can be used. The caller records it as a ``problem`` of the fact."""


def read_plist(data: bytes) -> Any:  # noqa: ANN401 - a property list is any tree of plain values
    """The value in ``data`` (XML or binary). Raises ``PlistError``."""
    if not data:
        raise PlistError("empty file")
    if len(data) > MAX_PLIST_BYTES:
        raise PlistError(f"larger than {MAX_PLIST_BYTES} bytes")
    if data.startswith(_BINARY_MAGIC):
        _check_trailer(data)
    try:
        return plistlib.loads(data)
    except _MALFORMED as error:
        raise PlistError(f"not a readable property list ({type(error).__name__})") from error


def write_plist(value: Any, form: plistlib.PlistFormat) -> bytes:  # noqa: ANN401 - as above
    """``value`` as a property list. Raises ``PlistError``: not all that is read can be written (numbers past 64 bits)."""
    try:
        return plistlib.dumps(value, fmt=form, sort_keys=False)
    except _MALFORMED as error:
        raise PlistError(f"cannot be written as a property list ({type(error).__name__})") from error


def read_dictionary(data: bytes) -> dict[str, Any]:
    """Like ``read_plist`` for a list whose top is a dictionary, as all of ours are. Raises ``PlistError``."""
    value = read_plist(data)
    if not isinstance(value, dict):
        raise PlistError("top value is not a dictionary")
    return {key: item for key, item in value.items() if isinstance(key, str)}


def text_of(values: dict[str, Any], key: str) -> str | None:
    """The value of ``key`` when it is a text of sensible length; numbers (written by hand in some files) become text."""
    value = values.get(key)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            return str(value)
        except ValueError:  # more digits than Python writes: no version of anything
            return None
    return clean_text(value) if isinstance(value, str) else None


def clean_text(text: str, limit: int = 4096) -> str:
    """``text`` without what JSON cannot carry (lone surrogates) and cut to ``limit`` characters."""
    return text[:limit].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") if _encodable(text) else repr(text[:limit])


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _check_trailer(data: bytes) -> None:
    """Refuse a binary list that declares more objects than it has bytes: plistlib would allocate for them first."""
    if len(data) < _HEADER_BYTES + _TRAILER.size:
        raise PlistError("binary property list cut short")
    offset_size, reference_size, objects, top, table = _TRAILER.unpack(data[-_TRAILER.size :])
    end = len(data) - _TRAILER.size
    if not offset_size or not reference_size or objects > end or top >= max(objects, 1) or table + objects * offset_size > end:
        raise PlistError("binary property list with an impossible trailer")
