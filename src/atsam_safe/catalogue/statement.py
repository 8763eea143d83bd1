"""What every statement of the catalogue carries, and the words the statements share."""

# Annotations are not postponed here: msgspec would compile each of them again at every start.

from typing import Literal

import msgspec

Certainty = Literal["confirmed", "field", "inferred"]
Family = Literal["macos", "windows"]
PathRole = Literal["program", "library", "config", "log", "cache", "data", "backup", "inventory", "service", "receipt", "link", "private"]


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every statement: its source (a tag of ``sources.toml`` plus place) and its certainty."""

    source: str
    certainty: Certainty
