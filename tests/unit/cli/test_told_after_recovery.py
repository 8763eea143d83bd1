"""A command that first dealt with an interrupted run says so in every answer: « nothing was touched » would not be true."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab.stage import Stage

pytestmark = pytest.mark.unmeasured

UNKNOWN = "000099-20261127T104533Z-ca95"
# answer → the command, its exit code
ANSWERS: dict[str, tuple[tuple[str, ...], int]] = {
    "refused": (("--yes", "install", "ATSAM-4.50.pkg"), 10),
    "not to be trusted": (("--yes", "install", "empty.pkg"), 12),
    "without consent": (("install", "ATSAM-4.41.pkg"), 2),
    "uninstall without consent": (("--accept", "dependents.present", "uninstall", "--all"), 2),
    "unknown snapshot": (("--yes", "rollback", UNKNOWN), 10),
}


@pytest.fixture
def cut_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage with an installation that was killed when all its steps were done."""
    (stage.folder / "empty.pkg").write_bytes(b"")
    cut(stage, monkeypatch)
    return stage


def cut(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install, and be killed before the verification."""
    child = os.fork()
    if child == 0:
        monkeypatch.setattr("atsam_safe.transaction.run.Run.verify", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg"))
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("form", ["json", "text"])
def test_every_answer_after_a_recovery_tells_of_it(cut_off: Stage, answer: str, form: str) -> None:
    words, code = ANSWERS[answer]
    command = [cut_off.package(word) if word.endswith(".pkg") else word for word in words]
    if form == "json":
        told = cut_off.run("--json", *cut_off.on, *command)
        assert told.code == code
        recovered = told.json["data"]["recovered"]
        assert recovered["transaction"]["outcome"] == "rolled-back"
        assert recovered["digest_before"] == recovered["digest_after"]
        assert told.json["data"].get("transaction") is None
        return
    told = cut_off.run("--lang", "en", *cut_off.on, *command)
    assert told.code == code
    first = " ".join(told.out.partition("\n\n")[2].split())  # after the warning about the catalogue
    assert first.startswith("An interrupted run was undone: the workstation is back as it was before that run (snapshot 000001-")
    assert "Nothing was touched" not in told.out
    if code in {10, 12}:
        assert "nothing else was touched" in told.out
    again = cut_off.run("--lang", "en", *cut_off.on, *command)
    assert again.code == code
    assert "An interrupted run was undone" not in again.out


def test_what_others_have_put_into_a_folder_of_the_interrupted_run_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stage.folder / "poste/Library/Logs/santesocial"
    shutil.rmtree(folder)
    cut(stage, monkeypatch)
    (folder / ".DS_Store").write_bytes(b"somebody else's")
    told = stage.run("--json", *stage.on, "--yes", "rollback", UNKNOWN)
    assert told.json["data"]["recovered"]["transaction"]["outcome"] == "rolled-back"
    assert [notice["ref"] for notice in told.json["notices"]] == ["snapshot.folder-kept"]
    assert [path.name for path in folder.iterdir()] == [".DS_Store"]


def test_a_repair_since_the_interruption_is_not_undone_by_a_command_that_is_about_something_else(
    cut_off: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weeks later an installation, refused by the guard, had taken the technician's work with it before a word was said."""
    ini = cut_off.folder / "poste/Library/Preferences/galss.ini"
    repaired = ini.read_bytes() + b"\r\n; repaired by hand\r\n"
    ini.write_bytes(repaired)
    # as if the run's last record were long ago
    monkeypatch.setattr("atsam_safe.transaction.found.SLACK_SECONDS", -3600)
    for command in (("install", cut_off.package("ATSAM-4.41.pkg")), ("uninstall", "--all"), ("rollback",)):
        answer = cut_off.run("--json", *cut_off.on, "--yes", *command)
        assert answer.code == 22
        (error,) = answer.json["errors"]
        assert error["ref"] == "state.changed-since-interrupted"
        assert "/Library/Preferences/galss.ini" in error["evidence"]["paths"]
        assert "recovered" not in answer.json["data"]
        assert ini.read_bytes() == repaired
    answer = cut_off.run("--json", *cut_off.on, "recover")
    assert (answer.code, answer.json["data"]["transaction"]["outcome"]) == (0, "rolled-back")
    assert ini.read_bytes() != repaired
    found = answer.json["data"]["found"]
    assert cut_off.run(*cut_off.on, "--yes", "rollback", found).code == 0
    assert ini.read_bytes() == repaired
    assert "found when an interrupted run was undone" in cut_off.run("--lang", "en", *cut_off.on, "snapshots", "list").out


WRITTEN_BY_ITSELF = (
    "Library/Receipts/InstallHistory.plist",
    "Library/Caches/santesocial/CPS/1a2b3c",
    "Library/Logs/santesocial/galss/pcsc.log",
)


def test_what_changes_by_itself_is_nobody_s_repair(cut_off: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hours later every command was refused: macOS had noted an update, and cards had been used."""
    for path in WRITTEN_BY_ITSELF:
        file = cut_off.folder / "poste" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as stream:
            stream.write(b"written since")
    monkeypatch.setattr("atsam_safe.transaction.found.SLACK_SECONDS", 0)
    answer = cut_off.run("--json", *cut_off.on, "--yes", "rollback", UNKNOWN)
    assert [error["ref"] for error in answer.json["errors"]] == ["snapshot.unknown"]
    assert answer.json["data"]["recovered"]["transaction"]["outcome"] == "rolled-back"


@pytest.mark.parametrize("options", [(), ("--no-recover",)])
def test_a_living_run_is_not_called_interrupted(stage: Stage, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]) -> None:
    """What it has changed so far is nobody's repair, and it needs nobody to deal with it: the second command only says who is at work."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:

        def stand_still(*_: object) -> None:
            os.write(told, b".")
            os.kill(os.getpid(), signal.SIGSTOP)

        monkeypatch.setattr("atsam_safe.transaction.run.Run.verify", stand_still)
        stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg"))
        os._exit(0)
    os.close(told)
    try:
        assert os.read(ready, 1) == b"."
        # however late it is, what the living run writes is its own
        monkeypatch.setattr("atsam_safe.transaction.found.SLACK_SECONDS", -3600)
        for command in (("--yes", "install", stage.package("ATSAM-4.41.pkg")), ("--yes", "rollback")):
            answer = stage.run("--json", *options, *stage.on, *command)
            assert ([error["ref"] for error in answer.json["errors"]], answer.code) == (["state.locked"], 14)
            assert answer.json["errors"][0]["evidence"]["pid"] == str(child)
            assert answer.err == ""
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
    lock = stage.folder / "poste/Library/Application Support/atsam-safe/lock"
    left = lock.read_bytes()
    assert stage.run("--json", "--no-recover", *stage.on, "--yes", "rollback").code == 22
    assert lock.read_bytes() == left != b""
    lock.unlink()
    assert stage.run("--json", "--no-recover", *stage.on, "--yes", "rollback").code == 22
    assert not lock.exists()
