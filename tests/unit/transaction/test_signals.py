from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import open_state
from atsam_safe.transaction import recover
from atsam_safe.transaction.lock import RunLock
from atsam_safe.transaction.signals import EndedBySignal, SignalWatch
from atsam_safe.volume import Volume
from lab.heart_runs import install, killed_at, prepared

if TYPE_CHECKING:
    from pathlib import Path


def ask(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def test_a_signal_raises_only_where_it_is_armed() -> None:
    with SignalWatch() as watch:
        ask()
        assert watch.received == signal.SIGTERM
        with pytest.raises(EndedBySignal) as caught, watch.armed():
            pytest.fail("a noted signal ends the run at once")
        assert caught.value.number == signal.SIGTERM
        ask(signal.SIGINT)
    assert watch.received == signal.SIGTERM


def test_a_signal_waits_inside_a_deferred_block() -> None:
    with SignalWatch() as watch, watch.armed():
        with watch.deferred():
            ask()
            assert watch.received == signal.SIGTERM
        with pytest.raises(EndedBySignal):
            watch.check()


def test_the_first_signal_raises_once() -> None:
    with SignalWatch() as watch:
        with pytest.raises(EndedBySignal), watch.armed():
            ask()
        with watch.armed():
            ask()


def test_an_ignored_signal_stays_ignored() -> None:
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with SignalWatch() as watch, watch.armed():
            ask(signal.SIGHUP)
        assert watch.received is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, previous)


def test_a_signal_that_comes_while_a_recovery_lets_its_lock_go_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, _ = prepared(tmp_path)
    assert killed_at(90, install, root)
    release = RunLock.release

    def asked(lock: RunLock) -> None:
        ask()
        release(lock)

    monkeypatch.setattr(RunLock, "release", asked)
    with open_state(root) as state, Volume(root) as volume:
        result = recover(state, volume)
    assert (result.outcome, result.signal) == ("rolled-back", signal.SIGTERM)
