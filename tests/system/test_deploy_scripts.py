"""The scripts for deployment tools, run as those tools run them, on the real program and a workstation of the laboratory."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from lab.stage_fixtures import materials, stage

if TYPE_CHECKING:
    from lab.stage import Stage

__all__ = ["materials", "stage"]

PROJECT = Path(__file__).resolve().parents[2]
DEPLOY = PROJECT / "scripts/deploy"
DOCUMENT = PROJECT / "docs/deployment.md"


def launcher(stage: Stage) -> Path:
    """What stands for the installed program: the real one, on the stage's workstation."""
    path = stage.folder / "atsam safe"
    line = shlex.join([sys.executable, "-m", "atsam_safe", *stage.on])
    path.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(PROJECT / "src"))}\nexport PYTHONPATH\nexec {line} "$@"\n')
    path.chmod(0o755)
    return path


def answering(stage: Stage, code: int) -> Path:
    """A stand-in that only ends with ``code`` and keeps what it was asked."""
    path = stage.folder / f"ends {code}"
    path.write_text(
        f'#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done > {shlex.quote(str(stage.folder / "asked"))}\nexit {code}\n'
    )
    path.chmod(0o755)
    return path


def deploy(name: str, *arguments: object) -> tuple[int, str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
    ended = subprocess.run(
        ["/bin/sh", str(DEPLOY / name), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120, env=environment
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_a_fleet_from_refusal_to_a_right_workstation(stage: Stage) -> None:
    """Munki's question, the installation, the same question again; Jamf's inventory before and after a damage."""
    program = launcher(stage)
    good, wrong = stage.package("ATSAM-4.41.pkg"), stage.package("ATSAM-4.50.pkg")
    assert deploy("munki-installcheck", good, "4.41", program)[0] == 1
    code, said = deploy("munki-installcheck", wrong, "4.50", program)
    assert code == 3
    assert "[os.too-old]" in said
    assert deploy("jamf-attribute", program) == (0, "<result>right: ATSAM 4.41 (atsam-macos-4.41)</result>\n")
    (stage.folder / "poste/Library/Frameworks/galclosx.framework/Versions/A/galclosx").unlink()
    assert deploy("jamf-attribute", program) == (0, "<result>not right: ATSAM 4.41 (atsam-macos-4.41)</result>\n")
    assert deploy("munki-installcheck", good, "4.41", program)[0] == 0
    # as Jamf Pro calls it: volume, computer, user, then the parameters of the policy
    code, said = deploy("mac-install", "/", "poste-3", "", good, "", program)
    assert code == 0, said
    assert "Installed and verified." in said
    assert deploy("munki-installcheck", good, "4.41", program)[0] == 1
    code, said = deploy("mac-install", wrong, "", program)
    assert code == 10
    assert "ATSAM 4.41" in said


@pytest.mark.parametrize(
    ("ended", "code", "words"),
    [
        (0, 0, ""),
        (30, 0, "must be restarted"),
        (14, 14, "try again later"),
        (21, 21, "A PERSON IS NEEDED"),
        (20, 20, "Do not repeat it unchanged"),
        (12, 12, "Do not repeat it unchanged"),
        (77, 77, "Do not repeat it unchanged"),
    ],
)
def test_every_end_of_the_program_is_told_to_the_tool(stage: Stage, ended: int, code: int, words: str) -> None:
    seen, said = deploy("mac-install", stage.package("ATSAM-4.41.pkg"), "", answering(stage, ended))
    assert seen == code
    assert words in said


def test_accepted_risks_reach_the_program_one_by_one_and_names_with_spaces_and_stars_stay_whole(stage: Stage) -> None:
    package = stage.package("un paquet * à moi.pkg")
    deploy("mac-install", "/", "poste", "user", package, "os.unlisted,system.restart-pending", answering(stage, 0))
    assert (stage.folder / "asked").read_text().splitlines() == [
        "--lang", "en", "--yes", "--accept", "os.unlisted", "--accept", "system.restart-pending", "install", package,
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), [("mac-install", ()), ("munki-installcheck", ("only-one.pkg",))])
def test_a_forgotten_parameter_is_no_success(name: str, arguments: tuple[str, ...]) -> None:
    code, said = deploy(name, *arguments)
    assert code == 2
    assert name in said


@pytest.mark.parametrize("code", [2, 13, 22, 77])
def test_a_workstation_that_cannot_be_looked_at_is_neither_right_nor_installed(stage: Stage, code: int) -> None:
    assert deploy("munki-installcheck", "x.pkg", "4.41", answering(stage, code))[0] == 2
    assert deploy("jamf-attribute", answering(stage, code)) == (0, f"<result>unknown: exit code {code}</result>\n")


class FakeHelpers(ModuleType):
    """WAPT's ``setuphelpers.run``: raises when the exit code is not an accepted one."""

    def __init__(self, codes: dict[str, int]) -> None:
        super().__init__("setuphelpers")
        self.codes = codes
        self.commands: list[str] = []

    def run(self, command: str, accept_returncodes: list[int], timeout: int) -> str:
        assert timeout >= 600
        self.commands.append(command)
        code = next(code for word, code in self.codes.items() if word in command)
        if code not in accept_returncodes:
            message = f"exit code {code}"
            raise RuntimeError(message)
        return f"ended {code}"


def wapt_package(monkeypatch: pytest.MonkeyPatch, folder: Path, codes: dict[str, int]) -> tuple[Any, FakeHelpers]:
    helpers = FakeHelpers(codes)
    monkeypatch.setitem(sys.modules, "setuphelpers", helpers)
    spec = importlib.util.spec_from_file_location("wapt_setup", DEPLOY / "wapt_setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "KEPT", str(folder / "kept/ATSAM"))
    (folder / "ATSAM").mkdir()
    (folder / "ATSAM/galss.msi").write_bytes(b"msi")
    monkeypatch.chdir(folder)
    return module, helpers


@pytest.mark.parametrize(("code", "fails"), [(0, False), (3010, False), (10, True), (20, True), (21, True)])
def test_wapt_takes_a_refusal_and_a_rollback_for_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int, *, fails: bool
) -> None:
    module, helpers = wapt_package(monkeypatch, tmp_path, {"uninstall": code, "install": code})
    for action in (module.install, module.install, module.uninstall):
        if fails:
            with pytest.raises(RuntimeError, match=str(code)):
                action()
        else:
            action()
    assert (tmp_path / "kept/ATSAM/galss.msi").read_bytes() == b"msi"
    assert all(" --yes --msi-exit-codes " in command for command in helpers.commands)


def test_wapt_audits_by_the_verification(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module, helpers = wapt_package(monkeypatch, tmp_path, {"verify": 0})
    assert module.audit() == "OK"
    helpers.codes = {"verify": 11}
    assert module.audit() == "ERROR"


def test_the_document_names_every_script_and_every_exit_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [path.name for path in sorted(DEPLOY.iterdir()) if path.is_file() and f"scripts/deploy/{path.name}" not in text] == []
    from atsam_safe.report.result import EXIT_CODES  # noqa: PLC0415 - only this test reads the table

    rows = [row.split("|")[1] for row in text.splitlines() if row.startswith("|")]
    named = {word.strip(" `,") for row in rows for word in row.split(",")}
    assert {str(code) for code in EXIT_CODES} - named == set()
