"""Commands get the environment they shall have and nothing of the caller's."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from plumbum import local

from atsam_safe.processes import exact_environment
from atsam_safe.workstation.commands import CLEAN_ENVIRONMENT, SystemCommandRunner
from atsam_safe.workstation.guest import run_guest

if TYPE_CHECKING:
    from collections.abc import Iterator

ENV = "/usr/bin/env"
HOSTILE = {"DYLD_INSERT_LIBRARIES": "evil.dylib", "LD_LIBRARY_PATH": "/evil", "BASH_ENV": "/evil", "PERL5LIB": "/evil"}


def listed(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if line)


@pytest.fixture(autouse=True)
def _hostile_caller() -> Iterator[None]:
    with local.env(**HOSTILE):
        yield


def test_the_hostile_caller_would_be_noticed() -> None:
    assert HOSTILE.items() <= listed(local[ENV](env={"A": "1"})).items()


def test_a_command_started_within_gets_exactly_what_was_given() -> None:
    with exact_environment({"A": "1", "PATH": "/bin"}):
        answer = local[ENV]()
    assert listed(answer) == {"A": "1", "PATH": "/bin"}


def test_a_search_path_is_never_made_up() -> None:
    with pytest.raises(ValueError, match="A"), exact_environment({"A": "1"}):
        pass


def test_the_callers_environment_is_back_afterwards_also_after_an_error() -> None:
    before = local.env.getdict()
    with pytest.raises(KeyError), exact_environment({"PATH": "/bin"}):
        raise KeyError
    assert local.env.getdict() == before


def test_threads_do_not_see_each_others_environment() -> None:
    answers: dict[str, dict[str, str]] = {}

    def ask(name: str) -> None:
        for _ in range(5):
            with exact_environment({"WHO": name, "PATH": "/bin"}):
                answers[name] = listed(local[ENV]())

    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {str(number): {"WHO": str(number), "PATH": "/bin"} for number in range(4)}


def test_the_commands_of_the_system_run_in_the_clean_environment_alone() -> None:
    outcome = SystemCommandRunner().run([ENV], limit=10)
    assert listed(outcome.out.decode()) == CLEAN_ENVIRONMENT


def test_a_vendors_uninstaller_runs_in_the_clean_environment_alone() -> None:
    outcome = run_guest(Path(ENV), [], answers=[], limit=10)
    # a home of its own: a guest that writes below its home must not find a person's
    assert listed(outcome.transcript.replace("\r\n", "\n")) == {**CLEAN_ENVIRONMENT, "HOME": "/"}
