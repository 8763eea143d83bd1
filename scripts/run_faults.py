"""The fault matrix: real kills, failing calls, signals and modelled power cuts on all cores. Run by ``scripts/faults``.

Ends 0 only when no cell is red.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plumbum import RETCODE, local

PROJECT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "src")]

from faults import campaign  # noqa: E402 - found by the lines above
from faults.matrix import Figures, load_json, render  # noqa: E402
from faults.scene import made_scene  # noqa: E402
from lab.heard_signals import hear_signals  # noqa: E402

if TYPE_CHECKING:
    from faults.blackouts import Loss, Wrong
    from faults.cells import Result
    from faults.matrix import Barrier, Blackouts

DOCUMENT: Final = PROJECT / "docs" / "fault-matrix.md"
KEPT: Final = PROJECT / ".faults"
SHOWN: Final = 25
EVERY: Final = 20.0  # seconds
FLOORS: Final = {"fast": {"kills": 500}, "full": {"kills": 2000, "failing calls": 1000}}
SIGNAL_BASE: Final = 128


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every kill point, and write docs/fault-matrix.md (up to 45 minutes)")
    parser.add_argument("--seed", type=int, help="which places, errors, crash states, and their order (default: new each time, printed)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cells, power cuts and barriers whose name or group contains TEXT")
    parser.add_argument("--no-power", action="store_true", help="no power cuts")
    parser.add_argument("--fuzz", type=float, metavar="MINUTES", help="only fuzz the readers, for so long")
    parser.add_argument(
        "--mutants", nargs="*", metavar="MODULE", help="only make mutants of the rooms that must not be wrong, or of these modules of them"
    )
    return parser.parse_args()


class Progress:
    """Says how far a phase is, and what is red the moment it is found."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._told = 0.0

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._started

    def say(self, text: str) -> None:
        """A line with the time."""
        print(f"{text} after {self.seconds:.0f} s", flush=True)

    def step(self, what: str, done: int, count: int) -> None:
        """Say it at the end and not oftener than every few seconds."""
        if done == count or self.seconds - self._told > EVERY:
            self._told = self.seconds
            self.say(f"  {what}: {done} / {count}")


def run(chosen: argparse.Namespace) -> Figures:
    """Everything, in order: cells first, power cuts then."""
    seed = secrets.randbelow(1_000_000) if chosen.seed is None else chosen.seed
    selection = campaign.FULL if chosen.full else campaign.FAST
    progress = Progress()
    print(f"faults: {selection.name}, seed {seed}, {os.cpu_count()} cores", flush=True)
    with made_scene() as scene:
        # a crash state or a barrier that was named needs no cells, and no scene for them
        named = chosen.only.startswith(("power cut", "barrier "))
        prepared = {} if named else campaign.prepare_all(scene)
        cells = campaign.choose(prepared, selection, seed)
        cells = [cell for cell in cells if chosen.only in cell.name or chosen.only == cell.group]
        progress.say(f"{len(cells)} cells, prepared")

        def report(number: int, result: Result) -> None:
            for wrong in result.violations:
                print(f"RED {result.cell}: {wrong.invariant}: {wrong.detail}", flush=True)
            if not result.hit:
                print(f"NOT MET {result.cell}", flush=True)
            progress.step("cells", number + 1, len(cells))

        results = campaign.run_cells(scene, prepared, cells, report=report) if cells else []
        blackouts, barriers = _power(chosen, scene.folder, selection.name, seed, progress)
    return Figures(
        selection=selection.name,
        seed=seed,
        seconds=progress.seconds,
        possible={name: len(item.calls) for name, item in prepared.items()},
        looks={name: len(item.looks) for name, item in prepared.items()},
        results=results,
        blackouts=blackouts,
        barriers=barriers,
        other=[(str(name), str(figure)) for name, figure in load_json(KEPT / "other.json").items()],
        mutants=load_json(KEPT / "mutants.json"),
    )


def _power(
    chosen: argparse.Namespace, folder: Path, selection: str, seed: int, progress: Progress
) -> tuple[list[Blackouts], list[Barrier]]:
    """Power cuts and barriers: those that are named, or those of the selection."""
    if chosen.no_power:
        return [], []

    def cut(done: int, count: int, wrong: list[tuple[Loss, Wrong]]) -> None:
        for loss, found in wrong:
            print(f"RED {loss.name}: {found.text}", flush=True)
        progress.step("power cuts", done, count)

    def taken(done: int, count: int, barrier: Barrier) -> None:
        if barrier.is_unseen:
            print(f"RED barrier {barrier.site}: no crash state shows that it is missing", flush=True)
        progress.step("barriers", done, count)

    # whatever is named is looked for among all there are
    extent = campaign.CUTS["full" if chosen.only else selection]
    blackouts = campaign.run_blackouts(folder, extent=extent, seed=seed, only=chosen.only, report=cut)
    return blackouts, campaign.run_barriers(folder, seed, only=chosen.only, report=taken)


def _script(name: str, *arguments: str) -> int:
    """Run another script of this folder in a process of its own, its words going where ours go."""
    code: int = local[sys.executable][str(PROJECT / "scripts" / name), *arguments] & RETCODE(FG=True)
    return code


def shortfall(figures: Figures) -> list[str]:
    """What a whole run has to reach and did not."""
    return [
        f"{figures.met(group)} {group}, at least {least} are due"
        for group, least in FLOORS[figures.selection].items()
        if figures.met(group) < least
    ]


def main() -> int:
    """Run what was asked for and say how it went: 0 nothing red, 1 something red or too little done, 2 nothing of that name."""
    hear_signals()
    # ended by a signal, everything made for the run goes as well
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(SIGNAL_BASE + signal.SIGTERM))
    chosen = arguments()
    if chosen.fuzz is not None:
        return _script("fuzz_readers.py", str(chosen.fuzz))
    if chosen.mutants is not None:
        return _script("mutants.py", *chosen.mutants)
    figures = run(chosen)
    states = sum(item.states for item in figures.blackouts)
    if not (figures.results or states or figures.barriers):
        print(f"faults: no cell, power cut or barrier has “{chosen.only}” in its name", file=sys.stderr)
        return 2
    KEPT.mkdir(exist_ok=True)
    report = DOCUMENT if chosen.full and not chosen.only else KEPT / "last-run.md"
    report.write_text(render(figures), encoding="utf-8")
    for group, (hit, cells) in figures.groups.items():
        print(f"  {group}: {hit} of {cells} hit")
    missing = [] if chosen.only else shortfall(figures)
    for line in (*figures.red[:SHOWN], *missing):
        print(f"RED {line}")
    print(
        f"faults: {figures.met('kills')} kill points, {figures.met('failing calls')} failing-call points, {len(figures.results)} cells, "
        f"{states} power cuts, {len(figures.barriers)} barriers taken away; false successes {figures.false_successes}, "
        f"red {len(figures.red) + len(missing)}; seed {figures.seed}, {figures.seconds:.0f} s"
    )
    return 1 if figures.red or missing else 0


if __name__ == "__main__":
    sys.exit(main())
