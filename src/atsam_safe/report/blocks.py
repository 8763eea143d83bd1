"""The few shapes a text report is made of, so that the terminal and the plain form say exactly the same."""

from __future__ import annotations

from typing import Literal

import msgspec

Tone = Literal["good", "bad", "warning", "neutral"]


class Verdict(msgspec.Struct, frozen=True):
    """The answer in one sentence; always first."""

    text: str
    tone: Tone


class Heading(msgspec.Struct, frozen=True):
    """A line that opens a part."""

    text: str


class Line(msgspec.Struct, frozen=True):
    """A sentence; ``indent`` counts steps of two columns."""

    text: str
    indent: int = 0
    tone: Tone = "neutral"


class Numbered(msgspec.Struct, frozen=True):
    """One numbered problem: the fact, then reason and next step under their labels."""

    number: int
    fact: str
    details: tuple[tuple[str, str], ...]
    ref: str
    tone: Tone = "bad"


class Table(msgspec.Struct, frozen=True):
    """A small table; every row has as many cells as ``headers``."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Verbatim(msgspec.Struct, frozen=True):
    """Text given as it is (JSON, a script), never wrapped or styled."""

    text: str


Block = Verdict | Heading | Line | Numbered | Table | Verbatim
