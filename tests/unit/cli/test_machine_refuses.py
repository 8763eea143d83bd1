"""What a machine that opens, reads or loads nothing more lets a command say: words about the machine, no error of the program's own."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.cli import crash
from atsam_safe.cli.dispatch import guarded

if TYPE_CHECKING:
    from atsam_safe.report.result import CommandResult
    from lab.stage import Stage

FULL = Path("/dev/full")


@pytest.mark.parametrize(
    ("error", "exit_code", "ref"),
    [
        (OSError(errno.EMFILE, "", "part.py"), 10, "volume.too-many-open"),
        (OSError(errno.ENFILE, "", b"part.py"), 10, "volume.too-many-open"),
        (OSError(errno.EIO, ""), 10, "volume.io-error"),
        (OSError(errno.ENOSPC, "", "part.py"), 10, "volume.no-space"),
        (ModuleNotFoundError("", name="part"), 10, "program.part-missing"),
        (ImportError("part.so: too many open files", name="part"), 10, "program.part-missing"),
        (OSError(errno.EBADF, ""), 1, "program.internal-error"),
        (ValueError(), 1, "program.internal-error"),
    ],
)
def test_what_the_machine_refuses_is_no_error_of_the_program(error: Exception, exit_code: int, ref: str) -> None:
    def fail() -> CommandResult:
        raise error

    result = guarded("install", fail)
    assert (result.exit_code, [problem.ref for problem in result.problems]) == (exit_code, [ref])


def _tree(stage: Stage) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_mtime_ns) for path in (stage.folder / "poste").rglob("*"))


@pytest.mark.parametrize("allowed", [6, 8, 12, 24, 40, 64])
def test_few_open_files_end_in_words_with_nothing_touched_or_in_the_change_itself(stage: Stage, allowed: int) -> None:
    """Between 7 and 64 allowed files a part that was loaded late could not be, and the command ended 1."""
    before = _tree(stage)
    command = [sys.executable, "-m", "atsam_safe", *stage.on, "--json", "--yes", "install", stage.package("ATSAM-4.41.pkg")]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))

    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    answer = json.loads(done.stdout)
    if done.returncode == 0:
        return
    assert (done.returncode, [error["ref"] for error in answer["errors"]]) == (10, ["volume.too-many-open"])
    assert _tree(stage) == before


# the command line in a process of its own that tells which modules it loaded once it held the lock
LATE = """
import sys
from atsam_safe.transaction.lock import RunLock
acquire, before = RunLock.acquire, []
def acquired(lock):
    before.append(set(sys.modules))
    acquire(lock)
RunLock.acquire = acquired
from atsam_safe.cli.dispatch import run
code = run(sys.argv[1:])
print("LATE", *sorted(set(sys.modules) - before[0]), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_change_loads_every_part_before_it_begins(stage: Stage, form: tuple[str, ...]) -> None:
    """What cannot be loaded in between would stop a change that had begun well."""
    for command in (("--yes", "install", stage.package("ATSAM-4.41.pkg")), ("--yes", "rollback"), ("recover",)):
        done = subprocess.run(
            [sys.executable, "-c", LATE, *stage.on, *form, *command],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == 0, done.stderr
        assert [line for line in done.stderr.splitlines() if line.startswith("LATE")] == ["LATE"]


def test_a_fault_is_told_even_where_its_details_can_be_kept_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder for temporary files can be found where nothing can be opened: that must not hide the fault itself."""
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/none")

    def fail() -> str:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    monkeypatch.setattr(tempfile, "gettempdir", fail)
    problem = crash.record(ValueError())
    assert (problem.ref, problem.params["log"]) == ("program.internal-error", "-")


@pytest.mark.needs("/dev/full")
@pytest.mark.parametrize("form", [("--json",), ()])
def test_a_change_whose_answer_cannot_be_written_is_told_on_the_other_stream(stage: Stage, form: tuple[str, ...]) -> None:
    """It ended 1, as if the program had failed, without a word on either stream; the installation had been committed."""

    def on_full(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "atsam_safe", *stage.on, "--lang", "en", *form, *arguments]
        with FULL.open("wb") as full:
            return subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)

    looked = on_full("status")
    assert looked.returncode == 1
    assert "The answer could not be written" in looked.stderr
    done = on_full("--yes", "install", stage.package("ATSAM-4.41.pkg"))
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "The command itself has ended (exit code 0), and what it did to the workstation stays." in done.stderr
    if form:
        answer = json.loads(done.stderr.splitlines()[-1])
        assert (answer["status"], len(answer["data"]["snapshot"]) > 0) == ("ok", True)
    else:
        assert "Installed and verified." in done.stderr
