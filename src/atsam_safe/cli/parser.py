"""The commands with their own arguments, as typer reads them.

Functions here only say what was asked (``Call``): nothing runs inside the parser, so that signals and errors meet one guard only
(``dispatch``).

Help texts are message ids (``N_``): ``cli.help`` shows them in the user's language.
"""

from __future__ import annotations

import difflib
import functools
import re
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer
from typer.main import get_command

from atsam_safe.cli import candidates
from atsam_safe.cli.table import BY_NAME, PROGRAM
from atsam_safe.words.model import LANGUAGES, Problem, UsageError
from atsam_safe.words.reference import N_

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SURPLUS: Final = re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)|No such command '(.*)'\.", re.DOTALL)

# typer carries its own copy of click since 0.26: the base classes are found by descent instead of by module path.
ParserError: Final[type[Exception]] = typer.BadParameter.__mro__[2]


class Call(msgspec.Struct, frozen=True):
    """What the command line asks for: a command of the table, its name in the answer, and its arguments."""

    command: str
    label: str
    arguments: dict[str, Any]


app = typer.Typer(name=PROGRAM, add_completion=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_help_option=False)
snapshots = typer.Typer(name="snapshots", rich_markup_mode=None, add_help_option=False)
manifests = typer.Typer(name="manifests", rich_markup_mode=None, add_help_option=False)
cards = typer.Typer(name="cards", rich_markup_mode=None, add_help_option=False)
app.add_typer(snapshots)
app.add_typer(cards)
app.add_typer(manifests)

Package = Annotated[str, typer.Argument(metavar="PACKAGE", help=N_("A package, or a folder, .zip or .dmg of packages."))]
Card = Annotated[bool, typer.Option("--card", help=N_("Also check the CPS card, from the reader to the certificates; no code is asked."))]
Seconds = Annotated[float | None, typer.Option("--seconds", metavar="SECONDS", min=0, help=N_("When to stop (default: Ctrl+C)."))]
SnapshotId = Annotated[
    str, typer.Argument(metavar="SNAPSHOT", autocompletion=candidates.snapshots, help=N_("A snapshot's id (see “snapshots list”)."))
]


def _languages(incomplete: str) -> list[str]:
    """The languages that begin so, for a shell that completes ``--lang``."""
    return [language for language in LANGUAGES if language.startswith(incomplete)]


