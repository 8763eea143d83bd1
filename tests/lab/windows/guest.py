"""Lives inside Wine, in the Windows Python: one process that answers many questions, because starting one takes seconds there.

A request is one line of JSON on standard input, its answer one line on standard output:

- ``{"run": […]}``: the program's own command line → ``{"code", "out", "err"}``;
- ``{"source": "…", "given": …}``: Python that leaves its result in ``answer`` → ``{"answer": …}``.

With ``kill STEP|RECORD NUMBER ARGUMENTS…`` as its own arguments it carries out that command line alone and is ended by
``TerminateProcess`` (what the task manager does) before step number NUMBER, or right after journal record number NUMBER.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.plan.model import Step
    from atsam_safe.transaction.records import Record

KILLED = 87


def run(arguments: list[str]) -> dict[str, Any]:
    """One command line in this process, as a person at no terminal."""
    from atsam_safe.cli import dispatch  # noqa: PLC0415 - a killed run counts its steps first

    raw, err = io.BytesIO(), io.StringIO()
    out = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    kept = sys.stdout, sys.stderr, sys.stdin
    sys.stdout, sys.stderr, sys.stdin = out, err, io.StringIO("")
    try:
        code = dispatch.run(arguments)
    finally:
        sys.stdout, sys.stderr, sys.stdin = kept
    return {"code": code, "out": raw.getvalue().decode("utf-8"), "err": err.getvalue()}


def evaluate(source: str, given: object) -> dict[str, Any]:
    """Python of a test."""
    names: dict[str, Any] = {"given": given, "answer": None}
    exec(compile(source, "<test>", "exec"), names)  # noqa: S102 - the test's own text, inside its own Windows
    return {"answer": names["answer"]}


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)  # on Windows: TerminateProcess, nothing of ours runs afterwards


def killed_at_step(number: int) -> None:
    """End this process when step ``number`` (from 0) begins."""
    from atsam_safe.workstation.windows import adapter  # noqa: PLC0415 - exists on Windows alone

    apply, seen = adapter.WindowsWorkstation.apply, iter(range(number))

    def counting(self: adapter.WindowsWorkstation, step: Step, staging: Path) -> str:
        if next(seen, None) is None:
            _terminate()
        return apply(self, step, staging)

    adapter.WindowsWorkstation.apply = counting  # type: ignore[method-assign]  # the test counts


def killed_at_record(number: int) -> None:
    """End this process as soon as record ``number`` (from 0) of the journal is on the disk."""
    from atsam_safe.transaction.journal import Journal  # noqa: PLC0415 - only a killed run counts records

    append = Journal.append

    def counting(self: Journal, record: Record) -> None:
        append(self, record)
        if len(self.records) > number:
            _terminate()

    Journal.append = counting  # type: ignore[method-assign]  # the test counts


def serve() -> None:
    """Answer until standard input ends."""
    questions, answers = sys.stdin, sys.stdout
    for line in questions:
        asked = json.loads(line)
        try:
            answer = run(asked["run"]) if "run" in asked else evaluate(asked["source"], asked.get("given"))
        except BaseException:  # noqa: BLE001 - the test is told whatever it is
            answer = {"failed": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["kill"]:
        (killed_at_step if sys.argv[2] == "STEP" else killed_at_record)(int(sys.argv[3]))
        sys.exit(run(sys.argv[4:])["code"])
    serve()
