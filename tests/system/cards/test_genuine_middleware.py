"""The genuine national middleware against the virtual CPS: only where a person names it with ``CPS_PKCS11_MODULE``.

It is never part of the repository. Run these in a private mount namespace over /etc/opt and /var/opt: it writes caches and logs there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from atsam_safe.cards.observe import run_ladder
from lab.card import virtual_card as plastic
from lab.card.requests import certificates, cps, middleware_rule, workstation_request
from lab.card.virtual_card import NoApplication

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Desk

READERS = ("Lecteur CPS 00 00", "Lecteur Vitale 00 00")


def _rule() -> object:
    from pathlib import Path  # noqa: PLC0415 - the variable exists only when these tests run

    return middleware_rule(Path(os.environ["CPS_PKCS11_MODULE"]), manufacturers=("ANS",), releases=())


def test_the_whole_ladder_on_the_genuine_middleware(desk: Desk, tmp_path: Path) -> None:
    desk.readers("Lecteur CPS", "Lecteur Vitale")
    desk.insert(plastic.ATR_CPS3, cps(serial="26000321", label="CPS3v1-2600032145"))
    desk.insert(plastic.ATR_VITALE_2, NoApplication(), reader=1)
    request = workstation_request(tmp_path, cps_reader=READERS[0], vitale_reader=READERS[1], middleware=_rule())
    report = run_ladder(request)
    assert [rung.id for rung in report.rungs if rung.outcome not in {"pass", "not-applicable"}] == []


def test_its_own_cache_is_seen_through(desk: Desk, tmp_path: Path) -> None:
    desk.readers("Lecteur CPS", "Lecteur Vitale")
    request = workstation_request(tmp_path, cps_reader=READERS[0], vitale_reader=READERS[1], middleware=_rule())
    first = desk.insert(plastic.ATR_CPS3, cps(serial="26000654", label="CPS3v1-2600065445"))
    assert run_ladder(request).rung("certificates").outcome == "pass"
    desk.remove(first)
    desk.insert(plastic.ATR_CPS3, cps(serial="26000654", label="CPS3v1-2600065445", certificates=certificates(last_day=700)))
    refs = {problem.ref for problem in run_ladder(request).rung("certificates").problems}
    assert refs == {"cards.certificate-cached"}


def test_it_sends_nothing_to_a_vitale(desk: Desk, tmp_path: Path) -> None:
    desk.readers("Lecteur CPS", "Lecteur Vitale")
    vitale = NoApplication()
    desk.insert(plastic.ATR_VITALE_2, vitale, reader=1)
    run_ladder(workstation_request(tmp_path, cps_reader=READERS[0], vitale_reader=READERS[1], middleware=_rule()))
    assert vitale.commands == []
