"""The whole program beside itself: looking while another run changes everything, and packages that change while they are used."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from faults.cells import CHECK, RECOVER
from faults.child import Ended, run_child, run_until
from faults.fingerprint import STATE_FOLDER, fingerprint
from faults.oracle import Oracle, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from faults.scene import Prepared, Scene

pytestmark = [pytest.mark.slow, pytest.mark.needs("strace", "gcc")]
SCENARIO: Final = "install over a damaged set"
# places among its changes of the disk: snapshot, removal, installation, commit and tidying
MOMENTS: Final = (90, 600, 714)
LOOKING: Final = (("status",), ("verify",), ("check", "{sound}"), ("facts",), ("snapshots", "list"), CHECK, ("diagnose",))
CHANGING: Final = (
    ("--yes", "install", "{sound}"),
    ("--yes", "rollback"),
    RECOVER,
    ("--yes", "snapshots", "prune", "--keep", "1"),
    ("--yes", "--accept", "dependents.present", "uninstall", "--all"),
)


def everything(root: Path) -> str:
    """The workstation and the state folder, names, rights and content; another eye than the product's."""
    digest = hashlib.sha256(repr(sorted(fingerprint(root).items())).encode())
    for path in sorted((root / STATE_FOLDER).rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        digest.update(repr((str(path), status.st_mode, status.st_size, status.st_mtime_ns)).encode() + content)
    return digest.hexdigest()


@pytest.mark.parametrize("moment", MOMENTS)
def test_looking_on_changes_nothing_and_a_second_change_is_turned_away(
    scene: Scene, prepared: dict[str, Prepared], tmp_path: Path, moment: int
) -> None:
    root = scene.fresh("damaged", tmp_path)
    oracle = Oracle(root, prepared[SCENARIO].states)
    beside = tmp_path / "beside"
    beside.mkdir()
    told: list[tuple[Sequence[str], Ended]] = []

    def meet(_pid: int) -> None:
        held = everything(root)
        for arguments in (*LOOKING, *CHANGING):
            told.append((arguments, run_child(scene.action(root, arguments), beside)))
            assert everything(root) == held, arguments

    ended = run_until(scene.action(root, prepared[SCENARIO].scenario.arguments), tmp_path, moment, meet)
    assert ended.code == 0
    assert oracle.judge_answer(ended) == "after"
    assert len(told) == len(LOOKING) + len(CHANGING)
    for arguments, answer in told:
        assert answer.answer is not None, arguments
        assert "Traceback" not in answer.err
        assert answer.code == 14 if arguments in CHANGING else answer.code in {0, 10, 11, 14}, (arguments, answer.out[:400])
        # a run that lives is nobody's to recover
        assert "state.interrupted-run" not in {error["ref"] for error in answer.answer["errors"]}, arguments
    first = scene.run(root, RECOVER)
    oracle.judge_recovery(first, scene.run(root, RECOVER), fingerprint(root))
    oracle.judge_store(scene.run(root, CHECK))
    oracle.judge_residue()
    assert oracle.violations == []


def _another_name(package: Path) -> None:
    """The download is replaced as browsers do it: a new file under the old name."""
    package.with_suffix(".new").write_bytes(b"something else")
    package.with_suffix(".new").rename(package)


def _link(package: Path) -> None:
    package.unlink()
    package.symlink_to("/etc/passwd")


def _in_place(package: Path) -> None:
    with package.open("r+b") as stream:
        stream.seek(package.stat().st_size // 2)
        stream.write(b"\0" * 4096)


SWAPS: Final[dict[str, tuple[Callable[[Path], object], frozenset[int | None]]]] = {
    "another file under its name": (_another_name, frozenset({0})),
    "gone": (Path.unlink, frozenset({0})),
    "a link in its place": (_link, frozenset({0})),
    "written over in place": (_in_place, frozenset({10, 12, 20})),
    "cut in place": (lambda package: os.truncate(package, 5000), frozenset({10, 12, 20})),
    "emptied in place": (lambda package: os.truncate(package, 0), frozenset({10, 12, 20})),
}


@pytest.mark.parametrize("name", SWAPS)
def test_a_package_that_is_swapped_between_check_and_use(scene: Scene, prepared: dict[str, Prepared], tmp_path: Path, name: str) -> None:
    """What was checked is what is used, or nothing is: before its first byte is staged the file changes."""
    swap, codes = SWAPS[name]
    root = scene.fresh("damaged", tmp_path)
    package = tmp_path / "package.pkg"
    shutil.copy(scene.packages["sound"], package)
    oracle = Oracle(root, prepared[SCENARIO].states)
    staging = []

    def meet(_pid: int) -> None:
        staging.append(sorted((root / STATE_FOLDER / "run").glob("staging/*/*")))
        swap(package)

    before_staging = next(call for call in prepared[SCENARIO].calls if call.name == "mkdirat" and '"staging"' in call.shown)
    ended = run_until(scene.action(root, ("--yes", "install", str(package))), tmp_path, before_staging.primitive, meet)
    assert staging == [[]]
    assert ended.code in codes, ended.out[:600]
    found = oracle.judge_answer(ended)
    assert found == ("after" if ended.code == 0 else "before")
    first = scene.run(root, RECOVER)
    oracle.judge_recovery(first, scene.run(root, RECOVER), fingerprint(root))
    oracle.judge_residue()
    assert oracle.violations == []


def test_a_killed_run_is_seen_by_whoever_looks(scene: Scene, prepared: dict[str, Prepared], tmp_path: Path) -> None:
    """Between kill and recovery: no command that only looks calls the workstation sound, or changes anything."""
    root = scene.fresh("damaged", tmp_path)
    run_until(scene.action(root, prepared[SCENARIO].scenario.arguments), tmp_path, 600, lambda pid: os.kill(pid, signal.SIGKILL))
    held = everything(root)
    for arguments in LOOKING:
        answer = scene.run(root, arguments)
        assert answer.answer is not None
        assert everything(root) == held, arguments
    for arguments in (("status",), ("verify",)):
        assert scene.run(root, arguments).code == 11
    refused = scene.run(root, ("--no-recover", "--yes", "install", "{sound}"))
    assert refused.code == 22
    assert outcome_of(refused) is None
    assert everything(root) == held
