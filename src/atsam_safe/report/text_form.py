"""The text form of a result: the verdict first, then the reasons with their next steps, then what is good to know.

Each command has a view (data → blocks); a result without data of its own (a wrong command line, a refusal before anything was read)
shows its problems. The same blocks become colours on a terminal and plain text everywhere else.
"""

from __future__ import annotations

import importlib
import os
import shutil
from typing import TYPE_CHECKING, Final

from atsam_safe.report import plain
from atsam_safe.report.blocks import Block, Line, Verbatim, Verdict
from atsam_safe.report.headlines import HEADLINES
from atsam_safe.report.recovered import THEN, is_brought_back, own_data, recovered_blocks
from atsam_safe.report.views.common import catalogue_banner, good_to_know, problems
from atsam_safe.words.reference import N_
from atsam_safe.words.translate import phrase

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from atsam_safe.report.result import CommandResult
    from atsam_safe.words.model import Language

    View = Callable[[CommandResult, Language], list[Block]]

# command → module and function of its view; imported when that command has something to show
_VIEWS: Final = {
    "inspect": ("packages", "inspect_view"),
    "check": ("packages", "check_view"),
    "status": ("workstation", "status_view"),
    "verify": ("workstation", "verify_view"),
    "facts": ("workstation", "facts_view"),
    "diagnose": ("workstation", "diagnose_view"),
    "install": ("transactions", "transaction_view"),
    "uninstall": ("transactions", "transaction_view"),
    "rollback": ("transactions", "transaction_view"),
    "recover": ("transactions", "transaction_view"),
    "rehearse": ("transactions", "rehearse_view"),
    "snapshots": ("stores", "snapshots_view"),
    "manifests": ("manifests", "manifests_view"),
    "cards": ("cards", "cards_view"),
}

# Answers whose text is machine-readable or quoted word for word: nothing may be put around it.
_BARE: Final = frozenset({"facts", "help", "version", "completion"})


def render(result: CommandResult, language: Language, *, stream: TextIO) -> str:
    """The whole report for ``stream``: coloured on a terminal, plain elsewhere, with ``NO_COLOR`` or on a dumb terminal."""
    shown = blocks(result, language)
    if _coloured(stream):
        terminal = importlib.import_module("atsam_safe.report.terminal")
        text: str = terminal.render(shown, min(shutil.get_terminal_size().columns, 120))
        return text
    return plain.render(shown)


def _coloured(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def blocks(result: CommandResult, language: Language) -> list[Block]:
    """The report as blocks."""
    if result.command == "version":
        return [Verbatim(f"atsam-safe {result.data['version']}")]
    if result.command == "help":
        return [Verbatim(result.data["help"])]
    if result.command == "completion" and result.data:
        return _completion(result, language)
    # without data there is nothing to view: a refusal before anything was read, or a report that could not be worded
    shown = _view_of(result)(result, language) if own_data(result) else []
    if shown and result.command in _BARE:
        return shown
    if not shown:
        shown = _headline(result, language)
        shown += problems(result.problems, language)
        shown += good_to_know(result.notices, language)
    if "help" in result.data:
        shown += [Line(""), Verbatim(result.data["help"])]
    return [*catalogue_banner(result.catalogue, language), *recovered_blocks(result, language), *shown]


def _completion(result: CommandResult, language: Language) -> list[Block]:
    """The script as it is, to be redirected; or where it was put."""
    if "script" in result.data:
        return [Verbatim(result.data["script"])]
    text = N_("The completion of commands for {name} is installed in {path}. It works in the next terminal you open.")
    return [Verdict(phrase(text, language, name=result.data["shell"], path=result.data["path"]), "good")]


def _view_of(result: CommandResult) -> View:
    name = result.command.partition(" ")[0]
    if name not in _VIEWS:
        return lambda _result, _language: []
    module, function = _VIEWS[name]
    view: View = getattr(importlib.import_module(f"atsam_safe.report.views.{module}"), function)
    return view


def _headline(result: CommandResult, language: Language) -> list[Block]:
    message = (THEN if is_brought_back(result) else {}).get(result.exit_code)
    if message is None:
        message, _tone = HEADLINES.get(result.exit_code, (N_("Done.") if result.exit_code == 0 else N_("The command was stopped."), "bad"))
    return [Verdict(phrase(message, language), "good" if result.exit_code == 0 else "bad")]
