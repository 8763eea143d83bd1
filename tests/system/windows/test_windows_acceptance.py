"""The script for a real Windows, run to its end in one of the laboratory: what it finds wrong is what Wine gets wrong, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab.windows.practice import Practice

pytestmark = [pytest.mark.wine, pytest.mark.system, pytest.mark.slow]

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/windows-acceptance"
# Wine has no smart-card service and no junctions, few programs run in it, and its msiexec knows other codes and no log.
OF_WINE = (
    "the smart card service can be asked",
    "running programs are known by their path",
    "a package that is not there answers 1619",
    "a broken package answers 1620",
    "the log begins with the mark of UTF-16",
    "a junction is never gone through",
)


def test_the_acceptance_of_a_real_windows_runs_to_its_end_and_leaves_nothing(practice: Practice, tmp_path: Path) -> None:
    practice.reset()
    before = practice.files() | practice.beyond()
    done = practice.windows.python(practice.windows.path(SCRIPT), practice.windows.path(tmp_path), limit=200)
    (report,) = tmp_path.iterdir()
    lines = report.read_text(encoding="utf-8").splitlines()
    assert done.out.splitlines() == lines, done.err
    assert done.status == 11
    differing = [line.removeprefix("[DIFFERS] ").partition(" -> ")[0] for line in lines if line.startswith("[DIFFERS] ")]
    assert set(differing) <= set(OF_WINE), lines
    assert "[OK] nothing of this script is left -> False" in lines
    assert len(lines) == 27
    assert practice.files() | practice.beyond() == before
