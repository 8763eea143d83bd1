"""The coverage floors: a room below its floor, and a room that nobody measured, are both found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from scripts.coverage_floors import main, percentages, shortfalls

if TYPE_CHECKING:
    from pathlib import Path


def report(**rooms: tuple[int, int]) -> dict[str, Any]:
    """A coverage report with ``room=(covered, possible)``."""
    return {
        "files": {
            f"src/atsam_safe/{room}/x.py": {"summary": {"covered_lines": covered, "num_statements": possible}}
            for room, (covered, possible) in rooms.items()
        }
    }


WHOLE = {"guard": (100, 100), "snapshot": (96, 100), "transaction": (95, 100)}


def test_a_program_above_every_floor_passes() -> None:
    assert shortfalls(report(**WHOLE, words=(90, 100))) == []


def test_branches_count_like_lines() -> None:
    summary = {"covered_lines": 10, "num_statements": 10, "covered_branches": 0, "num_branches": 10}
    assert percentages({"files": {"/x/atsam_safe/guard/a.py": {"summary": summary}}}) == {"guard": 50.0, "all": 50.0}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"transaction": (91, 100)}, "transaction"),
        ({"snapshot": (0, 100)}, "snapshot"),
        ({"words": (89, 100)}, "words"),
    ],
)
def test_a_room_below_its_floor_is_named(change: dict[str, tuple[int, int]], named: str) -> None:
    assert any(sentence.startswith(f"{named}:") for sentence in shortfalls(report(**{**WHOLE, **change})))


def test_a_room_with_a_floor_that_was_not_measured_is_named() -> None:
    assert shortfalls(report(guard=(1, 1), snapshot=(1, 1))) == ["transaction: not in the report"]


def test_a_file_outside_the_program_does_not_count() -> None:
    assert percentages({"files": {"tests/unit/x.py": {"summary": {"covered_lines": 1, "num_statements": 1}}}}) == {}


def test_the_exit_status_follows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps(report(**WHOLE)))
    assert main([str(path)]) == 0
    path.write_text(json.dumps(report(**{**WHOLE, "guard": (1, 100)})))
    assert main([str(path)]) == 1
    assert "below its floor: guard: 1.0 %" in capsys.readouterr().out
