"""A change after which a card that is read today could not be read: said, and refused where such a card is seen."""

from __future__ import annotations

import msgspec
import pytest

from atsam_safe.guard import RunState, check
from lab.decisions import package, shipped_catalogue, workstation

OLD = {"galss": "3.43.02", "srvsvcnam": "3.43", "cryptolib": "5.1.8"}
NEW = {"galss": "3.43.02", "cryptolib": "5.2.1"}
REF = "bundle.card-unreadable"


@pytest.mark.parametrize(
    ("installed", "offered", "cards", "outcome", "words"),
    [
        # nobody looked at the readers, or another card is in them: the practice may still have one
        (NEW, OLD, None, "pass", "not-seen"),
        (NEW, OLD, (), "pass", "not-seen"),
        (NEW, OLD, ("CPS3",), "pass", "not-seen"),
        (NEW, OLD, ("CPS3", "CPS4"), "fail", ""),
        # nothing is lost: both read it, neither does, or nothing was there
        (OLD, NEW, ("CPS4",), "pass", None),
        ({**OLD, "cryptolib": "5.1.16"}, OLD, ("CPS4",), "pass", None),
        ({**NEW, "cryptolib": "5.2.6"}, NEW, ("CPS4",), "pass", None),
        ({}, OLD, ("CPS4",), "pass", None),
        # a component beside the middleware
        (NEW, {"srvsvcnam": "3.43"}, ("CPS4",), "pass", None),
    ],
)
def test_a_generation_of_cards_is_not_lost_unsaid(
    installed: dict[str, str], offered: dict[str, str], cards: tuple[str, ...] | None, outcome: str, words: str | None
) -> None:
    facts = msgspec.structs.replace(workstation("10.15.7", installed), cards=cards)
    decision = check(facts, shipped_catalogue(), [package(offered)], run=RunState())
    found = {rule.ref: rule for rule in decision.rules}[REF]
    assert (found.outcome, found.notice) == (outcome, words == "not-seen")
    assert found.words == ".".join(filter(None, (REF, words)))
    if words is not None:
        assert found.params == {
            "card": "CPS4",
            "component": "Cryptolib CPS",
            "version": offered["cryptolib"],
            "installed": installed["cryptolib"],
            "minimum": "5.2",
        }


def test_whoever_has_another_card_takes_the_risk_by_its_reference() -> None:
    facts = msgspec.structs.replace(workstation("10.15.7", NEW), cards=("CPS4",))
    refused = check(facts, shipped_catalogue(), [package(OLD)], run=RunState())
    assert (refused.exit_code, [rule.ref for rule in refused.reasons]) == (10, [REF])
    taken = check(facts, shipped_catalogue(), [package(OLD)], accepted=frozenset({REF}), run=RunState())
    assert taken.accepted


def test_a_catalogue_that_knows_of_no_minimum_says_nothing() -> None:
    silent = msgspec.structs.replace(shipped_catalogue(), card_generations=())
    decision = check(workstation("10.15.7", NEW), silent, [package(OLD)], run=RunState())
    assert {rule.ref: rule.outcome for rule in decision.rules}[REF] == "not-applicable"


def test_a_generation_that_every_release_reads_hides_no_other() -> None:
    shipped = shipped_catalogue()
    every = msgspec.structs.replace(shipped.card_generations[0], name="CPS3", minimum="1.0")
    catalogue = msgspec.structs.replace(shipped, card_generations=(every, *shipped.card_generations))
    facts = msgspec.structs.replace(workstation("10.15.7", NEW), cards=("CPS3", "CPS4"))
    decision = check(facts, catalogue, [package(OLD)], run=RunState())
    assert {rule.ref: rule.params for rule in decision.reasons}[REF]["card"] == "CPS4"
