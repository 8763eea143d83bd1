"""The measuring: what is timed, what memory is counted, and that a promise can be missed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from scripts.bench_measure import Case, Outcome, Run, UnexpectedEnd, Work, measure, run_once, table

PROJECT: Final = Path(__file__).resolve().parents[3]


def python(code: str, codes: frozenset[int] = frozenset({0})) -> Work:
    return Work("python", ((sys.executable, "-I", "-S", "-c", code),), codes=codes)


MEMORY = """
import sys
from pathlib import Path
from scripts.bench_measure import Work, run_once
for code in ("pass", "x = b'x' * (200 << 20)"):
    print(run_once(Work("python", ((sys.executable, "-I", "-S", "-c", code),)), Path(sys.argv[1])).mebibytes)
"""


def test_memory_of_the_measured_process_is_seen(tmp_path: Path) -> None:
    # A process starts with the size of the one that started it on its account, and a process that runs tests may be of any size.
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "out")]
    answer = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60)
    small, large = map(float, answer.stdout.split())
    assert small < 100
    assert 200 < large < 300


def test_a_command_that_fails_is_not_a_measurement(tmp_path: Path) -> None:
    with pytest.raises(UnexpectedEnd, match="ended with 3"):
        run_once(python("raise SystemExit(3)"), tmp_path / "out")
    run_once(python("raise SystemExit(3)", codes=frozenset({3})), tmp_path / "out")


def test_seconds_that_a_command_states_itself_are_kept_beside_its_own(tmp_path: Path) -> None:
    run = run_once(python("print('0.125')"), tmp_path / "out")
    assert run.inner_seconds == 0.125
    assert run.seconds != 0.125


def test_preparation_is_done_before_every_run_and_both_sides_take_turns(tmp_path: Path) -> None:
    calls: list[str] = []

    def noted(name: str) -> Work:
        return Work(name, ((sys.executable, "-I", "-S", "-c", ""),), prepare=lambda: calls.append(name))

    outcome = measure(Case("x", noted("ours"), noted("peer"), 2.0), 2, tmp_path / "out")
    assert calls == ["ours", "peer", "ours", "peer", "peer", "ours"]
    assert (len(outcome.ours), len(outcome.peer)) == (2, 2)


def outcome(ours: float, peer: float, *, limit: float = 2.0, mebibytes: float = 10.0, inner: bool = False) -> Outcome:
    case = Case("x", python(""), python(""), limit, inner=inner)
    return Outcome(case, (Run(ours, mebibytes, ours / 10, 3 * ours),), (Run(peer, 1.0, peer, peer),))


def test_processor_time_is_that_of_the_processes_not_of_the_clock(tmp_path: Path) -> None:
    idle = run_once(python("import time; time.sleep(0.5)"), tmp_path / "out")
    busy = run_once(python("import time\nwhile time.process_time() < 0.5: pass"), tmp_path / "out")
    assert idle.processor_seconds < 0.4
    assert busy.processor_seconds >= 0.5
    assert outcome(2.0, 1.0).processor_ratio == 6.0


@pytest.mark.parametrize(
    ("measured", "kept"),
    [
        (outcome(2.0, 1.0), True),
        (outcome(2.1, 1.0), False),
        (outcome(1.0, 1.0, mebibytes=81.0), False),
        (outcome(15.0, 1.0, inner=True), True),
    ],
)
def test_a_promise_is_about_time_and_memory(measured: Outcome, *, kept: bool) -> None:
    assert measured.kept is kept
    assert ("**missed**" in table([measured])) is not kept
