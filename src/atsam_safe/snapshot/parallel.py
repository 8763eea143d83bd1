"""Work over many files by several threads.

A small file is a dozen system calls and hardly any bytes: threads that share them out spend more time handing the interpreter to each other
than they win. So the calling thread takes the small files one after another, while others hash and copy the large ones beside it; when it
has no small ones left, it helps.
"""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from atsam_safe.snapshot.model import Progress
    from atsam_safe.volume.volume import Volume

T = TypeVar("T")
R = TypeVar("R")
WORKERS: Final = min(4, os.cpu_count() or 1)
LARGE: Final = 128 * 1024
# a task is a few neighbouring files: handing them over one by one costs more than hashing them
BATCH_FILES: Final = 32
BATCH_BYTES: Final = 4 * 1024 * 1024


class _Batch(Generic[T]):
    """Neighbouring items and where their results belong."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.items: list[T] = []
        self.weight = 0


def in_parallel(
    work: Callable[[T], R], items: Iterable[T], size: Callable[[T], int], phase: str, progress: Progress, *volumes: Volume
) -> list[R]:
    """``work`` over ``items`` by several threads, results in order. The first failure ends it, and nothing of it runs on afterwards.

    ``size``: bytes that have to be read for an item. ``volumes``: whose folders stay open from one item to its neighbour
    (``VolumeReader.neighbours``).
    """
    listed = list(items)
    sizes = [size(item) for item in listed]
    total = sum(sizes)
    results: dict[int, R] = {}
    done = 0

    def do(batch: _Batch[T]) -> list[R]:
        with contextlib.ExitStack() as opened:
            for volume in volumes:
                opened.enter_context(volume.neighbours())
            return [work(item) for item in batch.items]

    def keep(batch: _Batch[T], answers: list[R]) -> None:
        nonlocal done
        results.update(zip(batch.places, answers, strict=True))
        done += batch.weight
        progress(phase, done, total)

    with ThreadPoolExecutor(max(1, WORKERS - 1)) as pool:
        try:
            waiting = [(batch, pool.submit(do, batch)) for batch in _batches(listed, sizes, large=True)]
            with contextlib.ExitStack() as opened:  # from one batch to the next as well
                for volume in volumes:
                    opened.enter_context(volume.neighbours())
                for batch in _batches(listed, sizes, large=False):
                    keep(batch, do(batch))
            # What nobody has begun is done here, from the end; cancelling fails for what is done or being done.
            for batch, future in reversed(waiting):
                keep(batch, do(batch) if future.cancel() else future.result())
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [results[place] for place in range(len(listed))]


def _batches(items: Sequence[T], sizes: Sequence[int], *, large: bool) -> list[_Batch[T]]:
    batches: list[_Batch[T]] = []
    for place, item in enumerate(items):
        if (sizes[place] >= LARGE) != large:
            continue
        if not batches or len(batches[-1].items) >= BATCH_FILES or batches[-1].weight >= BATCH_BYTES:
            batches.append(_Batch())
        batches[-1].places.append(place)
        batches[-1].items.append(item)
        batches[-1].weight += sizes[place]
    return batches
