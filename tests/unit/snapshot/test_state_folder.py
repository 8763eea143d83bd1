from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import default_state_path, open_state
from atsam_safe.words.model import PrivilegesError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def refusal(root: Path, *, create: bool = True) -> tuple[str, str | None]:
    with pytest.raises(RefusedError) as caught:
        open_state(root, create=create)
    problem = caught.value.problems[0]
    return problem.ref, problem.params.get("reason")


def test_the_folder_is_private_and_laid_out(tmp_path: Path) -> None:
    with open_state(tmp_path) as state:
        assert state.path == default_state_path(tmp_path)
    place = default_state_path(tmp_path)
    assert oct(place.stat().st_mode & 0o777) == oct(0o700)
    assert sorted(item.name for item in place.iterdir()) == ["format", "history", "objects", "run", "snapshots"]
    assert (place / "format").read_bytes() == b"atsam-safe state 1\n"
    with open_state(tmp_path, create=False):
        pass


def test_reading_makes_nothing(tmp_path: Path) -> None:
    assert refusal(tmp_path, create=False)[0] == "state.missing"
    assert list(tmp_path.iterdir()) == []


def newer(place: Path) -> None:
    (place / "format").write_bytes(b"atsam-safe state 2\n")


def no_format(place: Path) -> None:
    (place / "format").unlink()
    (place / "objects" / "aa").mkdir()


def garbage(place: Path) -> None:
    (place / "format").write_bytes(b"\0" * 19)


def huge(place: Path) -> None:
    (place / "format").write_bytes(b"x" * 1_000_000)


def folder_missing(place: Path) -> None:
    (place / "objects").rmdir()


def folder_link(place: Path) -> None:
    (place / "objects").rmdir()
    (place / "objects").symlink_to("/tmp")


def format_link(place: Path) -> None:
    (place / "format").rename(place / "real")
    (place / "format").symlink_to("real")


def open_to_others(place: Path) -> None:
    place.chmod(0o755)


def replaced_by_link(place: Path) -> None:
    place.rename(place.with_name("real"))
    place.symlink_to("real")


def parent_link(place: Path) -> None:
    place.parent.rename(place.parent.with_name("real"))
    place.parent.symlink_to("real")


def parent_writable(place: Path) -> None:
    place.parent.chmod(0o777)


DAMAGES: dict[Callable[[Path], None], tuple[str, str | None]] = {
    newer: ("state.unknown-format", None),
    no_format: ("state.damaged", "format"),
    garbage: ("state.damaged", "format"),
    huge: ("state.damaged", "format"),
    folder_missing: ("state.damaged", "objects"),
    folder_link: ("state.unsafe", "link"),
    format_link: ("state.unsafe", "link"),
    open_to_others: ("state.unsafe", "writable"),
    replaced_by_link: ("state.unsafe", "link"),
    parent_link: ("state.unsafe", "link"),
    parent_writable: ("state.unsafe", "writable"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_trusted_is_refused_and_left_alone(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    open_state(tmp_path).close()
    damage(default_state_path(tmp_path))
    before = sorted(str(item) for item in tmp_path.rglob("*"))
    assert refusal(tmp_path) == DAMAGES[damage]
    assert refusal(tmp_path, create=False) == DAMAGES[damage]
    assert sorted(str(item) for item in tmp_path.rglob("*")) == before


@pytest.mark.needs("root")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    open_state(tmp_path).close()
    os.chown(default_state_path(tmp_path), 12345, 12345)
    assert refusal(tmp_path) == ("state.unsafe", "owner")


@pytest.mark.needs("root")
def test_an_administrators_folder_needs_an_administrator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_state(tmp_path).close()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(PrivilegesError) as caught:
        open_state(tmp_path, create=False)
    assert caught.value.problems[0].ref == "privileges.missing"


def test_a_killed_first_start_is_taken_up(tmp_path: Path) -> None:
    place = default_state_path(tmp_path)
    place.mkdir(parents=True, mode=0o700)
    (place / "objects").mkdir(mode=0o700)
    (place / ".atsam-safe-0123456789abcdef.tmp").write_bytes(b"half")
    with open_state(tmp_path) as state:
        assert state.files.exists("/format")


def test_another_place_is_possible_but_never_a_link(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with open_state(tmp_path / "root", tmp_path / "elsewhere") as state:
        assert state.path == tmp_path / "elsewhere"
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError) as caught:
        open_state(tmp_path / "root", tmp_path / "link")
    assert caught.value.problems[0].ref == "state.unsafe"


def test_a_chosen_place_that_is_refused_is_left_without_a_trace(tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    with pytest.raises(RefusedError) as caught:
        open_state(tmp_path, open_folder / "deep" / "state")
    assert caught.value.problems[0].ref == "state.unsafe"
    assert list(open_folder.iterdir()) == []


@pytest.mark.parametrize("place", ["file/state", "file/deep/state", "n" * 300 + "/state"])
def test_a_place_where_no_folder_can_be_made_is_a_refusal_not_a_failed_run(tmp_path: Path, place: str) -> None:
    """It once ended 20, “failed and rolled back”, although nothing had begun."""
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RefusedError) as caught:
        open_state(tmp_path, tmp_path / place)
    assert caught.value.problems[0].ref == "state.cannot-be-made"
    assert caught.value.exit_code == 10
