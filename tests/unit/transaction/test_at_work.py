"""Whoever only looks: who is at work is told by the kernel's lock alone, whatever a killed owner's file says."""

from __future__ import annotations

import errno
import fcntl
from typing import TYPE_CHECKING

from atsam_safe.snapshot import open_state
from atsam_safe.transaction.lock import RunLock, at_work
from atsam_safe.volume import primitives

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_many_may_ask_at_once_and_none_is_told_of_an_owner_that_was_killed(tmp_path: Path) -> None:
    with open_state(tmp_path) as state:
        lock = state.path / "lock"
        assert at_work(state) is None
        assert not lock.exists()
        lock.write_text('{"pid": "1234", "command": "install"}')
        with lock.open() as another:
            fcntl.flock(another, fcntl.LOCK_SH)
            assert at_work(state) is None
        assert lock.read_text() == '{"pid": "1234", "command": "install"}'
        with RunLock(state, "rollback"):
            found = at_work(state)
        assert found is not None
        assert (found.ref, found.params["command"]) == ("state.locked", "rollback")


def test_a_disk_without_locks_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_fd: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    with open_state(tmp_path) as state:
        (state.path / "lock").write_text("{}")
        monkeypatch.setattr(primitives, "lock_shared", refuse)
        assert at_work(state) is None
