"""The two languages, and which one to speak."""

from __future__ import annotations

import re
from typing import Final, Literal

Language = Literal["fr", "en"]

DEFAULT_LANGUAGE: Final[Language] = "fr"
LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")


def resolve_language(option: str | None, environ_locale: str | None) -> Language:
    """The language to speak: ``option`` when it is one of ours, else the user's locale, else French.

    ``environ_locale`` is a POSIX locale (``en_GB.UTF-8``); ``C``, ``POSIX``, empty and every language but English mean French.
    """
    for candidate in (option, environ_locale):
        if not candidate:
            continue
        code = re.split(r"[_.@-]", candidate.strip().lower(), maxsplit=1)[0]
        if code == "fr":
            return "fr"
        if code == "en":
            return "en"
    return DEFAULT_LANGUAGE
