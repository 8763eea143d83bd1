"""From the arguments to the exit code: read, run, render, and stand guard over everything that can go wrong in between.

Rules
- Standard output gets the result and nothing else; with ``--json`` that is always one envelope, even for a wrong command line or a crash.
- No traceback reaches a person: a fault of the program ends 1 with a bug reference, and its details go to a private file.
- A command with nothing to parse (no argument, or only the packages it is about) is run directly: loading the parser takes longer than
  ``status`` itself.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.cli import signals
from atsam_safe.cli.arguments import ArgumentsError, GlobalOptions, locale_of, split
from atsam_safe.cli.session import Session
from atsam_safe.cli.table import BY_NAME, COMPLETION_VARIABLE
from atsam_safe.report.private import without_card_numbers
from atsam_safe.report.result import INTERNAL_ERROR, RESTART_NEEDED, RESTART_NEEDED_MSI, SIGNAL_BASE, CommandResult
from atsam_safe.volume.errors import unavailable_problem
from atsam_safe.words.model import AtsamSafeError, Problem, RefusedError, WordsMissingError
from atsam_safe.words.translate import commands_with, explain, resolve_language

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atsam_safe.workstation.port import Workstation


_OF_RECOVER: Final = frozenset({"state.other-workstation"})
"""No rule of the guard's: whose a state folder is may be said to ``recover``, and every other command has its own answer to it."""


def run(arguments: Sequence[str], open_workstation: Callable[[str | None], Workstation] | None = None) -> int:
    """Carry out the command line and return the exit code; never raises (``SystemExit`` of shell completion excepted).

    ``open_workstation``: another factory for the workstation, for tests on a laboratory Mac.
    """
    if os.environ.get(COMPLETION_VARIABLE):
        ended: int = importlib.import_module("atsam_safe.cli.parser").complete(arguments)
        return ended
    try:
        options, rest = split(arguments)
    except ArgumentsError as error:
        session = _session(error.options, open_workstation)
        return _answer(session, _failed("", error))
    session = _session(options, open_workstation)
    with commands_with(root=options.root, state_dir=options.state_dir, manifests=options.manifests):
        return _answered(session, rest)


def _answered(session: Session, rest: list[str]) -> int:
    """Run what ``rest`` asks for and write its answer, whatever becomes of it."""
    name = next((argument for argument in rest if not argument.startswith("-")), "")
    result = guarded(name if name in BY_NAME else "", lambda: _run(session, rest))
    if result.catalogue is None and session.catalogue is not None:
        result = msgspec.structs.replace(result, catalogue=session.catalogue)
    if session.recovered is not None:
        carry = importlib.import_module("atsam_safe.report.recovered").with_recovered
        result = carry(result, session.recovered, session.recovery_notices)
    return _answer(session, result)


def _session(options: GlobalOptions, open_workstation: Callable[[str | None], Workstation] | None) -> Session:
    language = resolve_language(options.lang, locale_of(os.environ))
    return Session(options, language) if open_workstation is None else Session(options, language, open_workstation)


def _run(session: Session, rest: list[str]) -> CommandResult:
    """Run the command that ``rest`` names."""
    plain = _plain(rest)
    if plain is not None and not session.options.version:
        return execute(session, rest[0], **plain)
    app = importlib.import_module("atsam_safe.cli.app")
    result: CommandResult = app.run(session, rest, execute)
    return result


def _plain(rest: list[str]) -> dict[str, object] | None:
    """The arguments of a command that names what it is about and nothing else; ``None`` when the parser must look."""
    if not rest or rest[0] not in BY_NAME or any(not argument or argument.startswith("-") for argument in rest):
        return None
    command, given = BY_NAME[rest[0]], rest[1:]
    if not given:
        return {} if command.direct else None
    if command.operands is not None:
        return {command.operands: given}
    return {command.operand: given[0]} if command.operand is not None and len(given) == 1 else None


def execute(session: Session, name: str, **arguments: object) -> CommandResult:
    """Import the module of the command ``name`` and run it.

    A risk that is no rule's is refused whatever the command: one that passed over it would let a slip of the pen stand in a script.
    """
    accepted = frozenset(session.options.accept) - _OF_RECOVER
    if accepted:
        importlib.import_module("atsam_safe.guard").validate_accepted(accepted)
    module = importlib.import_module(BY_NAME[name].module)
    if not BY_NAME[name].direct:
        # Switched off while loading (``__main__``); what follows may be long and make much garbage, but nothing loaded so far is any.
        gc.freeze()
        gc.enable()
    result: CommandResult = module.run(session, **arguments)
    return result


