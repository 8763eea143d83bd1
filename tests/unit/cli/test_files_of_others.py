"""Whole commands beside other products and somebody's own files: what stays, what goes, and what is said of both afterwards."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from lab.items import file
from lab.workstation import ADM, RECEIPTS, Neighbour, install_neighbour, put

if TYPE_CHECKING:
    from pathlib import Path

    from lab.stage import Answer, Stage

GALSS: Final = "Library/Application Support/Galss"
FRAMEWORK: Final = "Library/Frameworks/galinosx.framework"
LAUNCHER: Final = "Applications/SrvSVcnam_Lanceur.app/Contents"
OTHER: Final = "fr.autre.editeur"
GARBAGE: Final = b"garbage" * 100
UNINSTALL: Final = ("--accept", "dependents.present", "uninstall", "--all", "--yes")
INVENTORIES: Final = ("150", "154", "155", "157", "159", "170", "174", "produits/158")


def neighbour(stage: Stage, *folders: str) -> list[str]:
    """Another vendor's product that keeps a file, and one more in a folder of its own, in folders of the components."""
    paths = [f"{folder}/{name}" for folder in folders for name in ("autre.dylib", "plus/deux.dylib")]
    items = tuple(file(path, f"{path}\n") for path in paths)
    install_neighbour(stage.folder / "poste", Neighbour(identifier=OTHER, version="1.0", title="Autre", items=items))
    return paths


def there(stage: Stage, *paths: str) -> list[str]:
    return [path for path in paths if (stage.folder / "poste" / path).exists()]


def receipt(stage: Stage, name: str) -> Path:
    return stage.folder / "poste" / RECEIPTS / name


def run(stage: Stage, *arguments: str) -> Answer:
    return stage.run(*stage.on, "--json", *arguments)


def warned(answer: Answer) -> dict[str, dict[str, Any]]:
    """The notices, by the sentence's own reference."""
    return {warning.get("told") or warning["ref"]: warning for warning in answer.json["notices"]}


def change(stage: Stage, command: str) -> Answer:
    return run(stage, *UNINSTALL) if command == "uninstall" else run(stage, "install", stage.package("ATSAM-4.41.pkg"), "--yes")


@pytest.mark.parametrize("command", ["uninstall", "install"])
@pytest.mark.parametrize("folder", [GALSS, FRAMEWORK, LAUNCHER])
def test_what_another_receipt_lists_in_a_components_folder_stays_and_is_told(stage: Stage, command: str, folder: str) -> None:
    paths = neighbour(stage, folder)
    answer = change(stage, command)
    assert answer.code == 0, answer.out
    assert there(stage, *paths) == paths
    kept = [entry["path"] for entry in answer.json["data"]["plan"]["kept"] if entry["owner"] == OTHER]
    assert {f"/{path}" for path in paths} <= set(kept)
    told = [one for one in answer.json["notices"] if one["ref"] == "components.foreign-files"]
    assert [(sorted(one["evidence"]["paths"]), one["evidence"]["receipts"]) for one in told] == [(sorted(f"/{p}" for p in paths), [OTHER])]
    assert bool(there(stage, f"{GALSS}/galsvosx")) == (command == "install")


def test_a_folder_with_others_files_only_is_no_component_for_status(stage: Stage) -> None:
    neighbour(stage, GALSS)
    assert run(stage, *UNINSTALL).code == 0
    states = {one["component"]: one["state"] for one in run(stage, "status").json["data"]["components"]}
    assert states["galss"] == "absent"
    assert run(stage, "install", stage.package("ATSAM-4.41.pkg"), "--yes").code == 0


@pytest.mark.parametrize("command", ["uninstall", "install"])
@pytest.mark.parametrize("damage", ["bom", "plist"])
def test_while_a_foreign_receipt_cannot_be_read_unknown_files_stay_and_are_told(stage: Stage, command: str, damage: str) -> None:
    paths = neighbour(stage, GALSS, FRAMEWORK)
    receipt(stage, f"{OTHER}.{damage}").write_bytes(GARBAGE)
    answer = change(stage, command)
    assert answer.code == 0, answer.out
    assert there(stage, *paths) == paths
    (said,) = [one for one in answer.json["notices"] if one["ref"] == "receipts.damaged"]
    assert OTHER in said["what"]
    assert not there(stage, f"{GALSS}/galsvosx") or command == "install"
    if damage == "bom":
        (files,) = [one for one in answer.json["notices"] if one["ref"] == "components.foreign-files"]
        assert "peut-être ceux d’un autre logiciel" in files["what"]


def test_a_damaged_property_list_of_a_dependent_is_told(stage: Stage) -> None:
    receipt(stage, "com.prokov.medistory.plist").write_bytes(GARBAGE)
    (said,) = [one for one in run(stage, *UNINSTALL).json["notices"] if one["ref"] == "receipts.damaged"]
    assert "com.prokov.medistory" in said["what"]


