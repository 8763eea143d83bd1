"""The authorisation right that the genuine Cryptolib package opens in its preinstall and closes at the end of its postinstall.

An installation that dies in between leaves the trust settings of every administrator open. It is read before the system's installer
starts and put back after it ended, however it ended.
"""

from __future__ import annotations

import contextlib
import plistlib
from typing import TYPE_CHECKING, Any, Final

from atsam_safe.words.model import Problem, WorkstationError
from atsam_safe.workstation.macos import security

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atsam_safe.workstation.commands import CommandRunner
    from atsam_safe.workstation.macos.mac import Mac

RECORD: Final = "right.plist"


@contextlib.contextmanager
def watched(workstation: Mac, staging: Path) -> Iterator[None]:
    """Record the right, let the installer run, put the right back. Raises ``macos.right-not-restored`` when that cannot be proven."""
    before = _before(workstation.runner, staging / RECORD)
    try:
        yield
    finally:
        if put_back(workstation.runner, before):
            workstation.notes.append(Problem(ref="macos.right-restored", params={"right": security.TRUST_SETTINGS_RIGHT}))


def _before(runner: CommandRunner, record: Path) -> dict[str, Any] | None:
    """The definition before the first installer of this run; written down so that a second start of the step finds the same."""
    if record.is_file():
        value: dict[str, Any] = plistlib.loads(record.read_bytes())
        return value
    found = security.TRUST_RIGHT.ask(runner)
    if found is not None:
        record.write_bytes(plistlib.dumps(found))
    return found


def put_back(runner: CommandRunner, before: dict[str, Any] | None) -> bool:
    """Make the right what it was; ``True`` when something had to be done. Unknown before: nothing is changed, nothing is claimed."""
    if before is None:
        return False
    now = security.TRUST_RIGHT.ask(runner)
    if now is not None and security.rule_of(now) == security.rule_of(before):
        return False
    if not security.restore_right(runner, before):
        raise WorkstationError(Problem(ref="macos.right-not-restored", params={"right": security.TRUST_SETTINGS_RIGHT}))
    return True
