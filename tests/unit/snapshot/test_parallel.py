"""Work shared between threads: every result in its place, the first failure ends it, nothing runs on."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atsam_safe.snapshot.parallel import BATCH_FILES, LARGE, in_parallel

SIZES = st.lists(st.sampled_from([0, 1, LARGE - 1, LARGE, LARGE * 40]), max_size=200)


@settings(max_examples=60, deadline=None)
@given(SIZES)
def test_results_are_in_order_and_everything_is_counted(sizes: list[int]) -> None:
    told: list[tuple[str, int, int]] = []
    results = in_parallel(lambda item: item[0], list(enumerate(sizes)), lambda item: item[1], "x", lambda *news: told.append(news))
    assert results == list(range(len(sizes)))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert not told or told[-1] == ("x", sum(sizes), sum(sizes))


def test_small_files_stay_in_the_calling_thread() -> None:
    threads = in_parallel(lambda _: threading.current_thread().name, range(100), lambda _: 100, "x", lambda *_: None)
    assert set(threads) == {threading.current_thread().name}


@pytest.mark.parametrize("size", [1, LARGE])
def test_the_first_failure_ends_it(size: int) -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise ValueError
        time.sleep(0.001)
        return number

    with pytest.raises(ValueError):  # noqa: PT011 - the very error of the work
        in_parallel(work, range(BATCH_FILES * 40), lambda _: size, "x", lambda *_: None)
    count = len(begun)
    time.sleep(0.05)
    assert len(begun) == count
