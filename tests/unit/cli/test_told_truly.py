"""Whole commands: what is refused is told by its own reference and in its own words, and nothing is touched before it is."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.items import file
from lab.packages import Component, component_package

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.stage import Stage

PROJECT = Path(__file__).resolve().parents[3]
REFUSALS = PROJECT / "docs/reference/refusals"


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("command", ["check", "install"])
@pytest.mark.parametrize(
    ("content", "fault", "french"),
    [
        (b"", "package.empty", "est un fichier vide"),
        (b"<html>not found</html>", "package.not-a-package", "n’est pas un programme d’installation que ce logiciel sait lire"),
    ],
)
def test_a_refused_package_is_told_by_the_fault_that_inspect_names(
    stage: Stage, command: str, content: bytes, fault: str, french: str
) -> None:
    path = stage.folder / "bad.pkg"
    path.write_bytes(content)
    inspected = stage.run(*stage.on, "--json", "inspect", str(path)).json["data"]["packages"][0]
    assert [reason["ref"] for reason in inspected["signature"]["reasons"]] == [fault]
    answer = stage.run(*stage.on, "--json", command, str(path)).json
    assert answer["exit_code"] == 12
    (rule,) = [rule for rule in answer["data"]["rules"] if rule["outcome"] == "fail" and rule["ref"].startswith("package.")]
    (error,) = [error for error in answer["errors"] if error["ref"] == "package.damaged"]
    for told in (rule, error):
        assert (told["ref"], told["told"], told["evidence"]["faults"]) == ("package.damaged", fault, [fault])
        assert french in told["what"]
    shown = words(stage.run(*stage.on, command, str(path)).out)
    assert f"[package.damaged, {fault}]" in shown
    assert (REFUSALS / f"{fault}.md").is_file()


def test_several_refused_packages_are_named_without_a_code_in_the_sentence(stage: Stage) -> None:
    folder = stage.folder / "several"
    folder.mkdir()
    (folder / "a.pkg").write_bytes(b"")
    (folder / "b.pkg").write_bytes(b"xar!\x00\x1c")
    answer = stage.run(*stage.on, "--json", "check", str(folder)).json
    (error,) = [error for error in answer["errors"] if error["ref"] == "package.damaged"]
    assert set(error["evidence"]["faults"]) == {"package.empty", "package.damaged"}
    assert "told" not in error
    assert "package." not in error["what"]
    assert "a.pkg, b.pkg" in error["what"]


@pytest.mark.parametrize(
    ("damage", "ref", "french", "english"),
    [
        ("format", "state.unknown-format", "écrit par une version plus récente", "newer version"),
        ("writable", "state.unsafe", "d’autres utilisateurs peuvent le modifier", "other users may change it"),
        ("journal", "state.journal-damaged", "ligne 1", "line 1"),
        ("objects", "state.damaged", "dossier", "folder"),
    ],
)
@pytest.mark.needs("posix rights")
def test_a_folder_of_snapshots_that_cannot_be_used_is_told_in_words(stage: Stage, damage: str, ref: str, french: str, english: str) -> None:
    assert stage.run(*stage.on, "install", stage.package("ATSAM-4.41.pkg"), "--yes").code == 0
    state = stage.folder / "poste/Library/Application Support/atsam-safe"
    if damage == "format":
        (state / "format").write_bytes((state / "format").read_bytes().replace(b"1", b"99"))
    elif damage == "writable":
        state.chmod(0o777)
    elif damage == "journal":
        (state / "run/journal.log").write_bytes(b"nonsense\nnonsense\n")
    else:
        (state / "objects").rename(stage.folder / "objects")
    for language, expected in (("fr", french), ("en", english)):
        answer = stage.run(*stage.on, "--lang", language, "--json", "check", stage.package("ATSAM-4.41.pkg")).json
        (error,) = [error for error in answer["errors"] if error["ref"] == "state.damaged"]
        assert expected in error["what"]
        assert "(state." not in error["what"]
        assert error.get("told", "state.damaged") == ref
        assert error["evidence"]["ref"] == ref


@pytest.mark.parametrize(("begun", "offered"), [("", ["fr", "en"]), ("e", ["en"])])
def test_the_shell_is_offered_the_languages(begun: str, offered: list[str]) -> None:
    words_so_far = {"COMP_WORDS": f"atsam-safe --lang {begun}", "COMP_CWORD": "2"}
    environment = {**os.environ, "_ATSAM_SAFE_COMPLETE": "complete_bash", **words_so_far}
    answer = subprocess.run([sys.executable, "-m", "atsam_safe"], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == offered


def test_one_snapshot_is_counted_as_one(stage: Stage) -> None:
    assert stage.run(*stage.on, "install", stage.package("ATSAM-4.41.pkg"), "--yes").code == 0
    for arguments in (("list",), ("check",), ("prune", "--keep", "1")):
        shown = stage.run(*stage.on, "--lang", "en", "snapshots", *arguments).out
        assert "1 snapshots" not in shown
        assert re.search(r"[Ss]napshots(?: removed)?: [01]\b", shown)


def test_a_folder_in_the_place_of_galss_ini_is_told_before_anything_is_touched(stage: Stage) -> None:
    """It was kept as if it were the settings, got the rights 0666, and the run ended “installed and verified”."""
    ini = stage.folder / "poste/Library/Preferences/galss.ini"
    ini.unlink()
    ini.mkdir(mode=0o755)
    for command in ("check", "install"):
        answer = stage.run(*stage.on, "--json", command, stage.package("ATSAM-4.41.pkg"), *(["--yes"] if command == "install" else [])).json
        assert (answer["exit_code"], [error["ref"] for error in answer["errors"]]) == (10, ["config.not-a-file"])
        assert answer["errors"][0]["evidence"]["paths"] == [{"path": "/Library/Preferences/galss.ini", "kind": "directory"}]
    assert stat.S_IMODE(ini.stat().st_mode) == 0o755
    ini.rename(ini.with_name("galss.ini.folder"))
    assert stage.run(*stage.on, "install", stage.package("ATSAM-4.41.pkg"), "--yes").code == 0
    assert ini.is_file()


@pytest.mark.needs("posix rights")
def test_a_link_in_the_place_of_galss_ini_stays_and_what_it_leads_to_keeps_its_rights(stage: Stage) -> None:
    ini = stage.folder / "poste/Library/Preferences/galss.ini"
    kept = ini.rename(ini.with_name("galss-cabinet.ini"))
    kept.chmod(0o640)
    ini.symlink_to(kept.name)
    assert stage.run(*stage.on, "install", stage.package("ATSAM-4.41.pkg"), "--yes").code == 0
    assert ini.is_symlink()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640


@contextlib.contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    """A real disk of its own."""
    place.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", "-l", str(place)], check=True)


@pytest.mark.needs("mounts")
def test_a_rehearsal_is_judged_by_the_disk_it_writes_to(stage: Stage) -> None:
    """A disk that is full or only readable is no reason not to rehearse elsewhere; but that it would stop the installation is said."""
    disk, package = stage.folder / "disk", stage.package("ATSAM-4.41.pkg")
    with small_disk(disk, "40m"):
        shutil.copytree(stage.folder / "poste", disk / "poste", symlinks=True)
        on = ("--manifests", str(stage.folder / "catalogue"), "--root", str(disk / "poste"))
        here = stage.run(*on, "--json", "rehearse", package, "--scratch", str(disk)).json
        assert (here["exit_code"], [error["ref"] for error in here["errors"]]) == (10, ["rehearsal.no-room"])
        subprocess.run(["/bin/mount", "-o", "remount,ro", str(disk)], check=True)
        refused = stage.run(*on, "--json", "rehearse", package, "--scratch", str(disk)).json
        assert (refused["exit_code"], [error["ref"] for error in refused["errors"]]) == (10, ["rehearsal.scratch-not-writable"])
        elsewhere = stage.run(*on, "--json", "rehearse", package, "--scratch", str(stage.folder)).json
        assert (elsewhere["exit_code"], elsewhere["data"]["transaction"]["outcome"]) == (10, "committed")
        assert {"space.too-little", "volume.read-only"} <= {error["ref"] for error in elsewhere["errors"]}
        installed = stage.run(*on, "--json", "--yes", "install", package).json
        assert {"space.too-little", "volume.read-only"} <= {error["ref"] for error in installed["errors"]}


@pytest.mark.needs("lasting place")
@pytest.mark.parametrize("command", [("install", "PACKAGE"), ("uninstall", "--all")])
def test_a_way_back_where_the_system_tidies_up_is_refused_before_anything(stage: Stage, tmp_path: Path, command: tuple[str, ...]) -> None:
    arguments = [stage.package("ATSAM-4.41.pkg") if word == "PACKAGE" else word for word in command]
    emptied = tmp_path / "state"
    with tempfile.TemporaryDirectory(prefix="tests-", dir=PROJECT) as lasting:
        root = Path(lasting) / "poste"
        shutil.copytree(stage.folder / "poste", root, symlinks=True)
        on = ("--manifests", str(stage.folder / "catalogue"), "--root", str(root), "--yes", "--json", "--accept", "dependents.present")
        refused = stage.run(*on, "--state-dir", str(emptied), *arguments).json
        assert (refused["exit_code"], [error["ref"] for error in refused["errors"]]) == (2, ["usage.state-dir-emptied"])
        assert str(root / "Library/Application Support/atsam-safe") in refused["errors"][0]["next"]
        assert not emptied.exists()
        assert not (root / "Library/Application Support/atsam-safe").exists()
        assert stage.run(*on, "--state-dir", str(Path(lasting) / "state"), *arguments).code == 0
    # what lies in such a place itself needs no better one for its way back
    assert stage.run(*stage.on, "--yes", "--accept", "dependents.present", "--state-dir", str(emptied), *arguments).code == 0


@pytest.mark.parametrize("command", [("install", "PACKAGE"), ("uninstall", "--all")])
def test_a_folder_of_snapshots_inside_what_is_kept_is_refused_before_it_is_made(stage: Stage, command: tuple[str, ...]) -> None:
    arguments = [stage.package("ATSAM-4.41.pkg") if word == "PACKAGE" else word for word in command]
    state = stage.folder / "poste/Library/Application Support/Galss/saves"
    state.parent.chmod(0o755)
    answer = stage.run(*stage.on, "--yes", "--json", "--accept", "dependents.present", "--state-dir", str(state), *arguments).json
    assert (answer["exit_code"], [error["ref"] for error in answer["errors"]]) == (10, ["snapshot.scope-holds-state"])
    assert not state.exists()


@pytest.mark.parametrize("command", [("install", "PACKAGE"), ("uninstall", "--all")])
def test_somebodys_file_in_a_folder_that_goes_as_a_whole_is_named_before(stage: Stage, command: tuple[str, ...]) -> None:
    package = stage.package("ATSAM-4.41.pkg")
    arguments = [package if word == "PACKAGE" else word for word in command]
    inside = "/Library/Application Support/Galss/notes du docteur.txt"
    before = stage.run(*stage.on, "--json", "check", package).json["data"]["rules"]
    assert [rule["outcome"] for rule in before if rule["ref"] == "components.foreign-files"] == ["pass"]
    (stage.folder / f"poste{inside}").write_text("à garder")
    (stage.folder / f"poste{inside}").with_name(".DS_Store").write_bytes(b"\0")
    notices = stage.run(*stage.on, "--json", "check", package).json["notices"]
    assert [notice["evidence"]["paths"] for notice in notices if notice["ref"] == "components.foreign-files"] == [[inside]]
    asked = stage.run(*stage.on, "--accept", "dependents.present", *arguments, stdin="non\n")
    assert asked.code == 2
    assert f"(fichiers étrangers : 1) : {inside}." in words(asked.err)
    done = stage.run(*stage.on, "--json", "--yes", "--accept", "dependents.present", *arguments).json
    assert (done["exit_code"], done["data"]["plan"]["strangers"]) == (0, [inside])
    assert not (stage.folder / f"poste{inside}").exists()
    assert stage.run(*stage.on, "--yes", "rollback").code == 0
    assert (stage.folder / f"poste{inside}").read_text() == "à garder"


def test_a_package_without_a_list_of_its_files_is_told_to_people_too(stage: Stage) -> None:
    path = stage.folder / "bare.pkg"
    bare = Component(identifier="org.exemple.outil", version="1", items=(file("opt/outil", b"x"),), bom_bytes=b"")
    path.write_bytes(component_package(bare))
    assert "bom-missing" in stage.run(*stage.on, "--json", "inspect", str(path)).json["data"]["packages"][0]["warnings"]
    assert "pas de liste de ses fichiers" in words(stage.run(*stage.on, "inspect", str(path)).out)
    assert "has no list of its files" in words(stage.run(*stage.on, "--lang", "en", "inspect", str(path)).out)


@pytest.mark.parametrize("algorithm", ["md5", "sha1"])
def test_a_kind_of_checksum_that_is_not_accepted_is_not_called_a_wrong_checksum(stage: Stage, algorithm: str) -> None:
    source = stage.folder / "source"
    source.mkdir()
    (source / "PackageInfo").write_text('<pkg-info identifier="org.exemple.outil" version="2.5" install-location="/opt"/>')
    made = stage.folder / "made.pkg"
    options = f"toc-checksum={algorithm},checksum={algorithm}"
    command = ["/usr/bin/bsdtar", "--format", "xar", "--options", options, "-cf", str(made), "-C", str(source), "PackageInfo"]
    subprocess.run(command, check=True)
    shown = words(stage.run(*stage.on, "inspect", str(made)).out)
    assert ("un type de somme de contrôle qui n’est pas accepté" in shown) == (algorithm == "md5")
    assert "une somme de contrôle est fausse" not in shown
