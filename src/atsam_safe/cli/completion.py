"""``--install-completion`` and ``--show-completion``: the parser's scripts, installed and told in our words and under our envelope.

PowerShell's profile is never written: the parser would loosen the workstation's execution policy on the way, which is not ours to do.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import shellingham  # type: ignore[import-untyped]  # it brings no types
from typer import completion

from atsam_safe.cli.table import COMPLETION_VARIABLE, PROGRAM
from atsam_safe.report.result import OK, CommandResult
from atsam_safe.words.model import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

INSTALL: Final = "--install-completion"
# in the order in which a login shell looks for them
_LOGIN_FILES: Final = (".bash_profile", ".bash_login", ".profile")
_INSTALLABLE: Final = ("bash", "zsh", "fish")
# The parser does not declare these two as its own, and its documentation names them.
_PARSER: Final[Any] = completion
_SHELLS: Final = (*_INSTALLABLE, "powershell", "pwsh")


def run(arguments: Sequence[str]) -> CommandResult:
    """Install or show the completion. Raises ``UsageError`` for a shell that has none, or files that cannot be written."""
    if len(arguments) > 1:
        raise UsageError(Problem(ref="usage.argument-unexpected", params={"argument": arguments[1], "command": arguments[0]}))
    shell = _shell()
    if shell not in (_INSTALLABLE if arguments[0] == INSTALL else _SHELLS):
        raise UsageError(Problem(ref="usage.no-completion", params={"shell": shell or "?", "shells": ", ".join(_INSTALLABLE)}))
    if arguments[0] != INSTALL:
        named = {"shell": shell, "prog_name": PROGRAM, "complete_var": COMPLETION_VARIABLE}
        script = _PARSER.get_completion_script(**named)
        return CommandResult(command="completion", exit_code=OK, data={"shell": shell, "script": script})
    try:
        _, path = _PARSER.install(shell, PROGRAM, COMPLETION_VARIABLE)
        if shell == "bash":
            _for_login_shells(Path(path))
    except OSError as error:
        raise UsageError(Problem(ref="usage.completion-not-written", params={"path": str(error.filename or Path.home())})) from error
    return CommandResult(command="completion", exit_code=OK, data={"shell": shell, "path": str(path)})


def _for_login_shells(script: Path) -> None:
    """Have a login shell read it too, as each window of the Terminal of macOS is one; the parser writes ``.bashrc`` alone.

    Bash reads the first of these files alone, so no other one is made where one is there; ``.profile`` is read by other shells as well.
    Raises ``OSError``.
    """
    files = [Path.home() / name for name in _LOGIN_FILES]
    file = next((file for file in files if file.is_file()), files[0])
    before = file.read_text(encoding="utf-8", errors="surrogateescape") if file.is_file() else ""
    if ".bashrc" in before or str(script) in before:
        return
    line = f'[ -n "$BASH_VERSION" ] && [ -f {shlex.quote(str(script))} ] && . {shlex.quote(str(script))}\n'
    gap = "" if before.endswith("\n") or not before else "\n"
    with file.open("a", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(f"{gap}{line}")


def _shell() -> str:
    """The shell the person uses: the one that started this program, or else the login shell."""
    try:
        name: str = shellingham.detect_shell()[0]
    except shellingham.ShellDetectionFailure:
        name = Path(os.environ.get("SHELL", "")).name
    return name.lower()
