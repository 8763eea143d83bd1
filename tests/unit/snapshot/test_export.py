"""An export into a folder of somebody else, who exchanges things there while it is written: nothing of it goes anywhere else."""

from __future__ import annotations

import os
import shutil
import tarfile
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import SnapshotStore, open_state
from atsam_safe.transaction.target import default_target
from atsam_safe.volume import primitives
from atsam_safe.volume.scratch_folder import MARK
from atsam_safe.words.model import RefusedError, WorkstationError
from lab.heart_runs import failing_install, install, prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SnapshotStore]:
    root, _ = prepared(tmp_path, install)
    with open_state(root) as state:
        yield SnapshotStore(state)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "somebody"
    folder.mkdir()
    return folder


@pytest.fixture
def protected(tmp_path: Path) -> Path:
    """What he cannot write to, and would like to be written to for him."""
    folder = tmp_path / "protected"
    (folder / "copy/objects").mkdir(parents=True)
    (folder / "precious").write_bytes(b"x")
    folder.chmod(0o700)
    return folder


def seen(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path.relative_to(folder)), path.lstat().st_mtime_ns) for path in (folder, *folder.rglob("*")))


def exchange(place: Path, put: Callable[[Path], None]) -> None:
    """Put something else in the place of the folder that the export makes."""
    made = next(place.glob(".copy*.pending-*"))
    made.rename(place / "moved away")
    put(made)


def once(action: Callable[[], None], operation: Callable[..., object], *, after: bool = False) -> Callable[..., object]:
    """``operation``, with ``action`` before or after its first call."""
    left = [action]

    def wrapped(*arguments: object) -> object:
        if not after and left:
            left.pop()()
        result = operation(*arguments)
        if after and left:
            left.pop()()
        return result

    return wrapped


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_a_link_in_the_place_of_the_folder_is_not_written_through(
    store: SnapshotStore, place: Path, protected: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = seen(protected)
    swap = once(lambda: exchange(place, lambda made: made.symlink_to(protected)), primitives.create_file)
    monkeypatch.setattr(primitives, "create_file", swap)
    store.export(store.identifiers()[0], place / name)
    assert seen(protected) == before
    assert (place / name).exists()
    assert list((place / "moved away").iterdir()) == []
    if name == "copy":
        assert (place / "copy/snapshots" / store.identifiers()[0] / "restore.sh").stat().st_mode & 0o777 == 0o700
    else:
        with tarfile.open(place / name) as archive:
            assert f"{store.identifiers()[0]}/latest" in archive.getnames()


@pytest.mark.parametrize("put", ["link", "folder"])
def test_what_was_exchanged_before_it_was_opened_is_neither_used_nor_emptied(
    store: SnapshotStore, place: Path, protected: Path, monkeypatch: pytest.MonkeyPatch, put: str
) -> None:
    """A folder of the administrator's own that lies in the same place can be given the name: an earlier export, say."""
    before = seen(protected)

    def lay(made: Path) -> None:
        if put == "link":
            made.symlink_to(protected)
        else:
            shutil.copytree(protected, made)
            made.chmod(0o700)

    swap = once(lambda: exchange(place, lay), primitives.make_directory, after=True)
    monkeypatch.setattr(primitives, "make_directory", swap)
    with pytest.raises(RefusedError) as caught:
        store.export(store.identifiers()[0], place / "copy")
    assert caught.value.problems[0].ref in {"volume.link-in-the-way", "volume.not-a-folder"}
    assert seen(protected) == before
    left = next(place.glob(".copy.pending-*"))
    assert (left / "precious").read_bytes() == b"x"
    assert not (left / MARK).exists()


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_what_appears_in_its_place_meanwhile_is_not_replaced(
    store: SnapshotStore, place: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(primitives, "create_file", once((place / name).touch, primitives.create_file))
    with pytest.raises(RefusedError) as caught:
        store.export(store.identifiers()[0], place / name)
    assert caught.value.problems[0].ref == "snapshot.export-exists"
    assert [path.name for path in place.iterdir()] == [name]
    assert (place / name).read_bytes() == b""


def test_a_copy_that_the_disk_does_not_confirm_is_not_left_as_one(
    store: SnapshotStore, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = primitives.sync_file

    def refuses(fd: int) -> None:
        if os.path.samestat(os.fstat(fd), place.stat()):
            raise OSError(5, os.strerror(5))
        sync(fd)

    monkeypatch.setattr(primitives, "sync_file", refuses)
    with pytest.raises(WorkstationError):
        store.export(store.identifiers()[0], place / "copy")
    assert list(place.iterdir()) == []


def test_a_copy_used_as_a_store_knows_what_its_run_did(store: SnapshotStore, place: Path, tmp_path: Path) -> None:
    """The way back without a number passes over later runs that changed nothing, and leads to before the one of the copy."""
    identifier = store.latest() or ""
    copy = store.export(identifier, place / "copy")
    root = tmp_path / "template"
    shutil.rmtree(store.state.path)
    shutil.copytree(copy, store.state.path)
    failing_install(root)
    with open_state(root) as state:
        kept = SnapshotStore(state)
        assert kept.latest() != identifier
        assert default_target(kept) == identifier


def test_a_journal_that_cannot_be_read_keeps_no_copy_from_being_made(store: SnapshotStore, place: Path) -> None:
    (journal,) = (store.state.path / "history").iterdir()
    journal.unlink()
    journal.mkdir()
    copy = store.export(store.latest() or "", place / "copy")
    assert (copy / "history" / journal.name).read_bytes() == b""
    assert (copy / "snapshots").is_dir()
