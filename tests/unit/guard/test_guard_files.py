"""What lies in the way: a folder in the place of the settings, and somebody's own files in a folder that goes as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.model import EffectRule
from atsam_safe.facts.model import ForeignClaim, PathFact, ReceiptEntry
from atsam_safe.guard import RunState, check, check_uninstall
from atsam_safe.guard.strangers import first_of, strangers
from lab.decisions import atsam, installed, package, shipped_catalogue, workstation
from lab.small_catalogue import SAID, path_rule

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import PathRole, PathRule
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


TREE = "/Library/Lab"
GOING = path_rule(TREE, "tree")
OWN = ReceiptEntry(path=f"{TREE}/own", kind="file", mode=0o644)


def told_of(
    *unclaimed: str, rules: tuple[PathRule, ...] = (GOING,), effects: tuple[EffectRule, ...] = (), listed: tuple[ReceiptEntry, ...] = (OWN,)
) -> list[str]:
    """What is told when a component with these rules goes and its receipt lists these files."""
    catalogue = shipped_catalogue()
    galss = catalogue.component("galss")
    assert galss is not None
    member = msgspec.structs.replace(galss, paths=rules, effects=effects)
    receipt = msgspec.structs.replace(installed("galss", "3.42.03")[0], entries=listed)
    facts = msgspec.structs.replace(workstation("10.14.6"), receipts=(receipt,), unclaimed=unclaimed)
    return list(strangers(facts, msgspec.structs.replace(catalogue, components=(member,)), (member,)))


@pytest.mark.parametrize(
    ("rule", "goes"),
    [
        pytest.param(GOING, True, id="goes as a whole"),
        pytest.param(path_rule(TREE, "directory"), False, id="goes only when it is empty"),
        pytest.param(path_rule(TREE, "file"), False, id="a file"),
        pytest.param(path_rule(TREE, "tree", on_uninstall="keep"), False, id="stays"),
        pytest.param(path_rule(TREE, "tree", on_uninstall="remove-if-unclaimed"), False, id="stays with whoever claims it"),
        pytest.param(msgspec.structs.replace(GOING, legacy=True), True, id="of an older release, with its receipt"),
    ],
)
def test_only_in_a_folder_that_goes_as_a_whole_somebodys_files_are_in_danger(rule: PathRule, *, goes: bool) -> None:
    assert told_of(f"{TREE}/notes.txt", rules=(rule,)) == ([f"{TREE}/notes.txt"] if goes else [])


@pytest.mark.parametrize(
    "listed",
    [(), (ReceiptEntry(path=f"{TREE}/sub", kind="directory", mode=0o755),), (ReceiptEntry(path=TREE, kind="directory", mode=0o755),)],
)
def test_where_no_receipt_lists_a_file_nobody_can_tell_whose_the_others_are(listed: tuple[ReceiptEntry, ...]) -> None:
    assert told_of(f"{TREE}/notes.txt", listed=listed) == []
    link = ReceiptEntry(path=f"{TREE}/link", kind="symlink", mode=0o755, link="own")
    assert told_of(f"{TREE}/notes.txt", listed=(*listed, link)) == [f"{TREE}/notes.txt"]


@pytest.mark.parametrize(
    ("rule", "path", "is_named"),
    [
        (path_rule(f"{TREE}/a.ini"), "a.ini", True),
        # the catalogue names a file there, not a folder full of somebody's files
        (path_rule(f"{TREE}/a.ini"), "a.ini/notes.txt", False),
        (path_rule(f"{TREE}/logs", "tree", on_uninstall="keep"), "logs/today/a.log", True),
        (path_rule(f"{TREE}/sub", "directory"), "sub/notes.txt", False),
        # a file in the place of a folder is not that folder
        (path_rule(f"{TREE}/sub", "directory"), "sub", False),
    ],
)
def test_what_the_catalogue_names_within_such_a_folder_is_no_strangers(rule: PathRule, path: str, *, is_named: bool) -> None:
    assert told_of(f"{TREE}/{path}", rules=(GOING, rule)) == ([] if is_named else [f"{TREE}/{path}"])


def test_what_the_vendors_script_makes_is_no_strangers_but_what_somebody_puts_into_it_is() -> None:
    made = EffectRule(kind="create-directory", path=f"{TREE}/made", **SAID)
    assert told_of(f"{TREE}/made", f"{TREE}/made/notes.txt", effects=(made,)) == [f"{TREE}/made/notes.txt"]


def test_in_every_home_the_places_of_the_catalogue_are_known() -> None:
    inside = "/Users/docteur/Library/Lab"
    rules = (path_rule("~/Library/Lab", "tree"), path_rule("~/Library/Lab/a.ini"))
    own = msgspec.structs.replace(OWN, path=f"{inside}/own")
    assert told_of(f"{inside}/a.ini", f"{inside}/notes.txt", rules=rules, listed=(own,)) == [f"{inside}/notes.txt"]


@pytest.mark.parametrize(("count", "sentence"), [(1, "a"), (2, "a, b"), (3, "a, b, c"), (4, "a, b, c …"), (5, "a, b, c …")])
def test_a_sentence_names_three_and_shows_when_there_are_more(count: int, sentence: str) -> None:
    assert first_of(list("abcde")[:count]) == sentence
