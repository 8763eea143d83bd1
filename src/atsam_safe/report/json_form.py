"""The JSON form of a result: one object, the envelope of the contract. Keys are only ever added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.words.translate import explain

if TYPE_CHECKING:
    from atsam_safe.report.result import CommandResult
    from atsam_safe.words.model import Language, Problem

ENVELOPE_VERSION: Final = 1

# The keys of the envelope, for the generated reference; a test holds them against what is written.
ENVELOPE: Final = {
    "atsam_safe": "version of this envelope: 1",
    "command": "the command, with its action when it has one (`snapshots list`)",
    "status": "ok, refused, unfit, untrusted, busy, rolled-back, broken, restart-needed or error",
    "exit_code": "the exit code of the process",
    "data": "the answer; its keys depend on the command",
    "errors": "what stood in the way, the decisive one first",
    "notices": "what a person should know although nothing stood in the way",
    "catalogue": "only when another catalogue than the embedded one decided: its `origin` and `digest`",
}


def problem_value(problem: Problem, language: Language) -> dict[str, Any]:
    """One problem with its sentences; ``told`` only when they are another reference's, ``evidence`` only when there is some."""
    words = explain(problem, language)
    value: dict[str, Any] = {"ref": words.ref, "what": words.what, "why": words.why, "next": words.next}
    if words.told is not None:
        value["told"] = words.told
    if problem.evidence:
        value["evidence"] = problem.evidence
    return value


def envelope(result: CommandResult, language: Language) -> dict[str, Any]:
    """The envelope as plain values."""
    value: dict[str, Any] = {
        "atsam_safe": ENVELOPE_VERSION,
        "command": result.command,
        "status": result.status,
        "exit_code": result.exit_code,
        "data": result.data,
        "errors": [problem_value(problem, language) for problem in result.problems],
        "notices": [problem_value(problem, language) for problem in result.notices],
    }
    if result.catalogue is not None:
        value["catalogue"] = {"origin": result.catalogue.origin, "digest": result.catalogue.digest}
    return value


def render(result: CommandResult, language: Language) -> bytes:
    """One UTF-8 JSON object and a newline."""
    value = envelope(result, language)
    try:
        return msgspec.json.encode(value) + b"\n"
    except UnicodeEncodeError:
        return msgspec.json.encode(_writable(msgspec.to_builtins(value))) + b"\n"


def _writable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    r"""``value`` without the bytes that are no text, as Python carries them in file names: each becomes ``\udcXX``, to be seen and told."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_writable(key): _writable(entry) for key, entry in value.items()}
    return [_writable(entry) for entry in value] if isinstance(value, list) else value
