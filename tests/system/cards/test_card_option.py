"""``status``, ``verify`` and ``facts`` with ``--card``: the same ladder, on a system that has an observer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

from atsam_safe.cli.arguments import GlobalOptions
from atsam_safe.cli.session import Session
from atsam_safe.facts.model import Facts, OperatingSystem
from atsam_safe.report.json_form import problem_value
from atsam_safe.report.text_form import blocks
from lab.card import virtual_card as plastic
from lab.card.requests import cps, workstation_request

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.words.model import Language
    from lab.stage import Stage

    from .conftest import Desk

FACTS = Facts(adapter="lab", os=OperatingSystem(family="macos", version="10.14.6"))


@pytest.mark.parametrize("command", ["status", "verify", "facts"])
def test_the_ladder_is_added_when_it_is_asked_for(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    desk.readers("Lecteur")
    desk.insert(plastic.ATR_CPS3, cps())
    module = importlib.import_module(f"atsam_safe.cli.commands.{command}")
    # Linux has no observer of its own: the facts are given, everything about the card is real.
    monkeypatch.setattr(module, "facts_of", lambda *_, **__: FACTS)
    session = Session(GlobalOptions(state_dir=str(tmp_path / "state"), yes=True), "fr")
    plain = module.run(session)
    assert "card" not in plain.data
    result = module.run(session, card=True)
    rungs = {rung["id"]: rung["outcome"] for rung in result.data["card"]["rungs"]}
    assert (rungs["card"], rungs["application"], rungs["middleware"]) == ("pass", "pass", "fail")
    if command == "facts":
        assert (plain.data["facts"]["cards"], list(result.data["facts"]["cards"])) == (None, ["CPS3"])
    told = [problem.ref for problem in (*result.problems, *result.notices)]
    assert "middleware.absent" in told
    assert all(problem_value(problem, "fr")["what"] for problem in result.problems)
    shown = repr(blocks(result, "fr"))
    assert ("Bibliothèque de carte des composants" in shown) is (command != "facts")
    assert "26000123" not in repr(result) + shown


@pytest.mark.parametrize("command", ["status", "verify", "facts"])
def test_a_volume_that_does_not_run_has_no_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    module = importlib.import_module(f"atsam_safe.cli.commands.{command}")
    monkeypatch.setattr(module, "facts_of", lambda *_, **__: FACTS)
    result = module.run(Session(GlobalOptions(root=str(tmp_path)), "fr"), card=True)
    assert "card" not in result.data
    assert "card.not-checkable-offline" in [problem.ref for problem in result.notices]


@pytest.mark.parametrize("command", ["status", "verify"])
@pytest.mark.parametrize(
    ("language", "verdict", "advice"),
    [
        ("fr", "Rien n’est en panne, mais la carte CPS n’a pas pu être contrôlée jusqu’au bout.", "Insérez la carte CPS"),
        ("en", "Nothing is broken, but the CPS card could not be checked to the end.", "Insert the CPS card"),
    ],
)
def test_a_card_that_is_not_in_the_reader_is_said_and_not_only_left_out(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, language: Language, verdict: str, advice: str
) -> None:
    desk.readers("Lecteur")
    module = importlib.import_module(f"atsam_safe.cli.commands.{command}")
    monkeypatch.setattr(module, "facts_of", lambda *_, **__: FACTS)
    request = workstation_request(tmp_path, cps_reader="Lecteur 00 00", vitale_reader="Lecteur 00 01")
    monkeypatch.setattr("atsam_safe.cli.commands.cards.request_of", lambda *_: request)
    result = module.run(Session(GlobalOptions(state_dir=str(tmp_path / "state"), yes=True, lang=language), language), card=True)
    assert result.data["card"]["verdict"] == "not-proven"
    shown = repr(blocks(result, language))
    assert verdict in shown
    assert advice in shown


@pytest.mark.parametrize("command", ["status", "verify"])
def test_that_a_volume_has_no_card_to_check_is_said_once(stage: Stage, command: str) -> None:
    told = stage.run(*stage.on, "--lang", "fr", command, "--card")
    assert told.out.count("La carte CPS ne peut pas être contrôlée sur un disque qui n’est pas démarré.") == 1
