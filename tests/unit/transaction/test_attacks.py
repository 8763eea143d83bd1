"""Somebody puts links in the way between two looks: nothing is followed, nothing outside changes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import open_state, scope_digest
from atsam_safe.transaction import recover, run_transaction
from atsam_safe.volume import Volume
from lab.heart import FOLDER, NoPackages, PlainWorkstation, install_plan, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAN = install_plan()


def digest(root: Path) -> str:
    with Volume(root) as volume:
        return scope_digest(volume, PLAN.scope)


def swap_for_link(place: Path, outside: Path) -> None:
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.exists():
        shutil.rmtree(place)
    place.symlink_to(outside)


PLACES: dict[str, Callable[[Path], Path]] = {
    "component": lambda root: root / FOLDER[1:],
    "below": lambda root: root / FOLDER[1:] / "doc",
    "configuration": lambda root: root / "Library/Preferences/galss.ini",
    "new file": lambda root: root / "Library/Preferences/new.ini",
}


@pytest.mark.parametrize("step", range(5))
@pytest.mark.parametrize("name", PLACES)
def test_a_link_that_appears_during_the_run_is_never_followed(tmp_path: Path, name: str, step: int) -> None:
    root = tmp_path / "root"
    root.mkdir()
    lay_out(root)
    outside = tmp_path / "outside"
    outside.mkdir()
    for child in ("libgalss.dylib", "galss.conf", "keep"):
        (outside / child).write_bytes(b"outside")
    before = digest(root)

    def attack(number: int) -> None:
        if number == step:
            PLACES[name](root).parent.mkdir(parents=True, exist_ok=True)
            swap_for_link(PLACES[name](root), outside)
        if number == 4:
            raise RuntimeError

    with open_state(root) as state:
        result = run_transaction(PLAN, workstation=PlainWorkstation(root, attack), packages=NoPackages(), state=state)
        assert result.outcome == "rolled-back"
        assert digest(root) == before
        with Volume(root) as volume:
            assert recover(state, volume).outcome == "nothing-to-do"
    assert {child.name: child.read_bytes() for child in outside.iterdir()} == dict.fromkeys(
        ("libgalss.dylib", "galss.conf", "keep"), b"outside"
    )


def test_a_link_above_the_scope_stops_the_way_back_until_it_is_gone(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    lay_out(root)
    before = digest(root)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "galss").mkdir()
    (outside / "galss" / "keep").write_bytes(b"outside")

    def attack(number: int) -> None:
        if number == 3:
            (root / "usr/local").rename(root / "usr/real")
            (root / "usr/local").symlink_to(outside)
            raise RuntimeError

    with open_state(root) as state, Volume(root) as volume:
        result = run_transaction(PLAN, workstation=PlainWorkstation(root, attack), packages=NoPackages(), state=state)
        assert result.outcome == "broken"
        assert "volume.link-in-the-way" in {problem.ref for problem in result.problems}
        assert (outside / "galss" / "keep").read_bytes() == b"outside"
        assert recover(state, volume).outcome == "broken"
        (root / "usr/local").unlink()
        (root / "usr/real").rename(root / "usr/local")
        assert recover(state, volume).outcome == "rolled-back"
    assert digest(root) == before
    assert [child.name for child in outside.iterdir()] == ["galss"]


@pytest.mark.parametrize("place", ["run/staging", "run/reserve", "run/restoring", "objects/.atsam-safe-0123456789abcdef.tmp"])
def test_links_planted_in_the_state_folder_are_removed_not_followed(tmp_path: Path, place: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    lay_out(root)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_bytes(b"outside")
    with open_state(root) as state:
        (state.path / place).symlink_to(outside)
        result = run_transaction(PLAN, workstation=PlainWorkstation(root), packages=NoPackages(), state=state)
    assert result.outcome == "committed"
    assert [child.name for child in outside.iterdir()] == ["keep"]