@app.callback()
def everything(  # noqa: PLR0913 - one parameter per global option
    root: Annotated[str | None, typer.Option("--root", metavar="DIR")] = None,
    state_dir: Annotated[str | None, typer.Option("--state-dir", metavar="DIR")] = None,
    manifests_dir: Annotated[str | None, typer.Option("--manifests", metavar="DIR")] = None,
    facts_file: Annotated[str | None, typer.Option("--facts", metavar="FILE")] = None,
    lang: Annotated[str | None, typer.Option("--lang", metavar="fr|en", autocompletion=_languages)] = None,
    accept: Annotated[list[str] | None, typer.Option("--accept", metavar="RULE", autocompletion=candidates.acceptable)] = None,
    *,
    json: Annotated[bool, typer.Option("--json")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y")] = False,
    no_recover: Annotated[bool, typer.Option("--no-recover")] = False,
    msi_exit_codes: Annotated[bool, typer.Option("--msi-exit-codes")] = False,
    version: Annotated[bool, typer.Option("--version")] = False,
) -> None:
    """Declare the global options for shell completion; ``arguments.split`` has taken their values out before."""
    del root, state_dir, manifests_dir, facts_file, lang, accept, json, yes, no_recover, msi_exit_codes, version


@app.command("inspect", add_help_option=False)
def inspect_(
    packages: Annotated[list[str], typer.Argument(metavar="PACKAGE…", help=N_("Packages, or folders, .zip or .dmg of packages."))],
) -> Call:
    """Ask for ``inspect``."""
    return Call("inspect", "inspect", {"packages": packages})


@app.command("check", add_help_option=False)
def check(package: Package) -> Call:
    """Ask for ``check``."""
    return Call("check", "check", {"package": package})


@app.command("status", add_help_option=False)
def status(*, card: Card = False) -> Call:
    """Ask for ``status``."""
    return Call("status", "status", {"card": card})


@app.command("verify", add_help_option=False)
def verify(
    bundle: Annotated[
        str | None,
        typer.Option(
            "--bundle",
            metavar="ID",
            autocompletion=candidates.bundles,
            help=N_("The set to compare with (default: the one that is installed)."),
        ),
    ] = None,
    *,
    card: Card = False,
) -> Call:
    """Ask for ``verify``."""
    return Call("verify", "verify", {"card": card, "bundle": bundle})


@app.command("install", add_help_option=False)
def install(package: Package) -> Call:
    """Ask for ``install``."""
    return Call("install", "install", {"package": package})


@app.command("uninstall", add_help_option=False)
def uninstall(
    *,
    everything: Annotated[bool, typer.Option("--all", help=N_("Remove all components; they cannot be removed one by one."))] = False,
) -> Call:
    """Ask for ``uninstall``; the components form a unit, so ``--all`` must be written."""
    if not everything:
        raise UsageError(Problem(ref="usage.uninstall-needs-all"))
    return Call("uninstall", "uninstall", {})


@app.command("rehearse", add_help_option=False)
def rehearse(
    package: Package,
    scratch: Annotated[
        str | None, typer.Option("--scratch", metavar="DIR", help=N_("Where the scratch copy is made (default: a temporary folder)."))
    ] = None,
) -> Call:
    """Ask for ``rehearse``."""
    return Call("rehearse", "rehearse", {"package": package, "scratch": scratch})


@app.command("rollback", add_help_option=False)
def rollback(
    snapshot: Annotated[
        str | None,
        typer.Argument(metavar="SNAPSHOT", autocompletion=candidates.snapshots, help=N_("A snapshot's id (see “snapshots list”).")),
    ] = None,
) -> Call:
    """Ask for ``rollback``."""
    return Call("rollback", "rollback", {"snapshot": snapshot})


@app.command("recover", add_help_option=False)
def recover() -> Call:
    """Ask for ``recover``."""
    return Call("recover", "recover", {})


@app.command("facts", add_help_option=False)
def facts(*, card: Card = False) -> Call:
    """Ask for ``facts``."""
    return Call("facts", "facts", {"card": card})


@app.command("diagnose", add_help_option=False)
def diagnose(
    symptom: Annotated[
        str | None, typer.Option("--symptom", metavar="TEXT", help=N_("What is seen on the screen, in your own words or an error number."))
    ] = None,
) -> Call:
    """Ask for ``diagnose``."""
    return Call("diagnose", "diagnose", {"symptom": symptom})


@snapshots.command("list", add_help_option=False, help=N_("List the snapshots, newest first."))
def snapshots_list() -> Call:
    """Ask for ``snapshots list``."""
    return Call("snapshots", "snapshots list", {"action": "list"})


@snapshots.command("show", add_help_option=False, help=N_("Show what one snapshot holds."))
def snapshots_show(snapshot: SnapshotId) -> Call:
    """Ask for ``snapshots show``."""
    return Call("snapshots", "snapshots show", {"action": "show", "snapshot": snapshot})


@snapshots.command("check", add_help_option=False, help=N_("Read every kept byte again and compare it with its checksum."))
def snapshots_check() -> Call:
    """Ask for ``snapshots check``."""
    return Call("snapshots", "snapshots check", {"action": "check"})


@snapshots.command("prune", add_help_option=False, help=N_("Remove old snapshots, keeping the newest ones; shown and asked first."))
def snapshots_prune(
    keep: Annotated[int, typer.Option("--keep", metavar="N", min=1, help=N_("How many of the newest snapshots stay."))] = 5,
) -> Call:
    """Ask for ``snapshots prune``."""
    return Call("snapshots", "snapshots prune", {"action": "prune", "keep": keep})


@snapshots.command("export", add_help_option=False, help=N_("Copy one snapshot with its restore script to another folder."))
def snapshots_export(
    snapshot: SnapshotId,
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help=N_("A folder that does not exist yet."))],
) -> Call:
    """Ask for ``snapshots export``."""
    return Call("snapshots", "snapshots export", {"action": "export", "snapshot": snapshot, "folder": folder})


