"""Blocks as plain text: for pipes, logs, ``NO_COLOR`` and old terminals."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from typing import TYPE_CHECKING, Final

from atsam_safe.report.blocks import Block, Heading, Line, Numbered, Table, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 100
_CONTROL: Final = {"Cc", "Cf"}
_AFTER: Final = re.compile("« ")
_PASTED: Final = re.compile(r": (sh /.*|sh '.*|\"[^\"]*restore\.cmd\")\Z")
_NAMED: Final = re.compile(r"(?<=[“«])[ \u00a0]?atsam-safe --[a-z][^”»]*")
_BEFORE: Final = re.compile(" ([»:;!?])")


def visible(text: str) -> str:
    """``text`` without control characters: a name inside a package must not be able to steer the reader's terminal."""
    return "".join("\ufffd" if unicodedata.category(character) in _CONTROL and character != "\n" else character for character in text)


def folded(text: str, first: str, rest: str, width: int) -> list[str]:
    """``text`` folded at ``width``; long paths are never broken, and French punctuation stays with its word.

    A command at the end that is there to be pasted stands alone on one line, however long.
    """
    pasted = _PASTED.search(text)
    if pasted is not None:
        return [*folded(text[: pasted.start(1)].rstrip(), first, rest, width), rest + visible(pasted[1])]
    bound = _BEFORE.sub("\u00a0\\1", _AFTER.sub("«\u00a0", visible(text)))
    # a command that carries options is copied whole: a line that ended in the middle of it would be another command
    bound = _NAMED.sub(lambda match: match[0].replace(" ", "\u00a0"), bound)
    found = textwrap.wrap(bound, width=width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)
    # Plain spaces again: what a reader copies from here, or a script searches for, has no invisible characters.
    return [line.replace("\u00a0", " ") for line in found] or [first.rstrip()]


def _numbered(block: Numbered, width: int) -> list[str]:
    lead = f"{block.number}. "
    pad = " " * len(lead)
    lines = folded(f"{block.fact} [{block.ref}]", lead, pad, width)
    for label, text in block.details:
        lines += folded(f"{label} {text}", pad, pad + "  ", width)
    return lines


def _table(block: Table) -> list[str]:
    rows = [tuple(visible(cell) for cell in row) for row in (block.headers, *block.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(block.headers))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return ["  " + line for line in lines]


def _lines(block: Block, width: int) -> list[str]:
    if isinstance(block, Verdict):
        return folded(block.text, "", "", width)
    if isinstance(block, Heading):
        return ["", visible(block.text)]
    if isinstance(block, Line):
        pad = "  " * block.indent
        return folded(block.text, pad, pad + ("  " if block.text.startswith("- ") else ""), width)
    if isinstance(block, Numbered):
        return ["", *_numbered(block, width)]
    if isinstance(block, Table):
        return _table(block)
    return block.text.rstrip("\n").split("\n")


def render(blocks: Sequence[Block], width: int = WIDTH) -> str:
    """The report as plain text, ended by a newline."""
    lines: list[str] = []
    for block in blocks:
        lines += _lines(block, width)
    return "\n".join(lines).strip("\n") + "\n"
