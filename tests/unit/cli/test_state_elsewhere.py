"""A state folder elsewhere, or damaged: told by every command that looks, refused by every one that changes."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.stage import Stage

pytestmark = pytest.mark.unmeasured

STATE = "Library/Application Support/atsam-safe"
INI = "Library/Preferences/galss.ini"


@pytest.fixture
def installed(stage: Stage, tmp_path: Path) -> Path:
    """A state folder outside of the workstation, with one snapshot of it."""
    place = tmp_path / "state"
    assert stage.run("--json", *stage.on, "--state-dir", str(place), "--yes", "install", stage.package("ATSAM-4.41.pkg")).code == 0
    return place


@pytest.mark.parametrize("command", [("recover",), ("--yes", "rollback"), ("--yes", "uninstall", "--all"), ("snapshots", "list")])
def test_another_workstation_is_not_given_the_files_of_this_one(stage: Stage, installed: Path, command: tuple[str, ...]) -> None:
    other = stage.folder / "other"
    shutil.copytree(stage.folder / "poste", other, symlinks=True, ignore=shutil.ignore_patterns("atsam-safe"))
    (other / INI).write_text("another practice")
    answer = stage.run("--json", *stage.on[:2], "--root", str(other), "--state-dir", str(installed), *command)
    assert (answer.code, [error["ref"] for error in answer.json["errors"]]) == (10, ["state.other-workstation"])
    assert (other / INI).read_text() == "another practice"


@pytest.mark.parametrize("command", [("recover",), ("--yes", "rollback"), ("snapshots", "list")])
def test_without_the_option_the_other_folder_is_named(stage: Stage, installed: Path, command: tuple[str, ...]) -> None:
    answer = stage.run("--json", *stage.on, *command)
    assert (answer.code, [error["ref"] for error in answer.json["errors"]]) == (10, ["state.elsewhere"])
    assert str(installed) in answer.json["errors"][0]["next"]
    assert stage.run("--json", *stage.on, "--state-dir", str(installed), *command).code == 0


def test_only_who_recovers_may_say_whose_a_folder_is(stage: Stage, installed: Path) -> None:
    mark = stage.folder / "poste" / STATE / "elsewhere"
    mark.unlink()
    said = ("--json", *stage.on, "--state-dir", str(installed), "--yes", "--accept", "state.other-workstation")
    for command in (("uninstall", "--all"), ("snapshots", "list")):
        answer = stage.run(*said, *command)
        assert (answer.code, [error["ref"] for error in answer.json["errors"]]) == (10, ["state.other-workstation"])
        assert "--accept state.other-workstation" in answer.json["errors"][0]["next"]
        assert not mark.exists()
    assert stage.run(*said, "recover").code == 0
    assert mark.exists()
    assert stage.run(*stage.on, "--state-dir", str(installed), "--yes", "rollback").code == 0


def test_who_only_looks_is_told_that_the_snapshots_are_elsewhere(stage: Stage, installed: Path) -> None:
    for command in ("status", "verify"):
        answer = stage.run("--json", *stage.on, command)
        assert "state.elsewhere" in [notice["ref"] for notice in answer.json["notices"]], command
        named = stage.run("--json", *stage.on, "--state-dir", str(installed), command)
        assert (named.code, [notice["ref"] for notice in named.json["notices"]]) == (0, ["set.field-only"])


@contextlib.contextmanager
def stick(place: Path, size: str) -> Iterator[Path]:
    """A disk of its own, and the folder of snapshots on it."""
    place.mkdir(exist_ok=True)
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(place)], check=True)
    try:
        yield place / "state"
    finally:
        subprocess.run(["/bin/umount", str(place)], check=True)


@pytest.mark.needs("mounts")
@pytest.mark.parametrize(("size", "ref"), [("32k", "package.staging-failed"), ("1m", "space.too-little"), ("9m", "space.too-little")])
def test_a_full_disk_for_the_snapshots_leaves_nothing_that_leads_to_it(stage: Stage, tmp_path: Path, size: str, ref: str) -> None:
    """“Nothing was touched”, and neither a larger disk at that place nor the place by default could be used any more."""
    folder = stage.folder / "poste" / STATE
    wanted = ("--yes", "install", stage.package("ATSAM-4.41.pkg"))
    with stick(tmp_path / "stick", size) as place:
        answer = stage.run("--json", *stage.on, "--state-dir", str(place), *wanted)
        assert (answer.code, [error["ref"] for error in answer.json["errors"]]) == (10, [ref])
        assert not folder.exists()
        assert stage.run("--json", *stage.on, "--state-dir", str(place), "recover").code == 0
        assert not folder.exists()
        assert stage.run("--json", *stage.on, "--state-dir", str(place), *wanted).code == 10
    with stick(tmp_path / "stick", "200m") as place:
        assert stage.run("--json", *stage.on, "--state-dir", str(place), *wanted).code == 0
        assert (folder / "elsewhere").is_file()
        assert stage.run("--json", *stage.on, "--state-dir", str(place), "--yes", "rollback").code == 0
    for named in ((), ("--state-dir", str(tmp_path / "stick/state"))):
        answer = stage.run("--json", *stage.on, *named, *wanted)
        (error,) = answer.json["errors"]
        assert (answer.code, error["ref"]) == (10, "state.elsewhere")
        assert str(folder / "elsewhere") in error["next"]
        assert f"--state-dir {tmp_path}" not in error["next"]


TWO_RECORDS = b"00000000 " + b"0" * 32 + b' {"record":"begin"}\n00000001 ' + b"0" * 32 + b" {}\n"
DAMAGE = {
    "journal": ("run/journal.log", TWO_RECORDS, 11, "state.journal-damaged"),
    "newer format": ("format", b"atsam-safe state 7\n", 0, "state.unknown-format"),
    "format of nonsense": ("format", b"\x00\x00", 0, "state.damaged"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_state_folder_is_never_passed_over_in_silence(stage: Stage, kind: str) -> None:
    """“This workstation is right” was once said with half of a run behind a journal that could not be read."""
    assert stage.run("--json", *stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg")).code == 0
    name, content, code, ref = DAMAGE[kind]
    (stage.folder / "poste" / STATE / name).write_bytes(content)
    for command in ("status", "verify"):
        answer = stage.run("--json", *stage.on, command)
        assert answer.code == code, command
        told = answer.json["errors"] + answer.json["notices"]
        assert ref in [problem["ref"] for problem in told]
    if kind == "journal":
        # of a run that kept nothing and so touched nothing: ended as simply as one whose record is whole, by whatever command comes first
        (stage.folder / "before").mkdir()
        shutil.copytree(stage.folder / "poste", stage.folder / "before" / "poste", symlinks=True)
        refused = stage.run("--json", *stage.on, "--no-recover", "--yes", "rollback")
        assert (refused.code, [error["ref"] for error in refused.json["errors"]]) == (10, [ref])
        assert "restore.sh" not in refused.json["errors"][0]["next"]
        answer = stage.run("--json", *stage.on, "recover")
        assert (answer.code, answer.json["data"]["transaction"]["outcome"]) == (0, "unchanged")
        (kept,) = (stage.folder / "poste" / STATE / "history").glob("*-damaged.log")
        assert kept.read_bytes() == content
        rollback = stage.run("--json", *stage.on[:2], "--root", str(stage.folder / "before" / "poste"), "--yes", "rollback")
        assert (rollback.code, rollback.json["data"]["recovered"]["transaction"]["outcome"]) == (0, "unchanged")
        return
    for change in (("recover",), ("--yes", "rollback")):
        assert stage.run("--json", *stage.on, *change).code == 10
    assert (stage.folder / "poste" / STATE / name).read_bytes() == content
