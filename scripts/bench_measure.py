"""Timing of whole processes against a peer: alternating order, medians, processor time, peak memory, and a table of ratios.

A process is measured from its start to its reaping, its memory by the kernel's own account of that process and its children (the largest
single one), its processor time likewise. What has to be laid out before a run, or thrown away after it, is not timed.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from plumbum import local

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MEMORY_LIMIT_MIB: Final = 80.0
READY: Final = "ready-4.json"
"""Written last among the inputs; the number changes with what ``bench_inputs`` makes."""
UNPROMISED: Final = math.inf
"""The limit of a case that is shown for comparison only."""


def nothing() -> None:
    """Prepare nothing."""


class Work(NamedTuple):
    """One thing to run: ``commands`` one after another, ``prepare`` before each run, and the exit codes that mean it was done."""

    label: str
    commands: tuple[tuple[str, ...], ...]
    prepare: Callable[[], None] = nothing
    codes: frozenset[int] = frozenset({0})


class Case(NamedTuple):
    """Ours against a peer, with the ratio that was promised.

    ``inner``: ours prints the seconds of the operation itself as its last line; the ratio is taken from these, and the whole process is
    shown besides. The promise is about an operation inside a running install, not about starting Python.
    """

    name: str
    ours: Work
    peer: Work
    limit: float
    inner: bool = False
    remark: str = ""


class Run(NamedTuple):
    """One measured run: seconds, peak MiB, the seconds it stated itself (or the same seconds), and processor seconds of all its threads."""

    seconds: float
    mebibytes: float
    inner_seconds: float
    processor_seconds: float


class Outcome(NamedTuple):
    """Everything measured for one case."""

    case: Case
    ours: tuple[Run, ...]
    peer: tuple[Run, ...]

    @property
    def ratio(self) -> float:
        """Median of ours over median of the peer."""
        return statistics.median(self.times(self.ours)) / statistics.median(self.times(self.peer))

    @property
    def processor_ratio(self) -> float:
        """The same of processor time, whole processes: what a busy machine changes least."""
        return statistics.median(run.processor_seconds for run in self.ours) / statistics.median(run.processor_seconds for run in self.peer)

    @property
    def peer_peak(self) -> float:
        """Most memory that any run of the peer took, in MiB."""
        return max(run.mebibytes for run in self.peer)

    @property
    def peak(self) -> float:
        """Most memory that any of our runs took, in MiB."""
        return max(run.mebibytes for run in self.ours)

    @property
    def kept(self) -> bool:
        """Whether the promised ratio and the memory limit were reached."""
        return self.ratio <= self.case.limit and self.peak <= MEMORY_LIMIT_MIB

    def times(self, runs: Sequence[Run]) -> list[float]:
        """The seconds that count for the promise."""
        return [run.inner_seconds if self.case.inner else run.seconds for run in runs]


class UnexpectedEnd(Exception):  # noqa: N818 - says what happened
    """A measured command did not do its work: its times mean nothing."""


def run_once(work: Work, output: Path) -> Run:
    """Run ``work`` once. Raises ``UnexpectedEnd`` when a command ends with a code that it must not."""
    work.prepare()
    peak = processor = 0.0
    started = time.perf_counter()
    for command in work.commands:
        with output.open("wb") as stream:
            process = local[command[0]].popen(list(command[1:]), stdin=None, stdout=stream, stderr=stream)
            _, status, usage = os.wait4(int(process.pid or 0), 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in work.codes:
            raise UnexpectedEnd(f"{' '.join(command)} ended with {process.returncode}:\n{output.read_text(errors='replace')[-2000:]}")
        peak = max(peak, usage.ru_maxrss / 1024)  # Linux counts in KiB
        processor += usage.ru_utime + usage.ru_stime
    seconds = time.perf_counter() - started
    return Run(seconds, peak, stated_seconds(output) or seconds, processor)


def stated_seconds(output: Path) -> float | None:
    """The number on the last line of what a command printed, or ``None``."""
    lines = output.read_text(errors="replace").splitlines()
    try:
        return float(lines[-1])
    except (IndexError, ValueError):
        return None


def measure(case: Case, runs: int, output: Path) -> Outcome:
    """Both sides ``runs`` times after one warm-up, in turn, each being first in every second pair: drift of the machine hits both alike."""
    run_once(case.ours, output)
    run_once(case.peer, output)
    ours: list[Run] = []
    peer: list[Run] = []
    for number in range(runs):
        order = (case.ours, ours), (case.peer, peer)
        for work, results in order if number % 2 == 0 else reversed(order):
            results.append(run_once(work, output))
    return Outcome(case, tuple(ours), tuple(peer))


def seconds(value: float) -> str:
    """A duration with three significant digits."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def spread(values: Sequence[float]) -> str:
    """Median, and the extremes beside it."""
    return f"{seconds(statistics.median(values))} ({seconds(min(values))}-{seconds(max(values))})"


def promise(case: Case) -> str:
    """The promised ratio, or a dash."""
    return "–" if case.limit == UNPROMISED else f"≤ {case.limit:g}"


def table(outcomes: Sequence[Outcome]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| what | ours | peer | ratio | promised | ratio of processor time | peak memory, peer's | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        case = outcome.case
        ours = spread(outcome.times(outcome.ours))
        if case.inner:
            ours += f", whole process {seconds(statistics.median([run.seconds for run in outcome.ours]))}"
        peer = f"{case.peer.label}: {spread(outcome.times(outcome.peer))}"
        verdict = ("–" if case.limit == UNPROMISED else "kept") if outcome.kept else "**missed**"
        memory = f"{outcome.peak:.0f} MiB, {outcome.peer_peak:.0f} MiB"
        figures = (case.name, ours, peer, f"{outcome.ratio:.2f}", promise(case), f"{outcome.processor_ratio:.2f}", memory, verdict)
        lines.append(f"| {' | '.join(figures)} |")
    return "\n".join(lines) + "\n"
