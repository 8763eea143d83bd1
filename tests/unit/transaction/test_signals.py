from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import KeepPolicy, SnapshotStore, open_state
from atsam_safe.transaction import prune, recover, rollback, run_transaction
from atsam_safe.transaction.lock import RunLock
from atsam_safe.transaction.signals import EndedBySignal, SignalWatch
from atsam_safe.volume import Volume
from lab.heart import NoPackages, PlainWorkstation
from lab.heart_runs import PLAN, go_back, install, killed_at, prepared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.transaction.model import TransactionResult


def ask(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def asking(operation: Callable[..., None], number: int = signal.SIGTERM) -> Callable[..., None]:
    """``operation`` with a signal that comes just before it."""

    def asked(*arguments: object) -> None:
        ask(number)
        operation(*arguments)

    return asked


def put_in_place(root: Path) -> TransactionResult:
    with open_state(root) as state:
        return run_transaction(PLAN, workstation=PlainWorkstation(root), packages=NoPackages(), state=state)


def put_back(root: Path) -> TransactionResult:
    with open_state(root) as state, Volume(root) as volume:
        return rollback(state, volume)


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


def test_a_noted_signal_is_passed_on_and_later_ones_are_too() -> None:
    met: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda number, _: met.append(number))
    try:
        with SignalWatch() as watch:
            ask()
            assert met == []
            with watch.passing_on():
                assert met == [signal.SIGTERM]
                ask()
            assert met == [signal.SIGTERM, signal.SIGTERM]
            ask()
        assert met == [signal.SIGTERM, signal.SIGTERM]
        ask()
        assert len(met) == 3
    finally:
        signal.signal(signal.SIGTERM, previous)


@pytest.mark.parametrize("command", [put_in_place, put_back])
def test_a_signal_that_comes_while_a_run_lets_its_lock_go_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[[Path], TransactionResult]
) -> None:
    root, _ = prepared(tmp_path, *(() if command is put_in_place else (install,)))
    monkeypatch.setattr(RunLock, "release", asking(RunLock.release))
    result = command(root)
    assert (result.outcome, result.signal, result.exit_code) == ("committed", signal.SIGTERM, 143)


def test_a_signal_during_a_pruning_waits_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, _ = prepared(tmp_path, install, go_back, install)
    monkeypatch.setattr(Volume, "rename", asking(Volume.rename))
    with open_state(root) as state:
        before = SnapshotStore(state).identifiers()
        report = prune(state, KeepPolicy(count=1))
        assert report.signal == signal.SIGTERM
        assert (report.removed, report.problems) == (before[1:2], ())
        assert SnapshotStore(state).identifiers() == report.kept


def test_a_signal_before_a_pruning_ends_it_with_nothing_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, _ = prepared(tmp_path, install, go_back, install)
    monkeypatch.setattr(RunLock, "acquire", asking(RunLock.acquire, signal.SIGINT))
    with open_state(root) as state:
        before = SnapshotStore(state).identifiers()
        with pytest.raises(KeyboardInterrupt):
            prune(state, KeepPolicy(count=1))
        assert SnapshotStore(state).identifiers() == before
    assert not (state.path / "lock").exists()


def test_a_signal_that_comes_while_a_recovery_lets_its_lock_go_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, _ = prepared(tmp_path)
    assert killed_at(90, install, root)
    monkeypatch.setattr(RunLock, "release", asking(RunLock.release))
    with open_state(root) as state, Volume(root) as volume:
        result = recover(state, volume)
    assert (result.outcome, result.signal) == ("rolled-back", signal.SIGTERM)
