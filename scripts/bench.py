"""Speed and memory against peers on the same machine in the same run.

``python -m scripts.bench [--runs N] [--only TEXT] [--work FOLDER] [--write]`` prints a table; ``--write`` keeps it in docs/benchmarks.md.
Ends 1 when a promised ratio was missed. These are measurements, not tests: a busy machine shows in the spread.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import shutil
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from plumbum import local
from scripts.bench_measure import MEMORY_LIMIT_MIB, READY, UNPROMISED, Case, Outcome, Work, measure, promise, run_once, table

PROJECT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = PROJECT / "docs/benchmarks.md"
PROGRAM: Final = str(Path(sys.executable).with_name("atsam-safe"))
INPUTS_TIMEOUT_SECONDS: Final = 600
HELLO: Final = """import typer

app = typer.Typer()


@app.command()
def hello(name: str = "world") -> None:
    typer.echo(f"hello {name}")


app()
"""
EXPLANATION: Final = """# Speed and memory

Made by `./scripts/bench --write`; run it again on any Debian machine. {date}, {machine}. The machine was not idle: at most {load} processes
wanted a processor (load average of a minute), ours and the peer's included.

## How it is measured

Whole processes from start to end, ours and a peer in turn in the same run, each first in every second pair; one uncounted pair before.
Median of {runs} (fastest-slowest); the ratio is median over median. Both work on the same file system with a warm page cache, on folders
that are laid out and synced before each run outside of the time measured. What earlier runs left is put aside, and deleted when everything
is measured: ext4 makes whoever creates files after a deletion pay for it. Processor time is that of all threads, user and system: a busy
machine changes its ratio less than that of the clock. Memory is the largest single process, promised below {limit} MiB; an empty program
measures {floor} MiB here. Where a line shows two times, the first is the operation inside the running program, the second the whole
process.

| peer | what it does | what it leaves out |
|---|---|---|
| `bsdtar -xf`, the outer archive alone | unpacks the package's own archive and compares its checksums | signature, payloads |
| `bsdtar -xf`, then each payload | that, then unpacks each payload to files | signature, bills of materials, SHA-256, any sync |
| `cp -a` | copies a tree with its metadata | any checksum, any sync |
| `…, sync -f` | that, and waits until the file system has it on stable storage | any checksum |

Ours always ends on stable storage when it has changed anything: a snapshot, a restore and an installation contain every sync that a power
cut could ask for. The peers of `inspect`, `install` and `restore` are therefore measured twice, and each promise is held against both: as
they are, when their answer lies in memory and the disk has still to follow; and with `sync -f`, when both have done the same.

The goals of `inspect` and `install` come from measurements of a first reader. A package of 306 MB and 2,009 files, mostly incompressible,
took 0.39 of a full extraction with `bsdtar` to inspect (signature, every checksum, bill of materials) and 1.23 to install. One of
libraries, 316 MB unpacked, 110 MB packed, 568 files, took 0.70 and 1.76. The packages here have those weights and numbers of files.
The test laboratory writes them from a fixed seed: resources that hardly compress (a fifth), and bytes that compress as programs do (to
a third). Both are held to the goals of the first. Reading the one is mostly hashing, reading the other mostly inflating.

The peer of `inspect` and `install` is the whole extraction, in two steps, because a package is an archive of archives and both read the
inner one to its last byte. Against the outer archive alone, a copy of compressed bytes that `inspect` has to hash twice and inflate once,
the ratio is printed too; nothing is promised for it. Nor for the same weight in fewer, larger files: creating files is a good part
of what unpacking costs, and reading does not have that part.

## Results

{table}
## What was missed