@cards.command("doctor", add_help_option=False, help=N_("Check the card from the reader to its certificates; no code is asked."))
def cards_doctor(
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, max=600, help=N_("How long to wait for the card to be inserted."))
    ] = 60.0,
    settle: Annotated[
        float, typer.Option("--settle", metavar="SECONDS", min=0, max=60, help=N_("How long readers may take to come back."))
    ] = 0.0,
    *,
    challenge: Annotated[
        bool,
        typer.Option("--challenge", help=N_("Also have the card sign; the code is typed on the reader or in the components' window.")),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help=N_("Follow insertions live: check again after each change, until Ctrl+C."))
    ] = False,
    seconds: Seconds = None,
) -> Call:
    """Ask for ``cards doctor``."""
    arguments = {"action": "doctor", "challenge": challenge, "wait": wait, "settle": settle, "watch": watch, "seconds": seconds}
    return Call("cards", "cards doctor", arguments)


@cards.command("watch", add_help_option=False, help=N_("Follow cards as they are inserted and taken out."))
def cards_watch(seconds: Seconds = None) -> Call:
    """Ask for ``cards watch``."""
    return Call("cards", "cards watch", {"action": "watch", "seconds": seconds})


@cards.command("realign", add_help_option=False, help=N_("Propose the galss.ini that fits the readers; write it only with --apply."))
def cards_realign(
    file: Annotated[str | None, typer.Option("--file", metavar="FILE", help=N_("The file (default: this system's galss.ini)."))] = None,
    *,
    apply: Annotated[bool, typer.Option("--apply", help=N_("Write the proposal; the former state is kept in a snapshot."))] = False,
) -> Call:
    """Ask for ``cards realign``."""
    return Call("cards", "cards realign", {"action": "realign", "apply": apply, "file": file})


@cards.command("clear-cache", add_help_option=False, help=N_("Remove the card files the components keep; they make them again."))
def cards_clear_cache() -> Call:
    """Ask for ``cards clear-cache``."""
    return Call("cards", "cards clear-cache", {"action": "clear-cache"})


@manifests.command("list", add_help_option=False, help=N_("List the known sets of components and what is known of each system."))
def manifests_list() -> Call:
    """Ask for ``manifests list``."""
    return Call("manifests", "manifests list", {"action": "list"})


@manifests.command("show", add_help_option=False, help=N_("Show one entry of the catalogue with its source and certainty."))
def manifests_show(
    entry: Annotated[
        str,
        typer.Argument(
            metavar="ID", autocompletion=candidates.entries, help=N_("A set, a component, a user software or a system of the catalogue.")
        ),
    ],
) -> Call:
    """Ask for ``manifests show``."""
    return Call("manifests", "manifests show", {"action": "show", "entry": entry})


@manifests.command("check", add_help_option=False, help=N_("Check a folder of manifests, every line of it."))
def manifests_check(
    folder: Annotated[str | None, typer.Argument(metavar="FOLDER", help=N_("The folder to check (default: the catalogue in use)."))] = None,
) -> Call:
    """Ask for ``manifests check``."""
    return Call("manifests", "manifests check", {"action": "check", "folder": folder})


