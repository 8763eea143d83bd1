"""A next step is copied as it stands: the commands in it act on the workstation that the command line named, and on no other."""

from __future__ import annotations

import shlex

import pytest

from atsam_safe.report.blocks import Line
from atsam_safe.report.plain import render
from atsam_safe.report.recovered import FOUND_KEPT
from atsam_safe.words.model import Problem
from atsam_safe.words.registry import all_references
from atsam_safe.words.translate import commands_with, explain, phrase

ROOT = "/Volumes/Mojave du cabinet"
GIVEN = f"--root '{ROOT}'"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "« atsam-safe recover »"),
        ({"root": "rec"}, "« atsam-safe --root rec recover »"),
        ({"root": ROOT}, f"« atsam-safe {GIVEN} recover »"),
        ({"state_dir": "/Volumes/USB", "manifests": "essai"}, "« atsam-safe --state-dir /Volumes/USB --manifests essai recover »"),
        ({"root": "-odd"}, "« atsam-safe --root=-odd recover »"),
    ],
)
def test_the_options_that_select_go_along(options: dict[str, str], expected: str) -> None:
    given = {"root": None, "state_dir": None, "manifests": None, **options}
    problem = Problem(ref="state.interrupted-run", params={"run": "7", "command": "install", "snapshot": "1"})
    plain = explain(problem, "fr").next
    with commands_with(**given):
        assert explain(problem, "fr").next == plain.replace("« atsam-safe recover »", expected)
    assert explain(problem, "fr").next == plain


def test_every_sentence_carries_them_and_only_what_runs_elsewhere_does_not() -> None:
    without: set[str] = set()
    for reference in all_references().values():
        for language in ("fr", "en"):
            problem = Problem(ref=reference.ref, params={"command": "check", "close": "status"})
            before = explain(problem, language).next
            with commands_with(root=ROOT, state_dir=None, manifests=None):
                after = explain(problem, language).next
            assert after.replace(f" {GIVEN}", "") == before
            for opened in ("“atsam-safe ", "« atsam-safe "):
                without |= {named.split("”")[0].split(" »")[0] for named in after.split(opened)[1:] if not named.startswith(GIVEN)}
    assert without <= {
        "--help",
        "check --help",
        "cards doctor",
        "cards doctor --challenge",
        "cards realign",
        "facts --json",
        "verify --card",
    }


def test_phrases_carry_them_too() -> None:
    with commands_with(root="rec", state_dir=None, manifests=None):
        assert "« atsam-safe --root rec rollback 7 »" in phrase(FOUND_KEPT, "fr", snapshot="7")


@pytest.mark.parametrize("lead", range(0, 120, 7))
def test_a_command_with_options_is_never_cut_in_two(lead: int) -> None:
    command = f"atsam-safe {GIVEN} recover"
    assert shlex.split(command)[2] == ROOT
    text = f"{'mot ' * (lead // 4)}Lancez « {command} », puis continuez."
    assert any(f"« {command} »" in line for line in render([Line(text, 1)]).splitlines())
