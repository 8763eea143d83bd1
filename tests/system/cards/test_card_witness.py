from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.cli.arguments import GlobalOptions
from atsam_safe.cli.card_witness import CardWitness
from atsam_safe.cli.session import Session
from atsam_safe.facts.model import Facts, OperatingSystem
from atsam_safe.snapshot.state import open_state
from lab.card import virtual_card as plastic
from lab.card.requests import cps

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from .conftest import Desk

FACTS = Facts(adapter="lab", os=OperatingSystem(family="linux"))


def witness(folder: Path) -> CardWitness:
    open_state(folder, folder / "state").close()
    return CardWitness(Session(GlobalOptions(state_dir=str(folder / "state"), yes=True), "fr"), load_catalogue(), folder / "state")


def test_a_chain_that_was_broken_before_and_stays_so_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.readers("Lecteur")
    desk.insert(plastic.ATR_CPS3, cps())
    card = witness(tmp_path)
    card.look_before(FACTS)
    verdict = card.look_after(FACTS, restart_needed=False)
    assert not verdict.rollback
    assert [problem.ref for problem in verdict.others] == ["middleware.absent"]
    rungs = {rung["id"]: rung["outcome"] for rung in verdict.data["rungs"]}
    assert rungs["association"] == "pass"


def test_a_service_we_broke_calls_for_going_back(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atsam_safe.cli.card_witness.SETTLE_SECONDS", 0.5)
    daemon = desk.readers("Lecteur")
    card = witness(tmp_path)
    card.look_before(FACTS)
    daemon.kill()
    verdict = card.look_after(FACTS, restart_needed=False)
    assert verdict.rollback
    assert [problem.ref for problem in verdict.problems] == ["cards.service-down"]
    assert not card.look_after(FACTS, restart_needed=True).rollback


def test_a_card_taken_out_during_the_installation_is_only_told(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atsam_safe.cli.card_witness.SETTLE_SECONDS", 0.5)
    desk.readers("Lecteur")
    plastic_card = desk.insert(plastic.ATR_CPS3, cps())
    card = witness(tmp_path)
    card.look_before(FACTS)
    desk.remove(plastic_card)
    verdict = card.look_after(FACTS, restart_needed=False)
    assert not verdict.rollback
    rungs = {rung["id"]: rung["outcome"] for rung in verdict.data["rungs"]}
    assert rungs["card"] == "not-checked"
