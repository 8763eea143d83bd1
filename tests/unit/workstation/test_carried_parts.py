"""What a genuine build carries beside the unit: it goes on, comes back off, and what nobody knows needs a person's word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.stage_fixtures import materials, stage
from lab.worlds import MacWorld, OfflineWorld

if TYPE_CHECKING:
    from lab.stage import Answer, Stage

    World = MacWorld | OfflineWorld

pytestmark = pytest.mark.unmeasured

__all__ = ["materials", "stage"]

DIAGAM = "Applications/DiagAM.app/Contents/MacOS/DiagAM"
AMELIPRO = "Applications/amelipro connect.app/Contents/Info.plist"
UNKNOWN = "Applications/Autre.app/Contents/MacOS/Autre"
ACCEPT = ("--accept", "package.unknown-part")


@pytest.fixture(params=[OfflineWorld, MacWorld], ids=["offline", "mac"])
def world(request: pytest.FixtureRequest, stage: Stage) -> World:
    made: World = request.param(stage)
    return made


def refs(answer: Answer) -> set[str]:
    return {problem["ref"] for problem in answer.json["errors"]}


def test_the_whole_bundle_is_installed_verified_and_taken_back(world: World) -> None:
    before = world.fingerprint()
    inspected = world.run("--json", "inspect", world.package("whole.pkg")).json["data"]["packages"][0]
    assert inspected["build"] == {"id": "atsam-macos-4.41", "bundle": "atsam-macos-4.41"}
    answer = world.run("--json", "--yes", "install", world.package("whole.pkg"))
    assert answer.code == 0, answer.out[-3000:]
    assert (world.root / DIAGAM).is_file()
    assert (world.root / AMELIPRO).is_file()
    assert world.run("--json", "verify").code == 0
    assert world.run("--json", "--yes", "rollback").code == 0
    assert world.fingerprint() == before


def test_a_part_nobody_knows_refuses_until_a_person_accepts_it(world: World) -> None:
    before = world.fingerprint()
    refused = world.run("--json", "--yes", "install", world.package("odd.pkg"))
    assert (refused.code, refs(refused)) == (10, {"package.unknown-part"})
    assert world.fingerprint() == before
    answer = world.run("--json", "--yes", *ACCEPT, "install", world.package("odd.pkg"))
    assert answer.code == 0, answer.out[-3000:]
    # this program leaves it out; the system's own installer does not, and the way back takes it away
    assert (world.root / UNKNOWN).is_file() is isinstance(world, MacWorld)
    assert world.run("--json", "--yes", "rollback").code == 0
    assert world.fingerprint() == before


def test_what_the_package_itself_leaves_out_is_not_missed(world: World) -> None:
    inspected = world.run("--json", "inspect", world.package("choosing.pkg")).json["data"]["packages"][0]
    assert {part["component"]: part["selection"] for part in inspected["components"]}["diagam"] == "left-out"
    assert "fr.sesamvitale.diagAM.pkg" in world.run("inspect", world.package("choosing.pkg")).out
    before = world.fingerprint()
    answer = world.run("--json", "--yes", "install", world.package("choosing.pkg"))
    assert answer.code == 0, answer.out[-3000:]
    assert answer.json["data"]["plan"]["left_out"] == ["DiagAM 2.01.19"]
    assert "package.left-out" in {problem["ref"] for problem in answer.json["notices"]}
    assert not (world.root / "Applications/DiagAM.app").exists()
    assert (world.root / AMELIPRO).is_file()
    assert world.run("--json", "verify").code == 0
    assert world.run("--json", "--yes", "rollback").code == 0
    assert world.fingerprint() == before


def test_a_component_under_its_second_identifier_is_verified_like_any_other(world: World) -> None:
    before = world.fingerprint()
    answer = world.run("--json", "--yes", "install", world.package("renamed.pkg"))
    assert answer.code == 0, answer.out[-3000:]
    status = world.run("--json", "status").json["data"]
    assert (status["bundle"], status["fit"]) == ("atsam-macos-4.41", True)
    assert world.run("--json", "--yes", "rollback").code == 0
    assert world.fingerprint() == before
