"""Every sentence a person reads, in French and English, from one catalogue."""

from atsam_safe.words.language import LANGUAGES, Language, resolve_language
from atsam_safe.words.model import AtsamSafeError, Explained, Problem, WordsMissingError
from atsam_safe.words.reference import N_, Reference
from atsam_safe.words.translate import explain, phrase

__all__ = [
    "LANGUAGES",
    "N_",
    "AtsamSafeError",
    "Explained",
    "Language",
    "Problem",
    "Reference",
    "WordsMissingError",
    "explain",
    "phrase",
    "resolve_language",
]
