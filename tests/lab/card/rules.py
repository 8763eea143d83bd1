"""Card rules for the lab: the catalogue's own, so that no test knows other cards than the program does."""

from __future__ import annotations

from typing import Final

from atsam_safe.catalogue.load import load_catalogue

CARD_RULES: Final = load_catalogue().cards
