"""Nothing is left out in silence: a missing tool fails where everything must run, and no test skips in a way of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab import conditions
from lab.conditions import CONDITIONS, Condition, missing

TESTS = Path(__file__).parents[2]
OWN_WAYS = re.compile(r"skipif|pytest\.skip\(|importorskip|skipTest|xfail")
NAMED = re.compile(r"mark\.needs\(([^)]*)\)")


def absent(*, installed: bool) -> Condition:
    return Condition(met=lambda: False, words="not here", installed=installed)


@pytest.mark.parametrize("where", ["everything must run", "elsewhere"])
def test_a_missing_tool_is_a_failure_only_where_everything_must_run(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    required = where == "everything must run"
    monkeypatch.setattr(conditions, "REQUIRED", required)
    monkeypatch.setitem(CONDITIONS, "tool", absent(installed=True))
    monkeypatch.setitem(CONDITIONS, "right", absent(installed=False))
    assert missing(("tool",)) == ("not here", required)
    assert missing(("right",)) == ("not here", False)
    assert missing(("right", "tool")) == ("not here; not here", required)
    assert missing(()) is None


def test_every_condition_that_is_named_is_known() -> None:
    lists = [names for path in TESTS.rglob("*.py") for names in NAMED.findall(path.read_text(encoding="utf-8"))]
    named = {name for names in lists for name in re.findall(r'"([^"]+)"', names)}
    assert named <= set(CONDITIONS)
    assert {"strace", "gcc", "faketime", "root", "mounts", "loop devices"} <= named


def test_no_test_skips_in_a_way_of_its_own() -> None:
    allowed = {TESTS / "conftest.py", Path(__file__)}
    found = [path.name for path in TESTS.rglob("*.py") if path not in allowed and OWN_WAYS.search(path.read_text(encoding="utf-8"))]
    assert found == []
