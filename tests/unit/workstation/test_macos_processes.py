"""Which program a process is: the kernel says it, ``ps`` only by which name it was started; a bare name is taken for the worse of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atsam_safe.volume import primitives
from atsam_safe.workstation.commands import CommandOutcome, SystemCommandRunner
from atsam_safe.workstation.macos import installer, libproc, people
from atsam_safe.workstation.macos.adapter import MacosWorkstation
from atsam_safe.workstation.macos.quiet import activity
from atsam_safe.workstation.macos.steps import stop_processes
from lab.macos.mac import GALSVOSX, QUICK, InProcessRunner
from lab.macos.state import new_lab

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from lab.macos.state import Lab


class Library:
    """As much of ``libproc`` as is asked: paths by number; what is not in it has ended."""

    def __init__(self, paths: dict[int, bytes]) -> None:
        self.paths = paths

    def proc_pidpath(self, pid: ctypes.c_int, buffer: ctypes.Array[ctypes.c_char], size: ctypes.c_uint32) -> int:
        path = self.paths.get(pid.value)
        if path is None or size.value != libproc.PATH_BYTES:
            return 0
        buffer.value = path
        return len(path)


class Listing(SystemCommandRunner):
    """A runner of this machine whose ``ps`` answers one text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def run(
        self, argv: Sequence[str], *, limit: float, answers: bytes = b"", heartbeat: Callable[[float], None] | None = None
    ) -> CommandOutcome:
        assert argv[0] == people.PS
        assert (limit, answers, heartbeat) == (20.0, b"", None)
        return CommandOutcome(argv=tuple(argv), status=0, out=self._text.encode())


@pytest.fixture
def on_a_mac(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Pretend to be a Mac with this library."""

    def pretend(library: object) -> None:
        monkeypatch.setattr(primitives, "IS_DARWIN", True)
        monkeypatch.setattr(libproc, "_library", lambda: library)

    return pretend


@pytest.mark.parametrize(
    ("told", "path"),
    [
        (b"/usr/sbin/installer", "/usr/sbin/installer"),
        ("/Applications/Amélipro connect.app/Contents/MacOS/x".encode(), "/Applications/Amélipro connect.app/Contents/MacOS/x"),
        (b"/System/Volumes/Data/Library/Application Support/Galss/galsvosx", GALSVOSX),
        (b"/System/Volumes/Database", "/System/Volumes/Database"),
        (b"relative", None),
        (b"", None),
    ],
)
def test_the_kernels_path_as_everybody_names_it(on_a_mac: Callable[[object], None], told: bytes, path: str | None) -> None:
    on_a_mac(Library({7: told}))
    assert libproc.executable(7) == path


@pytest.mark.parametrize("library", [None, object(), Library({})], ids=["no-library", "no-such-call", "ended"])
def test_what_the_kernel_does_not_tell_stays_as_it_was_started(on_a_mac: Callable[[object], None], library: object) -> None:
    on_a_mac(library)
    found = people.running(Listing("  412     1 dupont           installer\n"))
    assert found is not None
    assert [one.path for one in found] == ["installer"]


def test_the_kernel_is_believed_and_not_the_name_a_process_was_started_by(on_a_mac: Callable[[object], None]) -> None:
    on_a_mac(Library({7: b"/usr/sbin/installer", 8: GALSVOSX.encode(), 9: b"/Users/x/jeu"}))
    found = people.running(Listing(f"    7     1 root  installer\n    8     1 x  ./galsvosx\n    9     1 x  {GALSVOSX}\n"))
    assert found is not None
    assert [one.path for one in found] == ["/usr/sbin/installer", GALSVOSX, "/Users/x/jeu"]


def test_the_processes_of_a_laboratory_are_not_this_machines(tmp_path: Path, on_a_mac: Callable[[object], None]) -> None:
    on_a_mac(Library({1: b"/elsewhere"}))
    lab = new_lab(tmp_path / "mac", version="14.7.4", build="23H420")
    found = people.running(InProcessRunner(lab))
    assert found is not None
    assert [one.path for one in found] == ["/sbin/launchd"]
    assert not SystemCommandRunner(commands_root=tmp_path).of_this_machine


def test_elsewhere_than_on_a_mac_no_library_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(primitives, "IS_DARWIN", False)
    monkeypatch.setattr(libproc, "_library", lambda: pytest.fail("asked"))
    assert libproc.executable(1) is None


def test_a_library_that_cannot_be_loaded_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libproc, "LIBRARY", "/nowhere/libproc.dylib")
    libproc._library.cache_clear()
    assert libproc._library() is None
    libproc._library.cache_clear()


# --- a bare name -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A Mac on which one process runs."""
    lab = new_lab(tmp_path / "mac", version="14.7.4", build="23H420")
    lab.host("/Library").mkdir(parents=True)
    return lab


@pytest.fixture
def mac(lab: Lab) -> MacosWorkstation:
    """The production adapter on it."""
    return MacosWorkstation(InProcessRunner(lab), lab.volume, elevated=True, patience=QUICK)


@pytest.mark.parametrize(
    ("path", "working"),
    [
        (installer.INSTALLER, True),
        ("installer", True),
        ("./installer", True),
        ("sbin/installer", True),
        ("/Users/docteur/installer", False),
        ("installer-helper", False),
        ("cryptoinstaller", False),
        ("-zsh", False),
    ],
)
def test_an_installer_known_by_a_bare_name_may_be_the_systems(
    lab: Lab, mac: MacosWorkstation, catalogue: Catalogue, path: str, *, working: bool
) -> None:
    lab.set(processes=[{"pid": 900, "ppid": 1, "user": "root", "path": path}])
    assert activity(mac) == ("working" if working else "none")
    assert mac.observe(catalogue).system.installer_running is working


@pytest.mark.parametrize("path", ["galsvosx", "./galsvosx", "Galss/galsvosx"])
def test_nothing_is_ended_by_a_bare_name(lab: Lab, mac: MacosWorkstation, path: str) -> None:
    lab.set(processes=[{"pid": 900, "ppid": 1, "user": "docteur", "path": path}])
    assert stop_processes(mac, (GALSVOSX,)) == "not-applicable"
    assert [one["path"] for one in lab.read()["processes"]] == [path]
