"""One snapshot or one restore of a tree, timed from inside: the operation alone, without starting Python.

``python -m scripts.bench_store create|restore ROOT`` keeps or brings back ``/Library/Bundle`` of the volume ROOT and prints the seconds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from atsam_safe.plan.model import ScopeEntry
from atsam_safe.snapshot.state import open_state
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.volume import Volume

SCOPE = (ScopeEntry(path="/Library/Bundle", kind="tree"),)


def main(arguments: list[str]) -> int:
    """Do it and print how long it took; 1 when a restore was not proven."""
    action, root = arguments[0], Path(arguments[1])
    with Volume(root) as volume, open_state(root) as state:
        store = SnapshotStore(state)
        started = time.perf_counter()
        if action == "create":
            store.create(volume, SCOPE, label="bench", run_id="bench", reason="bench")
        elif not store.restore(volume, store.latest() or "").proven:
            return 1
        print(f"{time.perf_counter() - started:.6f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
