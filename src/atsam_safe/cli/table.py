"""The commands: names, where each lives, and its one-line words. Read by the dispatcher, the help and the generated reference.

A command's module is imported only when the command runs.
"""

from __future__ import annotations

from typing import Final

import msgspec

from atsam_safe.words.reference import N_

PROGRAM: Final = "atsam-safe"
COMPLETION_VARIABLE: Final = "_ATSAM_SAFE_COMPLETE"
"""Set by a shell that completes a command line; the parser's scripts name it after the program."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One command. ``module`` has ``run(session, **arguments) -> CommandResult``. ``direct``: may run without any argument.

    ``operand``, ``operands``: the name of its only argument, or of its only arguments, when it needs nothing else.
    """

    name: str
    module: str
    summary: str
    direct: bool = False
    operand: str | None = None
    operands: str | None = None
    changes: bool = False
    examples: tuple[str, ...] = ()


def _module(name: str) -> str:
    return f"atsam_safe.cli.commands.{name}"


COMMANDS: Final = (
    Command(
        name="inspect",
        module=_module("inspect"),
        summary=N_("Read installers without running them: identity, versions, payload, scripts, signature, known build."),
        operands="packages",
        examples=("atsam-safe inspect ATSAM-4.50.pkg", "atsam-safe --json inspect *.pkg"),
    ),
    Command(
        name="check",
        module=_module("check"),
        summary=N_("May this package go on this workstation? Every failed rule at once, with what to do instead."),
        operand="package",
        examples=("atsam-safe check ATSAM-4.50.pkg", "atsam-safe --root /Volumes/Mojave check ATSAM-4.41.pkg"),
    ),
    Command(
        name="status",
        module=_module("status"),
        summary=N_("What is installed, whether it is a known good set, whether it is damaged, and who uses it."),
        direct=True,
        examples=("atsam-safe status", "atsam-safe --json status"),
    ),
    Command(
        name="verify",
        module=_module("verify"),
        summary=N_("Hold the workstation against one set of components: versions, files, services, configuration."),
        direct=True,
        examples=("atsam-safe verify", "atsam-safe verify --card"),
    ),
    Command(
        name="install",
        module=_module("install"),
        summary=N_("Check, show the plan, ask, save, remove as a unit, install, verify; otherwise go back by itself."),
        operand="package",
        changes=True,
        examples=("atsam-safe install ATSAM-4.41.pkg", "atsam-safe --yes --json install ATSAM-4.41.pkg"),
    ),
    Command(
        name="uninstall",
        module=_module("uninstall"),
        summary=N_("Save, then remove all components as a unit, without touching what belongs to others."),
        changes=True,
        examples=("atsam-safe uninstall --all",),
    ),
    Command(
        name="rehearse",
        module=_module("rehearse"),
        summary=N_("Really carry out the installation on a scratch copy; forecast time and space."),
        operand="package",
        examples=("atsam-safe rehearse ATSAM-4.41.pkg",),
    ),
    Command(
        name="rollback",
        module=_module("rollback"),
        summary=N_("Go back to a snapshot (by default to before the last change); can itself be undone."),
        changes=True,
        examples=("atsam-safe rollback", "atsam-safe rollback 000001-20200428T091500Z-1a2b"),
    ),
    Command(
        name="recover",
        module=_module("recover"),
        summary=N_("Finish or undo an interrupted run."),
        direct=True,
        changes=True,
        examples=("atsam-safe recover",),
    ),
    Command(
        name="snapshots",
        module=_module("snapshots"),
        summary=N_("The kept states: list, show, check, prune, export."),
        examples=(
            "atsam-safe snapshots list",
            "atsam-safe snapshots show 000001-20200428T091500Z-1a2b",
            "atsam-safe snapshots check",
            "atsam-safe snapshots prune --keep 3",
            "atsam-safe snapshots export 000001-20200428T091500Z-1a2b /Volumes/USB/poste",
        ),
    ),
    Command(
        name="facts",
        module=_module("facts"),
        summary=N_("Print everything observed on the workstation as JSON, to be judged elsewhere."),
        direct=True,
        examples=("atsam-safe facts > poste.json", "atsam-safe --facts poste.json status"),
    ),
    Command(
        name="diagnose",
        module=_module("diagnose"),
        summary=N_("What is wrong, whose fault it is (workstation, card, network, national service), and what to do."),
        direct=True,
        examples=("atsam-safe diagnose", 'atsam-safe diagnose --symptom "erreur 777"'),
    ),
    Command(
        name="cards",
        module=_module("cards"),
        summary=N_("The CPS card, from the reader to its certificates: check it, follow insertions, mend galss.ini, clear its cache."),
        examples=(
            "atsam-safe cards doctor",
            "atsam-safe cards doctor --watch",
            "atsam-safe cards watch --seconds 60",
            "atsam-safe cards realign",
            "atsam-safe cards realign --apply",
            "atsam-safe cards clear-cache",
        ),
    ),
    Command(
        name="manifests",
        module=_module("manifests"),
        summary=N_("The catalogue of what is known: list, show, check."),
        examples=("atsam-safe manifests list", "atsam-safe manifests show atsam-macos-4.41", "atsam-safe manifests check ./catalogue"),
    ),
)

BY_NAME: Final = {command.name: command for command in COMMANDS}
