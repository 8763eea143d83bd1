"""The answer as a whole: what ends with which exit code, what is named as removed, how a workstation's system is called."""

from __future__ import annotations

import msgspec
import pytest

from atsam_safe.catalogue.model import OsRelease
from atsam_safe.facts.model import OperatingSystem, SystemState
from atsam_safe.guard import RuleResult, RunState, check, check_rollback, check_uninstall, explain_rule
from atsam_safe.guard.case import Case, Rule, Verdict
from atsam_safe.guard.guard import evaluate, exit_code_of, is_acceptable
from atsam_safe.guard.model import Decision
from atsam_safe.words.model import Problem, UsageError
from lab.decisions import atsam, package, shipped_catalogue, system, workstation

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
NO_RIGHTS = SystemState(elevated=False)
replace = msgspec.structs.replace


def case(os: OperatingSystem) -> Case:
    return Case(
        facts=replace(workstation("10.14.6"), os=os), catalogue=shipped_catalogue(), inspections=(), run=RunState(), command="install"
    )


MACS = [entry for entry in shipped_catalogue().os_releases if entry.family == "macos"]


@pytest.mark.parametrize("version", [entry.version for entry in MACS])
def test_each_release_of_macos_is_called_by_its_name(version: str) -> None:
    names = {entry.version: entry.name for entry in MACS}
    assert case(system(version)).os == f"macOS {version} ({names[version]})"


def test_a_release_is_looked_up_in_its_own_family_whatever_comes_first() -> None:
    other = OsRelease(family="windows", version="11", name="Another", source="lab", certainty="confirmed")
    catalogue = replace(shipped_catalogue(), os_releases=(other, *shipped_catalogue().os_releases))
    facts = replace(workstation("10.14.6"), os=system("11.7"))
    assert Case(facts=facts, catalogue=catalogue, inspections=(), run=RunState(), command="install").os == "macOS 11.7 (Big Sur)"


def test_a_system_without_a_known_name_is_called_by_its_number() -> None:
    assert case(system("27.0")).os == "macOS 27.0"
    assert case(system("10.3.9")).os == "macOS 10.3.9"
    assert case(system(None)).os == "macOS"


@pytest.mark.parametrize(
    ("name", "version"), [("Windows 10 Pro", "10.0.19045"), ("Windows 11 Pro", "10.0.26100"), ("Windows Server 2019", "10.0.17763")]
)
def test_a_windows_is_never_called_by_the_name_of_a_mac_release(name: str, version: str) -> None:
    said = case(OperatingSystem(family="windows", name=name, version=version)).os
    assert said.startswith(f"{name} {version}")
    assert not any(f"({entry.name})" in said for entry in MACS)


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"state": NO_RIGHTS}, 13),
        ({"state": replace(NO_RIGHTS, restart_pending=True)}, 10),
        ({"state": SystemState(elevated=True, restart_pending=True)}, 10),
        ({"state": NO_RIGHTS, "verdict": "unsigned"}, 12),
        ({"state": SystemState(elevated=True), "verdict": "refused"}, 12),
        ({"state": SystemState(elevated=True)}, 0),
    ],
)
def test_missing_rights_end_13_only_where_nothing_else_refuses(broken: dict[str, object], code: int) -> None:
    offered = package(STORY, verdict=str(broken.get("verdict", "developer-id")))
    facts = replace(workstation("10.14.6"), system=broken["state"])
    decision = check(facts, shipped_catalogue(), [offered], run=RunState())
    assert decision.exit_code == code
    assert decision.accepted == (code == 0)


def test_a_removal_names_the_components_of_the_unit_that_are_there_and_no_others() -> None:
    def removed(installed: dict[str, str]) -> tuple[str, ...]:
        return check_uninstall(workstation("10.14.6", installed), shipped_catalogue(), run=RunState()).replaced

    assert sorted(removed(STORY)) == sorted(STORY)
    assert check_uninstall(workstation("10.14.6", STORY), shipped_catalogue(), run=RunState()).unit
    assert removed({"galss": "3.42.03"}) == ("galss",)
    assert removed({}) == ()


def test_a_component_that_is_damaged_is_removed_as_well() -> None:
    facts = workstation("10.14.6", {"galss": "3.42.03"})
    paths = tuple(fact for fact in facts.paths if not fact.path.endswith("/galsvosx"))
    assert check_uninstall(replace(facts, paths=paths), shipped_catalogue(), run=RunState()).replaced == ("galss",)


