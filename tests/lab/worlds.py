"""A workstation in different worlds, for tests that every adapter must pass: an offline volume, a laboratory Mac, a Windows under Wine.

A world knows how to run the program's own command line on itself, how to be killed in the middle, and how to say exactly what it looks
like, files and everything else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from atsam_safe.snapshot.state import open_state
from atsam_safe.transaction.lock import RunLock
from atsam_safe.volume import primitives
from atsam_safe.workstation.offline import OfflineWorkstation
from lab.macos.mac import Mac
from lab.windows import installers
from lab.windows.practice import INI

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from atsam_safe.plan.model import Step
    from atsam_safe.workstation.port import Workstation
    from lab.stage import Answer, Stage
    from lab.windows.practice import Practice

SOMEBODY = 54321
STATE_FOLDER = "Library/Application Support/atsam-safe"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a world's workstation. ``gone``: a file that an uninstallation takes away; ``ini``: one that it keeps.

    ``steps``: an early, a middle and a late step of an installation at which it can be killed. ``dependents``: other software uses the set.
    """

    ini: str
    gone: str
    installed: dict[str, str]
    afterwards: dict[str, str]
    recommended: str | None
    steps: dict[str, int]
    dependents: bool = True


class World(Protocol):
    """One workstation with a known set, the packages beside it, and the program."""

    known: Known

    def run(self, *arguments: str) -> Answer:
        """Run the command line on this world."""
        ...

    def package(self, name: str) -> str:
        """Path of packages: ``good``, ``newer`` (for a newer system), ``lying`` (their content belies their version), ``cut`` (damaged)."""
        ...

    def run_killed(self, at_step: int, *arguments: str) -> None:
        """Run the command line in a process of its own that is killed when it begins its step number ``at_step``."""
        ...

    def fingerprint(self) -> dict[str, Any]:
        """Everything that must be as before after a way back: files, and what no file holds."""
        ...

    def busy(self) -> AbstractContextManager[None]:
        """Another run works on it meanwhile."""
        ...

    def without_rights(self) -> AbstractContextManager[None]:
        """Meanwhile whoever runs the program is no administrator."""
        ...

    @property
    def root(self) -> Path:
        """Where the workstation's files lie on this machine."""
        ...


