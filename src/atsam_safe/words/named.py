"""The commands that a sentence names (“atsam-safe recover”), with the options that this command line gave.

A next step is copied as it stands. Without the ``--root`` of a mounted disk it would act on the computer itself; without its catalogue or
its state folder it would decide otherwise, or find nothing. So the options that select those go along, in every sentence alike.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from atsam_safe.words.translate import Options

_NAMED: Final = re.compile(r"([“«][ \u00a0]?)atsam-safe ((?:--json )?[a-z][^”»]*)")
_ELSEWHERE: Final = re.compile(r"(?:cards (?:doctor|realign|watch)|verify --card|(?:--json )?facts)\b")
"""What is only ever advised for the workstation once it runs: there it is no mounted disk any more."""


def with_options(text: str, options: Options) -> str:
    """``text`` with ``options`` in every command it names."""
    spelled = " ".join(_spelled(flag, value) for flag, value in options)
    another = any(flag == "--root" for flag, _ in options)
    return _NAMED.sub(lambda match: f"{match[1]}atsam-safe {_carried(match[2], spelled, another=another)}", text)


def _carried(command: str, spelled: str, *, another: bool) -> str:
    if command.rstrip().endswith("--help") or (another and _ELSEWHERE.match(command)):
        return command
    return f"{spelled} {command}"


def _spelled(flag: str, value: str) -> str:
    """One option as it can be pasted into a shell of this system."""
    joint = "=" if value.startswith("-") else " "
    if sys.platform == "win32":
        return f'{flag}{joint}"{value}"' if re.search(r"[\s&()^;,=']", value) else f"{flag}{joint}{value}"
    from shlex import quote  # noqa: PLC0415 - only where an option was given

    return f"{flag}{joint}{quote(value)}"
