"""What a doctor reads between two patients: names and dates instead of ids and codes, and the next step that fits what just happened."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.catalogue.effects import is_for_os
from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.words.faults import FAULTS, PLACES
from lab.atsam import build_atsam
from lab.authority import Authority

if TYPE_CHECKING:
    from lab.stage import Stage

PROJECT = Path(__file__).resolve().parents[3]


def unfolded(text: str) -> str:
    """The text as one line: where it is folded depends on the terminal."""
    return " ".join(text.split())


def test_after_a_failed_verification_nobody_is_told_to_install_the_same_package_again(stage: Stage) -> None:
    answer = stage.run(*stage.on, "--yes", "install", stage.package("lying.pkg"))
    assert answer.code == 20
    said = unfolded(answer.out)
    assert "N’installez pas de nouveau ce même fichier" in said
    assert "Réinstallez la bonne version" not in said
    assert said.count("galclosx.framework/Versions/A/Resources/Info.plist indique") == 1
    assert "Fermez-les" not in said


def test_after_a_success_the_next_step_is_to_try_the_card_and_what_was_not_done_is_said(stage: Stage) -> None:
    answer = stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg"))
    assert answer.code == 0
    said = unfolded(answer.out)
    assert "Ouvrez-les, et vérifiez qu’ils lisent la carte" in said
    assert "Fermez-les" not in said
    for component in load_catalogue().core:
        for note in component.live_only:
            # what is done under other releases than this one is no loss here
            assert (unfolded(note.what_fr) in said) == is_for_os(note.from_os, note.below_os, "10.14.6"), note.id
    assert "14.5 ou 26.0" not in said
    assert "redémarre le service des lecteurs" not in said


def test_what_a_disk_that_is_not_started_cannot_have_is_said_before_consent_and_in_the_plan_of_a_script(stage: Stage) -> None:
    asked = stage.run(*stage.on, "install", stage.package("ATSAM-4.41.pkg"), stdin="non\n")
    assert asked.code == 2
    before = unfolded(asked.err)
    assert "Ce qui ne se fait pas sur un disque qui n’est pas démarré" in before
    assert "trousseau Système" in before
    assert "Cryptolib CPS 5.1.5" in before
    assert "cryptolib 5.1.5" not in before
    data = stage.run(*stage.on, "--json", "--lang", "en", "install", stage.package("ATSAM-4.41.pkg")).json["data"]
    assert len(data["plan"]["needs_live_notes"]) == len(data["plan"]["needs_live"]) > 0
    assert any("System keychain" in note for note in data["plan"]["needs_live_notes"])


def test_builds_and_components_go_by_their_names_beside_their_ids(stage: Stage) -> None:
    assert "Lot de composants : ATSAM 4.41 (atsam-macos-4.41)" in stage.run(*stage.on, "status").out
    inspected = stage.run("--manifests", stage.package("catalogue"), "inspect", stage.package("ATSAM-4.50.pkg"))
    assert "version d’ATSAM connue ATSAM 4.50" not in unfolded(inspected.out)
    assert "ATSAM 4.50" in inspected.out
    assert re.search(r"fr\.asipsante\.pkg\.cryptolibCPS +5\.1\.8 +Cryptolib CPS ", inspected.out)
    assert "fr.sesamvitale.galss.pkg : postinstall" in inspected.out
    refused = stage.run(*stage.on, "check", stage.package("ATSAM-4.50.pkg"))
    assert "La version d’ATSAM qui convient à ce poste : ATSAM 4.41." in unfolded(refused.out)


@pytest.mark.parametrize(("language", "date"), [("fr", r"\d\d/\d\d/\d{4} \d\d:\d\d "), ("en", r"\d{4}-\d\d-\d\d \d\d:\d\d ")])
def test_dates_are_written_as_people_write_them(stage: Stage, language: str, date: str) -> None:
    assert stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg")).code == 0
    listed = stage.run(*stage.on, "--lang", language, "snapshots", "list").out
    assert re.search(date, listed), listed
    assert "+00:00" not in listed
    inspected = stage.run("--manifests", stage.package("catalogue"), "--lang", language, "inspect", stage.package("ATSAM-4.41.pkg")).out
    assert "T15:42" not in inspected


def test_a_foreign_signature_is_told_by_the_name_of_who_signed_not_of_the_timestamp_service(stage: Stage) -> None:
    (stage.folder / "foreign.pkg").write_bytes(build_atsam("4.41", Authority.create().signer()))
    answer = stage.run(*stage.on, "check", stage.package("foreign.pkg"))
    assert answer.code == 12
    assert "porte la signature de « Developer ID Installer: GIE SESAM-Vitale (5H8W5749XS) »" in unfolded(answer.out)


def test_no_code_of_a_fault_and_no_english_of_the_system_in_a_french_sentence(stage: Stage) -> None:
    files = {
        "empty.pkg": b"",
        "text.pkg": b"hello",
        "cut.pkg": (stage.folder / "ATSAM-4.41.pkg").read_bytes()[:3000],
        "flipped.pkg": _flipped((stage.folder / "ATSAM-4.41.pkg").read_bytes(), 60),
    }
    for name, content in files.items():
        (stage.folder / name).write_bytes(content)
    (stage.folder / "nonsense.json").write_bytes(b"hello")
    commands: list[tuple[str, ...]] = [("inspect", stage.package(name)) for name in files]
    commands.append(("inspect", "/dev/null"))
    commands.append(("--manifests", stage.package("nowhere"), "status"))
    commands.append(("--facts", stage.package("nonsense.json"), "status"))
    for command in commands:
        answer = stage.run(*command)
        assert answer.code in {2, 12}, command
        said = unfolded(answer.out).replace(str(stage.folder), "")
        for code in (*FAULTS, *PLACES, "No such file", "malformed", "permission"):
            if "-" in code or " " in code:
                assert code not in said, (command, code)


def _flipped(content: bytes, offset: int) -> bytes:
    return content[:offset] + bytes([content[offset] ^ 0x10]) + content[offset + 1 :]


def test_a_mistyped_command_is_answered_with_the_one_that_was_meant_or_with_none(stage: Stage) -> None:
    close = unfolded(stage.run("instal", "x.pkg").out)
    assert "Vouliez-vous dire « atsam-safe install » ?" in close
    far = unfolded(stage.run("frobnicate").out)
    assert "Vouliez-vous dire" not in far
    assert "« atsam-safe --help » montre toutes les commandes." in far
    inner = unfolded(stage.run("snapshots", "lst", "--help").out)
    assert "Vouliez-vous dire « atsam-safe snapshots list » ?" in inner


def test_every_help_has_an_example_and_speaks_the_language_of_the_reader(stage: Stage) -> None:
    english = re.compile(r"\b(?:DIR|FILE|FOLDER|PACKAGE|RULE|SECONDS|SNAPSHOT|TEXT)\b")
    for name in json.loads((PROJECT / "tests/contract/commands.json").read_bytes()):
        said = stage.run("--lang", "fr", *name.split(), "--help").out
        assert not english.search(said), name
        assert name == "" or f"Exemples :\n  atsam-safe {name}" in said, name
    assert "PAQUET" in stage.run("check").out
    assert "« yes » est de trop" in stage.run("status", "yes").out


@pytest.mark.parametrize(
    ("language", "members", "systems"),
    [
        ("fr", "SrvSVCNAM 3.40.02 ou 3.42.02", "macOS 10.14 (vu en cabinet), macOS 10.13 et antérieurs (seulement déduit)"),
        ("en", "SrvSVCNAM 3.40.02 or 3.42.02", "macOS 10.14 (seen in practices), macOS 10.13 and earlier (deduced only)"),
    ],
)
def test_the_known_sets_can_be_read_on_a_narrow_screen(stage: Stage, language: str, members: str, systems: str) -> None:
    listed = stage.run("--lang", language, "manifests", "list").out
    assert max(len(line) for line in listed.splitlines()) <= 100
    said = unfolded(listed)
    assert "ATSAM 4.41 (atsam-macos-4.41)" in said
    assert members in said
    assert systems in said


def test_whoever_cannot_be_asked_still_sees_what_would_be_agreed_to(stage: Stage) -> None:
    answer = stage.run(*stage.on, "install", stage.package("ATSAM-4.41.pkg"))
    assert answer.code == 2
    assert "[usage.consent-needed]" in answer.out
    assert "Ce qui va être fait" in answer.err
    assert "Ce qui va être fait" not in stage.run(*stage.on, "--yes", "install", stage.package("ATSAM-4.41.pkg")).err


def test_a_system_that_cannot_be_read_is_said_in_words(stage: Stage) -> None:
    (stage.folder / "poste/System/Library/CoreServices/SystemVersion.plist").unlink()
    answer = stage.run(*stage.on, "status")
    assert answer.code == 11
    assert "Système : macOS, version inconnue" in answer.out


def test_an_unknown_set_is_a_mistake_of_the_command_line_and_no_fault_of_the_workstation(stage: Stage) -> None:
    answer = stage.run(*stage.on, "--json", "verify", "--bundle", "zork")
    assert answer.code == 2
    assert [error["ref"] for error in answer.json["errors"]] == ["verify.bundle-unknown"]


def test_names_of_other_software_suit_every_language() -> None:
    describing = re.compile(r"\b(logiciels?|pilote|base|sauvegarde|facturation|software|driver)\b", re.IGNORECASE)
    assert [dependent.name for dependent in load_catalogue().dependents if describing.search(dependent.name)] == []
