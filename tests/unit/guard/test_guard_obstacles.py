"""What of the disk stands in the way of a plan is told as rules of the decision, and refuses it."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest

from atsam_safe.facts.model import SystemState
from atsam_safe.guard import RunState, check
from atsam_safe.guard.model import Decision, RuleResult
from atsam_safe.guard.obstacles import ASKED, with_obstacles
from atsam_safe.words.model import Problem
from lab.decisions import atsam, shipped_catalogue, workstation

UNASKED = "snapshot.too-many-files"


@cache
def decided(*, elevated: bool = True) -> Decision:
    facts = msgspec.structs.replace(workstation("10.14.6"), system=SystemState(elevated=elevated))
    return check(facts, shipped_catalogue(), [atsam("4.41")], run=RunState())


def found(ref: str, told: str | None = None) -> Problem:
    return Problem(ref=ref, told=told, params={"path": "/a"}, evidence={"paths": ["/a"]})


def failed(ref: str, words: str) -> RuleResult:
    return RuleResult(ref=ref, outcome="fail", words=words, params={"path": "/a"}, evidence={"paths": ["/a"]})


def test_a_disk_with_nothing_in_the_way_passes_each_question() -> None:
    before = decided()
    after = with_obstacles(before, ())
    assert (after.decision, after.exit_code) == ("accept", 0)
    assert after.rules == (*before.rules, *(RuleResult(ref=ref, outcome="pass", words=ref) for ref in ASKED))


@pytest.mark.parametrize("ref", ASKED)
def test_an_obstacle_refuses_and_is_told_with_what_is_in_the_way(ref: str) -> None:
    after = with_obstacles(decided(), (found(ref),))
    assert (after.decision, after.exit_code) == ("refuse", 10)
    assert after.reasons == (failed(ref, ref),)
    assert [(rule.ref, rule.outcome) for rule in after.rules[-len(ASKED) :]] == [(one, "fail" if one == ref else "pass") for one in ASKED]


def test_a_variant_is_told_with_its_own_sentences_under_the_same_reference() -> None:
    after = with_obstacles(decided(), (found("volume.link-in-the-way", "volume.link-in-the-way.named"),))
    assert after.reasons == (failed("volume.link-in-the-way", "volume.link-in-the-way.named"),)


def test_all_obstacles_are_told_at_once_also_one_that_is_never_asked_for_by_name() -> None:
    after = with_obstacles(decided(), (found(UNASKED), found(ASKED[-1]), found(ASKED[0])))
    assert (after.decision, after.exit_code) == ("refuse", 10)
    assert after.reasons == tuple(failed(ref, ref) for ref in (ASKED[0], ASKED[-1], UNASKED))
    assert [rule.ref for rule in with_obstacles(decided(), ()).rules].count(UNASKED) == 0


def test_a_refusal_for_other_reasons_stays_what_it_was_when_the_disk_is_free() -> None:
    before = decided(elevated=False)
    after = with_obstacles(before, ())
    assert (after.decision, after.exit_code, after.reasons) == ("refuse", 13, before.reasons)


def test_more_rights_alone_would_not_help_against_an_obstacle() -> None:
    """13 tells « start it as the administrator »: with something in the way as well that would be refused again."""
    after = with_obstacles(decided(elevated=False), (found(ASKED[0]),))
    assert (after.exit_code, [rule.ref for rule in after.reasons]) == (10, ["privileges.missing", ASKED[0]])
