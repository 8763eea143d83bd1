"""The global options, read from anywhere on the command line.

People write ``atsam-safe status --json`` as naturally as ``atsam-safe --json status``: both are accepted, so the global options are
taken out of the arguments first and what remains is the command with its own arguments. One table says which options there are; the
help, the reference and the shell completion are held against it by a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from atsam_safe.words.model import Problem, UsageError
from atsam_safe.words.reference import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["value", "values", "flag"]


class GlobalOption(msgspec.Struct, frozen=True, kw_only=True):
    """One global option: its spellings, what it takes, and its words for the help."""

    name: str
    flags: tuple[str, ...]
    kind: Kind
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()


GLOBAL_OPTIONS: Final = (
    GlobalOption(
        name="root",
        flags=("--root",),
        kind="value",
        metavar="DIR",
        help=N_("System volume of another or a scratch macOS workstation (a mounted disk, a copy)."),
    ),
    GlobalOption(
        name="state_dir",
        flags=("--state-dir",),
        kind="value",
        metavar="DIR",
        help=N_("Where snapshots and journals are kept (default: on the volume itself)."),
    ),
    GlobalOption(
        name="manifests",
        flags=("--manifests",),
        kind="value",
        metavar="DIR",
        help=N_("Use another catalogue, trust anchors included; it is named in every output."),
    ),
    GlobalOption(
        name="facts",
        flags=("--facts",),
        kind="value",
        metavar="FILE",
        help=N_("Judge a workstation from its facts file instead of observing one (commands that change nothing)."),
    ),
    GlobalOption(
        name="lang",
        flags=("--lang",),
        kind="value",
        metavar="fr|en",
        choices=("fr", "en"),
        help=N_("Language of the answers (default: yours; French when unknown)."),
    ),
    GlobalOption(name="json", flags=("--json",), kind="flag", help=N_("Answer with one JSON object on standard output.")),
    GlobalOption(name="yes", flags=("--yes", "-y"), kind="flag", help=N_("Ask nothing: the plan is accepted in advance.")),
    GlobalOption(
        name="accept",
        flags=("--accept",),
        kind="values",
        metavar="RULE",
        help=N_("Accept one risk by the reference of its rule; repeatable, and written to the record."),
    ),
    GlobalOption(
        name="no_recover",
        flags=("--no-recover",),
        kind="flag",
        help=N_("When an interrupted run is found, stop with code 22 instead of recovering it first."),
    ),
    GlobalOption(
        name="msi_exit_codes",
        flags=("--msi-exit-codes",),
        kind="flag",
        help=N_("End with 3010 instead of 30 when a restart is needed (for deployment tools)."),
    ),
    GlobalOption(name="version", flags=("--version",), kind="flag", help=N_("Show the version and end.")),
)

_BY_FLAG: Final = {flag: option for option in GLOBAL_OPTIONS for flag in option.flags}


class GlobalOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, common to all commands. Paths are as the user wrote them."""

    root: str | None = None
    state_dir: str | None = None
    manifests: str | None = None
    facts: str | None = None
    lang: str | None = None
    json: bool = False
    yes: bool = False
    accept: tuple[str, ...] = ()
    no_recover: bool = False
    msi_exit_codes: bool = False
    version: bool = False


class ArgumentsError(UsageError):
    """A global option is wrong; ``options`` holds what was understood, so that the answer has the right form and language."""

    def __init__(self, problem: Problem, options: GlobalOptions) -> None:
        super().__init__(problem)
        self.options = options


def locale_of(environment: Mapping[str, str]) -> str | None:
    """The user's locale for messages, by the order POSIX gives: ``LC_ALL``, ``LC_MESSAGES``, ``LANG``."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(variable):
            return environment[variable]
    return None


def split(arguments: Sequence[str]) -> tuple[GlobalOptions, list[str]]:
    """Take the global options out of ``arguments``: returns them and the rest. After ``--`` nothing is taken.

    Raises ``ArgumentsError`` (``usage.option-needs-value``, ``usage.option-takes-no-value``, ``usage.option-choice``).
    """
    found: dict[str, object] = {}
    accepted: list[str] = []
    rest: list[str] = []
    problem: Problem | None = None
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        position += 1
        if argument == "--":
            rest += arguments[position - 1 :]
            break
        flag, equals, value = argument.partition("=")
        option = _BY_FLAG.get(flag)
        if option is None:
            rest.append(argument)
            continue
        if option.kind == "flag":
            found[option.name] = True
            if equals:
                problem = problem or Problem(ref="usage.option-takes-no-value", params={"option": flag})
            continue
        if not equals and position < len(arguments) and not arguments[position].startswith("--"):
            value = arguments[position]
            position += 1
        problem = problem or _wrong_value(option, flag, value)
        if option.kind == "values":
            accepted.append(value)
        else:
            found[option.name] = value
    options = msgspec.convert({**found, "accept": accepted}, GlobalOptions)
    if problem is not None:
        raise ArgumentsError(problem, options)
    return options, rest


def _wrong_value(option: GlobalOption, flag: str, value: str) -> Problem | None:
    """Why ``value`` cannot be given to ``option``, or ``None``."""
    if not value:
        return Problem(ref="usage.option-needs-value", params={"option": flag, "argument": option.metavar})
    if option.choices and value not in option.choices:
        return Problem(ref="usage.option-choice", params={"option": flag, "value": value, "choices": ", ".join(option.choices)})
    return None