def test_a_foreign_receipt_without_a_bill_of_materials_is_no_damage(stage: Stage) -> None:
    notes = f"{GALSS}/mes-notes.txt"
    put(stage.folder / "poste", [file(notes, "notes\n")])
    for name in ("com.prokov.medistory.bom", "org.icanopee.dmpcjs2.bom", "fr.exemple.teleservice.bom"):
        receipt(stage, name).unlink()
    answer = run(stage, *UNINSTALL)
    assert answer.code == 0
    assert "receipts.damaged" not in {one["ref"] for one in answer.json["notices"]}
    assert there(stage, notes) == []


def test_where_no_receipt_tells_whose_anything_is_a_person_decides(stage: Stage) -> None:
    """The component's own receipt is gone, and the neighbour's cannot be read: neither taking nor leaving can be right."""
    paths = neighbour(stage, GALSS)
    receipt(stage, f"{OTHER}.bom").write_bytes(GARBAGE)
    for suffix in ("plist", "bom"):
        receipt(stage, f"fr.sesamvitale.galss.pkg.{suffix}").unlink()
    refused = run(stage, *UNINSTALL)
    assert refused.code == 10
    (error,) = refused.json["errors"]
    assert error["ref"] == "receipts.damaged"
    assert "--accept receipts.damaged" in error["next"]
    assert "autre.dylib" in error["what"]
    assert there(stage, *paths) == paths
    assert run(stage, "--accept", "receipts.damaged", *UNINSTALL).code == 0
    assert there(stage, *paths) == []
    assert run(stage, "rollback", "--yes").code == 0
    assert there(stage, *paths) == paths


@pytest.mark.parametrize(
    ("language", "verdict", "never"),
    [
        ("fr", "et avec leurs dossiers d’autres fichiers", ("rien d’autre n’a été modifié", "Copiez-les ailleurs")),
        ("en", "with their folders files of others", ("nothing else was touched", "Copy them elsewhere")),
    ],
)
def test_after_an_uninstall_the_words_tell_where_somebodys_files_are_now(
    stage: Stage, language: str, verdict: str, never: tuple[str, ...]
) -> None:
    notes = f"{GALSS}/mes-notes.txt"
    put(stage.folder / "poste", [file(notes, "notes\n")])
    shown = " ".join(stage.run(*stage.on, "--lang", language, *UNINSTALL).out.split())
    assert verdict in shown
    assert [words for words in never if words in shown] == []
    snapshots = list((stage.folder / "poste/Library/Application Support/atsam-safe/snapshots").glob("0*"))
    assert "mes-notes.txt. [components.foreign-files]" in shown
    assert snapshots[0].name in shown
    assert there(stage, notes) == []
    assert run(stage, "rollback", "--yes").code == 0
    assert (stage.folder / "poste" / notes).read_text(encoding="utf-8") == "notes\n"


def test_the_words_before_an_uninstall_and_after_one_that_failed_still_say_to_copy_first(stage: Stage) -> None:
    put(stage.folder / "poste", [file(f"{GALSS}/mes-notes.txt", "notes\n")])
    answer = run(stage, "install", stage.package("lying.pkg"), "--yes")
    assert answer.code == 20
    (told,) = [one for one in answer.json["notices"] if one["ref"] == "components.foreign-files"]
    assert "Copiez-les ailleurs" in told["next"]


def test_a_release_that_comes_back_keeps_its_inventory_files(stage: Stage) -> None:
    folder = stage.folder / "poste" / ADM
    before = {number: (folder / f"{number}.adm").read_bytes() for number in INVENTORIES}
    answer = run(stage, "install", stage.package("ATSAM-4.41.pkg"), "--yes")
    assert answer.code == 0
    assert {number: (folder / f"{number}.adm").read_bytes() for number in INVENTORIES if (folder / f"{number}.adm").exists()} == before
    assert "verify.inventory-lost" not in warned(answer)


def test_what_the_script_of_another_release_removes_is_told_where_this_ones_was_not_read(stage: Stage) -> None:
    answer = run(stage, "install", stage.package("ATSAM-4.41.pkg"), "--yes")
    told = warned(answer)["verify.left-by-payload"]
    assert {"/private/etc/reader.conf", "/Library/Preferences/santesocial/CPS/tmpinstall"} <= set(told["evidence"]["paths"])
    assert re.search(r"Cryptolib CPS 5\.1\.5 .*le script de l’éditeur", told["what"])


@pytest.mark.needs("root")
def test_the_publishers_owners_are_given_verified_and_taken_back(stage: Stage) -> None:
    poste = stage.folder / "poste"
    files = [GALSS, f"{GALSS}/galsvosx", "Library/Application Support/santesocial/galss", "Library/Logs/santesocial/galss"]
    kept = ["Library/Preferences/galss.ini", "Library/Preferences/io_comm.ini"]
    contents = [(poste / path).read_bytes() for path in kept]
    os.chown(poste / kept[0], 501, 20)
    before = [owner(poste / path) for path in (*files, *kept)]
    assert run(stage, "install", stage.package("ATSAM-4.41.pkg"), "--yes").code == 0
    assert [owner(poste / path) for path in (*files, *kept)] == [(0, 80)] * 6
    assert [(poste / path).read_bytes() for path in kept] == contents
    assert owner(poste / "Library/Frameworks/galssosx.framework") == (0, 0)
    assert run(stage, "rollback", "--yes").code == 0
    assert [owner(poste / path) for path in (*files, *kept)] == before


def owner(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid
