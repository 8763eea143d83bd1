"""Every sentence a person reads, in French and English, from one catalogue."""

from atsam_safe.words.model import LANGUAGES, AtsamSafeError, Explained, Language, Problem, WordsMissingError
from atsam_safe.words.reference import N_, Reference
from atsam_safe.words.translate import explain, phrase, resolve_language

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
