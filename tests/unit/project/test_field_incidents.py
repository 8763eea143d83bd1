"""The table of field incidents: every number once, and every file and test it names exists."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
TABLE = PROJECT / "docs/field-incidents.md"
ROW = re.compile(r"^\| (\d{3}) \| (.+) \| (applies|partly|windows|not applicable) \| (.+) \|$")
NAMED = re.compile(r"`((?:tests|src)/[^`:]+\.py)(?:::(\w+))?`")
COUNT = 93


def rows() -> list[tuple[str, str, str, str]]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if re.match(r"\| \d", line)]
    matches = [ROW.match(line) for line in lines]
    assert None not in matches, [line for line, match in zip(lines, matches, strict=True) if match is None]
    return [(match[1], match[2], match[3], match[4]) for match in matches if match is not None]


def test_every_incident_is_there_once() -> None:
    assert [number for number, *_ in rows()] == [f"{number:03d}" for number in range(1, COUNT + 1)]


def test_every_file_and_test_that_is_named_exists() -> None:
    missing = []
    for number, _rule, _verdict, where in rows():
        for file, test in NAMED.findall(where):
            path = PROJECT / file
            if not path.is_file() or (test and f"def {test}(" not in path.read_text(encoding="utf-8")):
                missing.append((number, file, test))
    assert missing == []


def test_what_applies_is_held_by_a_test_and_the_rest_says_why() -> None:
    for number, rule, verdict, where in rows():
        assert len(rule) > 20, number
        if verdict == "applies":
            assert "`tests/" in where or "`src/" in where, number
        if verdict == "not applicable":
            assert len(where) > 30, number
