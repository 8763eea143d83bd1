"""What a test needs of the machine it runs on: ``@pytest.mark.needs("strace", "root")``. Nothing is left out in silence.

A *tool* is something ``scripts/setup`` installs: where the whole suite must run (``CI=true``, or ``scripts/test``, which sets
``ATSAM_SAFE_TOOLS=required``) its absence is a failure with words, elsewhere the test is skipped. A *right* is something a machine may
rightly not give (administrator rights, mounts): the test is skipped, and what was skipped is counted and named at the end of every run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import atsam_safe
from atsam_safe.workstation.place import unsafe_place
from lab.windows import wine

if TYPE_CHECKING:
    from collections.abc import Callable

REQUIRED: Final = os.environ.get("CI") == "true" or os.environ.get("ATSAM_SAFE_TOOLS") == "required"
INSTALLERS: Final = ("wixl", "msibuild", "msiinfo", "osslsigncode")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Condition:
    """``met`` looks; ``words`` say what is missing, ``why`` what the machine said; ``installed``: ``scripts/setup`` brings it."""

    met: Callable[[], bool]
    words: str
    installed: bool = False
    why: Callable[[], str | None] = lambda: None

    @property
    def told(self) -> str:
        """All that is known of why it is missing."""
        why = self.why()
        return self.words if why is None else f"{self.words}: {why}"


def _found(*tools: str) -> Callable[[], bool]:
    return lambda: all(shutil.which(tool) is not None for tool in tools)


def _tool(name: str, package: str = "") -> Condition:
    return Condition(met=_found(name), words=f"{name} is not installed (Debian package {package or name})", installed=True)


@functools.cache
def _mounts() -> bool:
    """A file system in memory can be mounted here."""
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(["/bin/mount", "-t", "tmpfs", "tmpfs", place], check=False, capture_output=True)
        if done.returncode == 0:
            subprocess.run(["/bin/umount", "--lazy", place], check=True)
        return done.returncode == 0


@functools.cache
def loop_problem() -> str | None:
    """Why an ext4 file system in a file cannot be mounted here, in the tools' own words; ``None`` when it can."""
    with tempfile.TemporaryDirectory() as folder:
        image, place = Path(folder, "image"), Path(folder, "place")
        place.mkdir()
        with image.open("wb") as stream:
            stream.truncate(8 << 20)
        for command in (["/sbin/mkfs.ext4", "-q", str(image)], ["/bin/mount", "-o", "loop", str(image), str(place)]):
            try:
                done = subprocess.run(command, check=False, capture_output=True, text=True)
            except OSError as error:
                return str(error)
            if done.returncode:
                return done.stderr.strip() or f"{command[0]} ended {done.returncode}"
        subprocess.run(["/bin/umount", str(place)], check=True)
    return None


def _attributes() -> bool:
    with tempfile.NamedTemporaryFile() as file, contextlib.suppress(OSError):
        os.setxattr(file.fileno(), "user.test", b"1")
        return True
    return False


CONDITIONS: Final[dict[str, Condition]] = {
    "strace": _tool("strace"),
    "gcc": _tool("gcc"),
    "faketime": _tool("faketime"),
    "dash": _tool("dash"),
    "bash": _tool("bash"),
    "setfattr": _tool("setfattr", "attr"),
    "7z": _tool("7z", "p7zip-full"),
    "mkfs.ext4": Condition(met=lambda: Path("/sbin/mkfs.ext4").exists(), words="mkfs.ext4 is not installed (e2fsprogs)", installed=True),
    "installer tools": Condition(
        met=_found(*INSTALLERS), words=f"the tools that build installers are not installed: {', '.join(INSTALLERS)}", installed=True
    ),
    "Wine": Condition(met=wine.is_here, words="Wine, or what builds programs for it, is not installed", installed=True),
    "/proc": Condition(met=lambda: Path("/proc/self/status").exists(), words="this system shows no processes below /proc"),
    "/dev/full": Condition(met=lambda: Path("/dev/full").exists(), words="this system has no device that is always full"),
    "root": Condition(met=lambda: os.geteuid() == 0, words="only root can do this (become somebody else, give files away)"),
    "mounts": Condition(met=lambda: os.geteuid() == 0 and _mounts(), words="no file system may be mounted here"),
    "loop devices": Condition(
        met=lambda: os.geteuid() == 0 and loop_problem() is None,
        words="no file system in a file may be mounted here (loop devices)",
        why=loop_problem,
    ),
    "extended attributes": Condition(met=_attributes, words="the file system of the temporary folder keeps no extended attributes"),
    "lasting place": Condition(
        met=lambda: unsafe_place(Path(atsam_safe.__file__)) is None,
        words="this checkout lies in a temporary folder, from where the program changes no running system",
    ),
    "no adapter": Condition(
        met=lambda: sys.platform not in {"darwin", "win32"}, words="this system has an adapter: « rollback » itself works on it"
    ),
    "posix rights": Condition(met=lambda: os.name != "nt", words="the rights of a folder are told in other words on Windows"),
}


def missing(names: tuple[str, ...]) -> tuple[str, bool] | None:
    """The words for what is missing among ``names``, and whether that is a failure; ``None`` when everything is there."""
    absent = [CONDITIONS[name] for name in names if not CONDITIONS[name].met()]
    if not absent:
        return None
    words = "; ".join(condition.told for condition in absent)
    return words, REQUIRED and any(condition.installed for condition in absent)