def test_only_what_refuses_is_given_as_a_reason_and_only_what_must_be_seen_as_a_notice() -> None:
    results = [
        RuleResult(ref="a", outcome="pass", words="a"),
        RuleResult(ref="b", outcome="fail", words="b"),
        RuleResult(ref="c", outcome="pass", words="c", notice=True),
        RuleResult(ref="d", outcome="accepted", words="d"),
        RuleResult(ref="e", outcome="not-applicable", words="e"),
    ]
    decision = Decision(decision="refuse", rules=tuple(results), exit_code=10)
    assert [rule.ref for rule in decision.reasons] == ["b"]
    assert [rule.ref for rule in decision.notices] == ["c", "d"]
    assert not decision.accepted
    assert replace(decision, decision="accept").accepted


def test_every_command_refuses_to_take_a_risk_that_is_no_rule() -> None:
    facts, catalogue, run = workstation("10.14.6", STORY), shipped_catalogue(), RunState()
    for ref in ("os.tooold", "privileges.missing"):
        for ask in (check_uninstall, check_rollback):
            with pytest.raises(UsageError) as caught:
                ask(facts, catalogue, accepted=frozenset({ref}), run=run)
            assert caught.value.problems[0].evidence == {"ref": ref}


def test_a_rule_without_words_refuses_and_nobody_may_accept_it() -> None:
    """A rule that was forgotten in the words must not become a way around the guard."""
    assert not is_acceptable("nobody.wrote-words")
    assert exit_code_of("nobody.wrote-words") == 10
    rule = Rule(ref="nobody.wrote-words", evaluate=lambda _: Verdict(passed=False))
    assert evaluate(case(system("10.14.6")), rule, frozenset({rule.ref})).outcome == "fail"


def test_what_is_accepted_but_passes_is_not_said_to_be_accepted() -> None:
    facts = workstation("10.14.6")
    for accepted in (frozenset[str](), frozenset({"os.too-old"})):
        decision = check(facts, shipped_catalogue(), [atsam("4.41")], accepted=accepted, run=RunState())
        assert {rule.outcome for rule in decision.rules} == {"pass", "not-applicable"}
        assert (decision.decision, decision.exit_code) == ("accept", 0)


def test_the_recommended_build_is_named_for_scripts_and_for_people() -> None:
    decision = check(workstation("10.14.6"), shipped_catalogue(), [atsam("4.50")], run=RunState())
    assert (decision.recommended, decision.recommended_name) == ("atsam-macos-4.41", "ATSAM 4.41")
    none = check(workstation("27.0"), shipped_catalogue(), [atsam("4.50")], run=RunState())
    assert (none.recommended, none.recommended_name) == (None, None)


def test_a_run_that_did_not_end_and_a_damaged_state_are_named() -> None:
    run = RunState(interrupted="R1", damaged=Problem(ref="state.newer-format", params={"format": "9"}))
    decision = check_rollback(workstation("10.14.6", STORY), shipped_catalogue(), run=run)
    found = {rule.ref: rule for rule in decision.reasons}
    assert found["state.interrupted-run"].params == {"run": "R1"}
    assert found["state.interrupted-run"].evidence == {"run": "R1"}
    assert found["state.damaged"].evidence == {"ref": "state.newer-format", "params": {"format": "9"}}


def test_an_accepted_risk_is_told_as_taken_and_not_as_a_way_to_take_it() -> None:
    facts = workstation("27.0")
    refused = check(facts, shipped_catalogue(), [atsam("4.50")], run=RunState())
    taken = check(facts, shipped_catalogue(), [atsam("4.50")], accepted=frozenset({"os.unlisted"}), run=RunState())
    (before,) = refused.reasons
    (after,) = [rule for rule in taken.notices if rule.outcome == "accepted"]
    assert (before.ref, before.words) == (after.ref, after.words)
    for language in ("fr", "en"):
        told, said = explain_rule(before, language), explain_rule(after, language)
        assert told.what == said.what
        assert told.next != said.next


def test_what_does_not_apply_says_so_and_what_passed_says_nothing_more() -> None:
    passed = explain_rule(RuleResult(ref="os.too-old", outcome="pass", words="os.too-old"), "en")
    other = explain_rule(RuleResult(ref="os.too-old", outcome="not-applicable", words="os.too-old"), "en")
    assert passed.what == other.what != ""
    assert (passed.why, passed.next, other.next) == ("", "", "")
    assert other.why
    assert explain_rule(RuleResult(ref="no.title", outcome="pass", words="no.title"), "en").what == "no.title"
