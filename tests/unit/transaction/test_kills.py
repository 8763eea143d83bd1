"""Real kills of a real process: at each journal record, at each change of a file, through install, rollback and recovery itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.snapshot import KeepPolicy, SnapshotStore, open_state, scope_digest
from atsam_safe.snapshot.scope import digest_of, observe_scope
from atsam_safe.transaction import prune, recover, rollback, run_transaction
from atsam_safe.volume import Volume, primitives
from lab.heart import NoPackages, PlainWorkstation, install_plan, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAN = install_plan()


def install(root: Path) -> str:
    with open_state(root) as state:
        return run_transaction(PLAN, workstation=PlainWorkstation(root), packages=NoPackages(), state=state).outcome


def failing_install(root: Path) -> str:
    def fail(number: int) -> None:
        if number == 3:
            raise RuntimeError

    with open_state(root) as state:
        return run_transaction(PLAN, workstation=PlainWorkstation(root, fail), packages=NoPackages(), state=state).outcome


def go_back(root: Path) -> str:
    with open_state(root) as state, Volume(root) as volume:
        return rollback(state, volume).outcome


def bring_to_an_end(root: Path) -> str:
    with open_state(root) as state, Volume(root) as volume:
        return recover(state, volume).outcome


def throw_away(root: Path) -> str:
    with open_state(root) as state:
        prune(state, KeepPolicy(count=1))
    return "committed"


def killed_at(count: int, what: Callable[[Path], str], root: Path) -> bool:
    """Run ``what`` in a child that kills itself before its ``count``-th change of a file; ``True`` when it did not live to the end."""
    child = os.fork()
    if child == 0:
        left = count

        def deadly(operation: Callable[..., object]) -> Callable[..., object]:
            def guarded(*arguments: object) -> object:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return operation(*arguments)

            return guarded

        for name in sorted(primitives.CHANGING):
            setattr(primitives, name, deadly(getattr(primitives, name)))
        try:
            what(root)
        except BaseException:  # noqa: BLE001 - the child must not run the test's own ending
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def digest(root: Path) -> str:
    with Volume(root) as volume:
        return scope_digest(volume, PLAN.scope)


def timeless(root: Path) -> str:
    """The state without times: a run that goes through makes its files at another second than the one it is compared with."""
    with Volume(root) as volume:
        return digest_of(msgspec.structs.replace(state, mtime_ns=0) for state in observe_scope(volume, PLAN.scope))


def assert_sound(root: Path, before: str, after: str | None = None) -> None:
    """The oracle: before or after, nothing else; recovered once is recovered twice; the store whole; nothing of ours left over."""
    first = bring_to_an_end(root)
    assert first in {"nothing-to-do", "unchanged", "rolled-back"}
    found = digest(root)
    assert found == before or timeless(root) == after
    assert bring_to_an_end(root) == "nothing-to-do"
    assert digest(root) == found
    with open_state(root) as state:
        report = SnapshotStore(state).check()
        assert report.problems == ()
        assert list((state.path / "run").iterdir()) == []
        assert not (state.path / "lock").exists()
    assert [path for path in root.rglob(".atsam-safe-*")] == []  # noqa: C416 - shows the paths when it fails


def prepared(tmp_path: Path, *earlier: Callable[[Path], str]) -> tuple[Path, str]:
    template = tmp_path / "template"
    template.mkdir()
    lay_out(template)
    open_state(template).close()
    for step in earlier:
        step(template)
    return template, digest(template)


def copy_of(template: Path, tmp_path: Path, number: int) -> Path:
    root = tmp_path / f"run{number}"
    subprocess.run(["/bin/cp", "-a", str(template), str(root)], check=True)
    return root


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
        killed = killed_at(count, bring_to_an_end, root)
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