def cut(data: bytes) -> bytes:
    """What a broken download leaves of a package."""
    return data[: len(data) * 2 // 3]


class _Killing:
    """A workstation whose process dies when it begins one of its steps."""

    def __init__(self, inner: Workstation, at_step: int) -> None:
        self._inner = inner
        self._left = at_step

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the inner one has
        return getattr(self._inner, name)

    def apply(self, step: Step, staging: Path) -> str:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        return self._inner.apply(step, staging)


MOJAVE = Known(
    ini="Library/Preferences/galss.ini",
    gone="Library/Frameworks/galssosx.framework",
    installed={"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"},
    afterwards={"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"},
    recommended="atsam-macos-4.41",
    steps={"first": 0, "early": 6, "late": 30},
)
_MAC_PACKAGES = {"cut": "cut.pkg", "good": "ATSAM-4.41.pkg", "newer": "ATSAM-4.50.pkg", "lying": "lying.pkg"}


class _Common:
    """What worlds on a stage share."""

    known = MOJAVE

    def __init__(self, stage: Stage) -> None:
        self._stage = dataclasses.replace(stage, open_workstation=self.open)

    def open(self, root: str | None) -> Workstation:
        raise NotImplementedError

    def _on(self) -> tuple[str, ...]:
        return ("--manifests", str(self.catalogue))

    @property
    def catalogue(self) -> Path:
        """The folder of manifests this world is run with."""
        return self._stage.folder / "catalogue"

    def run(self, *arguments: str) -> Answer:
        return self._stage.run(*self._on(), "--lang", "en", *arguments)

    def asked(self, answer: str, *arguments: str) -> Answer:
        """Run the command line with a person at the terminal who answers the question."""
        return self._stage.run(*self._on(), "--lang", "en", *arguments, stdin=answer)

    def package(self, name: str) -> str:
        if name == "cut":
            Path(self._stage.package("cut.pkg")).write_bytes(cut(Path(self.package("good")).read_bytes()))
        return self._stage.package(_MAC_PACKAGES.get(name, name))

    def run_killed(self, at_step: int, *arguments: str) -> None:
        def killing(root: str | None) -> Workstation:
            return _Killing(self.open(root), at_step)

        child = os.fork()
        if child == 0:
            dataclasses.replace(self._stage, open_workstation=killing).run(*self._on(), "--lang", "en", *arguments)
            os._exit(0)
        _pid, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the run ended before it could be killed"

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        with open_state(self.root) as state, RunLock(state, "install"):
            yield

    @contextlib.contextmanager
    def without_rights(self) -> Iterator[None]:
        administrator = primitives.effective_user
        primitives.effective_user = lambda: SOMEBODY
        try:
            yield
        finally:
            primitives.effective_user = administrator

    @property
    def root(self) -> Path:
        raise NotImplementedError

    def files(self) -> dict[str, Any]:
        """Every path outside the program's own folder, with its content; folders without their times."""
        found: dict[str, Any] = {}
        for path in sorted(self.root.rglob("*")):
            inside = path.relative_to(self.root).as_posix()
            if inside == STATE_FOLDER or inside.startswith(f"{STATE_FOLDER}/"):
                continue
            status = path.lstat()
            if path.is_symlink():
                found[inside] = ("link", str(path.readlink()))
            elif path.is_dir():
                found[inside] = ("folder", status.st_mode, status.st_uid, status.st_gid)
            else:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[inside] = ("file", status.st_mode, status.st_uid, status.st_gid, int(status.st_mtime), digest)
        return found


class OfflineWorld(_Common):
    """A volume that does not run, named with ``--root``."""

    def open(self, root: str | None) -> Workstation:
        assert root is not None
        return OfflineWorkstation(Path(root))

    def _on(self) -> tuple[str, ...]:
        return (*super()._on(), "--root", str(self.root))

    @property
    def root(self) -> Path:
        return self._stage.folder / "poste"

    def fingerprint(self) -> dict[str, Any]:
        return self.files()


class MacWorld(_Common):
    """A laboratory Mac, treated without ``--root`` as the computer the program runs on."""

    def __init__(self, stage: Stage, *, executables: bool = False, elevated: bool = True, version: str = "10.14.6") -> None:
        super().__init__(stage)
        self.mac = Mac(stage.folder / "mac", self.catalogue, version=version)
        self.executables = executables
        self.elevated = elevated

    @contextlib.contextmanager
    def without_rights(self) -> Iterator[None]:
        self.elevated = False
        try:
            yield
        finally:
            self.elevated = True

    def open(self, root: str | None) -> Workstation:
        assert root is None
        return self.mac.workstation(executables=self.executables, elevated=self.elevated)

    @property
    def root(self) -> Path:
        return self.mac.root

    def fingerprint(self) -> dict[str, Any]:
        state = self.mac.lab.read()
        return {
            **self.files(),
            "jobs": sorted((job["domain"], job["label"], job["pid"] is not None) for job in state["jobs"]),
            "right": {key: state["right"].get(key) for key in ("class", "rule", "k-of-n")},
            "switched off": sorted(state["switched_off"]),
            "certificates": sorted(one["sha1"] for one in state["certificates"]),
            "trusted": sorted(state["trusted"]),
        }


# Inside Windows: one lock belongs to one handle, so the same process can be its own competitor.
_TAKE_LOCK = r"""
import pathlib, sys
from atsam_safe.snapshot.state import open_state
from atsam_safe.transaction.lock import RunLock
state = open_state(pathlib.Path("C:\\"))
lock = RunLock(state, "install")
lock.acquire()
sys.modules["__main__"].held = (lock, state)
"""
_LET_LOCK_GO = r"""
import sys
lock, state = sys.modules["__main__"].held
lock.release()
state.close()
"""
_RIGHTS = r"""
from atsam_safe.workstation.windows.system import WindowsNative
genuine = WindowsNative.__dict__.get("genuine", WindowsNative.elevated)
WindowsNative.genuine = genuine
WindowsNative.elevated = eval(given) or genuine
"""


class WindowsWorld:
    """A Windows under Wine, treated as the computer the program runs on; the same one for a whole session, brought back for each test."""

    known = Known(
        ini=INI,
        gone="Program Files/santesocial/galss/galsvw64.exe",
        installed={"galss": "3.45.01", "cryptolib": "5.2.2", "srvsvcnam": "5.08.04"},
        afterwards={"galss": "3.45.01", "cryptolib": "5.2.6", "srvsvcnam": "5.10.04"},
        recommended=None,
        steps={"first": 0, "early": 2, "late": 5},
        dependents=False,
    )

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        practice.reset()

    def run(self, *arguments: str) -> Answer:
        return self.practice.run("--lang", "en", *arguments)

    def package(self, name: str) -> str:
        if name == "cut":
            place = self.practice.folder / "cut.msi"
            place.write_bytes(cut(next(self.practice.packages("good", installers.NEW_SET).glob("*.msi")).read_bytes()))
            return self.practice.windows.path(place)
        products = {"good": installers.NEW_SET, "newer": installers.ELEVEN_SET, "lying": installers.LYING_SET}[name]
        return self.practice.windows.path(self.practice.packages(name, products))

    def run_killed(self, at_step: int, *arguments: str) -> None:
        status = self.practice.windows.killed("STEP", at_step, *self.practice.arguments("--lang", "en", *arguments))
        assert status not in {0, 20, 21}, "the run ended before it could be killed"

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        self.practice.windows.evaluate(_TAKE_LOCK)
        try:
            yield
        finally:
            self.practice.windows.evaluate(_LET_LOCK_GO)

    @contextlib.contextmanager
    def without_rights(self) -> Iterator[None]:
        self.practice.windows.evaluate(_RIGHTS, "lambda self: False")
        try:
            yield
        finally:
            self.practice.windows.evaluate(_RIGHTS, "None")

    @property
    def root(self) -> Path:
        return self.practice.drive

    def fingerprint(self) -> dict[str, Any]:
        return {**self.practice.files(), **self.practice.beyond()}


WORLDS: dict[str, Callable[[Stage], World]] = {"offline": OfflineWorld, "macos": MacWorld}
