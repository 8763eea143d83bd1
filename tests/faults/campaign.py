"""Runs many cells on all cores, each worker a warm fork of one parent; keeps every result."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import multiprocessing
import multiprocessing.pool
import multiprocessing.queues
import os
import pickle
import random
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from faults.blackouts import ELSEWHERE, HARMLESS, STORIES, Loss, Wrong, first_red, losses, record, survey
from faults.cells import (
    Cell,
    Result,
    double_cells,
    failing_cells,
    interrupted_cells,
    kill_cells,
    looking_cells,
    run_cell,
    script_cells,
    short_cells,
    signal_cells,
)
from faults.child import die_with
from faults.matrix import Barrier, Blackouts
from faults.oracle import Violation
from faults.scene import SCENARIOS, Prepared, Scenario, Scene, kept_materials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CHUNK: Final = 40
_SHARED: dict[str, object] = {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """How much is run. Strides: every n-th place; ``looks``: so many of each scenario."""

    name: str
    kills: int
    doubles: tuple[int, int]
    signals: int
    failing: int
    short: int
    interrupted: int
    script_every: int
    scripts: int
    looks: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extent:
    """How many power cuts: every ``stride``-th moment, ``seeds`` random choices each, at most ``limit`` per story."""

    stride: int
    seeds: int
    limit: int | None = None


FAST: Final = Selection(
    name="fast", kills=8, doubles=(97, 110), signals=90, failing=40, short=23, interrupted=67, script_every=8, scripts=60, looks=4
)
FULL: Final = Selection(
    name="full", kills=1, doubles=(30, 50), signals=15, failing=1, short=1, interrupted=5, script_every=8, scripts=3, looks=88
)
CUTS: Final = {"fast": Extent(stride=1000, seeds=1, limit=150), "full": Extent(stride=1, seeds=3)}
RECOVERIES: Final = frozenset({"recover", "recover a rollback"})
# a kill of these is followed by a recovery worth killing, too
DOUBLED: Final = frozenset({"install over a damaged set", "uninstall", "rollback"})


def prepare_all(scene: Scene) -> dict[str, Prepared]:
    """Every scenario with its states and calls: made once for the materials of one checkout, each on a core of its own."""
    kept = kept_materials()
    place = None if kept is None else kept / "prepared"
    if place is not None and place.is_file():
        known: dict[str, Prepared] = pickle.loads(place.read_bytes())  # noqa: S301 - our own, written below
        return known
    _SHARED["scene"] = scene
    with _workers() as pool:
        made = dict(zip((scenario.name for scenario in SCENARIOS), pool.imap(_prepare_one, SCENARIOS, chunksize=1), strict=True))
    if place is not None and place.parent.is_dir():
        fresh = place.with_name(f".prepared-{os.getpid()}")
        fresh.write_bytes(pickle.dumps(made))
        fresh.replace(place)
    return made


def _prepare_one(scenario: Scenario) -> Prepared:
    scene = _SHARED["scene"]
    assert isinstance(scene, Scene)
    return scene.prepare(scenario)


def choose(prepared: dict[str, Prepared], selection: Selection, seed: int) -> list[Cell]:
    """The cells of a selection, in an order shuffled by ``seed`` so that a run cut short has seen something of everything."""
    cells: list[Cell] = []
    for name, item in prepared.items():
        # another seed, other places and other errors: many runs together see what one selection leaves out
        dice = random.Random(f"{seed} {name}")  # noqa: S311 - a choice that a printed seed repeats, not a secret
        offset = [dice.randrange(1000) for _ in range(7)]
        cells += kill_cells(item, stride=selection.kills, script_every=selection.script_every, offset=offset[0])
        cells += failing_cells(item, stride=selection.failing, offset=offset[1])
        cells += short_cells(item, stride=selection.short, offset=offset[2])
        cells += interrupted_cells(item, stride=selection.interrupted, offset=offset[3])
        cells += signal_cells(item, stride=selection.signals, offset=offset[4])
        cells += script_cells(item, stride=selection.scripts, offset=offset[6])
        cells += looking_cells(item, count=selection.looks, dice=dice)
        if name in DOUBLED:
            first, second = selection.doubles
            cells += double_cells(item, prepared["recover"], first_stride=first, stride=second, offset=offset[5])
    random.Random(seed).shuffle(cells)  # noqa: S311 - as above
    return cells


def run_cells(
    scene: Scene,
    prepared: dict[str, Prepared],
    cells: Sequence[Cell],
    *,
    workers: int | None = None,
    report: Callable[[int, Result], None] | None = None,
) -> list[Result]:
    """Run the cells, in any order, on ``workers`` processes (default: one per core)."""
    _SHARED.update({"scene": scene, "prepared": prepared})
    results: list[Result] = []
    context = multiprocessing.get_context("fork")
    cores: multiprocessing.queues.SimpleQueue[int] = context.SimpleQueue()
    count = workers or os.cpu_count() or 1
    for number in range(count):
        cores.put(number)
    with _ended(context.Pool(count, initializer=_begin_work, initargs=(os.getpid(), cores))) as pool:
        for number, result in enumerate(pool.imap_unordered(_run_one, cells, chunksize=1)):
            results.append(result)
            if report is not None:
                report(number, result)
    return results


@contextlib.contextmanager
def _ended(pool: multiprocessing.pool.Pool) -> Iterator[multiprocessing.pool.Pool]:
    """Let the workers end by themselves: ``terminate``, with which a pool's own block ends, waits for good for one that catches SIGTERM."""
    try:
        yield pool
    except BaseException:
        for worker in multiprocessing.active_children():
            worker.kill()
        pool.terminate()
        raise
    pool.close()
    pool.join()


