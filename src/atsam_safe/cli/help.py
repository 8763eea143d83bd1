"""The help, in the user's language, made from the very parser that reads the arguments (and the generated reference with it)."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.cli.arguments import GLOBAL_OPTIONS
from atsam_safe.cli.parser import parser, unknown_command
from atsam_safe.cli.table import BY_NAME, COMMANDS, PROGRAM
from atsam_safe.words.model import UsageError
from atsam_safe.words.reference import N_
from atsam_safe.words.translate import phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.words.model import Language

WIDTH: Final = 100
COLUMN: Final = 28

METAVARS: Final = (
    N_("DIR"),
    N_("FILE"),
    N_("FOLDER"),
    N_("PACKAGE"),
    N_("PACKAGE…"),
    N_("RULE"),
    N_("SECONDS"),
    N_("SNAPSHOT"),
    N_("TEXT"),
)
"""What stands for a value in the usage lines; options and commands themselves are the same in every language."""

PURPOSE: Final = N_("Install the French health-card components (ATSAM) with proof, and a way back.")


class Parameter(msgspec.Struct, frozen=True):
    """One argument or option of a command as the help shows it: its spelling and its words."""

    spelling: str
    words: str
    is_option: bool


def parameters_of(command: Any, language: Language = "en") -> tuple[Parameter, ...]:  # noqa: ANN401 - typer's command class
    """What a command takes, in the order of the parser."""
    found = []
    for parameter in command.params:
        is_option = parameter.param_type_name == "option"
        metavar = phrase(parameter.metavar or parameter.name.upper(), language)
        if is_option:
            spelling = ", ".join(parameter.opts) + ("" if parameter.is_flag else f" {metavar}")
        else:
            spelling = metavar if parameter.required else f"[{metavar}]"
        found.append(Parameter(spelling, parameter.help or "", is_option))
    return tuple(found)


def find(path: Sequence[str]) -> Any:  # noqa: ANN401 - same
    """The parser of the command ``path`` names; raises ``UsageError`` for an unknown one."""
    command = parser()
    for depth, name in enumerate(path):
        inner = getattr(command, "commands", None)
        if inner is None:
            break
        if name not in inner:
            raise UsageError(unknown_command(name, inner, "".join(f"{outer} " for outer in path[:depth])))
        command = inner[name]
    return command


def _entry(left: str, right: str) -> list[str]:
    """One line of a list in two columns, folded."""
    lines = textwrap.wrap(right, WIDTH - COLUMN, break_on_hyphens=False) or [""]
    first = f"  {left.ljust(COLUMN - 4)}  " if len(left) <= COLUMN - 4 else f"  {left}\n{' ' * COLUMN}"
    return [(first + lines[0]).rstrip(), *(" " * COLUMN + line for line in lines[1:])]


def _global_options(language: Language) -> list[str]:
    lines = ["", phrase(N_("Global options (before or after the command):"), language)]
    for option in GLOBAL_OPTIONS:
        metavar = f" {phrase(option.metavar, language)}" if option.metavar else ""
        lines += _entry(", ".join(option.flags) + metavar, phrase(option.help, language))
    lines += _entry("--install-completion", phrase(N_("Install the completion of commands for your shell."), language))
    lines += _entry("--help, -h", phrase(N_("Show this help, or that of the command."), language))
    return lines


def _overview(language: Language) -> list[str]:
    """The help of the program as a whole."""
    lines = [
        phrase(N_("Usage: {line}"), language, line=f"{PROGRAM} [OPTIONS] " + phrase(N_("COMMAND …"), language)),
        "",
        phrase(PURPOSE, language),
        "",
        phrase(N_("Commands:"), language),
    ]
    for command in COMMANDS:
        lines += _entry(command.name, phrase(command.summary, language))
    return lines + _global_options(language)


def _of_group(path: list[str], group: Any, language: Language) -> list[str]:  # noqa: ANN401 - same
    """The help of a command that has commands of its own."""
    lines = [phrase(N_("Usage: {line}"), language, line=f"{PROGRAM} {' '.join(path)} " + phrase(N_("COMMAND …"), language)), ""]
    lines += [phrase(BY_NAME[path[0]].summary, language), "", phrase(N_("Commands:"), language)]
    for name, command in group.commands.items():
        lines += _entry(name, phrase(command.help, language))
    return lines


def _of_command(path: list[str], command: Any, language: Language) -> list[str]:  # noqa: ANN401 - same
    """The help of one command."""
    parameters = parameters_of(command, language)
    spelled = [parameter.spelling for parameter in parameters if not parameter.is_option]
    spelled += [f"[{parameter.spelling}]" for parameter in parameters if parameter.is_option]
    line = " ".join([PROGRAM, *path, *spelled])
    summary = BY_NAME[path[0]].summary if len(path) == 1 else command.help
    lines = [phrase(N_("Usage: {line}"), language, line=line), "", *textwrap.wrap(phrase(summary, language), WIDTH)]
    for title, wanted in ((N_("Arguments:"), False), (N_("Options:"), True)):
        chosen = [parameter for parameter in parameters if parameter.is_option is wanted]
        if chosen:
            lines += ["", phrase(title, language)]
        for parameter in chosen:
            lines += _entry(parameter.spelling, phrase(parameter.words, language))
    return lines


def render(path: Sequence[str], language: Language, *, with_global: bool = True) -> str:
    """The help for the command ``path`` (empty: the program). Words that are not commands at its end are its arguments, and ignored."""
    if not path:
        return "\n".join(_overview(language)) + "\n"
    command = find(path)
    if getattr(command, "commands", None):
        lines = _of_group([path[0]], command, language)
    else:
        grouped = getattr(find(path[:1]), "commands", None) is not None
        lines = _of_command(list(path[: 2 if grouped else 1]), command, language)
    examples: tuple[str, ...] = BY_NAME[path[0]].examples
    if len(path) > 1:
        # an action of a group shows its own examples; the group's others would only lead astray
        examples = tuple(example for example in examples if f" {path[0]} {path[1]}" in example)
    if examples:
        lines += ["", phrase(N_("Examples:"), language), *(f"  {example}" for example in examples)]
    return "\n".join(lines + (_global_options(language) if with_global else [])) + "\n"
