from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from atsam_safe.cards.model import CardError
from atsam_safe.cards.observe import run_ladder
from atsam_safe.cards.readers import list_slots
from lab.card.requests import workstation_request

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def _no_binding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workstation on which the PC/SC binding was not installed."""
    monkeypatch.setitem(sys.modules, "smartcard", None)


@pytest.mark.usefixtures("_no_binding")
def test_without_the_binding_it_is_said_at_once_and_not_waited_for() -> None:
    with pytest.raises(CardError) as caught:
        list_slots((), settle_seconds=30)
    assert caught.value.problems[0].ref == "cards.support-missing"


@pytest.mark.usefixtures("_no_binding")
def test_without_the_binding_the_card_is_not_checked_and_the_rest_is(tmp_path: Path) -> None:
    request = workstation_request(tmp_path, cps_reader="A", vitale_reader="B", middleware=None)
    (tmp_path / "galss.ini").write_bytes(b"")
    report = run_ladder(request)
    outcomes = {rung.id: rung.outcome for rung in report.rungs}
    assert outcomes["service"] == "not-checked"
    assert outcomes["configuration"] == "fail"
    assert {outcomes[name] for name in ("readers", "card", "application", "token", "certificates", "code", "sharing")} == {"not-checked"}