def _workers() -> contextlib.AbstractContextManager[multiprocessing.pool.Pool]:
    return _ended(multiprocessing.get_context("fork").Pool(os.cpu_count() or 1, initializer=die_with, initargs=(os.getpid(),)))


def _begin_work(parent: int, cores: multiprocessing.queues.SimpleQueue[int]) -> None:
    """A traced process and its tracer take turns: on one core that costs a fraction of waking another one."""
    die_with(parent)
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[cores.get() % len(allowed)]})


def _run_one(cell: Cell) -> Result:
    scene, prepared = _SHARED["scene"], _SHARED["prepared"]
    assert isinstance(scene, Scene)
    assert isinstance(prepared, dict)
    folder = scene.folder / f"worker-{os.getpid()}"
    try:
        return run_cell(scene, prepared[cell.scenario], cell, folder)
    except Exception:  # noqa: BLE001 - a fault of the harness is a red cell, never a lost one
        detail = traceback.format_exc(limit=4)
        return Result(
            cell=cell.name,
            group=cell.group,
            scenario=cell.scenario,
            hit=False,
            met_all=False,
            reached=("?", "?"),
            seconds=0.0,
            violations=(Violation(invariant="harness", detail=detail),),
        )


# --- power cuts -----------------------------------------------------------------------------------------------------------------------


def run_blackouts(
    folder: Path,
    *,
    extent: Extent,
    seed: int,
    only: str = "",
    report: Callable[[int, int, list[tuple[Loss, Wrong]]], None] | None = None,
) -> list[Blackouts]:
    """Record every story and judge its losses on all cores. ``only``: those whose name contains it."""
    recorded = [record(story, folder) for story in STORIES]
    _SHARED.update({"recorded": recorded, "folder": folder})
    tasks: list[tuple[int, list[Loss]]] = []
    moments = []
    for number, item in enumerate(recorded):
        chosen = [loss for loss in losses(item, stride=extent.stride, seeds=extent.seeds, seed=seed) if only in loss.name]
        moments.append(len({loss.moment for loss in chosen}))
        random.Random(seed).shuffle(chosen)  # noqa: S311 - a choice that a printed seed repeats, not a secret
        chosen = chosen[: extent.limit]
        tasks += [(number, chosen[start : start + CHUNK]) for start in range(0, len(chosen), CHUNK)]
    states: collections.Counter[int] = collections.Counter()
    red: dict[int, list[tuple[Loss, Wrong]]] = collections.defaultdict(list)
    with _workers() as pool:
        for done, (number, count, wrong) in enumerate(pool.imap_unordered(_survey_one, tasks), start=1):
            states[number] += count
            red[number] += wrong
            if report is not None:
                report(done, len(tasks), wrong)
    return [
        Blackouts(
            story=item.name,
            events=len(item.recording.events),
            moments=moments[number],
            states=states[number],
            red=tuple(f"{loss.name}: {found.text}" for loss, found in red[number]),
            false_claims=sum(found.false_claim for _, found in red[number]),
        )
        for number, item in enumerate(recorded)
    ]


def _survey_one(task: tuple[int, list[Loss]]) -> tuple[int, int, list[tuple[Loss, Wrong]]]:
    number, chosen = task
    recorded, folder = _SHARED["recorded"], _SHARED["folder"]
    assert isinstance(recorded, list)
    assert isinstance(folder, Path)
    own = folder / f"blackout-{os.getpid()}"
    own.mkdir(exist_ok=True)
    return number, len(chosen), survey(recorded[number], chosen, own)


def run_barriers(folder: Path, seed: int, *, only: str = "", report: Callable[[int, int, Barrier], None] | None = None) -> list[Barrier]:
    """Take each sync of the product away, one at a time, and look for the crash state that shows it."""
    recorded = [record(story, folder) for story in STORIES]
    met = {site for item in recorded for site in item.recording.sites}
    sites = [site for site in sorted(met | ELSEWHERE.keys()) if only in f"barrier {site}"]
    _SHARED.update({"recorded": recorded, "folder": folder, "seed": seed})
    found = []
    with _workers() as pool:
        for done, barrier in enumerate(pool.imap(_without, sites, chunksize=1), start=1):
            found.append(barrier)
            if report is not None:
                report(done, len(sites), barrier)
    return found


def _without(site: str) -> Barrier:
    recorded, folder, seed = _SHARED["recorded"], _SHARED["folder"], _SHARED["seed"]
    assert isinstance(recorded, list)
    assert isinstance(folder, Path)
    assert isinstance(seed, int)
    reason = HARMLESS.get(site) or ELSEWHERE.get(site)
    if reason is not None:
        return Barrier(site=site, red=None, harmless=reason)
    own = folder / f"barrier-{os.getpid()}"
    own.mkdir(exist_ok=True)
    for item in recorded:
        found = first_red(item, site, own, seed) if site in item.recording.sites else None
        if found is not None:
            loss, wrong = found
            return Barrier(site=site, red=f"{item.name}, moment {loss.moment}, {loss.model}, {loss.way}: {wrong.text[:120]}")
    return Barrier(site=site, red=None)
