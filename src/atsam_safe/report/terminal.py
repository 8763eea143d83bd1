"""Blocks on a terminal, in colour. Imported only when somebody looks: scripts never pay for it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from atsam_safe.report.blocks import Block, Heading, Line, Numbered, Table, Verdict
from atsam_safe.report.plain import folded, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

_STYLE: Final = {"good": "bold green", "bad": "bold red", "warning": "yellow", "neutral": ""}
_MARK: Final = {"good": "✔ ", "bad": "✘ ", "warning": "! ", "neutral": ""}


def _folded(text: str, style: str, width: int, indent: int = 0) -> Text:
    """Text folded as the plain form folds it: French punctuation stays with its word, and what follows a dash hangs below it."""
    pad = " " * indent
    return Text("\n".join(folded(text, pad, pad + ("  " if text.startswith("- ") else ""), width)), style=style)


def _numbered(block: Numbered, width: int) -> list[RenderableType]:
    lead = f"{block.number}. "
    pad = " " * len(lead)
    fact = Text("\n".join(folded(f"{block.fact} [{block.ref}]", lead, pad, width)), style="bold")
    fact.stylize(_STYLE[block.tone], 0, len(lead))
    fact.stylize("not bold dim", len(fact) - len(block.ref) - 2)
    parts: list[RenderableType] = [Text(""), fact]
    for label, text in block.details:
        line = Text("\n".join(folded(f"{label} {text}", pad, pad + "  ", width)))
        line.stylize("cyan", len(pad), len(pad) + len(label))
        parts.append(line)
    return parts


def _table(block: Table) -> RenderableType:
    table = RichTable(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for header in block.headers:
        table.add_column(Text(visible(header)))
    for row in block.rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    return Padding(table, (0, 0, 0, 2))


def _parts(block: Block, width: int) -> list[RenderableType]:
    if isinstance(block, Verdict):
        return [_folded(_MARK[block.tone] + block.text, _STYLE[block.tone], width)]
    if isinstance(block, Heading):
        return [Text(""), Text(visible(block.text), style="bold underline")]
    if isinstance(block, Line):
        return [_folded(block.text, _STYLE[block.tone], width, 2 * block.indent)]
    if isinstance(block, Numbered):
        return _numbered(block, width)
    if isinstance(block, Table):
        return [_table(block)]
    return [Text(block.text)]


def render(blocks: Sequence[Block], width: int) -> str:
    """The report with terminal colours, folded at ``width`` columns."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)
    for block in blocks:
        for part in _parts(block, width):
            # what is folded already stays as it is: a long path is one word to copy, wherever the terminal breaks it
            console.print(part, soft_wrap=isinstance(part, Text))
    return stream.getvalue()
