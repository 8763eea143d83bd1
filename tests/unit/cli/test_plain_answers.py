"""Small answers in the words of whoever asked: each of these was misleading once."""

from __future__ import annotations

import ast
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import atsam_safe
from lab.atsam import ATSAM_VERSIONS, IDENTIFIERS, component_items

if TYPE_CHECKING:
    from lab.stage import Answer, Stage

SOURCE = Path(atsam_safe.__file__).parent
WEB_PAGE = "page web"


def unfolded(answer: Answer) -> str:
    return " ".join(answer.out.split())


def french(stage: Stage, *arguments: str) -> str:
    return unfolded(stage.run(*stage.on, "--lang", "fr", *arguments))


@pytest.mark.parametrize("method", ["commit", "restored"])
def test_recover_says_what_became_of_the_interrupted_run(stage: Stage, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """“Dealt with” was neither undone nor completed."""
    place = {"commit": "atsam_safe.transaction.run.Run.commit", "restored": "atsam_safe.transaction.executor._change"}[method]
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(place, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg"))
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    said = french(stage, "recover")
    assert "L’opération interrompue a été annulée : le poste est de nouveau tel qu’avant elle." in said
    assert "rien n’a changé" not in said
    assert "le poste est exactement tel qu’avant" in said


def test_a_run_that_had_touched_nothing_is_told_as_such(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    child = os.fork()
    if child == 0:
        monkeypatch.setattr("atsam_safe.transaction.executor._prepare", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg"))
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    answer = stage.run(*stage.on, "--lang", "fr", "recover")
    assert answer.code == 0
    assert "n’avait encore rien modifié" in unfolded(answer) or "Il n’y avait rien à faire" in unfolded(answer)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ((), "ne contient aucun programme d’installation"),
        (("notes.txt",), "ne contient aucun programme d’installation"),
        (("Contents/Archive.pax.gz", "Contents/Info.plist"), "avant macOS 10.5"),
    ],
)
@pytest.mark.parametrize("command", ["inspect", "check"])
def test_a_folder_is_not_called_a_web_page(stage: Stage, tmp_path: Path, command: str, files: tuple[str, ...], said: str) -> None:
    folder = tmp_path / "bundle.pkg"
    folder.mkdir()
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    answer = stage.run(*stage.on, "--lang", "fr", command, str(folder))
    assert answer.code == 12
    assert said in unfolded(answer)
    assert WEB_PAGE not in unfolded(answer)
    if command == "inspect":
        assert [error["ref"] for error in stage.run("--json", "inspect", str(folder)).json["errors"]] == ["package.not-a-package"]


@pytest.mark.parametrize(("change", "ref"), [(b"longer", "snapshot.object-damaged"), (None, "snapshot.object-truncated")])
def test_an_object_that_grew_is_not_called_incomplete(stage: Stage, change: bytes | None, ref: str) -> None:
    assert stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg")).code == 0
    objects = stage.folder / "poste/Library/Application Support/atsam-safe/objects"
    one = max((path for path in objects.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = one.read_bytes()
    one.write_bytes(content[:-1] if change is None else content + change)
    answer = stage.run(*stage.on, "--json", "snapshots", "check").json
    assert {error["ref"] for error in answer["errors"]} == {ref}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("snapshots", "foo"), ("n’a pas de commande « foo »", "check, export, list, prune, show")),
        (("verify", "--bundle"), ("« --bundle » doit être suivi d’une valeur (ID)",)),
        (("diagnose", "--symptom"), ("« --symptom » doit être suivi d’une valeur (TEXTE)",)),
        (("cards", "watch", "--seconds"), ("« --seconds » doit être suivi d’une valeur (SECONDES)",)),
        (("status", "--root"), ("« --root » doit être suivi d’une valeur (DOSSIER)",)),
    ],
)
def test_a_wrong_command_line_is_told_in_the_readers_words(stage: Stage, arguments: tuple[str, ...], expected: tuple[str, ...]) -> None:
    answer = stage.run("--lang", "fr", *arguments)
    assert answer.code == 2
    for words in expected:
        assert words in unfolded(answer)
    assert "requires" not in answer.out


ALL = (
    ("inspect", "PACKAGE"),
    ("check", "PACKAGE"),
    ("status",),
    ("verify",),
    ("install", "PACKAGE"),
    ("uninstall", "--all"),
    ("rehearse", "PACKAGE"),
    ("rollback",),
    ("recover",),
    ("snapshots", "list"),
    ("facts",),
    ("diagnose",),
    ("cards", "clear-cache"),
    ("manifests", "list"),
)


@pytest.mark.parametrize("command", ALL, ids=[" ".join(words) for words in ALL])
def test_a_risk_that_is_no_rules_is_refused_everywhere(stage: Stage, command: tuple[str, ...]) -> None:
    words = [stage.package("ATSAM-4.41.pkg") if word == "PACKAGE" else word for word in command]
    for ref, said in (("nope.rule", ""), ("os.too-odl", "os.too-old"), ("privileges.missing", "")):
        answer = stage.run(*stage.on, "--yes", "--json", "--accept", ref, *words).json
        assert answer["exit_code"] == 2
        (error,) = answer["errors"]
        assert error["ref"] in {"accept.unknown-rule", "accept.not-acceptable"}
        assert said in error["next"]
    assert stage.run(*stage.on, "--json", "--accept", "state.other-workstation", "recover").code == 0


def test_unreadable_receipts_are_accepted_where_that_does_something(stage: Stage) -> None:
    receipt = stage.folder / "poste/private/var/db/receipts/fr.sesamvitale.galss.pkg.bom"
    receipt.write_bytes(b"not a bill of materials")
    said = french(stage, "verify")
    assert "Pour installer ou supprimer malgré tout, ajoutez « --accept receipts.damaged » à cette commande" in said


def test_folders_are_not_counted_as_files(stage: Stage) -> None:
    for depth in ("inspect", "check"):
        answer = stage.run(*stage.on, "--json", depth, stage.package("ATSAM-4.41.pkg")).json
        for part in answer["data"]["packages"][0]["components"]:
            name = next(name for name, identifier in IDENTIFIERS.items() if identifier == part["identifier"])
            items = component_items(name, ATSAM_VERSIONS["4.41"][name])
            assert part["payload"]["files"] == sum(item.kind != "directory" for item in items)


def test_a_snapshot_shows_what_it_holds(stage: Stage) -> None:
    assert stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg")).code == 0
    newest = stage.run(*stage.on, "--json", "snapshots", "list").json["data"]["latest"]
    files = [entry for entry in manifest(stage, newest) if entry["kind"] == "file"]
    said = stage.run(*stage.on, "--lang", "fr", "snapshots", "show", newest).out
    assert "Dossier" in said
    counts = re.findall(r"^  /.*?\s{2,}(\d+)\s{2,}", said, re.MULTILINE)
    assert sum(map(int, counts)) == len(files)
    assert "/Library/Frameworks/galssosx.framework" in said
    assert f"--json snapshots show {newest} »" in said


def manifest(stage: Stage, identifier: str) -> list[dict[str, Any]]:
    paths: list[dict[str, Any]] = stage.run(*stage.on, "--json", "snapshots", "show", identifier).json["data"]["manifest"]["paths"]
    return paths


def test_the_catalogue_is_told_in_french(stage: Stage) -> None:
    listed = unfolded(stage.run("--lang", "fr", "manifests", "list"))
    assert "optional" not in listed
    assert "(facultatif)" in listed
    checked = unfolded(stage.run("--lang", "fr", "manifests", "check"))
    assert "Le catalogue du programme est correct" in checked
    assert "embedded" not in checked


def test_no_sentence_is_marked_where_the_extractor_does_not_look() -> None:
    """Inside an f-string, up to Python 3.11, ``N_()`` is only text to the extractor: the sentence was never asked for in French."""
    hidden = [
        f"{path.name}:{node.lineno}"
        for path in SOURCE.rglob("*.py")
        for string in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(string, ast.JoinedStr)
        for node in ast.walk(string)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "N_"
    ]
    assert hidden == []
