"""What a change would be refused for once it begins is a failed rule of ``check``: links, channels, this program's own folder."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from atsam_safe.guard.rules_payload import OWN_FOLDER
from atsam_safe.volume.state_place import DEFAULT_PLACE
from lab.atsam import GALSS, Sabotage, build_atsam
from lab.authority import Authority
from lab.catalogue import write_test_manifests
from lab.items import file

if TYPE_CHECKING:
    from pathlib import Path

    from lab.stage import Answer, Stage

pytestmark = pytest.mark.unmeasured

LINK = "volume.link-in-the-way"
NO_FOLDER = "volume.not-a-folder"
UNINSTALL = ("--yes", "--accept", "dependents.present", "uninstall", "--all")
FOLDERS = (
    "Applications",
    "Library/Caches",
    "Library/Frameworks",
    "Library/LaunchAgents",
    "Library/Logs",
    "Library/Preferences",
    "Library/Preferences/santesocial",
    "Library/Receipts",
    "private/var",
    "usr/local",
    "usr/local/lib",
)


def put_behind_a_link(root: Path, folder: str) -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    shutil.move(root / folder, root / "elsewhere")
    (root / folder).symlink_to("/elsewhere")


def failed(answer: Answer) -> list[str]:
    return [rule["ref"] for rule in answer.json["data"]["rules"] if rule["outcome"] == "fail"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_link_is_a_failed_rule_that_names_it_and_the_change_says_the_same(stage: Stage, folder: str) -> None:
    root = stage.folder / "poste"
    put_behind_a_link(root, folder)
    package = stage.package("ATSAM-4.41.pkg")
    answers = [stage.run("--json", *stage.on, *command, package) for command in (("check",), ("--yes", "install"), ("rehearse",))]
    for answer in answers:
        assert (answer.code, failed(answer)) == (10, [LINK])
        problem = answer.json["errors"][0]
        assert problem["evidence"]["links"] == {f"/{folder}": "/elsewhere"}
        assert f"/{folder} → /elsewhere" in problem["what"]
    assert not (root / DEFAULT_PLACE[1:]).exists(), "nothing was begun"
    assert stage.run("--json", *stage.on, *UNINSTALL).code in {0, 10}


@pytest.mark.parametrize("fifo", [False, True], ids=["file", "fifo"])
@pytest.mark.parametrize(
    "folder",
    [
        "Library/Application Support/santesocial",
        "Library/Frameworks",
        "Library/Logs",
        "Library/Preferences",
        "Library/Receipts",
        "private/var/db/receipts",
        "usr/local",
        "usr/local/lib",
    ],
)
def test_what_lies_in_the_place_of_a_folder_is_told_before_anything_is_removed(stage: Stage, folder: str, *, fifo: bool) -> None:
    """The installation found out when the old files were gone, and spoke of a link that nobody could find."""
    place = stage.folder / "poste" / folder
    shutil.rmtree(place, ignore_errors=True)
    if fifo:
        os.mkfifo(place)
    else:
        place.write_bytes(b"x")
    package = stage.package("ATSAM-4.41.pkg")
    for command in (("check",), ("--yes", "install"), ("rehearse",)):
        answer = stage.run("--json", *stage.on, *command, package)
        assert (answer.code, failed(answer)[0]) == (10, NO_FOLDER), answer.out
        problem = answer.json["errors"][0]
        assert problem["evidence"]["paths"] == [f"/{folder}"]
        assert f"/{folder}" in problem["what"]
    assert not (stage.folder / "poste" / DEFAULT_PLACE[1:]).exists(), "nothing was begun"
    assert stage.run("--json", *stage.on, *UNINSTALL).code in {0, 10}


def test_a_file_in_the_place_of_a_folder_that_goes_anyway_stops_nothing(stage: Stage) -> None:
    root = stage.folder / "poste"
    for folder in ("Library/Application Support/Galss", "Library/Caches", "Users/docteur"):
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).write_bytes(b"x")
    package = stage.package("ATSAM-4.41.pkg")
    for command in (("check",), ("--yes", "install"), ("--yes", "rollback")):
        answer = stage.run("--json", *stage.on, *command, *(() if "rollback" in command else (package,)))
        assert answer.code == 0, (command, answer.out[-1500:])


def test_links_and_channels_are_told_at_once(stage: Stage) -> None:
    root = stage.folder / "poste"
    put_behind_a_link(root, "Library/Frameworks")
    second = root / "usr/local/lib"
    shutil.move(second, root / "libraries")
    second.symlink_to("/libraries")
    (root / "Library/Preferences/galss.ini").unlink()
    os.mkfifo(root / "Library/Preferences/galss.ini")
    answer = stage.run("--json", *stage.on, "check", stage.package("ATSAM-4.41.pkg"))
    rule = next(rule for rule in answer.json["data"]["rules"] if rule["ref"] == LINK)
    assert rule["evidence"]["links"].keys() == {"/Library/Frameworks", "/usr/local/lib"}
    assert "snapshot.special-file" in failed(answer)


def test_a_fifo_in_a_folder_of_galss_stops_nothing(stage: Stage) -> None:
    os.mkfifo(stage.folder / "poste/Library/Application Support/Galss/galsssrv.fifo")
    package = stage.package("ATSAM-4.41.pkg")
    for command in (("check",), ("rehearse",), ("--yes", "install")):
        answer = stage.run("--json", *stage.on, *command, package)
        assert answer.code == 0, (command, answer.out[-1500:])
    assert stage.run("--json", *stage.on, "--yes", "rollback").code == 0
    assert stage.run("--json", *stage.on, "status").code == 0


def test_a_package_that_writes_into_our_own_folder_is_told_so(stage: Stage) -> None:
    """It was refused in the words for a « --state-dir » inside of what is to be kept, and by the installation only."""
    assert OWN_FOLDER == DEFAULT_PLACE
    authority = Authority.create()
    write_test_manifests(stage.folder / "ours", authority.trust())
    for place in ("store.json", "run/journal.log", "Run/Journal.log"):
        brought = file(f"{OWN_FOLDER[1:]}/{place}", b"x")
        package = stage.folder / "own.pkg"
        package.write_bytes(build_atsam("4.41", authority.signer(), sabotage={GALSS: Sabotage(extra=(brought,))}))
        for command in (("check",), ("--yes", "install")):
            answer = stage.run("--json", "--manifests", str(stage.folder / "ours"), *stage.on[2:], *command, str(package))
            assert (answer.code, failed(answer)[0]) == (10, "package.writes-own-folder")
    assert not (stage.folder / "poste" / OWN_FOLDER[1:]).exists()


def test_files_behind_a_link_are_not_called_missing(stage: Stage) -> None:
    """« Install the right build again » was the advice, and the installation was then refused."""
    put_behind_a_link(stage.folder / "poste", "Library/Frameworks")
    (stage.folder / "poste/Library/Application Support/Galss/galsvosx").unlink()
    for command in ("status", "verify"):
        answer = stage.run("--json", *stage.on, command)
        told = {error["ref"]: error["evidence"] for error in answer.json["errors"]}
        assert answer.code == 11
        assert told["component.behind-link"]["links"] == ["/Library/Frameworks"]
        assert told["component.files-missing"]["paths"] == ["/Library/Application Support/Galss/galsvosx"]


def test_a_way_back_whose_note_is_gone_is_found_all_the_same(stage: Stage) -> None:
    """« There is no snapshot yet. Nothing was ever changed by this program » was the answer, beside a list that showed it."""
    before = stage.run("--json", *stage.on, "status").json["data"]["components"]
    assert stage.run("--json", *stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg")).code == 0
    (stage.folder / "poste" / DEFAULT_PLACE[1:] / "latest").unlink()
    listed = stage.run("--json", *stage.on, "snapshots", "list").json["data"]
    assert listed["latest"] == listed["snapshots"][0]["id"]
    answer = stage.run("--json", *stage.on, "--yes", "rollback")
    assert (answer.code, answer.json["data"]["restored"]) == (0, listed["latest"])
    assert stage.run("--json", *stage.on, "status").json["data"]["components"] == before
