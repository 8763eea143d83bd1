"""What a recovery found on a running Mac is files alone: whoever goes back to it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.stage_fixtures import materials, stage
from lab.worlds import MacWorld

if TYPE_CHECKING:
    from lab.stage import Stage

__all__ = ["materials", "stage"]


def test_going_back_to_what_a_recovery_found_says_that_only_files_went_back(stage: Stage) -> None:
    mac = MacWorld(stage)
    mac.run_killed(mac.known.steps["early"], "--yes", "install", mac.package("good"))
    recovered = mac.run("--json", "recover")
    assert recovered.code == 0
    found = recovered.json["data"]["found"]
    answer = mac.run("--json", "--yes", "rollback", found)
    assert (answer.code, answer.json["data"]["transaction"]["outcome"]) == (0, "committed")
    assert [notice["ref"] for notice in answer.json["notices"]] == ["dependents.present", "snapshot.files-only"]
    back = mac.run("--json", "--yes", "rollback")
    assert (back.code, [notice["ref"] for notice in back.json["notices"]]) == (0, ["dependents.present"])
