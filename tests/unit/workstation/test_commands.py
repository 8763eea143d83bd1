"""How external commands are run: bounded in time and in words, in an environment of their own, and never waiting for grandchildren."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from atsam_safe.workstation import commands
from atsam_safe.workstation.commands import SystemCommandRunner

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.workstation.commands import CommandOutcome

TOOL = "/usr/bin/tool"


def run(folder: Path, script: str, *, limit: float = 10.0, answers: bytes = b"", beats: list[float] | None = None) -> CommandOutcome:
    tool = folder / TOOL.lstrip("/")
    tool.parent.mkdir(parents=True)
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    runner = SystemCommandRunner(commands_root=folder)
    return runner.run((TOOL, "one two", "$HOME"), limit=limit, answers=answers, heartbeat=None if beats is None else beats.append)


def test_arguments_streams_and_status_come_back_apart_and_no_shell_reads_them(tmp_path: Path) -> None:
    ended = run(tmp_path, 'printf "%s|" "$@"; echo bad >&2; exit 113')
    assert (ended.status, ended.text, ended.error_text) == (113, "one two|$HOME|", "bad\n")


def test_the_callers_environment_stays_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYLD_INSERT_LIBRARIES", "/tmp/evil.dylib")
    monkeypatch.setenv("BASH_ENV", "/tmp/evil")
    told = dict(line.split("=", 1) for line in run(tmp_path, "env").text.splitlines())
    assert {name: told.get(name) for name in commands.CLEAN_ENVIRONMENT} == commands.CLEAN_ENVIRONMENT
    assert set(told) - set(commands.CLEAN_ENVIRONMENT) <= {"PWD", "OLDPWD", "SHLVL", "_"}


def test_a_grandchild_that_keeps_the_output_open_is_not_waited_for(tmp_path: Path) -> None:
    started = time.monotonic()
    ended = run(tmp_path, "sleep 30 & echo $!; exit 0")
    assert time.monotonic() - started < 10.0
    assert ended.status == 0
    os.kill(int(ended.text), 9)  # still there: it was left alone, and its output did not hold us


def test_at_the_limit_the_whole_group_is_ended(tmp_path: Path) -> None:
    ended = run(tmp_path, "sleep 30 & echo $!; sleep 30", limit=0.5)
    assert ended.timed_out
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline and not gone(int(ended.text)):
        time.sleep(0.05)
    assert gone(int(ended.text))


def gone(pid: int) -> bool:
    """A process that has ended, be it still listed because nobody asked how."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stream:  # noqa: PTH123 - two words for one file
            return stream.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_flood_is_ended_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "OUTPUT_LIMIT", 100_000)
    ended = run(tmp_path, "exec yes")
    assert ended.status is None
    assert len(ended.out) <= 100_000


def test_a_long_silent_command_shows_that_it_lives(tmp_path: Path) -> None:
    beats: list[float] = []
    assert run(tmp_path, "sleep 2.3", beats=beats).status == 0
    assert [round(beat) for beat in beats] == [1, 2]


def test_a_question_is_answered_and_the_end_of_the_answers_is_an_end(tmp_path: Path) -> None:
    assert run(tmp_path, "read first; read second || echo end; echo $first", answers=b"Y\n").text == "end\nY\n"


def test_what_is_not_there_is_a_value_and_a_relative_name_a_mistake(tmp_path: Path) -> None:
    runner = SystemCommandRunner(commands_root=tmp_path)
    assert runner.run(("/usr/bin/nothing",), limit=1.0).missing
    with pytest.raises(ValueError, match="tool"):
        runner.run(("tool",), limit=1.0)
