"""Amounts as people read them, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.words.reference import N_

if TYPE_CHECKING:
    from atsam_safe.words.model import Language

_THOUSAND: Final = 1000
MEGABYTE: Final = 1_000_000
BYTES: Final = "bytes"
"""The ``unit`` of a parameter that counts bytes: shown in kB, MB, GB."""
UNITS: Final = {"entries": N_("{count} entries"), "files": N_("{count} files"), "packages": N_("{count} packages")}
"""The other units that a parameter may count. Bounds only: none of them is ever one."""


def size(count: int, language: Language) -> str:
    """Bytes as people read them."""
    units = ("o", "Ko", "Mo", "Go") if language == "fr" else ("B", "kB", "MB", "GB")
    value = float(count)
    for unit in units[:-1]:
        if value < _THOUSAND:  # decimal units, as Apple and Microsoft show them
            return f"{value:.0f} {unit}" if unit == units[0] else decimal(value, language) + f" {unit}"
        value /= _THOUSAND
    return decimal(value, language) + f" {units[-1]}"


def decimal(value: float, language: Language) -> str:
    """One digit after the decimal separator of the language."""
    return f"{value:.1f}".replace(".", "," if language == "fr" else ".")
