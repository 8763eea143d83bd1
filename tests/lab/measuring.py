"""Where the coverage of the program is measured, and where that would only cost time: measuring triples what a run takes.

What is measured has to reach the floors alone (``scripts/coverage_floors.py``): leaving a test out can only make the figure smaller.
"""

from __future__ import annotations

import contextlib
import os
import posix
from typing import TYPE_CHECKING

import coverage

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def unmeasured() -> Iterator[None]:
    """No measurement in the block and in the processes it starts; a forked child ends at once and saves nothing of its parent's."""
    current = coverage.Coverage.current()
    if current is None:
        yield
        return
    kept = {name: os.environ.pop(name) for name in tuple(os.environ) if name.startswith("COVERAGE_PROCESS")}
    ending = os._exit
    current.stop()
    setattr(os, "_exit", posix._exit)  # noqa: B010 - the types say that nobody replaces it
    try:
        yield
    finally:
        setattr(os, "_exit", ending)  # noqa: B010 - as above
        current.start()
        os.environ.update(kept)