{missed}"""
LARGE: Final = "a package of 306 MB and 2,009 files that hardly compress"
FEW: Final = "a package of 306 MB and 400 files that hardly compress"
PROGRAMS: Final = "a package of programs, 316 MB unpacked, 568 files"
SETTLED: Final = frozenset({0, 11})
"""A status that was told, whether the workstation is right or not."""


class Aside:
    """Where folders of earlier runs go: emptied of their content at once, deleted only when everything is measured.

    ext4 looks at every file number that was given up in the last minute before it gives a new file another one: whoever creates files
    after somebody's deletions pays for these, and the two sides of a comparison do not follow the same ones.
    """

    def __init__(self, work: Path) -> None:
        self._folder = work / "aside"
        if self._folder.exists():
            shutil.rmtree(self._folder)
        self._folder.mkdir(parents=True)

    def put(self, folder: Path) -> None:
        """Put ``folder`` away, if it is there."""
        if not folder.exists():
            return
        kept = self._folder / str(len(list(self._folder.iterdir())))
        folder.rename(kept)
        for parent, _, names in os.walk(kept):
            for name in names:
                path = Path(parent, name)
                if path.is_file() and not path.is_symlink():
                    with contextlib.suppress(PermissionError):  # a file nobody may write, and we are not root: it only takes room
                        os.truncate(path, 0)

    def remove(self) -> None:
        """Everything is measured."""
        shutil.rmtree(self._folder)


def fresh(aside: Aside, source: Path, target: Path) -> None:
    """Make ``target`` an exact new copy of ``source`` and let the disk come to rest, so that no run pays for the one before."""
    aside.put(target)
    local["cp"]("-a", str(source), str(target))
    os.sync()


def settled(aside: Aside, folder: Path) -> None:
    """An empty folder and a disk at rest."""
    aside.put(folder)
    folder.mkdir()
    os.sync()


def starting(work: Path) -> list[Case]:
    """How long it takes until the program says something."""
    hello = work / "hello.py"
    hello.write_text(HELLO, encoding="utf-8")
    status = (PROGRAM, "status", "--json", "--root", str(work / "inputs/volume"))
    return [
        Case(
            "`--version`",
            Work("atsam-safe", ((PROGRAM, "--version"),)),
            Work("`python -c pass`", ((sys.executable, "-c", "pass"),)),
            limit=3.0,
        ),
        Case(
            "`status --json --root` on the story's volume",
            Work("atsam-safe", (status,), codes=SETTLED),
            Work("hello-world typer program", ((sys.executable, str(hello)),)),
            limit=1.2,
        ),
    ]


class Extraction:
    """What unpacks a package with the system's own tool: two steps, because a package is an archive of archives."""

    def __init__(self, package: Path, scratch: Path, aside: Aside) -> None:
        bsdtar = "/usr/bin/bsdtar"
        payloads = f"{scratch}/payloads"
        expand = (bsdtar, "-xf", str(package), "-C", str(scratch))
        unpack = ("/bin/sh", "-ec", f'mkdir {payloads}; for p in {scratch}/*.pkg/Payload; do {bsdtar} -xf "$p" -C {payloads}; done')
        empty = partial(settled, aside, scratch)
        self.layer = Work("`bsdtar -xf`, the outer archive alone", (expand,), prepare=empty)
        self.whole = Work("`bsdtar -xf`, then each payload", (expand, unpack), prepare=empty)
        self.stored = Work("the same, `sync -f`", (expand, unpack, ("/bin/sync", "-f", str(scratch))), prepare=empty)


def packages(work: Path, aside: Aside, name: str, words: str) -> list[Case]:
    """Reading and installing a large package."""
    package, root = work / "inputs" / name, work / "installed"
    manifests = ("--manifests", str(work / "inputs/manifests"))
    peer = Extraction(package, work / "extracted", aside)
    inspect = Work("atsam-safe", ((PROGRAM, *manifests, "--json", "inspect", str(package)),))
    install = Work(
        "atsam-safe",
        ((PROGRAM, *manifests, "--yes", "--json", "--root", str(root), "install", str(package)),),
        prepare=partial(fresh, aside, work / "inputs/volume", root),
    )
    inspected = f"`inspect`: digest, signature and every checksum of {words}"
    installed = f"verified `install` (snapshot, removal, installation, proof) of {words}"
    return [
        Case(inspected, inspect, peer.whole, limit=0.5),
        Case(f"{inspected}, against an extraction on stable storage", inspect, peer.stored, limit=0.5),
        Case(f"{inspected}, against its outer archive alone", inspect, peer.layer, limit=UNPROMISED),
        Case(installed, install, peer.whole, limit=1.5),
        Case(f"{installed}, against an extraction on stable storage", install, peer.stored, limit=1.5),
    ]


def few(work: Path, aside: Aside) -> list[Case]:
    """The same weight as the large package in fewer and larger files, which the peer creates faster: shown, not promised."""
    package = work / "inputs/few.pkg"
    inspect = Work("atsam-safe", ((PROGRAM, "--manifests", str(work / "inputs/manifests"), "--json", "inspect", str(package)),))
    peer = Extraction(package, work / "extracted", aside).whole
    return [Case(f"`inspect`: digest, signature and every checksum of {FEW}", inspect, peer, limit=UNPROMISED)]


def everyday(work: Path, aside: Aside) -> list[Case]:
    """The commands of every day, with a package of the weight of the field's largest."""
    package, root, volume = work / "inputs/usual.pkg", work / "installed", work / "inputs/volume"
    options = (PROGRAM, "--manifests", str(work / "inputs/manifests"), "--yes", "--json", "--root")
    peer = Extraction(package, work / "extracted", aside).stored
    commands = {
        "inspect": Work("atsam-safe", ((*options, str(volume), "inspect", str(package)),)),
        "check": Work("atsam-safe", ((*options, str(volume), "check", str(package)),)),
        "verify": Work("atsam-safe", ((*options, str(volume), "verify"),), codes=SETTLED),
        "rehearse": Work("atsam-safe", ((*options, str(volume), "rehearse", str(package)),)),
        "install": Work("atsam-safe", ((*options, str(root), "install", str(package)),), prepare=partial(fresh, aside, volume, root)),
    }
    return [Case(f"`{name}` with a package of 10 MB", command, peer, limit=UNPROMISED) for name, command in commands.items()]


