"""What lies in the way: a folder in the place of the settings, and somebody's own files in a folder that goes as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.facts.model import ForeignClaim, PathFact
from atsam_safe.guard import RunState, check, check_uninstall
from lab.decisions import atsam, package, shipped_catalogue, workstation
from lab.small_catalogue import path_rule

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import PathRole
    from atsam_safe.facts.model import EntryKind, Facts
    from atsam_safe.guard.model import Decision, RuleResult

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
INI = "/Library/Preferences/galss.ini"
GALSS = "/Library/Application Support/Galss"
SRVSVCNAM = "/Library/Application Support/santesocial/srvsvcnam"


def rule(decision: Decision, ref: str) -> RuleResult:
    return next(result for result in decision.rules if result.ref == ref)


def with_ini(kind: EntryKind | None) -> Facts:
    facts = workstation("10.14.6", STORY)
    others = tuple(fact for fact in facts.paths if fact.path != INI)
    mine = () if kind is None else (PathFact(path=INI, kind=kind, mode=0o755, uid=0, gid=0, size=0),)
    return msgspec.structs.replace(facts, paths=(*others, *mine))


@pytest.mark.parametrize(
    ("kind", "outcome"), [(None, "pass"), ("file", "pass"), ("symlink", "pass"), ("directory", "fail"), ("other", "fail")]
)
def test_only_a_file_or_a_link_may_lie_in_the_place_of_the_settings(kind: EntryKind | None, outcome: str) -> None:
    found = rule(check(with_ini(kind), shipped_catalogue(), [atsam("4.41")], run=RunState()), "config.not-a-file")
    assert found.outcome == outcome
    if outcome == "fail":
        assert (found.params["path"], found.evidence["paths"]) == (INI, [{"path": INI, "kind": kind}])


@pytest.mark.parametrize(
    ("role", "outcome"),
    # without a single place of a setting there is no question
    [("config", "fail"), *((role, "not-applicable") for role in ("backup", "cache", "data", "log"))],
)
def test_only_a_path_that_is_a_setting_has_to_be_a_file(role: PathRole, outcome: str) -> None:
    place = "/Library/Preferences/lab/place"
    catalogue = shipped_catalogue()
    members = [msgspec.structs.replace(one, paths=(path_rule(place, role=role),), configs=()) for one in catalogue.components]
    facts = msgspec.structs.replace(
        workstation("10.14.6"), paths=(PathFact(path=place, kind="directory", mode=0o755, uid=0, gid=0, size=0),)
    )
    decision = check(facts, msgspec.structs.replace(catalogue, components=tuple(members)), [atsam("4.41")], run=RunState())
    assert rule(decision, "config.not-a-file").outcome == outcome


def with_notes(*paths: str) -> Facts:
    return msgspec.structs.replace(workstation("10.14.6", STORY), unclaimed=paths)


def told(decision: Decision) -> list[str]:
    found = rule(decision, "components.foreign-files")
    assert found.outcome == "pass"
    assert found.notice == bool(found.evidence)
    paths: list[str] = found.evidence.get("paths", [])
    assert found.params.get("count", "0") == str(len(paths))
    return paths


NOTES = (f"{GALSS}/notes.txt", f"{SRVSVCNAM}/notes.txt")


def test_somebodys_files_in_a_folder_that_goes_are_told_before_the_unit_is_changed() -> None:
    catalogue = shipped_catalogue()
    assert told(check(with_notes(*NOTES), catalogue, [atsam("4.41")], run=RunState())) == list(NOTES)
    assert told(check_uninstall(with_notes(*NOTES), catalogue, run=RunState())) == list(NOTES)
    assert told(check(with_notes(), catalogue, [atsam("4.41")], run=RunState())) == []


@pytest.mark.parametrize(("component", "version", "place"), [("galss", "3.42.03", NOTES[0]), ("srvsvcnam", "3.42.02", NOTES[1])])
def test_of_a_single_component_only_its_own_folders_count(component: str, version: str, place: str) -> None:
    decision = check(with_notes(*NOTES), shipped_catalogue(), [package({component: version})], run=RunState())
    assert not decision.unit
    assert told(decision) == [place]


@pytest.mark.parametrize("path", [f"{GALSS}/.DS_Store", f"{GALSS}/sub/.localized", "/Library/Application Support/Elsewhere/notes.txt"])
def test_what_is_nobodys_or_stays_is_not_told(path: str) -> None:
    assert told(check(with_notes(path), shipped_catalogue(), [atsam("4.41")], run=RunState())) == []


def test_what_another_product_claims_is_told_by_its_own_rule() -> None:
    claim = ForeignClaim(path=NOTES[0], receipt="com.example.other")
    facts = msgspec.structs.replace(with_notes(*NOTES), foreign_claims=(claim,))
    assert told(check(facts, shipped_catalogue(), [atsam("4.41")], run=RunState())) == [NOTES[1]]
