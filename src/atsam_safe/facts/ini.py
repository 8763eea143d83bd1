"""A tolerant, pure reader of the field's ini files (``galss.ini``, ``io_comm.ini``, ``sesam.ini``) for facts only.

It never fails and never changes a byte: the files of real practices end their lines with CR, LF, CRLF or a mixture, carry
Latin-1 comments, and some were cut in the middle of a line. Editing is the business of ``cards.galss_ini``, which keeps every byte.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

# A genuine galss.ini has about 40 keys; a file with thousands is not one, and Facts must stay small enough to be mailed.
MAX_KEYS: Final = 2000
MAX_VALUE: Final = 1024

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class IniReading(msgspec.Struct, frozen=True, kw_only=True):
    """What an ini file says. ``line_ends`` and ``encoding`` use the words of ``ConfigFact``.

    ``sections`` maps section → key → value, spelled as in the file and trimmed; keys before the first section are under ``""``.
    Of a repeated key the first counts, as for the readers of the components. ``problem`` (English, for the log) says what is odd.
    """

    line_ends: str
    encoding: str
    sections: dict[str, dict[str, str]]
    problem: str | None = None


def parse_ini(data: bytes) -> IniReading:
    """Read ``data`` whatever it is; the result's ``problem`` tells what was skipped."""
    text, encoding = _decode(data)
    problems: list[str] = []
    if not data:
        problems.append("empty file")
    if data[:2] in _UTF16_MARKS or b"\0" in data:
        problems.append("not a text file of one byte per character")
    sections: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    count = 0
    for line in _LINE_END.split(text):
        stripped = line.strip()
        if not stripped or stripped[0] in ";#":
            continue
        if stripped[0] == "[":
            name = stripped[1:].split("]", 1)[0].strip()[:MAX_VALUE]
            if "]" not in stripped:
                problems.append("section header without end")
            elif name in sections:
                problems.append("repeated section")
            count += 1
            current = sections.setdefault(name, {})
        else:
            key, equals, value = stripped.partition("=")
            if not equals:
                problems.append("line without '='")
                continue
            if current is None:
                problems.append("key before the first section")
                current = sections.setdefault("", {})
            count += 1
            current.setdefault(key.strip()[:MAX_VALUE], value.strip()[:MAX_VALUE])
        if count >= MAX_KEYS:
            problems.append("too many keys, the rest was not read")
            break
    return IniReading(
        line_ends=_line_ends(data),
        encoding=encoding,
        sections=sections,
        problem="; ".join(dict.fromkeys(problems)) or None,
    )


def _decode(data: bytes) -> tuple[str, str]:
    if data.isascii():
        return data.decode("ascii"), "ascii"
    try:
        return data.removeprefix(_UTF8_MARK).decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        # Latin-1 maps every byte, so this cannot fail; the shipped default of GALSS has Latin-1 comments.
        return data.decode("latin-1"), "latin-1"


def _line_ends(data: bytes) -> str:
    both = data.count(b"\r\n")
    found = [name for name, count in (("crlf", both), ("lf", data.count(b"\n") - both), ("cr", data.count(b"\r") - both)) if count]
    if not found:
        return "none"
    return found[0] if len(found) == 1 else "mixed"