@functools.cache
def parser() -> Any:  # noqa: ANN401 - typer's own command class, whose module moved between its releases
    """The parser that typer makes of the functions above, once: that takes longer than most commands that need it."""
    return get_command(app)


def parse(rest: Sequence[str]) -> Call | None:
    """What the arguments ask for; ``None`` when typer answered by itself (completion). Raises ``UsageError`` with our words."""
    name = next((argument for argument in rest if not argument.startswith("-")), "")
    if name and name not in BY_NAME:
        raise UsageError(unknown_command(name, BY_NAME))
    if "" in rest:
        # An unset variable in somebody's script; as a path it would mean the current folder.
        raise UsageError(Problem(ref="usage.argument-empty", params={"command": name}))
    try:
        answer = parser().main(args=list(rest), prog_name=PROGRAM, standalone_mode=False)
    except ParserError as error:
        raise UsageError(_wrong(error, name)) from error
    return answer if isinstance(answer, Call) else None


def unknown_command(name: str, known: Iterable[str], prefix: str = "") -> Problem:
    """No such command; the one that was probably meant is named only when there is one like it."""
    close = difflib.get_close_matches(name, tuple(known), n=1)
    if not close:
        return Problem(ref="usage.unknown-command", params={"name": name}, told="usage.unknown-command.unlike")
    return Problem(ref="usage.unknown-command", params={"name": name, "close": prefix + close[0]})


def _wrong(error: Exception, name: str) -> Problem:
    """The parser's complaint in our words; its own English sentence only where there is no better one."""
    kind = type(error).__name__
    parameter = getattr(error, "param", None)
    message = str(getattr(error, "message", error))
    if kind == "NoSuchOption":
        return Problem(ref="usage.unknown-option", params={"option": str(getattr(error, "option_name", "?")), "command": name})
    if kind == "MissingParameter" and parameter is not None:
        return Problem(ref="usage.argument-missing", params={"argument": str(parameter.metavar or parameter.name), "command": name})
    if kind == "BadParameter" and parameter is not None:
        return Problem(ref="usage.option-value", params={"option": parameter.opts[0], "command": name})
    if message.startswith("Missing command"):
        actions = sorted(getattr(getattr(getattr(error, "ctx", None), "command", None), "commands", ()))
        return Problem(ref="usage.argument-missing", params={"argument": " | ".join(actions) or "…", "command": name})
    if kind == "BadOptionUsage":
        return _without_value(str(getattr(error, "option_name", "?")), name)
    return _of_words(message, name)


def _of_words(message: str, name: str) -> Problem:
    """What only the parser's sentence tells: a word too many, or a command that a group of commands does not have."""
    surplus = _SURPLUS.fullmatch(message)
    if surplus is None:
        return Problem(ref="usage.wrong-command-line", params={"detail": message, "command": name})
    if surplus[1]:
        return Problem(ref="usage.argument-unexpected", params={"argument": surplus[1], "command": name})
    actions = ", ".join(sorted(getattr(parser().commands.get(name), "commands", ())))
    params = {"argument": surplus[2], "command": name, "actions": actions}
    return Problem(ref="usage.argument-unexpected", told="usage.argument-unexpected.action", params=params)


def _without_value(flag: str, name: str) -> Problem:
    """An option stands at the end of the line without what it takes, which the help calls its ``metavar``."""
    command = parser().commands.get(name)
    inner = getattr(command, "commands", {}).values()
    options = [option for one in (command, *inner) for option in getattr(one, "params", ())]
    value = next((option.metavar for option in options if flag in option.opts and option.metavar), "…")
    return Problem(ref="usage.option-needs-value", params={"option": flag, "argument": value})


def complete(arguments: Sequence[str]) -> int:
    """Answer a shell that completes a command line (its words are in the environment)."""
    del arguments
    try:
        parser().main(args=[], prog_name=PROGRAM)
    except SystemExit as end:
        return int(end.code or 0) if not isinstance(end.code, str) else 1
    return 0
