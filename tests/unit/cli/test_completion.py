"""A shell that completes: read by every shell a person opens, with what may stand there, fast and never failing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.cli import candidates
from atsam_safe.words.registry import all_references

if TYPE_CHECKING:
    from lab.stage import Stage

PROJECT = Path(__file__).resolve().parents[3]


@pytest.mark.needs("bash")
@pytest.mark.parametrize("kind", ["-ic", "-lic"], ids=["plain", "login"])
@pytest.mark.parametrize(
    ("there", "content"),
    [
        (None, ""),
        (".bash_profile", "export PATH\n"),
        (".bash_login", "export PATH"),
        (".profile", "umask 022\n"),
        (".profile", 'if [ -f "$HOME/.bashrc" ]; then . "$HOME/.bashrc"; fi\n'),
    ],
)
def test_every_shell_of_the_person_completes(stage: Stage, tmp_path: Path, kind: str, there: str | None, content: str) -> None:
    """The Terminal of macOS opens login shells, and only .bashrc was written: « in the next terminal » was not true there."""
    home = tmp_path / "ma maison"
    home.mkdir()
    if there is not None:
        (home / there).write_text(content)
    stage.monkeypatch.setenv("HOME", str(home))
    stage.monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))
    assert stage.run("--install-completion").code == 0
    written = {path.name: path.read_text() for path in home.iterdir() if path.is_file()}
    assert stage.run("--install-completion").code == 0
    # installing it again adds no second line where a login shell reads
    assert {name: text for name, text in written.items() if name != ".bashrc"} == {
        path.name: path.read_text() for path in home.iterdir() if path.is_file() and path.name != ".bashrc"
    }
    asked = subprocess.run(
        [shutil.which("bash") or "bash", kind, "complete -p atsam-safe"],
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "atsam-safe" in asked.stdout
    if there is not None:
        assert (home / there).read_text().startswith(content)
        assert not (home / ".bash_profile").exists() or there == ".bash_profile"


def completed(words: str, *, home: Path) -> tuple[list[str], str, float]:
    """What the shell is answered for a line of which the last word is being typed."""
    count = len(words.split(" ")) - 1
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT / "src"), "PYTHONUTF8": "1"}
    environment |= {"_ATSAM_SAFE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "atsam_safe"], env=environment, capture_output=True, text=True, timeout=60, check=False, cwd=home
    )
    return done.stdout.split(), done.stderr, time.monotonic() - begun


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("atsam-safe --accept os.unl", {"os.unlisted"}),
        ("atsam-safe verify --bundle 4.", {"4.41", "4.50", "4.63.00"}),
        ("atsam-safe manifests show gal", {"galss"}),
        ("atsam-safe manifests show macos-10.14", {"macos-10.14"}),
        ("atsam-safe --manifests /no/such/folder verify --bundle 4.", set()),
        ("atsam-safe --root /no/such/volume rollback 2", set()),
    ],
)
def test_arguments_are_completed_and_no_fault_reaches_the_line(tmp_path: Path, words: str, expected: set[str]) -> None:
    found, errors, _seconds = completed(words, home=tmp_path)
    assert (set(found), errors) == (expected, "")


def test_snapshots_of_the_named_workstation_are_completed(stage: Stage, tmp_path: Path) -> None:
    assert stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg")).code == 0
    (snapshot,) = [one["id"] for one in stage.run(*stage.on, "--json", "snapshots", "list").json["data"]["snapshots"]]
    root = stage.folder / "poste"
    for command in ("rollback", "snapshots show", "snapshots export"):
        assert completed(f"atsam-safe --root {root} {command} {snapshot[:3]}", home=tmp_path)[0] == [snapshot]
    state = root / "Library/Application Support/atsam-safe"
    shutil.move(state, tmp_path / "state")
    assert completed(f"atsam-safe --state-dir {tmp_path / 'state'} rollback {snapshot[:3]}", home=tmp_path)[0] == [snapshot]


def test_only_what_may_be_accepted_is_offered() -> None:
    offered = candidates.acceptable("")
    assert "os.unlisted" in offered
    assert all(all_references()[ref].acceptable for ref in offered)
    assert "package.wrong-signer" not in offered
