"""The runs of the plain workstation of ``heart``. Each opens the volume and the state by itself, as whoever comes after a kill does."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING, Final

from atsam_safe.snapshot import KeepPolicy, open_state, scope_digest
from atsam_safe.transaction import prune, recover, rollback, run_transaction
from atsam_safe.volume import Volume, primitives
from lab.heart import NoPackages, PlainWorkstation, install_plan, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAN: Final = install_plan()


def install(root: Path) -> str:
    """A run that goes through."""
    with open_state(root) as state:
        return run_transaction(PLAN, workstation=PlainWorkstation(root), packages=NoPackages(), state=state).outcome


def failing_install(root: Path) -> str:
    """A run that fails in its last step and goes back."""

    def fail(number: int) -> None:
        if number == 4:
            raise RuntimeError

    with open_state(root) as state:
        return run_transaction(PLAN, workstation=PlainWorkstation(root, fail), packages=NoPackages(), state=state).outcome


def go_back(root: Path) -> str:
    """A rollback to the last snapshot."""
    with open_state(root) as state, Volume(root) as volume:
        return rollback(state, volume).outcome


def throw_away(root: Path) -> str:
    """Pruning down to one."""
    with open_state(root) as state:
        prune(state, KeepPolicy(count=1))
    return "committed"


def mend(root: Path) -> str:
    """A recovery."""
    with open_state(root) as state, Volume(root) as volume:
        return recover(state, volume).outcome


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
    """The digest of the plan's scope."""
    with Volume(root) as volume:
        return scope_digest(volume, PLAN.scope)


def prepared(tmp_path: Path, *earlier: Callable[[Path], str]) -> tuple[Path, str]:
    """A workstation after the runs ``earlier``, and its digest."""
    template = tmp_path / "template"
    template.mkdir()
    lay_out(template)
    open_state(template).close()
    for step in earlier:
        step(template)
    return template, digest(template)


def copy_of(template: Path, tmp_path: Path, number: int) -> Path:
    """A copy of a workstation, to be interrupted."""
    root = tmp_path / f"run{number}"
    subprocess.run(["/bin/cp", "-a", str(template), str(root)], check=True)
    return root
