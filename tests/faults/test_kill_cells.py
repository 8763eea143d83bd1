"""A few cells of each group as tests, so that the machinery of ``scripts/faults`` is itself tested; and the whole program in a terminal."""

from __future__ import annotations

import collections
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from faults.campaign import FAST, FULL, choose, run_cells
from faults.cells import ERRORS, FAMILIES
from faults.child import STRACE
from faults.fingerprint import fingerprint
from faults.matrix import Figures, render
from faults.oracle import Oracle, States
from faults.scene import INSTALL, Prepared, Scene

pytestmark = [pytest.mark.slow, pytest.mark.needs("strace", "gcc")]
PROJECT = Path(__file__).parents[2]


@pytest.mark.repeated
def test_some_cells_of_each_group(scene: Scene, prepared: dict[str, Prepared]) -> None:
    seed = 7
    cells = choose(prepared, FAST, seed)
    groups = sorted({cell.group for cell in cells})
    chosen = [[cell for cell in cells if cell.group == group][place] for group in groups for place in (0, -1)]
    results = run_cells(scene, prepared, chosen, workers=1)
    assert [(result.cell, result.violations) for result in results if result.violations] == []
    assert sum(result.hit for result in results) >= len(chosen) * 3 // 4
    assert {result.reached[1] for result in results} <= {"before", "after"}
    figures = Figures(
        selection="test",
        seed=seed,
        seconds=1.0,
        possible={name: len(item.calls) for name, item in prepared.items()},
        results=results,
        blackouts=[],
        barriers=[],
        other=[],
        mutants={},
    )
    assert "| cells known red | 0 |" in render(figures)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_fast_selection_is_wide_enough(prepared: dict[str, Prepared], seed: int) -> None:
    cells = choose(prepared, FAST, seed)
    assert sum(cell.group == "kills" for cell in cells) >= 500
    records = {(cell.scenario, cell.call.record) for cell in cells if cell.call.record is not None}
    assert len(records) >= 30


def test_a_seed_chooses_the_same_cells_again_and_another_one_others(prepared: dict[str, Prepared]) -> None:
    one, again, other = ([cell.name for cell in choose(prepared, FAST, seed)] for seed in (1, 1, 2))
    assert one == again
    assert len(set(one) & set(other)) < len(one) // 2


def test_the_full_selection_lets_every_call_fail_and_every_error_happen(prepared: dict[str, Prepared]) -> None:
    cells = [cell for cell in choose(prepared, FULL, 1) if cell.group == "failing calls"]
    for name, item in prepared.items():
        assert {cell.call for cell in cells if cell.scenario == name} == set(item.calls)
    met = collections.Counter((FAMILIES.get(cell.call.name, "marking"), cell.fault, cell.sticky) for cell in cells)
    present = {FAMILIES.get(cell.call.name, "marking") for cell in cells}
    for family in present:
        for error in ERRORS[family]:
            assert met[family, f"error={error}", False] >= 3, (family, error)
            assert met[family, f"error={error}", True] >= 3, (family, error)


def command(scene: Scene, root: Path) -> list[str]:
    words = [word.format(**scene.packages) for word in INSTALL]
    return [sys.executable, "-m", "atsam_safe", "--manifests", str(scene.folder / "catalogue"), "--root", str(root), "--json", *words]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "LC_ALL": "C.UTF-8"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("part", [0.2, 0.45])
def test_the_whole_program_as_a_process(scene: Scene, prepared: dict[str, Prepared], tmp_path: Path, number: int, part: float) -> None:
    """Nothing warm, nothing forked: the program as it is installed, met by a signal at one system call."""
    item = prepared["install over a damaged set"]
    root = scene.fresh("damaged", tmp_path)
    oracle = Oracle(root, item.states)
    calls = [call for call in item.calls if call.name == "fchmod"]
    call = calls[int(len(calls) * part)]
    trace = ["-e", "trace=fchmod", "-e", f"inject=fchmod:signal={int(number)}:when={call.number}", "-e", "signal=none"]
    traced = [STRACE, "-qq", "-f", "-o", "/dev/null", *trace, *command(scene, root)]
    done = subprocess.run(
        traced,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    if number == signal.SIGKILL:
        assert done.returncode in {-signal.SIGKILL, 128 + signal.SIGKILL}
    else:
        assert done.returncode in {128 + number, -number}
        assert "Traceback" not in done.stderr
        assert item.states.name(fingerprint(root)) in {"before", "after"}
    oracle.judge_between(tmp_path)
    first = scene.run(root, ("recover",))
    between = fingerprint(root)
    oracle.judge_recovery(first, scene.run(root, ("recover",)), between)
    oracle.judge_end()
    oracle.judge_residue()
    assert oracle.violations == []


@pytest.mark.parametrize("seconds", [0.2, 0.5, 0.8])
def test_a_closed_terminal(scene: Scene, prepared: dict[str, Prepared], tmp_path: Path, seconds: float) -> None:
    """A real terminal that goes away under the program: the kernel sends the signal, and nobody can read any answer."""
    item = prepared["install over a damaged set"]
    root = scene.fresh("damaged", tmp_path)
    master, slave = pty.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    running = subprocess.Popen(command(scene, root), stdin=slave, stdout=slave, stderr=slave, env=environment(), preexec_fn=take_terminal)  # noqa: PLW1509 - the only way to give a child its terminal
    os.close(slave)
    time.sleep(seconds)
    os.close(master)
    try:
        code = running.wait(60)
    finally:
        running.kill()
        running.wait()
    # 10: the terminal could not be written to any more before anything had been touched, and the signal was yet to come
    assert code in {0, 1, 10, 128 + signal.SIGHUP, -signal.SIGHUP}
    oracle = Oracle(root, States(before=item.states.before, after=item.states.after))
    name = oracle.judge_end()
    assert name == "after" or code != 0
    assert name == "before" or code != 10
    first = scene.run(root, ("recover",))
    oracle.judge_recovery(first, scene.run(root, ("recover",)), fingerprint(root))
    oracle.judge_residue()
    assert oracle.violations == []
