"""Another user of the same computer, without rights, puts links and folders in the way while the program runs as root.

Nothing of his is followed: what lies outside the workstation's components is never written, whatever he is faster at.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import open_state
from atsam_safe.transaction import recover, rollback, run_transaction
from atsam_safe.volume import Volume
from atsam_safe.words.model import AtsamSafeError, RefusedError
from faults.fingerprint import STATE_FOLDER, fingerprint
from lab.heart import FOLDER, NoPackages, PlainWorkstation, lay_out
from lab.heart_runs import PLAN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOBODY = 65534
SECONDS = 2.5
pytestmark = [pytest.mark.slow, pytest.mark.needs("root")]


@pytest.fixture
def ground() -> Iterator[Path]:
    """A place that another user can reach: pytest's own folders are private."""
    folder = Path(tempfile.mkdtemp(prefix="atsam-attack-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def root(ground: Path) -> Path:
    """The vendors open their folders to everybody, so the attacker can write there; ``victim`` belongs to root and lies outside."""
    place = ground / "volume"
    place.mkdir()
    lay_out(place)
    for path in (place / FOLDER[1:]).rglob("*"):
        if not path.is_symlink():
            path.chmod(0o777)
    (place / FOLDER[1:]).chmod(0o777)
    victim = ground / "victim"
    victim.mkdir()
    for name in ("libgalss.dylib", "galss.conf", "galsvr", "lisez moi.txt"):
        (victim / name).write_bytes(b"precious")
    return place


@contextlib.contextmanager
def attacker(what: Callable[[], None]) -> Iterator[None]:
    """Another user who does ``what`` again and again, as fast as he can."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            while True:
                with contextlib.suppress(OSError, shutil.Error):
                    what()
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def swap_folder(root: Path, name: str) -> Callable[[], None]:
    """A folder of the components becomes a link to the victim, and back."""
    folder = root / FOLDER[1:] / name
    hidden = folder.with_name("hidden")

    def act() -> None:
        with contextlib.suppress(OSError):
            folder.rename(hidden)
        with contextlib.suppress(OSError):
            folder.symlink_to(root.parent / "victim")
        with contextlib.suppress(OSError):
            folder.unlink()
        with contextlib.suppress(OSError):
            hidden.rename(folder)

    return act


def swap_file(root: Path, name: str) -> Callable[[], None]:
    """A file of the components becomes a link to the victim's, and back."""
    place = root / FOLDER[1:] / name

    def act() -> None:
        with contextlib.suppress(OSError):
            place.unlink()
        with contextlib.suppress(OSError):
            place.symlink_to(root.parent / "victim" / Path(name).name)

    return act


def guess_temporaries(root: Path) -> Callable[[], None]:
    """Whatever temporary name shows up is replaced by a link to the victim."""
    folder = root / FOLDER[1:]

    def act() -> None:
        for path in folder.glob(".atsam-safe-*"):
            with contextlib.suppress(OSError):
                path.unlink()
                path.symlink_to(root.parent / "victim/galss.conf")

    return act


ATTACKS = {
    "a folder becomes a link": lambda root: swap_folder(root, "doc"),
    "a new folder becomes a link": lambda root: swap_folder(root, "bin"),
    "a file becomes a link": lambda root: swap_file(root, "galss.conf"),
    "a new file becomes a link": lambda root: swap_file(root, "bin/galsvr"),
    "temporary names become links": guess_temporaries,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_outside_is_ever_written(name: str, root: Path, ground: Path) -> None:
    victim = fingerprint(ground / "victim")
    attempts = 0
    limit = time.monotonic() + SECONDS
    with attacker(ATTACKS[name](root)):
        while time.monotonic() < limit:
            attempts += 1
            with contextlib.suppress(AtsamSafeError), open_state(root) as state:
                run_transaction(PLAN, workstation=PlainWorkstation(root), packages=NoPackages(), state=state)
            with contextlib.suppress(AtsamSafeError), open_state(root) as state, Volume(root) as volume:
                recover(state, volume)
                rollback(state, volume)
            assert fingerprint(ground / "victim") == victim
    assert attempts >= 2
    assert fingerprint(ground / "victim") == victim
    # when he has gone, the workstation can be brought to an end
    with open_state(root) as state, Volume(root) as volume:
        assert recover(state, volume).outcome in {"nothing-to-do", "unchanged", "rolled-back"}


def _link_to_the_victim(holder: Path, victim: Path) -> None:
    holder.symlink_to(victim)


def _folder_of_his(holder: Path, _victim: Path) -> None:
    holder.mkdir(mode=0o700)
    os.chown(holder, NOBODY, NOBODY)


def _folder_for_everybody(holder: Path, _victim: Path) -> None:
    holder.mkdir()
    holder.chmod(0o777)


def _file_in_its_place(holder: Path, _victim: Path) -> None:
    holder.write_bytes(b"")


def _format_is_a_link(holder: Path, victim: Path) -> None:
    holder.mkdir(mode=0o700)
    (holder / "format").symlink_to(victim / "galss.conf")


def _objects_are_a_link(holder: Path, victim: Path) -> None:
    holder.mkdir(mode=0o700)
    (holder / "objects").symlink_to(victim)


def test_a_state_folder_that_he_made_first_is_refused(root: Path, ground: Path) -> None:
    victim = fingerprint(ground / "victim")
    holder = root / STATE_FOLDER
    holder.parent.mkdir(parents=True)
    makers = (_link_to_the_victim, _folder_of_his, _folder_for_everybody, _file_in_its_place, _format_is_a_link, _objects_are_a_link)
    for make in makers:
        make(holder, ground / "victim")
        with pytest.raises(RefusedError) as caught:
            open_state(root).close()
        assert caught.value.problems[0].ref in {"state.unsafe", "state.damaged"}
        assert fingerprint(ground / "victim") == victim
        if holder.is_symlink() or holder.is_file():
            holder.unlink()
        else:
            shutil.rmtree(holder)


def test_he_cannot_reach_into_the_state_folder(root: Path) -> None:
    """Staging, reserve, journal, content: all of it private, also in the middle of a run."""
    open_state(root).close()
    readable = root / "readable"

    def look(number: int) -> None:
        if number != 2:
            return
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                list((root / STATE_FOLDER).iterdir())
                (root / STATE_FOLDER / "run/journal.log").read_bytes()
            except PermissionError:
                os._exit(0)
            os._exit(1)
        readable.write_text(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))

    with open_state(root) as state:
        result = run_transaction(PLAN, workstation=PlainWorkstation(root, look), packages=NoPackages(), state=state)
    assert result.outcome == "committed"
    assert readable.read_text() == "0"
