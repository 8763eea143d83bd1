"""The state of a laboratory Mac: what a running macOS knows beside its files, as one JSON file that every stand-in reads and writes.

Needs nothing but Python's own library: the stand-ins are started hundreds of times.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import plistlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HASH_OF_BOTH: Final = (10, 15)
STATE: Final = "state.json"
LOCK: Final = "lock"
CLOSED_RIGHT: Final = {"class": "rule", "rule": ["authenticate-admin"], "created": 1, "modified": 1, "version": 1}
OPEN_RIGHT: Final = {"class": "allow", "created": 1, "modified": 2, "version": 2}
# Since 11 root alone may not change trust; since 15 it may not even open the right.
WINDOW_SINCE: Final = (11,)
RIGHT_SEALED_SINCE: Final = (15,)


class Answer(Exception):  # noqa: N818 - raised to end a stand-in anywhere, as a command ends with its status
    """What a command answers: exit status, standard output and standard error."""

    def __init__(self, status: int = 0, out: str | bytes = "", err: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.out = out.encode() if isinstance(out, str) else out
        self.err = err.encode()


class Hanging(Exception):  # noqa: N818 - not an error: a command that does not end
    """The command would never answer."""


class Lab:
    """A laboratory Mac in ``folder``: ``volume`` (its files), ``commands`` (Apple's names), ``state.json``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.volume = folder / "volume"
        self.commands = folder / "commands"
        self.state: dict[str, Any] = {}
        # in whose session the present command is asked, beside the one that runs the program
        self.asked_by: int | None = None
        # how long the caller waits for the present command, where that is known without a process of its own
        self.limit: float | None = None

    @contextlib.contextmanager
    def opened(self) -> Iterator[dict[str, Any]]:
        """The state, alone; written back when changed, also when the command ends by an ``Answer``."""
        with (self.folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            text = (self.folder / STATE).read_text()
            self.state = json.loads(text)
            try:
                yield self.state
            finally:
                after = json.dumps(self.state)
                if after != text:
                    partial = self.folder / f"{STATE}.{os.getpid()}"
                    partial.write_text(after)
                    partial.replace(self.folder / STATE)

    def set(self, **values: object) -> None:
        """Change the Mac: ``misbehave={"installer": "hang"}``, ``console="docteur"`` …."""
        with self.opened() as state:
            state.update(values)

    def read(self) -> dict[str, Any]:
        """The state as it is."""
        with self.opened() as state:
            return dict(state)

    def wrong(self, command: str) -> Any:  # noqa: ANN401 - whatever the misbehaviour needs
        """The misbehaviour asked of a command, or ``None``."""
        return self.state["misbehave"].get(command)

    @property
    def release(self) -> tuple[int, ...]:
        """The macOS release as numbers."""
        return tuple(int(part) for part in self.state["version"].split("."))

    def open_right(self) -> None:
        """What the genuine preinstall does: anybody may change trust. A recent macOS refuses even that."""
        if self.release < RIGHT_SEALED_SINCE:
            self.state["right"] = dict(OPEN_RIGHT)

    def host(self, path: str) -> Path:
        """Where a path of the Mac lies here."""
        return self.volume / path.lstrip("/")


def new_lab(folder: Path, *, version: str, build: str, arm: bool = False, users: dict[str, int] | None = None) -> Lab:
    """A Mac that was just started: nobody of ours runs, the right is closed, the keychain empty. The volume is laid out by the caller."""
    folder.mkdir(parents=True, exist_ok=True)
    lab = Lab(folder)
    people = {"docteur": 501, "Hélène Dupré": 502} if users is None else users
    state = {
        "version": version,
        "build": build,
        "extra": None,
        "arm": arm,
        "rosetta": False,
        "users": people,
        "console": next(iter(people), None),
        "jobs": [],
        "switched_off": [],
        "started": None,
        "processes": [{"pid": 1, "ppid": 0, "user": "root", "path": "/sbin/launchd"}],
        "right": dict(CLOSED_RIGHT),
        "certificates": [],
        # SHA-1 of what is trusted for everybody, and how long whoever sits at the screen takes to type a password into a window of macOS
        "trusted": [],
        "window_seconds": 0,
        "tokens": [],
        "elevated": False,
        "extensions": [],
        "readers": [],
        "drivers": [],
        "gatekeeper": True,
        "protection": "enabled",
        "battery": None,
        "encryption": None,
        "locale": "C",
        "misbehave": {},
        "snapshots": [],
        "ghosts": [],
        "next_pid": 700,
        "catalogue": None,
        "log": [],
    }
    (folder / STATE).write_text(json.dumps(state))
    return lab


def short(name: str) -> str:
    """The account's short name."""
    return name.lower().replace(" ", "").replace("é", "e").replace("è", "e")


def plist_text(value: Any) -> bytes:  # noqa: ANN401 - a property list can be anything
    """A property list as Apple's tools print it."""
    return plistlib.dumps(value, sort_keys=False)
