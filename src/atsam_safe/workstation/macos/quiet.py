"""Nothing of an earlier run may be at work when files are put back: neither the system's installer nor a vendor's uninstaller.

Both outlive this program when it is killed: each has a session of its own. The way back waits for the first, which the system itself
carries out, and ends the second, which is known by the private copy it was started from.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Final, Literal

from atsam_safe.words.model import Problem, WorkstationError
from atsam_safe.workstation.macos import installer, people
from atsam_safe.workstation.macos.staging import GUEST_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.workstation.macos.mac import Mac

KILL: Final = "/bin/kill"
Activity = Literal["none", "doubtful", "working"]
_RECEIPTS: Final = "/private/var/db/receipts"
_UNSEEN: Final = 4
_MOMENT_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.2
_ROUNDS: Final = 50


def activity(workstation: Mac) -> Activity:
    """What speaks for an installation under way. Not knowing which programs run counts as working.

    ``doubtful``: the system's service is there and runs no script, or files of an installation lie ready. That may be the moment between
    two scripts, or nothing at all any more: which of both, only the files themselves tell.
    """
    found = people.running(workstation.runner)
    if found is None or any(installer.may_be(installer.INSTALLER, process.path) for process in found):
        return "working"
    services = {process.pid for process in found if installer.may_be(installer.SCRIPT_SERVICE, process.path)}
    if any(process.parent in services for process in found):
        return "working"
    writing = any(installer.may_be(service, process.path) for process in found for service in installer.WRITING_SERVICES)
    return "doubtful" if services or (writing and _files_lie_ready(workstation)) else "none"


def _files_lie_ready(workstation: Mac) -> bool:
    """True when the system keeps the files of an installation in a folder of its own, or when that cannot be seen."""
    try:
        return any(entry.path.endswith(installer.ACTIVE_SANDBOX) for entry in workstation.volume.walk(installer.SANDBOXES))
    except WorkstationError:
        return True


def look(workstation: Mac) -> str | None:
    """A digest of everything an installation would move now: the files in scope, the receipts, files that lie ready. ``None``: not seen."""
    digest = hashlib.sha256()
    try:
        for path, kind in (*workstation.watched, (installer.SANDBOXES, "tree"), (_RECEIPTS, "tree")):
            found = workstation.volume.walk(path) if kind == "tree" else (workstation.volume.lstat(path),)
            for entry in found:
                if entry is not None:
                    digest.update(f"{entry.path}\0{entry.kind}\0{entry.size}\0{entry.inode}\0{entry.mtime_ns}\0{entry.ctime_ns}\0".encode())
    except WorkstationError:
        return None
    return digest.hexdigest()


def moves(workstation: Mac) -> bool:
    """True when a file moves within a moment, or when that cannot be seen."""
    before = look(workstation)
    time.sleep(min(workstation.patience.settle, _MOMENT_SECONDS))
    return before is None or look(workstation) != before


def wait_until_quiet(workstation: Mac, settle: float) -> bool:
    """Wait until no installation is carried out any more; ``False`` when one still is after ``patience.quiet`` seconds.

    In doubt, nothing may move for ``settle`` seconds; then it is over, and said. Without knowing which files matter, doubt stays doubt.
    """
    started = time.monotonic()
    since, seen = started, None
    while (found := activity(workstation)) != "none":
        now = look(workstation) if found == "doubtful" and workstation.watched else None
        if now is None or now != seen:
            since, seen = time.monotonic(), now
        elif time.monotonic() - since >= settle:
            workstation.notes.append(Problem(ref="macos.installer-idle", params={"seconds": f"{settle:g}"}))
            return True
        elapsed = time.monotonic() - started
        if elapsed > workstation.patience.quiet:
            return False
        workstation.progress("wait", int(elapsed), 0)
        time.sleep(_PAUSE_SECONDS)
    return True


def require_quiet(workstation: Mac) -> None:
    """Wait; raises ``macos.installer-still-at-work`` when it is not over: what is put back now could be written over afterwards.

    Nobody saw here how the installation ended, so doubt takes longer to go.
    """
    if not wait_until_quiet(workstation, _UNSEEN * workstation.patience.settle):
        raise WorkstationError(Problem(ref="macos.installer-still-at-work"))


def end_guests(workstation: Mac, staging: Path) -> None:
    """End every process that a guest of a killed run left: the private copy's own, and those of its process group.

    Raises ``macos.process-does-not-end``, or ``macos.cannot-be-asked`` when processes cannot be listed.
    """
    marker = f"{staging}/{GUEST_PREFIX}"
    for _ in range(_ROUNDS):
        listed = people.COMMAND_LINES.ask(workstation.runner)
        if listed is None:
            raise WorkstationError(Problem(ref="macos.cannot-be-asked", params={"command": people.PS}))
        groups = {process.group for process in listed if marker in process.line}
        left = [process for process in listed if process.group in groups]
        if not left:
            return
        for process in left:
            workstation.runner.run((KILL, "-KILL", str(process.pid)), limit=10.0)
        time.sleep(_PAUSE_SECONDS / 2)
    raise WorkstationError(Problem(ref="macos.process-does-not-end", params={"process": left[0].line}))
