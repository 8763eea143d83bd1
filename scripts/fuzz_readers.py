"""Coverage-guided fuzzing of the readers with atheris: ``scripts/faults --fuzz MINUTES``, shared among the targets.

What is found is kept below ``.faults/found``; what widened the coverage is merged into ``.faults/corpus``. Put what is worth keeping into
``tests/faults/corpus``, from where every test run replays it.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Final

from plumbum import local

PROJECT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "src")]
KEPT: Final = PROJECT / ".faults"
INPUT_LIMIT: Final = 65_536
ONE_INPUT_SECONDS: Final = 20


def fuzz_one(name: str, seconds: int) -> None:
    """Fuzz one target in this process; never returns."""
    atheris = importlib.import_module("atheris")  # only the fuzzing needs it

    # what parses for us in Python guides the search as well: of a signature or a property list our own code sees only the outside
    with atheris.instrument_imports(include=["atsam_safe", "asn1crypto", "plistlib"]):
        from faults.fuzz import TARGETS, try_one  # noqa: PLC0415 - instrumented while it is imported
    target = TARGETS[name]
    corpus = KEPT / "corpus" / name
    found = KEPT / "found" / name
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-max_len={INPUT_LIMIT}", f"-timeout={ONE_INPUT_SECONDS}", f"-artifact_prefix={found}/"]
    kept = PROJECT / "tests" / "faults" / "corpus" / name
    atheris.Setup([sys.argv[0], *options, str(corpus), *([str(kept)] if kept.is_dir() else [])], lambda data: try_one(target, data))
    atheris.Fuzz()


def main() -> int:
    """Fuzz every target in a process of its own, one after the other."""
    if len(sys.argv) > 2:  # noqa: PLR2004 - target and seconds
        fuzz_one(sys.argv[1], int(sys.argv[2]))
    from faults.fuzz import TARGETS  # noqa: PLC0415 - a process that fuzzes imports it instrumented

    seconds = max(5, int(float(sys.argv[1]) * 60 / len(TARGETS)))
    failed = []
    for name in TARGETS:
        status, _, said = local[sys.executable][__file__, name, str(seconds)].run(retcode=None)
        last = [line for line in said.splitlines() if "Done " in line or "cov:" in line][-1:]
        print(f"{name}: {'ok' if status == 0 else 'FAULT'} {' '.join(last)}", flush=True)
        if status:
            failed.append(name)
            print(said[-2000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
