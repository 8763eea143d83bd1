"""The lint of the house's laws: each rule is shown to fire, and to keep quiet where it must."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts.lint_world import inspect_project, inspect_source, main, may_touch_world

PROJECT = Path(__file__).resolve().parents[3]
PURE = "src/atsam_safe/guard/rules.py"
WORLD = "src/atsam_safe/volume/volume.py"


def rules(source: str, path: str = PURE) -> list[str]:
    return [breach.rule for breach in inspect_source(source, path)]


@pytest.mark.parametrize(
    "source",
    [
        "import os\n",
        "import os.path\n",
        "from os import path\n",
        "import time as clock\n",
        "from shutil import copy\n",
        "import socket\n",
        "import tempfile\n",
        "from plumbum import local\n",
        "import pathlib\n",
        "from pathlib import Path\n",
        "def f():\n    import sqlite3\n",
        "text = open('a').read()\n",
        "def f(p): return p.read_text()\n",
        "def f(p): return p.parent.iterdir()\n",
        "import datetime\nnow = datetime.datetime.now()\n",
        "from datetime import datetime, UTC\nnow = datetime.now(UTC)\n",
        "from datetime import date\ntoday = date.today()\n",
        "print('x')\n",
    ],
)
def test_a_deciding_module_that_touches_the_world_is_found(source: str) -> None:
    assert rules(source) == ["world"]
    assert rules(source, WORLD) == []
    assert rules(source, "tests/unit/guard/test_rules.py") == []


@pytest.mark.parametrize(
    "source",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pathlib import Path\n    import os\n",
        "from pathlib import PurePosixPath\n",
        "from datetime import datetime\nx = datetime.fromisoformat('2020-01-01')\n",
        "from .time import x\n",
        "x = 'a'.replace('a', 'b')\n",
        "import timeit_of_ours\n",
        "def f(m): return m.open\n",
    ],
)
def test_what_a_decision_may_do_is_left_alone(source: str) -> None:
    assert rules(source) == []


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("guard/rules", False),
        ("facts/model", False),
        ("catalogue/parse", False),
        ("catalogue/load", True),
        ("words/translate", False),
        ("versions", False),
        ("a_new_room/x", False),
        ("volume/volume", True),
        ("cli/install", True),
        ("__main__", True),
    ],
)
def test_who_may_touch_the_world(module: str, *, allowed: bool) -> None:
    assert may_touch_world(module) is allowed


@pytest.mark.parametrize("path", [WORLD, "scripts/bench.py", "hatch_build.py"])
@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\n",
        "from subprocess import run\n",
        "import pty\n",
        "import os\nos.system('true')\n",
        "from os import system\n",
        "import os\nos.popen('true')\n",
        "import os\nos.execvp('true', [])\n",
        "import os\nos.posix_spawn('true', [], {})\n",
        "run('x', shell=True)\n",
        "run('x', shell=wanted)\n",
    ],
)
def test_a_process_started_past_plumbum_is_found(source: str, path: str) -> None:
    assert rules(source, path) == ["process"]


def test_tests_may_play_the_attacker() -> None:
    assert rules("import subprocess\n", "tests/faults/killer.py") == []


def test_a_long_module_is_found_at_its_first_line_too_many() -> None:
    code = "def f(): ...\n"
    assert rules(code + "x = 1\n" * 499) == []
    assert rules(code + "x = 1\n" * 500) == ["long-module"]
    assert rules("x = 1\n" * 501) == []


def test_a_long_function_is_found_at_its_first_line_too_many() -> None:
    assert rules("def f():\n" + "    x = 1\n" * 59) == []
    assert rules("def f():\n" + "    x = 1\n" * 60) == ["long-function"]
    assert rules("class A:\n    async def f(self):\n" + "        x = 1\n" * 60) == ["long-function"]


@pytest.mark.parametrize(
    "source",
    [
        "x = 1  # TO" + "DO: later\n",
        "# FIX" + "ME\n",
        '"""A module that is not yet implemen' + 'ted."""\n',
        'def f():\n    """X' + 'XX."""\n',
        "def f():\n    raise NotImplementedError\n",
        "def f():\n    raise NotImplementedError('x')\n",
    ],
)
def test_unfinished_work_is_found(source: str) -> None:
    assert rules(source) == ["unfinished"]


@pytest.mark.parametrize(
    "line",
    [
        "# noqa",
        "# noqa: S101",
        "# noqa - for a good reason",
        "# noqa: S101, D103",
        "# type: ignore",
        "# type: ignore[attr-defined]",
        "# type: ignore # the library has no types",
        "# pragma: no cover",
        "# type: ignore[misc] # noqa: S101",
    ],
)
def test_a_silenced_check_without_code_or_reason_is_found(line: str) -> None:
    assert rules(f"x = 1  {line}\n") == ["unexplained"]


@pytest.mark.parametrize(
    "line",
    [
        "# noqa: S101 - the check is the point here",
        "# noqa: S101, D103: the check is the point",
        "# type: ignore[attr-defined, misc]  # the library has no types",
        "# pragma: no cover - only on Windows",
        "# type: ignore[misc] # noqa: S101 - no types there",
        "# fmt: skip",
        "# an ordinary remark",
    ],
)
def test_a_silenced_check_with_a_reason_is_left_alone(line: str) -> None:
    assert rules(f"x = 1  {line}\n") == []


def test_one_reason_serves_neighbouring_lines_that_silence_the_same_check() -> None:
    first = "import a  # noqa: E402 - found by the lines above\n"
    assert rules(first + "\nimport b  # noqa: E402\nimport c  # noqa: E402\n") == []
    assert rules(first + "\nimport b  # noqa: F401\n") == ["unexplained"]
    assert rules(first + "\n\n\nimport b  # noqa: E402\n") == ["unexplained"]


def test_a_private_base_class_may_leave_a_method_to_its_subclasses() -> None:
    method = "    def key(self):\n        raise NotImplementedError\n"
    assert rules(f"class _Base:\n{method}") == []
    assert rules(f"class Base:\n{method}") == ["unfinished"]


def test_the_constants_of_the_process_module_start_nothing() -> None:
    assert rules("from subprocess import DEVNULL, PIPE\n", WORLD) == []
    assert rules("from subprocess import DEVNULL, run\n", WORLD) == ["process"]


def test_words_inside_strings_are_not_comments() -> None:
    assert rules("x = '# noqa'\n") == []


def test_a_project_with_a_breach_ends_with_one_and_names_the_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = tmp_path / "src/atsam_safe/plan/steps.py"
    module.parent.mkdir(parents=True)
    module.write_text("import os\n")
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("src/atsam_safe/plan/steps.py:1: world: imports os")
    module.write_text("import re\n")
    assert main([str(tmp_path)]) == 0


@pytest.mark.repeated
def test_this_project_keeps_its_own_laws() -> None:
    assert [str(breach) for breach in inspect_project(PROJECT)] == []
