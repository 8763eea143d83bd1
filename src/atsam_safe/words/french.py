"""The French catalogue, as it was built or as it is written.

Rules
- The compiled catalogue (``.mo``) is used only when it was made from the very ``.po`` beside it (its digest is inside).
  Otherwise the ``.po`` itself is read: a doctor never gets English, or yesterday's words, because a build step was left out.
- With neither file the program is damaged and says so (``WordsMissingError``) instead of going on in another language.
"""

from __future__ import annotations

import gettext
import hashlib
import io
import pkgutil
import struct
from functools import cache
from typing import Final, cast

from atsam_safe.words.model import WordsMissingError
from atsam_safe.words.po import parse_po

DIGEST_CONTEXT: Final = "build"
DIGEST_MESSAGE: Final = "source-sha256"

_FOLDER: Final = "locale/fr/LC_MESSAGES/atsam_safe"


def _resource(suffix: str) -> bytes | None:
    """A file of the words catalogue, or ``None`` when this installation has none."""
    try:
        return pkgutil.get_data("atsam_safe.words", _FOLDER + suffix)
    except OSError:
        return None


def _compiled(data: bytes, source: bytes | None) -> dict[str, str] | None:
    """The messages of a compiled catalogue, or ``None`` when it is damaged or was not made from ``source``."""
    try:
        translations = gettext.GNUTranslations(io.BytesIO(data))
    except (OSError, ValueError, LookupError, struct.error):  # whatever a damaged file makes gettext stumble over
        return None
    if source is not None:
        made_from = translations.pgettext(DIGEST_CONTEXT, DIGEST_MESSAGE)
        if made_from != hashlib.sha256(source).hexdigest():
            return None
    catalogue = cast("dict[object, str]", translations._catalog)  # type: ignore[attr-defined] # noqa: SLF001 - gettext offers no list of messages
    return {key: value for key, value in catalogue.items() if isinstance(key, str) and key and "\x04" not in key}


@cache
def french() -> dict[str, str]:
    """French by English message. Raises ``WordsMissingError`` when this installation has no French at all."""
    source = _resource(".po")
    compiled = _resource(".mo")
    if compiled is not None:
        messages = _compiled(compiled, source)
        if messages:
            return messages
    if source is not None:
        messages = parse_po(source.decode("utf-8", errors="replace"))
        if messages:
            return messages
    raise WordsMissingError
