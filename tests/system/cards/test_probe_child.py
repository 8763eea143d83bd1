"""What the child process says, line by line: the other side of ``probe``, run as itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from atsam_safe.cards.probe import _binding_folder
from lab.card import virtual_card as plastic
from lab.card.modules import OPENSC, compile_module
from lab.card.requests import cps

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Desk

CHILD = Path(__file__).resolve().parents[3] / "src/atsam_safe/cards/probe_child.py"
DIGEST = "00" * 32


# By its name and not as a file, so that the measurement of coverage knows it again.
IMPORTED = ("-c", "import sys; from atsam_safe.cards.probe_child import main; main(sys.argv[1:])")


def said(*arguments: str, binding: str | None = None, start: tuple[str, ...] = IMPORTED, **variables: str) -> list[dict[str, Any]]:
    """Every line of the child for these arguments."""
    folder = binding or _binding_folder()
    assert folder is not None
    alive, lifeline = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, *start, folder, *arguments],
            stdin=alive,
            capture_output=True,
            timeout=60,
            check=True,
            env={**os.environ, **variables},
        )
    finally:
        os.close(alive)
        os.close(lifeline)
    return [json.loads(line) for line in done.stdout.splitlines()]


def stages(lines: list[dict[str, Any]]) -> list[str]:
    return [line["stage"] for line in lines[:-1]]


@pytest.fixture
def reader(desk: Desk) -> Desk:
    desk.readers("Lecteur")
    desk.insert(plastic.ATR_CPS3, cps())
    return desk


@pytest.fixture(scope="session")
def prompting(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A middleware that asks for the code itself, and hands the rest to OpenSC."""
    return str(compile_module(tmp_path_factory.mktemp("prompt"), "CODE_PROMPT", source="code_prompt.c", flags=("-ldl",)))


def test_a_card_is_shown_step_by_step(reader: Desk) -> None:
    del reader
    lines = said(str(OPENSC))
    assert stages(lines) == ["load", "start", "slots", "token", "certificates"]
    answer = lines[-1]["answer"]
    assert (answer["status"], answer["manufacturer"], answer["version"]) == ("ok", "OpenSC Project", "0.23")
    first, second = answer["slots"]
    assert (first["description"], first["present"], first["error"]) == ("Lecteur 00 00", True, "")
    token = first["token"]
    assert token["label"].startswith("CPS3v1-")
    assert (token["initialized"], token["login_required"], token["code_locked"]) == (True, True, False)
    assert len(token["certificates"]) == 2
    assert (second["present"], second["token"]) == (False, None)


def test_a_card_that_the_module_does_not_know(desk: Desk) -> None:
    desk.readers("Lecteur")
    desk.insert(plastic.ATR_VITALE_2, plastic.NoApplication())
    lines = said(str(OPENSC))
    assert stages(lines) == ["load", "start", "slots", "token"]
    assert lines[-1]["answer"]["slots"][0]["error"] == "TokenNotRecognised"


@pytest.mark.parametrize(
    ("slot", "code", "steps", "expected"),
    [
        ("Lecteur 00 00", "1234", ["load", "start", "code", "signature"], ("ok", "signed")),
        ("Lecteur 00 00", "0000", ["load", "start", "code"], ("failed", None)),
        ("Lecteur absent", "1234", ["load", "start"], ("ok", "no-token")),
    ],
)
def test_a_challenge(reader: Desk, prompting: str, slot: str, code: str, steps: list[str], expected: tuple[str, str | None]) -> None:
    del reader
    lines = said(prompting, slot, DIGEST, DELEGATE=str(OPENSC), PROMPTED_CODE=code)
    assert stages(lines) == steps
    answer = lines[-1]["answer"]
    assert (answer["status"], answer.get("challenge", {}).get("state")) == expected
    if expected[1] == "signed":
        assert [len(bytes.fromhex(signature)) for signature in answer["challenge"]["signatures"]] == [256]


def test_no_code_is_asked_without_a_prompt_of_the_module_s_own(reader: Desk) -> None:
    del reader
    lines = said(str(OPENSC), "Lecteur 00 00", DIGEST)
    assert (stages(lines), lines[-1]["answer"]["challenge"]["state"]) == (["load", "start"], "no-protected-path")


def test_what_does_not_load_or_start(build: Callable[..., Path], tmp_path: Path) -> None:
    lines = said(str(tmp_path / "absent.so"))
    assert (stages(lines), lines[-1]["answer"]["status"]) == (["load"], "refused")
    lines = said(str(build("REFUSE_TO_START")))
    assert (stages(lines), lines[-1]["answer"]) == (["load", "start"], {"status": "failed", "detail": "DeviceError"})
    lines = said(str(build("HUGE_LIST")))
    assert (stages(lines), lines[-1]["answer"]["detail"]) == (["load", "start", "slots"], "MemoryError")
    lines = said(str(OPENSC), binding=str(tmp_path), start=("-I", "-S", str(CHILD)))
    assert (stages(lines), lines[-1]["answer"]) == ([], {"status": "support-missing"})


def test_it_ends_when_its_parent_is_gone(build: Callable[..., Path]) -> None:
    command = [sys.executable, *IMPORTED, str(_binding_folder()), str(build("HANG_ON_START"))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert done.returncode == 125
