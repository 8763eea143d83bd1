"""The production adapter unchanged, its commands found in the laboratory instead of in ``/usr``: every command a real process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.worlds import MacWorld

if TYPE_CHECKING:
    from lab.stage import Stage

pytestmark = pytest.mark.slow


def test_an_installation_and_its_rollback_through_real_processes(stage: Stage) -> None:
    mac = MacWorld(stage, executables=True)
    before = mac.fingerprint()
    answer = mac.run("--json", "--yes", "install", mac.package("good"))
    assert answer.code == 0, answer.out[-3000:]
    assert mac.mac.lab.read()["home_told"] == "/Users/docteur"
    assert mac.run("--json", "--yes", "rollback").code == 0
    assert mac.fingerprint() == before
