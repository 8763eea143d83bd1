"""This workstation, or elsewhere? The two halves of the story, and what must never be concluded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.diagnose import diagnose
from atsam_safe.diagnose.recognise import recognise
from lab.decisions import shipped_catalogue, workstation

RIGHT = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
WRONG = {"galss": "3.43.02", "srvsvcnam": "3.43.02", "cryptolib": "5.1.8"}


def ids(text: str, family: str = "macos") -> set[str]:
    return {found.symptom for found in recognise(shipped_catalogue(), text, family)}


def test_error_777_after_the_wrong_build_is_the_workstation() -> None:
    found = diagnose(workstation("10.14.6", WRONG), shipped_catalogue(), "MédiStory : Erreur 777 !")
    assert found.origin == "workstation"
    assert not found.change_nothing
    assert "field-58-error-777" in {symptom.symptom for symptom in found.symptoms}
    assert "set.wrong-for-os" in {finding.ref for finding in found.findings}


def test_a_right_workstation_without_complaint() -> None:
    found = diagnose(workstation("10.14.6", RIGHT), shipped_catalogue())
    assert (found.origin, found.change_nothing, found.symptoms) == ("none", True, ())


def test_a_right_workstation_with_an_unknown_message() -> None:
    found = diagnose(workstation("10.14.6", RIGHT), shipped_catalogue(), "l'écran clignote en vert")
    assert (found.origin, found.change_nothing) == ("unknown", False)


@pytest.mark.parametrize("text", ["FASIBEN", "siram_40", "erreur 4015"])
def test_a_fault_of_the_national_service_is_not_the_workstations(text: str) -> None:
    found = diagnose(workstation("10.14.6", RIGHT), shipped_catalogue(), f"Réponse du service : {text}")
    assert (found.origin, found.change_nothing) == ("national-service", True)
    # the same words on a workstation that is wrong do not hide that it is
    assert diagnose(workstation("10.14.6", WRONG), shipped_catalogue(), text).origin == "workstation"


def test_the_message_of_the_story_is_recognised_however_it_is_typed() -> None:
    assert ids("ERREUR GÉNÉRALE NON IDENTIFIÉE") == ids("le dmp dit : erreur generale  non identifiee…") != set()


def test_the_message_of_the_story_points_to_the_service_and_changes_nothing() -> None:
    """It was never the workstation's, and the answer told two causes and then blamed the workstation flatly."""
    found = diagnose(workstation("10.14.6", RIGHT), shipped_catalogue(), "ERREUR GÉNÉRALE NON IDENTIFIÉE")
    assert (found.origin, found.change_nothing) == ("national-service", True)
    # what the update of the story added is a fault of its own, and told as one
    assert diagnose(workstation("10.14.6", WRONG), shipped_catalogue(), "ERREUR GÉNÉRALE NON IDENTIFIÉE").origin == "workstation"


# An alternative between causes of different origins, in the words the catalogue uses for it.
ELSEWHERE = {
    "galss-0010": "memory of the workstation, or the reader's own program",
    "galss-800c": "another program on the port, or its declaration",
    "galss-800d": "galss.ini, or another program that holds it",
    "fsv-f004": "the card, how it was inserted, or the date of the reader",
    "field-18-no-reader": "the reader and its cable, or the workstation that was not allowed to use it",
    "field-21-vitale-absent-cps-read": "the person, the card, or the tool",
}


@pytest.mark.parametrize("symptom", ELSEWHERE)
def test_a_symptom_with_causes_in_several_places_blames_none_of_them(symptom: str) -> None:
    assert next(one for one in shipped_catalogue().symptoms if one.id == symptom).cause == "unknown"


def test_no_symptom_names_two_causes_and_blames_one() -> None:
    two = [one for one in shipped_catalogue().symptoms if "causes" in one.meaning_fr or "causes" in one.meaning_en]
    assert [one.id for one in two if one.cause != "unknown"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GALSS 1", {"galss-0001"}),
        ("GALSS 0x8001", {"galss-8001"}),
        ("code 32769", {"galss-8001"}),
        ("1", set()),
        ("1 erreur", set()),
        ("erreur 77", set()),
        ("erreur 7770", set()),
        ("facade", set()),
        ("", set()),
    ],
)
def test_numbers_are_not_read_into_anything(text: str, expected: set[str]) -> None:
    assert ids(text) == expected


def test_a_symptom_of_another_family_is_not_recognised() -> None:
    windows_only = next(symptom for symptom in shipped_catalogue().symptoms if symptom.families == ("windows",) and symptom.match)
    assert windows_only.id not in ids(windows_only.match[0], "macos")
    assert windows_only.id in ids(windows_only.match[0], "windows")


@pytest.mark.parametrize("symptom", [one for one in shipped_catalogue().symptoms if one.match], ids=lambda one: one.id)
def test_each_symptom_is_found_by_each_of_its_own_texts(symptom: object) -> None:
    for text in symptom.match:  # type: ignore[attr-defined]  # a Symptom
        assert symptom.id in ids(f"il y a : {text}, depuis hier", symptom.families[0])  # type: ignore[attr-defined]  # a Symptom


@given(st.text(max_size=300))
def test_any_text_is_only_text(text: str) -> None:
    found = diagnose(workstation("10.14.6", RIGHT), shipped_catalogue(), text)
    assert found.origin in {"none", "unknown", *(symptom.origin for symptom in found.symptoms)}
