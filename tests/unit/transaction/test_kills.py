"""Real kills of a real process: at each journal record, at each change of a file, through install, rollback and recovery itself."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.snapshot import SnapshotStore, open_state
from atsam_safe.snapshot.scope import digest_of, observe_scope
from atsam_safe.volume import Volume
from lab.heart_runs import PLAN, copy_of, digest, failing_install, go_back, install, killed_at, mend, prepared, throw_away

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def timeless(root: Path) -> str:
    """The state without times: a run that goes through makes its files at another second than the one it is compared with."""
    with Volume(root) as volume:
        return digest_of(msgspec.structs.replace(state, mtime_ns=0) for state in observe_scope(volume, PLAN.scope))


def assert_sound(root: Path, before: str, after: str | None = None) -> None:
    """The oracle: before or after, nothing else; recovered once is recovered twice; the store whole; nothing of ours left over."""
    first = mend(root)
    assert first in {"nothing-to-do", "unchanged", "rolled-back"}
    found = digest(root)
    assert found == before or timeless(root) == after
    assert mend(root) == "nothing-to-do"
    assert digest(root) == found
    with open_state(root) as state:
        report = SnapshotStore(state).check()
        assert report.problems == ()
        assert list((state.path / "run").iterdir()) == []
        assert not (state.path / "lock").exists()
    assert [path for path in root.rglob(".atsam-safe-*")] == []  # noqa: C416 - shows the paths when it fails


CASES: dict[str, tuple[tuple[Callable[[Path], str], ...], Callable[[Path], str]]] = {
    "install": ((), install),
    "failing install": ((), failing_install),
    "rollback": ((install,), go_back),
    "prune": ((install, go_back, go_back, go_back), throw_away),
}
STRIDE = {"install": 3, "failing install": 7, "rollback": 5, "prune": 3}


@pytest.mark.parametrize("name", CASES)
def test_a_kill_at_any_change_leaves_before_or_after(tmp_path: Path, name: str) -> None:
    earlier, what = CASES[name]
    template, before = prepared(tmp_path, *earlier)
    reference = copy_of(template, tmp_path, 0)
    what(reference)
    after = timeless(reference)
    reached = set()
    count = 1
    while True:
        root = copy_of(template, tmp_path, count)
        killed = killed_at(count, what, root)
        assert_sound(root, before, after)
        reached.add(digest(root))
        shutil.rmtree(root)
        if not killed:
            break
        count += STRIDE[name]
    assert count > 20 // STRIDE[name]
    assert before in reached


def test_a_kill_of_the_recovery_itself_is_recovered(tmp_path: Path) -> None:
    template, before = prepared(tmp_path)
    assert killed_at(95, install, template)  # in the middle of the steps
    count = 1
    while True:
        root = copy_of(template, tmp_path, count)
        killed = killed_at(count, mend, root)
        assert_sound(root, before)
        shutil.rmtree(root)
        if not killed:
            break
        count += 4
    assert count > 10


def test_a_killed_run_is_brought_back_by_its_script_alone(tmp_path: Path) -> None:
    root, before = prepared(tmp_path)
    assert killed_at(95, install, root)
    with open_state(root) as state:
        identifier = SnapshotStore(state).latest()
        script = state.path / "snapshots" / str(identifier) / "restore.sh"
    subprocess.run(["/bin/sh", str(script)], check=True, capture_output=True)
    assert digest(root) == before
