"""Recognising a symptom in a sentence: by its words, its symbolic name, or its number, never by a number that could be anything."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from atsam_safe.diagnose.model import RecognisedSymptom

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.catalogue.symptoms import Symptom

_MAXIMUM_TEXT: Final = 4000
_HEXADECIMAL: Final = re.compile(r"\b(?:0x([0-9a-f]{1,8})|([0-9a-f]*[a-f][0-9a-f]*))\b")
_DECIMAL: Final = re.compile(r"\b([0-9]{1,10})\b")
# A number below this is too common to mean anything by itself: the system it comes from must be named beside it.
_TELLING: Final = 1000
_SYSTEM_WORDS: Final = {"galss": "galss", "fsv": "fsv", "msi": "msi", "pkcs11": "pkcs"}
_HEX_LENGTH: Final = 4


def plain(text: str) -> str:
    """Text as it is compared: without case, accents or repeated blanks, and bounded."""
    decomposed = unicodedata.normalize("NFD", text[:_MAXIMUM_TEXT].casefold())
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(letters.replace("’", "'").split())


def _has_phrase(text: str, phrase: str) -> bool:
    """True when the phrase stands in the text as whole words."""
    wanted = plain(phrase)
    return bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text) is not None


def _numbers(text: str) -> dict[int, str]:
    """Numbers in the text and how they were written: 32769, 0x8001, F001."""
    found: dict[int, str] = {}
    for match in _DECIMAL.finditer(text):
        found.setdefault(int(match.group(1)), match.group(0))
    for match in _HEXADECIMAL.finditer(text):
        digits = match.group(1) or match.group(2)
        bare = match.group(1) is None
        if not bare or (len(digits) == _HEX_LENGTH and any(character.isdigit() for character in digits)):
            found.setdefault(int(digits, 16), match.group(0))
    return found


def _matched(symptom: Symptom, text: str, numbers: dict[int, str]) -> str | None:
    for phrase in symptom.match:
        if _has_phrase(text, phrase):
            return phrase
    if symptom.name is not None and _has_phrase(text, symptom.name):
        return symptom.name
    if symptom.code is None:
        return None
    last = symptom.code if symptom.code_last is None else symptom.code_last
    named = symptom.system in _SYSTEM_WORDS and _has_phrase(text, _SYSTEM_WORDS[symptom.system])
    for number, spelling in numbers.items():
        if symptom.code <= number <= last and (named or number >= _TELLING):
            return spelling
    return None


def recognise(catalogue: Catalogue, text: str, family: str) -> tuple[RecognisedSymptom, ...]:
    """Every symptom of the catalogue found in ``text``, for this OS family. An empty or strange text recognises nothing."""
    compared = plain(text)
    numbers = _numbers(compared)
    found: list[RecognisedSymptom] = []
    for symptom in catalogue.symptoms:
        if family not in symptom.families:
            continue
        matched = _matched(symptom, compared, numbers)
        if matched is not None:
            found.append(
                RecognisedSymptom(
                    symptom=symptom.id,
                    matched=matched,
                    origin=symptom.cause,
                    certainty=symptom.certainty,
                    component=symptom.component,
                    meaning_fr=symptom.meaning_fr,
                    meaning_en=symptom.meaning_en,
                    remedy_fr=symptom.remedy_fr,
                    remedy_en=symptom.remedy_en,
                )
            )
    return tuple(found)
