"""Removing snapshots is a change like any other: what goes is shown, and nobody's way back goes without a yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab.stage import Stage

RUNS = 4


@pytest.fixture
def kept(stage: Stage) -> list[str]:
    """A workstation with as many snapshots as runs, newest first."""
    for _ in range(RUNS):
        assert stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg")).code == 0
    return there(stage)


def there(stage: Stage) -> list[str]:
    return [item["id"] for item in stage.run(*stage.on, "--json", "snapshots", "list").json["data"]["snapshots"]]


def test_nobody_to_ask_is_no_yes(stage: Stage, kept: list[str]) -> None:
    answer = stage.run(*stage.on, "--json", "snapshots", "prune", "--keep", "2")
    assert (answer.code, [error["ref"] for error in answer.json["errors"]]) == (2, ["usage.consent-needed"])
    assert [item["id"] for item in answer.json["data"]["plan"]["remove"]] == [kept[2]]
    assert there(stage) == kept
    assert kept[2] in answer.err, "whoever reads the refusal shall know what --yes would remove"


@pytest.mark.parametrize(("typed", "code"), [("non\n", 2), ("\n", 2), ("oui\n", 0)])
def test_what_goes_is_shown_and_asked(stage: Stage, kept: list[str], typed: str, code: int) -> None:
    answer = stage.run(*stage.on, "--lang", "fr", "snapshots", "prune", "--keep", "2", stdin=typed)
    assert answer.code == code
    row = next(line for line in answer.err.splitlines() if kept[2] in line)
    assert "/2" in row, "the date"
    assert "o" in row.split()[-1], "the size"
    assert "avant le tout premier changement" in " ".join(answer.err.split())
    assert there(stage) == (kept if code else [*kept[:2], kept[3]])


def test_what_is_kept_beyond_is_told_with_its_reason(stage: Stage, kept: list[str]) -> None:
    asked = (*stage.on, "--yes", "snapshots", "prune", "--keep", "2")
    answer = stage.run("--json", *asked)
    assert answer.json["data"]["prune"]["kept_beyond"] == [{"id": kept[3], "because": "first"}]
    shown = stage.run("--lang", "en", *asked).out
    assert f"Kept besides: {kept[3]}, because it is the state before the very first change of this workstation." in " ".join(shown.split())


def test_nothing_to_remove_asks_nothing(stage: Stage, kept: list[str]) -> None:
    assert stage.run(*stage.on, "snapshots", "prune", "--keep", "9").code == 0
    assert there(stage) == kept


@pytest.mark.parametrize("action", ["check", "prune"])
def test_without_any_snapshot_there_is_nothing_to_do_and_no_refusal(stage: Stage, action: str) -> None:
    answer = stage.run(*stage.on, "--lang", "fr", "snapshots", action)
    assert answer.code == 0
    assert "Il n’y a pas encore de sauvegarde" in answer.out
    assert stage.run(*stage.on, "--json", "snapshots", action).json["data"][action]
