from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from atsam_safe.catalogue.errors import CatalogueError
from atsam_safe.catalogue.load import embedded_folder, load_catalogue, read_manifests


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(embedded_folder(), tmp_path / "manifests"))


def test_another_folder_is_named_as_the_origin(folder: Path) -> None:
    catalogue = load_catalogue(folder)
    assert catalogue.origin == str(folder)
    assert not catalogue.embedded
    assert catalogue.digest == load_catalogue().digest
    assert load_catalogue().embedded


@pytest.mark.parametrize("name", [".DS_Store", "components/.galss.toml.swp"])
def test_hidden_files_are_passed_over(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\0")
    assert load_catalogue(folder).digest == load_catalogue().digest


@pytest.mark.parametrize("name", ["README", "galss.toml", "components/notes.txt", "more/os.toml"])
def test_other_files_are_refused(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")
    with pytest.raises(CatalogueError):
        load_catalogue(folder)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(tmp_path / "nowhere")
    assert caught.value.problems[0].ref == "manifests.unreadable"
    assert caught.value.problems[0].params["folder"] == str(tmp_path / "nowhere")


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(tmp_path / "file")
    assert caught.value.problems[0].ref == "manifests.unreadable"


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(tmp_path)
    assert caught.value.problems[0].ref == "manifests.unreadable"


@pytest.mark.parametrize("make", ["folder", "pipe", "dangling link"])
def test_only_regular_files_are_manifests_and_nothing_waits(folder: Path, make: str) -> None:
    target = folder / "os.toml"
    target.unlink()
    if make == "folder":
        target.mkdir()
    elif make == "pipe":
        os.mkfifo(target)
    else:
        target.symlink_to("nowhere")
    with pytest.raises(CatalogueError):
        load_catalogue(folder)


def test_a_huge_file_is_refused_without_being_read_whole(folder: Path) -> None:
    with (folder / "os.toml").open("ab") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(folder)
    assert caught.value.problems[1].ref == "manifests.too-large"


def test_too_many_files_are_refused_before_they_are_read(folder: Path) -> None:
    for number in range(100):
        (folder / "components" / f"c{number}.toml").write_bytes(b"")
    with pytest.raises(CatalogueError):
        read_manifests(folder)


def test_a_fresh_look_gives_the_same_catalogue() -> None:
    assert load_catalogue(fresh=True) == load_catalogue()
