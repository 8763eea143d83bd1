"""Sockets are no state, so no listing names them: they must not keep a folder of ours, and they stay where everything else stays."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot.state import open_state
from atsam_safe.transaction import recover, rollback
from atsam_safe.volume import Volume
from faults.blackouts import fingerprint, half_installed
from faults.fingerprint import HOLDER, differences
from lab.heart import FOLDER
from lab.heart import lay_out as lay_out_small
from lab.heart_runs import install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from atsam_safe.transaction.model import TransactionResult

OURS = FOLDER[1:]


def lay_out(root: Path) -> None:
    lay_out_small(root)
    (root / HOLDER).mkdir()


@contextlib.contextmanager
def bound(folder: Path, name: str = "galsvr.sock") -> Iterator[Path]:
    """A socket in ``folder``, made by its short name: a path of more than some hundred bytes cannot be bound."""
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as listening:
        try:
            os.chdir(folder)
            listening.bind(name)
        finally:
            os.fchdir(here)
            os.close(here)
        yield folder / name


def recovered(root: Path) -> TransactionResult:
    with open_state(root) as state, Volume(root) as volume:
        return recover(state, volume)


def rolled_back(root: Path) -> TransactionResult:
    with open_state(root) as state, Volume(root) as volume:
        return rollback(state, volume)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A workstation without the component."""
    lay_out(tmp_path)
    shutil.rmtree(tmp_path / OURS)
    return tmp_path


@pytest.mark.parametrize("inside", ["", "bin", "deeper/still"])
@pytest.mark.parametrize(
    ("begin", "back"), [(half_installed, recovered), (install, rolled_back)], ids=["recover a cut run", "roll a finished one back"]
)
def test_a_socket_in_a_folder_that_was_not_there_does_not_keep_it(
    begin: Callable[[Path], str], back: Callable[[Path], TransactionResult], inside: str, bare: Path
) -> None:
    before = fingerprint(bare)
    begin(bare)
    folder = bare / OURS / inside
    folder.mkdir(parents=True, exist_ok=True)
    with bound(folder):
        assert [problem.ref for problem in back(bare).problems] == []
    assert differences(fingerprint(bare), before) == ()
    assert not (bare / OURS).exists()


def test_a_socket_in_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    lay_out(tmp_path)
    install(tmp_path)
    before = fingerprint(tmp_path)
    half_installed(tmp_path)
    with bound(tmp_path / OURS) as place, bound(tmp_path / "usr/local") as beside:
        assert recovered(tmp_path).outcome == "rolled-back"
        assert stat.S_ISSOCK(place.lstat().st_mode)
        assert stat.S_ISSOCK(beside.lstat().st_mode)
        found = {path: entry for path, entry in fingerprint(tmp_path).items() if not path.endswith(place.name)}
        assert differences(found, before) == ()


@pytest.mark.parametrize("path", ["", "doc", "doc/lisez moi.txt", "current"])
def test_a_socket_in_the_place_of_what_was_there_gives_way(path: str, tmp_path: Path) -> None:
    lay_out(tmp_path)
    before = fingerprint(tmp_path)
    half_installed(tmp_path)
    place = tmp_path / OURS / path
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    with bound(place.parent, place.name):
        assert recovered(tmp_path).outcome == "rolled-back"
    assert differences(fingerprint(tmp_path), before) == ()


def test_a_folder_with_a_socket_in_the_place_of_a_file_gives_way(tmp_path: Path) -> None:
    lay_out(tmp_path)
    before = fingerprint(tmp_path)
    half_installed(tmp_path)
    place = tmp_path / OURS / "galss.conf"
    place.unlink(missing_ok=True)
    place.mkdir(parents=True)
    with bound(place):
        assert recovered(tmp_path).outcome == "rolled-back"
    assert differences(fingerprint(tmp_path), before) == ()
