"""A link in the place of a system folder (homes on a second disk): refused with nothing touched, or gone all the way, never stuck."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from lab.stage_fixtures import materials, stage
from lab.worlds import WORLDS, MacWorld, OfflineWorld

if TYPE_CHECKING:
    from lab.stage import Stage
    from lab.worlds import World

pytestmark = pytest.mark.unmeasured

__all__ = ["materials", "stage"]
# the folders whose file systems a barrier brings to the disk
FOLDERS = ("Library", "private", "Users", "Applications", "usr/local")
UNINSTALL = ("--accept", "dependents.present", "uninstall", "--all")


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest, stage: Stage) -> World:
    return WORLDS[request.param](stage)


def put_behind_a_link(world: World, folder: str) -> None:
    """Move a folder to another place of the volume and leave a link, as for homes on a second disk."""
    shutil.move(world.root / folder, world.root / "elsewhere")
    (world.root / folder).symlink_to("../" * folder.count("/") + "elsewhere")


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("command", [("install",), UNINSTALL], ids=["install", "uninstall"])
def test_a_change_is_refused_or_done_whole(world: World, folder: str, command: tuple[str, ...]) -> None:
    put_behind_a_link(world, folder)
    before = world.fingerprint()
    given = (world.package("good"),) if command == ("install",) else ()
    answer = world.run("--json", "--yes", *command, *given)
    assert answer.code in {0, 10}, answer.out[-2000:]
    if answer.code == 0:
        assert world.run("--json", "--yes", "rollback").code == 0
    assert world.fingerprint() == before
    assert world.run("--json", "recover").code == (10 if folder == "Library" else 0), "the state folder itself lies behind that one"


@pytest.mark.parametrize("dangling", [False, True])
def test_homes_on_another_disk_stop_nothing_on_a_volume(stage: Stage, *, dangling: bool) -> None:
    """Every change once ended 21 there, and the program stayed locked until the link was gone."""
    world = OfflineWorld(stage)
    put_behind_a_link(world, "Users")
    if dangling:
        shutil.rmtree(world.root / "elsewhere")
    before = world.fingerprint()
    for command in (("check",), ("rehearse",), ("--yes", "install")):
        answer = world.run("--json", *command, world.package("good"))
        assert answer.code == 0, (command, answer.out[-2000:])
    assert world.run("--json", "--yes", "rollback").code == 0
    assert world.run("--json", "--yes", *UNINSTALL).code == 0
    assert world.run("--json", "--yes", "rollback").code == 0
    assert world.fingerprint() == before


def test_homes_behind_a_link_are_a_refusal_where_the_vendors_installer_may_write_into_them(stage: Stage) -> None:
    """A running Mac names its homes itself, its installer follows links, and what lies behind one cannot be kept."""
    world = MacWorld(stage)
    put_behind_a_link(world, "Users")
    before = world.fingerprint()
    answer = world.run("--json", "--yes", "install", world.package("good"))
    assert (answer.code, answer.json["errors"][0]["ref"]) == (10, "volume.link-in-the-way")
    assert world.fingerprint() == before


def test_a_run_that_was_cut_off_there_is_brought_back(stage: Stage) -> None:
    world = OfflineWorld(stage)
    put_behind_a_link(world, "Users")
    before = world.fingerprint()
    world.run_killed(world.known.steps["early"], "--yes", "install", world.package("good"))
    assert world.fingerprint() != before
    assert world.run("--json", "recover").code == 0
    assert world.fingerprint() == before


def test_homes_that_move_after_the_change_do_not_keep_it_from_being_undone(stage: Stage) -> None:
    world = OfflineWorld(stage)
    before = world.fingerprint()
    assert world.run("--json", "--yes", "install", world.package("good")).code == 0
    put_behind_a_link(world, "Users")
    assert world.run("--json", "--yes", "rollback").code == 0
    (world.root / "Users").unlink()
    shutil.move(world.root / "elsewhere", world.root / "Users")
    assert world.fingerprint() == before
