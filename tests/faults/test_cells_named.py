"""The table of faults names tests and kinds that exist: a row whose test went away would promise what nobody does."""

from __future__ import annotations

import re
from pathlib import Path

from faults.blackouts import STORIES
from faults.hostile import KINDS, ODDITIES
from faults.scene import SCENARIOS
from faults.test_store_damage import DAMAGES

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "fault-cells.md").read_text(encoding="utf-8")


def test_every_test_that_is_named_exists() -> None:
    files = {path.name: path for path in (PROJECT / "tests").rglob("*.*")}
    named = re.findall(r"`([a-z_]+\.(?:py|c))(?:::(\w+))?`", PAGE)
    assert len(named) > 50
    for file, function in named:
        assert file in files, file
        assert not function or f"def {function}(" in files[file].read_text(encoding="utf-8"), function
    for folder in re.findall(r"`(tests/[a-z/]+)`", PAGE):
        assert (PROJECT / folder).is_dir(), folder


def test_every_kind_and_scenario_that_is_named_exists() -> None:
    known = {*KINDS, *ODDITIES, *(scenario.name for scenario in SCENARIOS), *(story.name for story in STORIES), *DAMAGES}
    named = re.findall(r"“([^”]+)”", PAGE)
    assert len(named) > 50
    for name in named:
        stem = name.removesuffix("…").strip()
        assert any(one == name or (name.endswith("…") and one.startswith(stem)) for one in known), name


def test_every_row_of_the_plan_is_there() -> None:
    for number in range(1, 13):
        assert f"F{number} " in PAGE
    for step in (*(f"S{number}" for number in range(16)), "R1–R6", "C1–C3"):
        assert re.search(rf"\b{step}\b", PAGE), step
    assert f"{len(DAMAGES)} kinds" in PAGE
