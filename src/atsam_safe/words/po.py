"""A reader of gettext ``.po`` files: what the program falls back to when the compiled catalogue is missing or older than its source.

Only what our own catalogue uses is understood: comments, ``msgctxt``, ``msgid``, ``msgstr`` and strings continued over several lines.
Fuzzy and obsolete entries are left out, as a compiler would do.
"""

from __future__ import annotations

import re
from typing import Final

_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_KEYWORDS: Final = ("msgctxt", "msgid", "msgstr")


def _unquote(text: str) -> str:
    """The value of one quoted string of a .po line."""
    inner = text.strip()[1:-1]
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match.group(1), match.group(1)), inner)


class _Entry:
    """One entry while it is being read."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self.current = ""
        self.fuzzy = False

    def take(self, line: str) -> None:
        """Add one line that is not a comment."""
        for keyword in _KEYWORDS:
            if line.startswith((keyword + " ", keyword + '"')):
                self.current = keyword
                self.parts[keyword] = _unquote(line[len(keyword) :])
                return
        if line.startswith('"') and self.current:
            self.parts[self.current] += _unquote(line)


def parse_po(text: str) -> dict[str, str]:
    """Translations by English message (entries with a context and the header are left out). Never raises: bad lines are skipped."""
    messages: dict[str, str] = {}
    entry = _Entry()

    def close() -> None:
        source = entry.parts.get("msgid", "")
        translated = entry.parts.get("msgstr", "")
        if source and translated and not entry.fuzzy and "msgctxt" not in entry.parts:
            messages[source] = translated

    for raw in text.splitlines():
        line = raw.strip()
        starts_entry = line.startswith(("msgid ", 'msgid"')) and "msgid" in entry.parts
        if not line or starts_entry:
            close()
            entry = _Entry()
        if line.startswith("#,") and "fuzzy" in line:
            entry.fuzzy = True
        elif line and not line.startswith("#"):
            entry.take(line)
    close()
    return messages
