"""Whole commands on a laboratory workstation: what a fresh pair of eyes found, so that it stays found."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.cards.identity import load_key
from atsam_safe.cards.model import CardError
from atsam_safe.cli import changing
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from typing import TextIO

    from lab.stage import Stage

RECEIPTS = "poste/private/var/db/receipts"


def snapshots_of(stage: Stage) -> Path:
    return stage.folder / "poste/Library/Application Support/atsam-safe/snapshots"


def test_a_second_removal_finds_nothing_to_do_and_an_accepted_risk_is_not_asked_for_again(stage: Stage) -> None:
    accepted = stage.run(*stage.on, "--lang", "en", "uninstall", "--all", "--yes", "--accept", "dependents.present")
    assert accepted.code == 0
    assert "go on with" not in accepted.out
    assert "You took this risk yourself" in " ".join(accepted.out.split())
    again = stage.run(*stage.on, "--json", "uninstall", "--all", "--yes")
    assert again.code == 0, again.out
    assert again.json["data"]["nothing_to_do"] is True
    assert again.json["errors"] == []
    assert "rien" in stage.run(*stage.on, "uninstall", "--all", "--yes").out


def test_removing_from_a_system_whose_release_cannot_be_read_is_told_with_its_end(stage: Stage) -> None:
    (stage.folder / "poste/System/Library/CoreServices/SystemVersion.plist").unlink()
    removed = stage.run(*stage.on, "--json", "--yes", "--accept", "dependents.present", "uninstall", "--all")
    assert removed.code == 0
    assert "os.unreadable" in [notice["ref"] for notice in removed.json["notices"]]


def test_a_damaged_snapshot_is_listed_and_told_before_somebody_needs_it(stage: Stage) -> None:
    """Its list of files broken, it was left out of the list, which then said that there was no snapshot at all."""
    assert stage.run(*stage.on, "install", stage.package("ATSAM-4.41.pkg"), "--yes").code == 0
    (snapshot,) = snapshots_of(stage).iterdir()
    manifest = snapshot / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"label"', b'"lable"', 1))
    listed = stage.run(*stage.on, "--json", "snapshots", "list").json
    assert listed["data"]["latest"] == snapshot.name
    assert listed["data"]["damaged"] == [snapshot.name]
    assert [notice["ref"] for notice in listed["notices"]] == ["snapshot.manifest-damaged"]
    shown = stage.run(*stage.on, "snapshots", "list").out
    assert snapshot.name in shown
    assert "ABÎMÉE" in shown
    again = stage.run(*stage.on, "--json", "install", stage.package("ATSAM-4.41.pkg"), "--yes").json
    assert again["exit_code"] == 0
    assert "snapshot.manifest-damaged" in [notice["ref"] for notice in again["notices"]]
    refused = stage.run(*stage.on, "--json", "install", stage.package("ATSAM-4.50.pkg"), "--yes").json
    assert refused["exit_code"] == 10
    assert "snapshot.manifest-damaged" in [notice["ref"] for notice in refused["notices"]]


def test_a_snapshot_that_is_gone_although_it_was_the_last_is_told(stage: Stage) -> None:
    assert stage.run(*stage.on, "install", stage.package("ATSAM-4.41.pkg"), "--yes").code == 0
    (snapshot,) = snapshots_of(stage).iterdir()
    snapshot.rename(stage.folder / "elsewhere")
    listed = stage.run(*stage.on, "--json", "snapshots", "list").json
    assert listed["data"]["damaged"] == [snapshot.name]
    assert [notice["ref"] for notice in listed["notices"]] == ["snapshot.unknown"]


@pytest.mark.parametrize("broken", ["fr.sesamvitale.galss.pkg.bom", "fr.sesamvitale.galss.pkg.plist"])
def test_a_workstation_with_a_corrupt_receipt_is_repaired_once_that_is_accepted(stage: Stage, broken: str) -> None:
    receipt = stage.folder / RECEIPTS / broken
    receipt.write_bytes(b"\x00garbage" * 40)
    package = stage.package("ATSAM-4.41.pkg")
    refused = stage.run(*stage.on, "--json", "install", package, "--yes").json
    assert refused["exit_code"] == 10
    assert [error["ref"] for error in refused["errors"]] == ["receipts.damaged"]
    assert "--accept receipts.damaged" in refused["errors"][0]["next"]
    repaired = stage.run(*stage.on, "--json", "install", package, "--yes", "--accept", "receipts.damaged").json
    assert repaired["exit_code"] == 0, repaired
    assert b"garbage" not in receipt.read_bytes()
    status = stage.run(*stage.on, "--json", "status").json
    assert status["exit_code"] == 0, status["errors"]
    assert stage.run(*stage.on, "--json", "rollback", "--yes").json["exit_code"] == 0
    assert receipt.read_bytes() == b"\x00garbage" * 40


@pytest.mark.parametrize("language", ["fr", "en"])
def test_completion_is_installed_in_our_words_and_envelope(stage: Stage, tmp_path: Path, language: str) -> None:
    stage.monkeypatch.setenv("HOME", str(tmp_path))
    stage.monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))
    answer = stage.run("--install-completion", "--json", "--lang", language)
    assert answer.json["command"] == "completion"
    path = Path(answer.json["data"]["path"])
    assert path.is_relative_to(tmp_path)
    assert "atsam-safe" in path.read_text()
    told = stage.run("--install-completion", "--lang", language)
    assert told.code == 0
    assert ("est installée" if language == "fr" else "is installed") in told.out
    shown = stage.run("--show-completion", "--json", "--lang", language).json
    assert "_ATSAM_SAFE_COMPLETE" in shown["data"]["script"]


@pytest.mark.parametrize("shell", ["pwsh", "tcsh"])
def test_a_shell_without_completion_is_refused_and_nothing_is_written(stage: Stage, tmp_path: Path, shell: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    stage.monkeypatch.setenv("HOME", str(home))
    stage.monkeypatch.setattr("shellingham.detect_shell", lambda: (shell, f"/bin/{shell}"))
    answer = stage.run("--install-completion", "--json").json
    assert answer["exit_code"] == 2
    assert answer["errors"][0]["ref"] == "usage.no-completion"
    assert list(home.iterdir()) == []


@pytest.mark.needs("posix rights")
def test_an_unsafe_folder_of_snapshots_is_told_in_words(stage: Stage, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o777)
    answer = stage.run(*stage.on, "--state-dir", str(state), "install", stage.package("ATSAM-4.41.pkg"), "--yes")
    assert answer.code == 10
    assert "(writable)" not in answer.out
    assert "d’autres utilisateurs peuvent le modifier" in " ".join(answer.out.split())


def test_a_damaged_package_is_told_in_words_and_by_its_code(stage: Stage) -> None:
    package = Path(stage.package("ATSAM-4.41.pkg"))
    package.write_bytes(package.read_bytes()[:-4000])
    answer = stage.run(*stage.on, "--json", "check", str(package))
    assert answer.code == 12
    (error,) = [error for error in answer.json["errors"] if error["ref"] == "package.damaged"]
    code = error["evidence"]["packages"][0]["reasons"][0]["params"]["fault"]
    assert code == "past-end-of-file" or "-" in code, json.dumps(error)
    assert code not in error["what"]


def test_looking_at_a_card_leaves_no_trace_where_nothing_was_ever_changed(stage: Stage, tmp_path: Path) -> None:
    """The key for comparing cards once made the state folder by itself, at the root of whatever computer it ran on."""
    missing = tmp_path / "nowhere" / "state"
    assert not load_key(missing).kept
    assert not missing.parent.exists()
    before = sorted(path.relative_to(stage.folder) for path in stage.folder.rglob("*"))
    answer = stage.run(*stage.on, "--json", "--yes", "--state-dir", str(missing), "cards", "doctor", "--wait", "0")
    assert answer.json["command"] == "cards doctor"
    assert sorted(path.relative_to(stage.folder) for path in stage.folder.rglob("*")) == before
    assert not missing.parent.exists()


KEYS_OF_A_RUN = {"transaction", "snapshot", "digest_before", "digest_after", "residue", "verification"}


def test_a_script_finds_every_key_of_a_run_in_every_answer_also_when_none_took_place(stage: Stage) -> None:
    good, wrong = stage.package("ATSAM-4.41.pkg"), stage.package("ATSAM-4.50.pkg")
    seen = {
        "recover, no state yet": (0, ("recover",)),
        "install refused": (10, ("--yes", "install", wrong)),
        "install, nobody agreed": (2, ("install", good)),
        "installed": (0, ("--yes", "install", good)),
        "rollback, nobody agreed": (2, ("rollback",)),
        "uninstall refused": (10, ("--yes", "uninstall", "--all")),
        "uninstalled": (0, ("--yes", "--accept", "dependents.present", "uninstall", "--all")),
        "nothing to uninstall": (0, ("--yes", "uninstall", "--all")),
    }
    for name, (code, arguments) in seen.items():
        answer = stage.run("--json", *stage.on, *arguments)
        assert answer.code == code, name
        assert set(answer.json["data"]) >= KEYS_OF_A_RUN, name
        assert (answer.json["data"]["transaction"] is not None) == (name in {"installed", "uninstalled"}), name


def test_readers_of_this_computer_say_nothing_against_the_workstation_of_a_volume(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """« This workstation is not right » was said of a volume because the computer it was mounted on had no smart-card service."""

    def no_service(*_arguments: object, **_options: object) -> None:
        raise CardError(Problem(ref="cards.service-down"))

    monkeypatch.setattr("atsam_safe.cli.card_changes.list_slots", no_service)
    for command in (("cards", "realign"), ("--yes", "cards", "realign", "--apply")):
        answer = stage.run(*stage.on, "--json", *command)
        assert (answer.code, answer.json["status"]) == (10, "refused")
        assert [(error["ref"], "de cet ordinateur" in error["what"]) for error in answer.json["errors"]] == [("cards.service-down", True)]
        assert "Ce poste n’est PAS en ordre." not in stage.run(*stage.on, *command).out
    assert not (stage.folder / "poste/Library/Application Support/atsam-safe/snapshots").exists()


def test_whoever_looks_while_a_run_is_under_way_is_told_to_wait_not_to_recover(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A living run looks like one that was cut off; « run recover » is then the wrong advice, and what is seen is half of something."""
    child = os.fork()
    if child == 0:
        monkeypatch.setattr("atsam_safe.transaction.run.Run.commit", lambda *_: os.kill(os.getpid(), signal.SIGSTOP))
        stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg"))
        os._exit(0)
    try:
        assert os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1])
        journal = stage.folder / "poste/Library/Application Support/atsam-safe/run/journal.log"
        written = journal.read_bytes()
        # as it is met while a record is being written
        for content in (written, written[:-5]):
            journal.write_bytes(content)
            for command in ("status", "verify", "diagnose"):
                answer = stage.run(*stage.on, "--json", command)
                assert [(error["ref"], str(child) in error["what"]) for error in answer.json["errors"]] == [("state.locked", True)]
                assert (answer.code, answer.json["data"]["fit"]) == (11, False)
            answer = stage.run(*stage.on, "--json", "check", stage.package("ATSAM-4.41.pkg"))
            assert (answer.code, [error["ref"] for error in answer.json["errors"]]) == (14, ["state.locked"])
        assert journal.read_bytes() == written[:-5]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    journal.write_bytes(written)
    assert [error["ref"] for error in stage.run(*stage.on, "--json", "status").json["errors"]] == ["state.interrupted-run"]


