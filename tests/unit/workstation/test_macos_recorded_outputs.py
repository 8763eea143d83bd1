"""Every parser of the macOS adapter against the outputs on record, by release and locale; a new output is one more case."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.workstation.commands import CommandOutcome

FIXTURES = Path(__file__).parents[2] / "fixtures" / "macos"
GRADES = {"real", "apple-source", "manual", "stand-in", "inferred"}


def _recorded() -> list[Any]:
    cases: list[Any] = []
    for file in sorted(FIXTURES.glob("*.json")):
        record = json.loads(file.read_text(encoding="utf-8"))
        cases.extend(pytest.param(record["parser"], case, id=f"{file.stem}-{case['id']}") for case in record["cases"])
    return cases


def _parser(name: str) -> Any:  # noqa: ANN401 - parsers return whatever their probe means
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def _outcome(case: dict[str, Any]) -> CommandOutcome:
    return CommandOutcome(
        argv=("/usr/bin/recorded",),
        status=case["status"],
        out=case.get("out", "").encode(),
        err=case.get("err", "").encode(),
    )


@pytest.mark.parametrize(("parser", "case"), _recorded())
def test_recorded_output_is_understood(parser: str, case: dict[str, Any]) -> None:
    assert case["grade"] in GRADES
    assert case["source"]
    value = _parser(parser)(_outcome(case))
    assert json.loads(msgspec.json.encode(value)) == case["expected"]


PARSERS = sorted({json.loads(file.read_text(encoding="utf-8"))["parser"] for file in FIXTURES.glob("*.json")})


@pytest.mark.parametrize("parser", PARSERS)
@given(status=st.none() | st.integers(0, 255), out=st.binary(max_size=400), err=st.binary(max_size=100))
def test_no_output_whatever_makes_a_parser_raise(parser: str, status: int | None, out: bytes, err: bytes) -> None:
    _parser(parser)(CommandOutcome(argv=("/usr/bin/any",), status=status, out=out, err=err))


def test_every_parser_has_a_recorded_output() -> None:
    rooms = ("system", "receipts", "installer", "launchd", "security", "people", "smartcards", "trust")
    named = {
        f"atsam_safe.workstation.macos.{room}:{name}"
        for room in rooms
        for name in vars(importlib.import_module(f"atsam_safe.workstation.macos.{room}"))
        if name.startswith("parse_") and name != "parse_progress"
    }
    assert named == set(PARSERS)
