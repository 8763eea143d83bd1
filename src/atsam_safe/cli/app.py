"""The way of a command line that needs the parser: help, version and completion are answered here, everything else is parsed and run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe import __version__
from atsam_safe.cli.help import render
from atsam_safe.cli.parser import parse
from atsam_safe.report.result import OK, WRONG_COMMAND_LINE, CommandResult
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.cli.session import Session

HELP_FLAGS: Final = ("--help", "-h")
COMPLETION_FLAGS: Final = ("--install-completion", "--show-completion")


def run(session: Session, rest: list[str], execute: Callable[..., CommandResult]) -> CommandResult:
    """Answer help, version and completion; parse and carry out everything else."""
    before_dashes = rest[: rest.index("--")] if "--" in rest else rest
    if session.options.version:
        return CommandResult(command="version", exit_code=OK, data={"version": __version__})
    if any(flag in before_dashes for flag in HELP_FLAGS):
        path = [argument for argument in before_dashes if not argument.startswith("-")]
        return CommandResult(command="help", exit_code=OK, data={"help": render(path, session.language)})
    if not rest:
        problem = Problem(ref="usage.no-command")
        return CommandResult(command="", exit_code=WRONG_COMMAND_LINE, problems=(problem,), data={"help": render([], session.language)})
    if rest[0] in COMPLETION_FLAGS:
        from atsam_safe.cli import completion  # noqa: PLC0415 - asked for once in the life of an installation

        return completion.run(rest)
    call = parse(rest)
    if call is None:
        return CommandResult(command="completion", exit_code=OK)
    result = execute(session, call.command, **call.arguments)
    return result if result.command == call.label else msgspec.structs.replace(result, command=call.label)