def test_whoever_looks_after_a_kill_is_told_of_it_although_every_file_looks_right(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the commit, the new set is whole on the disk and the next change takes it back: « right » would be a lie."""
    child = os.fork()
    if child == 0:
        monkeypatch.setattr("atsam_safe.transaction.run.Run.commit", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg"))
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    for command in ("status", "verify", "diagnose"):
        answer = stage.run(*stage.on, "--json", command)
        assert [error["ref"] for error in answer.json["errors"]] == ["state.interrupted-run"]
        assert (answer.code, answer.json["data"]["fit"]) == (11, False)
        _, catalogue, _, root = stage.on
        shown = " ".join(stage.run(*stage.on, command).out.split())
        assert f"Lancez « atsam-safe --root {root} --manifests {catalogue} recover »." in shown
    assert stage.run(*stage.on, "recover").code == 0
    for command in ("status", "verify", "diagnose"):
        assert stage.run(*stage.on, command).code == 0


def test_a_rollback_names_the_later_work_before_consent_and_where_it_is_afterwards(stage: Stage) -> None:
    """Settings edited after an installation, and files put into its folders, went back with it without a word."""
    ini = stage.folder / "poste/Library/Preferences/galss.ini"
    own = stage.folder / "poste/Library/Application Support/Galss/own.txt"
    names = {"/Library/Preferences/galss.ini", "/Library/Application Support/Galss/own.txt"}
    assert stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg")).code == 0
    plan = stage.run(*stage.on, "--lang", "en", "rollback").err
    assert "Changed by others" not in plan
    time.sleep(0.02)
    edited = ini.read_bytes() + b"; readers realigned\r\n"
    ini.write_bytes(edited)
    own.write_bytes(b"mine")
    plan = " ".join(stage.run(*stage.on, "--lang", "en", "rollback").err.split())
    assert "(files: 2): /Library/Application Support/Galss/own.txt, /Library/Preferences/galss.ini." in plan
    assert set(stage.run(*stage.on, "--json", "rollback").json["data"]["changed_since"]) == names
    answer = stage.run(*stage.on, "--json", "--yes", "rollback").json
    (told,) = [notice for notice in answer["notices"] if notice["ref"] == "snapshot.later-work"]
    assert (set(told["evidence"]["paths"]), told["evidence"]["kept"]) == (names, answer["data"]["snapshot"])
    assert answer["data"]["snapshot"] in told["next"]
    assert ini.read_bytes() != edited
    # and the snapshot it names does bring the work back
    again = stage.run(*stage.on, "--json", "--yes", "rollback", told["evidence"]["kept"]).json
    assert (ini.read_bytes(), own.read_bytes()) == (edited, b"mine")
    assert "snapshot.later-work" not in {notice["ref"] for notice in again["notices"]}


def test_a_rollback_takes_nothing_that_was_made_while_the_question_stood_there(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ini = stage.folder / "poste/Library/Preferences/galss.ini"
    assert stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg")).code == 0

    def meanwhile(stream: TextIO) -> None:
        del stream
        ini.write_bytes(b"made meanwhile")

    monkeypatch.setattr(changing, "forget_typed_ahead", meanwhile)
    answer = stage.run(*stage.on, "--json", "rollback", stdin="oui\n").json
    assert (answer["exit_code"], [error["ref"] for error in answer["errors"]]) == (10, ["run.changed-meanwhile"])
    assert ini.read_bytes() == b"made meanwhile"


@pytest.mark.parametrize(("package", "times"), [("restart.pkg", 1), ("ATSAM-4.41.pkg", 0)])
def test_a_restart_that_a_package_asks_for_is_told_of_a_disk_that_is_not_started(stage: Stage, package: str, times: int) -> None:
    answer = stage.run(*stage.on, "--json", "--yes", "install", stage.package(package)).json
    assert answer["exit_code"] == 0
    assert [notice["ref"] for notice in answer["notices"]].count("system.restart-by-starting") == times