def guarded(name: str, action: Callable[[], CommandResult]) -> CommandResult:
    """Run ``action``; every way of failing becomes a result."""
    try:
        with signals.as_exceptions():
            return action()
    except AtsamSafeError as error:
        return _failed(name, error)
    except KeyboardInterrupt as error:
        number = signals.number_of(error)
        return CommandResult(command=name, exit_code=SIGNAL_BASE + number, problems=(_stopped(number),))
    except (OSError, ImportError) as error:
        return _unavailable(name, error)
    except Exception as error:  # noqa: BLE001 - the last guard: whatever it is, a doctor gets words and the details are kept
        return _crashed(name, error)


def _crashed(name: str, error: Exception) -> CommandResult:
    problem: Problem = importlib.import_module("atsam_safe.cli.crash").record(error)
    return CommandResult(command=name, exit_code=INTERNAL_ERROR, problems=(problem,))


def _unavailable(name: str, error: OSError | ImportError) -> CommandResult:
    """The machine let nothing be opened or loaded. Outside a transaction, which treats its own failures: nothing was touched."""
    problem = unavailable_problem(error)
    return _crashed(name, error) if problem is None else _failed(name, RefusedError(problem))


def _stopped(number: int) -> Problem:
    if number == signal.SIGINT:
        return Problem(ref="run.interrupted-by-user")
    return Problem(ref="run.stopped-by-signal", params={"signal": signal.Signals(number).name})


def _failed(name: str, error: AtsamSafeError) -> CommandResult:
    return CommandResult(command=name, exit_code=error.exit_code, problems=error.problems)


def _answer(session: Session, result: CommandResult) -> int:
    """Write the result and return its exit code; a reader who went away changes nothing of what was done."""
    signals.answer()
    if result.exit_code == RESTART_NEEDED and session.options.msi_exit_codes:
        result = msgspec.structs.replace(result, exit_code=RESTART_NEEDED_MSI)
    output, result = _worded(session, result)
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(output)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The interpreter would complain once more when it closes the stream at exit.
        _forget_output()
    except OSError:
        _forget_output()
        return _without_answer(session, result, output)
    return result.exit_code


def _without_answer(session: Session, result: CommandResult, output: bytes) -> int:
    """A full disk below a redirected answer. A change that was made keeps its exit code, and its answer goes to standard error.

    What only looks has nothing but its answer: nobody may take a lost one for a success.
    """
    changed = bool(result.data.get("transaction"))
    code = result.exit_code if changed else result.exit_code or INTERNAL_ERROR
    told = explain(
        Problem(ref="program.answer-lost.done" if changed else "program.answer-lost", params={"code": str(code)}), session.language
    )
    with contextlib.suppress(OSError):
        session.notify(f"{told.what}\n{told.why}\n{told.next}")
        if changed:
            session.notify(output.decode(sys.stdout.encoding or "utf-8", errors="replace"))
    return code


def _forget_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _worded(session: Session, result: CommandResult) -> tuple[bytes, CommandResult]:
    """The result as bytes. What was done stays done when its report cannot be worded: then the bare envelope says so."""
    try:
        return _rendered(session, result), result
    except WordsMissingError:
        # The one sentence that cannot come from the catalogue, because the catalogue is what is missing.
        text = "Installation incomplète : réinstallez atsam-safe. / Incomplete installation: install atsam-safe again.\n"
        return text.encode(), msgspec.structs.replace(result, exit_code=result.exit_code or INTERNAL_ERROR)
    except Exception as error:  # noqa: BLE001 - a fault in a report must not hide what happened to the workstation
        problem: Problem = importlib.import_module("atsam_safe.cli.crash").record(error)
        bare = CommandResult(
            command=result.command,
            exit_code=result.exit_code or INTERNAL_ERROR,
            problems=(*result.problems, problem),
            catalogue=result.catalogue,
        )
        return _rendered(session, bare), bare


def _rendered(session: Session, result: CommandResult) -> bytes:
    """The result in the form that was asked for."""
    if session.options.json:
        json_form = importlib.import_module("atsam_safe.report.json_form")
        return without_card_numbers(json_form.render(result, session.language))
    text_form = importlib.import_module("atsam_safe.report.text_form")
    text: str = text_form.render(result, session.language, stream=sys.stdout)
    return without_card_numbers(text.encode(sys.stdout.encoding or "utf-8", errors="replace"))
