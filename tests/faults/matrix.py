"""The results of a run as ``docs/fault-matrix.md``: what was covered, of how much, with which seeds, and what is red."""

from __future__ import annotations

import collections
import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from faults.cells import Result

HEAD: Final = """# Fault matrix

Written by `scripts/faults --full`; do not edit. What each kind of cell does and what judges it is in [SCOPE.md](SCOPE.md); which
fault of the plan is met where, row by row, in [fault-cells.md](fault-cells.md). Every cell is judged by the same seven invariants
(`tests/faults/oracle.py`).

"""

MUTANTS_ELSEWHERE: Final = (
    "Measured before this run; the figures of every other module, and why each survivor stays, are in [mutants.md](mutants.md)."
)
RED_LENGTH: Final = 160
# the part of a group that may not meet its fault before the group is red: more, and the cells no longer are where they say
UNMET: Final = 0.02
GROUPS: Final = (
    "kills",
    "double kills",
    "triple kills",
    "kill, then a failing recovery",
    "signals",
    "failing calls",
    "failing reading calls",
    "short calls",
    "interrupted calls",
    "script kills",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Blackouts:
    """Power cuts through one story: moments there are, crash states made, what was red; ``false_claims``: the red ones that were lies."""

    story: str
    events: int
    moments: int
    states: int
    red: tuple[str, ...] = ()
    false_claims: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Barrier:
    """One sync of the product taken away: the first crash state that turned red, or ``None``. ``harmless``: why none can."""

    site: str
    red: str | None
    harmless: str | None = None

    @property
    def is_unseen(self) -> bool:
        """No crash state shows that it is missing, and nobody says why."""
        return self.red is None and self.harmless is None


@dataclasses.dataclass(kw_only=True)
class Figures:
    """Everything one run found out."""

    selection: str
    seed: int
    seconds: float
    possible: dict[str, int]
    results: list[Result]
    blackouts: list[Blackouts]
    barriers: list[Barrier]
    other: list[tuple[str, str]]
    mutants: dict[str, Any]
    looks: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def red(self) -> list[str]:
        """Every cell that is not as it should be, in words."""
        cells = [f"{item.cell}: {wrong.invariant}: {wrong.detail}" for item in self.results for wrong in item.violations]
        cells += [text for item in self.blackouts for text in item.red]
        cells += [
            f"{group}: {count - hit} of {count} cells never met their fault"
            for group, (hit, count) in self.groups.items()
            if (count - hit) > UNMET * count
        ]
        return cells + [f"barrier {item.site}: no crash state shows that it is missing" for item in self.barriers if item.is_unseen]

    @property
    def groups(self) -> dict[str, tuple[int, int]]:
        """Per group of cells: how many met their fault, of how many."""
        names = sorted({item.group for item in self.results})
        return {name: (sum(item.hit for item in self.results if item.group == name), self._cells(name)) for name in names}

    def _cells(self, group: str) -> int:
        return sum(item.group == group for item in self.results)

    def met(self, group: str) -> int:
        """Cells of a group in which every fault was met, the later ones of a chain included."""
        return sum(item.group == group and item.met_all for item in self.results)

    @property
    def false_successes(self) -> int:
        """Cells and crash states in which a success, a way back or "nothing to do" was told that the disk does not show."""
        cells = sum(any(wrong.false_claim for wrong in item.violations) for item in self.results)
        return cells + sum(item.false_claims for item in self.blackouts)


def summary(results: Iterable[Result]) -> dict[tuple[str, str], collections.Counter[str]]:
    """Per group and scenario: cells, hits, and the states reached."""
    table: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for item in results:
        counter = table[item.group, item.scenario]
        counter["cells"] += 1
        counter["hit"] += item.hit
        counter[f"at the fault: {item.reached[0]}"] += 1
        counter[f"at the end: {item.reached[1]}"] += 1
        counter["red"] += bool(item.violations)
    return table


def render(figures: Figures) -> str:
    """The document."""
    results = figures.results
    groups = {name: figures.met(name) for name in (*GROUPS, *figures.groups)}
    records = {(item.scenario, item.record) for item in results if item.group == "kills" and item.record is not None}
    states = sum(item.states for item in figures.blackouts)
    lines = [HEAD, "## In short\n"]
    lines += _table(
        ("what", "figure"),
        [
            ("distinct kill points hit (SIGKILL on entry of one changing system call)", str(groups["kills"])),
            ("kill points there are in these scenarios", str(sum(figures.possible.values()))),
            ("of them, at the writing of a journal record", str(len(records))),
            ("double kills (the recovery was really killed too)", str(groups["double kills"])),
            ("triple kills (the recovery of the recovery was really killed too)", str(groups["triple kills"])),
            ("kills after which a call of the recovery fails", str(groups["kill, then a failing recovery"])),
            ("kills of the snapshot's own script between two of its commands", str(groups["script kills"])),
            ("SIGTERM, SIGINT, SIGHUP points", str(groups["signals"])),
            ("failing-call points (14 errors, each where a call can really give it; once or from then on)", str(groups["failing calls"])),
            ("of calls that only look, failing ones (5 errors; once or from then on)", str(groups["failing reading calls"])),
            ("calls that only look there are", str(sum(figures.looks.values()))),
            ("calls that really moved fewer bytes than asked (one byte, half; once or from then on)", str(groups["short calls"])),
            ("calls interrupted once (EINTR)", str(groups["interrupted calls"])),
            ("cells run / cells whose fault was met", f"{len(results)} / {sum(item.hit for item in results)}"),
            ("crash states after a power cut", str(states)),
            ("barriers taken away / turned red", f"{len(figures.barriers)} / {sum(item.red is not None for item in figures.barriers)}"),
            *figures.other,
            ("false “success” or “rolled back”", str(figures.false_successes)),
            ("cells known red", str(len(figures.red))),
            ("seed", str(figures.seed)),
            ("duration", f"{figures.seconds / 60:.1f} minutes"),
        ],
    )
    lines += ["", "## Kills, signals and failing calls\n"]
    rows = []
    for (group, scenario), counter in sorted(summary(results).items()):
        there = figures.looks if group == "failing reading calls" else figures.possible
        possible = str(there.get(scenario, 0)) if group in {"kills", "signals", "failing calls", "failing reading calls"} else "—"
        reached = ", ".join(f"{name.split(': ')[1]} {counter[name]}" for name in sorted(counter) if name.startswith("at the fault"))
        ended = ", ".join(f"{name.split(': ')[1]} {counter[name]}" for name in sorted(counter) if name.startswith("at the end"))
        rows.append((group, scenario, f"{counter['hit']} / {possible}", reached, ended, str(counter["red"])))
    lines += _table(("group", "scenario", "met / calls there are", "state at the fault", "state after recovery", "red"), rows)
    lines += ["", "Exit codes told by commands that lived on after a failing call: " + _codes(results) + "."]
    lines += ["", "## Power cuts\n"]
    lines += _table(
        ("story", "writes and syncs", "moments", "crash states", "red"),
        [(item.story, str(item.events), str(item.moments), str(item.states), str(len(item.red))) for item in figures.blackouts],
    )
    lines += ["", "Each barrier of the product, taken away:\n"]
    lines += _table(
        ("barrier", "first crash state that turned red"),
        [(f"`{item.site}`", item.red or item.harmless or "**none**") for item in figures.barriers],
    )
    lines += _mutants(figures.mutants)
    # what was said in full names places of the machine it ran on
    known = [f"- {line[:RED_LENGTH]}{' …' if len(line) > RED_LENGTH else ''}" for line in figures.red]
    lines += ["", "## Known red\n", *(known or ["None."])]
    return "\n".join(lines) + "\n"


def _codes(results: Sequence[Result]) -> str:
    codes = collections.Counter(item.exit_code for item in results if item.group == "failing calls")
    return ", ".join(f"{code} × {count}" for code, count in sorted(codes.items(), key=lambda item: item[0] or 0)) or "none run"


def _mutants(mutants: dict[str, Any]) -> list[str]:
    if not mutants:
        return []
    lines = ["", "## Mutants\n", f"Made by {mutants['tool']}, judged by the tests of each room.\n"]
    rows = [(f"`{name}`", str(item["mutants"]), str(item["killed"]), f"{item['score']:.0%}") for name, item in mutants["modules"].items()]
    return lines + _table(("module", "mutants", "killed", "score"), rows) + ["", MUTANTS_ELSEWHERE]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return lines + [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]


def load_json(path: Path) -> dict[str, Any]:
    """A JSON object kept by an earlier part of the run; empty when there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return {}
    return value if isinstance(value, dict) else {}
