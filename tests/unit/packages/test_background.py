"""Calls made by a helper thread: in their order, light ones together, the first error back to the caller, none after it."""

from __future__ import annotations

import threading

import pytest

from atsam_safe.packages.background import Background
from atsam_safe.packages.limits import BUFFER

BOTH = pytest.mark.parametrize("threaded", [False, True])


@BOTH
@pytest.mark.parametrize("weight", [0, BUFFER // 3, BUFFER])
def test_calls_are_made_in_their_order_whatever_they_weigh(*, threaded: bool, weight: int) -> None:
    done: list[int] = []
    with Background(threaded=threaded) as background:
        for number in range(500):
            background.call(lambda number=number: done.append(number), weight)  # type: ignore[misc] # bound now
        background.finish()
    assert done == list(range(500))


def test_light_calls_wait_for_a_buffers_weight_and_heavy_ones_for_nothing() -> None:
    done = threading.Event()
    with Background(threaded=True) as background:
        background.call(done.set, 0)
        assert not done.wait(0.05)
        background.call(lambda: None, BUFFER)
        assert done.wait(10)


@BOTH
def test_the_first_error_reaches_the_caller_and_nothing_is_done_after_it(*, threaded: bool) -> None:
    done: list[str] = []

    def fail() -> None:
        raise OSError("no room")

    def use() -> None:
        with Background(threaded=threaded) as background:
            for action in (lambda: done.append("before"), fail, lambda: done.append("after")):
                background.call(action, 0)
            background.finish()

    with pytest.raises(OSError, match="no room"):
        use()
    assert done == ["before"]


def test_a_caller_that_fails_leaves_no_thread_and_nothing_half_gathered() -> None:
    done: list[str] = []
    before = threading.active_count()

    def use() -> None:
        with Background(threaded=True) as background:
            background.call(lambda: done.append("light"), 0)
            raise KeyError

    with pytest.raises(KeyError):
        use()
    assert threading.active_count() == before
    assert done == []