def snapshots(work: Path, aside: Aside) -> list[Case]:
    """Keeping and bringing back 590 files, 117 MB."""
    source, root, kept, copy = work / "inputs/tree", work / "snapshot-root", work / "snapshot-kept", work / "copy"
    tree = str(source / "Library/Bundle")
    store = (sys.executable, "-m", "scripts.bench_store")

    def damaged() -> None:
        fresh(aside, kept, root)
        aside.put(root / "Library/Bundle")
        os.sync()

    if not kept.exists():
        fresh(aside, source, kept)
        run_once(Work("snapshot", ((*store, "create", str(kept)),)), work / "output")
    copied, stored = ("/bin/cp", "-a", tree, str(copy)), ("/bin/sync", "-f", str(copy))
    restore = Work("atsam-safe", ((*store, "restore", str(root)),), prepare=damaged)
    restored = "restore of it, every byte proven, on stable storage"
    return [
        Case(
            "snapshot of 590 files, 117 MB, on stable storage",
            Work("atsam-safe", ((*store, "create", str(root)),), prepare=partial(fresh, aside, source, root)),
            Work("`cp -a`, `sync -f`", (copied, stored), prepare=partial(settled, aside, copy)),
            limit=2.0,
            inner=True,
        ),
        Case(restored, restore, Work("`cp -a`", (copied,), prepare=partial(settled, aside, copy)), limit=2.0, inner=True),
        Case(
            f"{restored}, against a copy on stable storage",
            restore,
            Work("`cp -a`, `sync -f`", (copied, stored), prepare=partial(settled, aside, copy)),
            limit=2.0,
            inner=True,
        ),
    ]


def field(file: str, start: str, separator: str) -> str:
    """What follows ``start`` and a separator in a file of the system; empty when it is not there."""
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return next((line.partition(separator)[2].strip(' "') for line in lines if line.startswith(start)), "")


def machine() -> str:
    """What it ran on, without naming the machine."""
    model = field("/proc/cpuinfo", "model name", ":") or platform.machine()
    return f"{os.cpu_count()} cores ({model}), {field('/etc/os-release', 'PRETTY_NAME', '=')}, Python {platform.python_version()}"


def document(outcomes: list[Outcome], runs: int, floor: float, busiest: float) -> str:
    """The page that ``--write`` keeps."""
    missed = [
        f"- {outcome.case.name}: {outcome.ratio:.2f} instead of {promise(outcome.case)}.\n" for outcome in outcomes if not outcome.kept
    ]
    return EXPLANATION.format(
        runs=runs,
        limit=f"{MEMORY_LIMIT_MIB:.0f}",
        floor=f"{floor:.0f}",
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=machine(),
        load=f"{busiest:.1f}",
        table=table(outcomes),
        missed="".join(missed) or "Every promised ratio was kept in this run.\n",
    )


def main() -> int:
    """Measure; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each side (default 7)")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--work", type=Path, default=PROJECT / ".bench", help="folder for inputs and scratch (about 3 GB)")
    parser.add_argument("--write", action="store_true", help="keep the table in docs/benchmarks.md")
    options = parser.parse_args()
    work: Path = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    aside = Aside(work)
    if not (work / "inputs" / READY).exists():
        print("building inputs …", file=sys.stderr)
        aside.put(work / "inputs")
        local[sys.executable].run(["-m", "scripts.bench_inputs", str(work / "inputs")], timeout=INPUTS_TIMEOUT_SECONDS, cwd=str(PROJECT))
    output = work / "output"
    floor = run_once(Work("true", (("/bin/true",),)), output).mebibytes
    outcomes = []
    busiest = 0.0
    for case in (
        *starting(work),
        *packages(work, aside, "large.pkg", LARGE),
        *few(work, aside),
        *packages(work, aside, "programs.pkg", PROGRAMS),
        *everyday(work, aside),
        *snapshots(work, aside),
    ):
        if options.only not in case.name:
            continue
        outcome = measure(case, options.runs, output)
        outcomes.append(outcome)
        busiest = max(busiest, os.getloadavg()[0])
        print(f"{outcome.ratio:5.2f} times the peer (promised {promise(case)}), {outcome.peak:.0f} MiB: {case.name}", file=sys.stderr)
    aside.remove()
    print(table(outcomes))
    print(f"memory floor of the measurement: {floor:.0f} MiB")
    if options.write and not options.only:
        RESULTS.write_text(document(outcomes, options.runs, floor, busiest), encoding="utf-8")
    return 0 if all(outcome.kept for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
