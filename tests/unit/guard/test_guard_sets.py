"""Sets of components: what makes a mixture, what is missing or unknown, and what is named with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.model import Bundle, BundleMember, OsRange
from atsam_safe.guard import RunState, check
from lab.atsam import BESIDE
from lab.decisions import package, shipped_catalogue, workstation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.model import RuleResult

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
LATER = {"galss": "3.43.02", "srvsvcnam": "3.43.02", "cryptolib": "5.1.8"}
replace = msgspec.structs.replace


def answers(
    offered: Mapping[str, str],
    installed: Mapping[str, str] | None = None,
    *bundles: Bundle,
    system: str = "10.14.6",
    facts: Facts | None = None,
) -> dict[str, RuleResult]:
    catalogue = replace(shipped_catalogue(), bundles=bundles) if bundles else shipped_catalogue()
    decision = check(facts or workstation(system, installed), catalogue, [package(offered)], run=RunState())
    return {rule.ref: rule for rule in decision.rules}


def listed(identifier: str, *members: BundleMember, **fields: object) -> Bundle:
    return Bundle(
        id=identifier,
        members=members,
        systems=(OsRange(first="10.14", last="10.14", source="lab", certainty="confirmed"),),
        source="lab",
        certainty="confirmed",
        **fields,  # type: ignore[arg-type]  # fields of a bundle
    )


def member(component: str, *versions: str, optional: bool = False) -> BundleMember:
    return BundleMember(component=component, versions=versions, optional=optional)


@pytest.mark.parametrize(
    ("offered", "installed", "system", "words", "shown"),
    [
        (
            {"galss": "3.43.02"},
            STORY,
            "10.14.6",
            "bundle.mixed",
            {
                "set": "Cryptolib CPS 5.1.5, GALSS 3.43.02, SrvSVCNAM 3.40.02",
                "offered": "GALSS 3.43.02",
                "installed": "Cryptolib CPS 5.1.5, GALSS 3.42.03, SrvSVCNAM 3.40.02",
                "os": "macOS 10.14.6 (Mojave)",
                "recommended": "ATSAM 4.41",
            },
        ),
        (
            {"galss": "3.42.03", "cryptolib": "5.1.8"},
            {},
            "27.0",
            "bundle.mixed.no-build",
            {
                "set": "Cryptolib CPS 5.1.8, GALSS 3.42.03",
                "offered": "Cryptolib CPS 5.1.8, GALSS 3.42.03",
                "installed": "?",
                "os": "macOS 27.0",
                "recommended": "?",
            },
        ),
    ],
)
def test_a_mixture_is_told_with_what_is_there_what_comes_and_what_would_suit(
    offered: dict[str, str], installed: dict[str, str], system: str, words: str, shown: dict[str, str]
) -> None:
    found = answers(offered, installed, system=system)["bundle.mixed"]
    assert (found.outcome, found.words) == ("fail", words)
    assert found.params == shown
    assert found.evidence == {"resulting": dict(sorted({**installed, **offered}.items())), "offered": offered, "conflicting": []}


FAIL, PASS = "fail", "pass"


@pytest.mark.parametrize(
    ("offered", "bundles", "mixed", "unlisted", "incomplete"),
    [
        # listed as it is
        ({"galss": "3.42.03"}, [listed("g", member("galss", "3.42.03"))], PASS, PASS, PASS),
        # two listed sets, one component of each
        (
            {"galss": "3.42.03", "cryptolib": "5.1.8"},
            [listed("old", member("galss", "3.42.03"), member("cryptolib", "5.1.5")), listed("new", member("cryptolib", "5.1.8"))],
            FAIL,
            PASS,
            PASS,
        ),
        # one that no set has, beside one that a set has
        ({"galss": "3.42.03", "cryptolib": "5.1.8"}, [listed("g", member("galss", "3.42.03"))], PASS, FAIL, PASS),
        ({"cryptolib": "5.1.8", "galss": "3.42.03"}, [listed("g", member("galss", "3.42.03"))], PASS, FAIL, PASS),
        ({"galss": "3.42.03"}, [listed("c", member("cryptolib", "5.1.8"))], PASS, FAIL, PASS),
        # what is missing of the set
        ({"galss": "3.42.03"}, [listed("gc", member("galss", "3.42.03"), member("cryptolib", "5.1.5"))], PASS, PASS, FAIL),
        # a set known in part says nothing about what is missing
        (
            {"galss": "3.42.03"},
            [listed("gc", member("galss", "3.42.03"), member("cryptolib", "5.1.5"), complete=False)],
            PASS,
            FAIL,
            PASS,
        ),
        (
            {"galss": "3.42.03"},
            [
                listed("part", member("galss", "3.42.03"), complete=False),
                listed("whole", member("galss", "3.42.03"), member("cryptolib", "5.1.5")),
            ],
            PASS,
            PASS,
            FAIL,
        ),
        # a set of another system has no say
        ({"galss": "3.42.03"}, [listed("w", member("galss", "3.42.03"), family="windows")], PASS, FAIL, PASS),
    ],
)
def test_a_set_is_listed_or_mixed_or_unknown_or_not_whole(
    offered: dict[str, str], bundles: list[Bundle], mixed: str, unlisted: str, incomplete: str
) -> None:
    found = answers(offered, {}, *bundles)
    assert [found[f"bundle.{name}"].outcome for name in ("mixed", "unlisted", "incomplete")] == [mixed, unlisted, incomplete]
    if found["bundle.unlisted"].outcome == PASS and found["bundle.unlisted"].evidence:
        assert found["bundle.unlisted"].evidence == {"bundles": [bundles[0].id]}


def test_what_is_unknown_in_a_set_is_named_apart_from_what_is_known_in_part() -> None:
    found = answers({"galss": "3.42.03", "cryptolib": "5.1.8"}, {}, listed("g", member("galss", "3.42.03")))["bundle.unlisted"]
    assert found.evidence == {"resulting": {"cryptolib": "5.1.8", "galss": "3.42.03"}, "stray": ["cryptolib"], "known_in_part": []}
    assert found.words == "bundle.unlisted.no-build"
    part = answers({"galss": "3.42.03"}, {}, listed("g", member("galss", "3.42.03"), complete=False))["bundle.unlisted"]
    assert (part.evidence["stray"], part.evidence["known_in_part"]) == ([], ["g"])


def test_each_required_component_that_is_missing_is_named_once_and_no_optional_one() -> None:
    bundles = (
        listed("a", member("galss", "3.42.03"), member("cryptolib", "5.1.5"), member("mica", "4.01.00", optional=True)),
        listed("b", member("galss", "3.42.03"), member("cryptolib", "5.1.6"), member("srvsvcnam", "3.40.02")),
    )
    found = answers({"galss": "3.42.03"}, {}, *bundles)["bundle.incomplete"]
    assert found.params["components"] == "Cryptolib CPS, SrvSVCNAM"
    assert found.evidence == {"missing": ["cryptolib", "srvsvcnam"]}
    assert found.words == "bundle.incomplete.no-build"
    assert answers({"galss": "3.42.03"})["bundle.incomplete"].words == "bundle.incomplete"


def without(facts: Facts, *ends: str) -> Facts:
    return replace(facts, paths=tuple(fact for fact in facts.paths if not fact.path.endswith(ends)))


def test_what_stays_and_is_not_whole_is_named_unless_it_is_replaced() -> None:
    damaged = without(workstation("10.14.6", STORY), "/libcps3_pkcs11_osx.dylib", "/galsvosx")
    found = answers({"srvsvcnam": "3.42.02"}, facts=damaged)["bundle.incomplete"]
    assert (found.outcome, found.words) == ("fail", "bundle.incomplete.damaged")
    assert sorted(found.params["components"].split(", ")) == ["Cryptolib CPS", "GALSS"]
    assert sorted(found.evidence["damaged"]) == ["cryptolib", "galss"]
    assert found.params["installed"] == "Cryptolib CPS 5.1.5, GALSS 3.42.03, SrvSVCNAM 3.40.02"
    one = without(workstation("10.14.6", STORY), "/galsvosx")
    assert answers({"galss": "3.42.03"}, facts=one)["bundle.incomplete"].outcome == "pass"
    assert answers(STORY, facts=damaged)["bundle.incomplete"].outcome == "pass"


def test_a_contradiction_is_no_question_of_what_is_missing() -> None:
    twice = [package({"galss": version}) for version in ("3.42.03", "3.43.02")]
    decision = check(workstation("10.14.6"), shipped_catalogue(), twice, run=RunState())
    assert {rule.ref: rule.outcome for rule in decision.rules}["bundle.incomplete"] == "not-applicable"


@pytest.mark.parametrize(
    ("installed", "offered", "changes"),
    [
        (LATER, STORY, "GALSS 3.43.02 → 3.42.03, SrvSVCNAM 3.43.02 → 3.40.02, Cryptolib CPS 5.1.8 → 5.1.5"),
        ({**STORY, "galss": "3.43.02"}, STORY, "GALSS 3.43.02 → 3.42.03"),
        ({"galss": "3.43.02"}, STORY, "GALSS 3.43.02 → 3.42.03"),
        (STORY, STORY, None),
        (STORY, LATER, None),
        ({"cryptolib": "5.1.16"}, {"cryptolib": "5.1.8"}, "Cryptolib CPS 5.1.16 → 5.1.8"),
        ({"cryptolib": "5.1.8"}, {"galss": "3.42.03"}, None),
        ({**STORY, "diagam": "3.2.16"}, {**STORY, **BESIDE}, "DiagAM 3.2.16 → 2.01.19"),
        ({"diagam": "3.2.16"}, {**STORY, **BESIDE}, "DiagAM 3.2.16 → 2.01.19"),
        ({**STORY, **BESIDE}, {**STORY, **BESIDE}, None),
        ({**STORY, "galss": "3.43.02", "diagam": "3.2.16"}, {**STORY, **BESIDE}, "GALSS 3.43.02 → 3.42.03, DiagAM 3.2.16 → 2.01.19"),
    ],
)
def test_going_down_is_named_component_by_component(installed: dict[str, str], offered: dict[str, str], changes: str | None) -> None:
    found = answers(offered, installed)["bundle.downgrade-needs-uninstall"]
    assert (found.outcome, found.notice) == ("pass", changes is not None)
    if changes is not None:
        assert found.params == {"changes": changes}
        assert len(found.evidence["components"]) == changes.count("→")
        assert found.evidence["removed_first"] is True
        assert found.words == f"bundle.downgrade-needs-uninstall.{'optional' if changes.startswith('DiagAM') else 'handled'}"


def test_a_version_that_cannot_be_read_is_older_than_nothing() -> None:
    """It is refused by other rules; here it must not bring the guard down."""
    whole = package(STORY)
    odd = replace(whole, components=(replace(whole.components[0], version="nonsense", known_release=False), *whole.components[1:]))
    decision = check(workstation("10.14.6", STORY), shipped_catalogue(), [odd], run=RunState())
    found = {rule.ref: rule for rule in decision.rules}
    assert (found["bundle.downgrade-needs-uninstall"].outcome, found["bundle.downgrade-needs-uninstall"].notice) == ("pass", False)
    assert found["package.unknown-release"].outcome == "fail"


def test_on_an_empty_workstation_nothing_goes_down() -> None:
    assert answers(STORY)["bundle.downgrade-needs-uninstall"].outcome == "not-applicable"


TWO = listed(
    "two", member("galss", "3.42.03", "3.43.02"), member("cryptolib", "5.1.5"), member("mica", "4.01.00", optional=True), build="9"
)


@pytest.mark.parametrize(
    ("offered", "named"),
    [
        ({"galss": "3.42.03", "cryptolib": "5.1.5"}, None),
        ({"galss": "3.43.02", "cryptolib": "5.1.5"}, "GALSS 3.43.02"),
    ],
)
def test_a_version_beside_the_one_a_build_installs_is_told(offered: dict[str, str], named: str | None) -> None:
    found = answers(offered, {}, TWO)["bundle.alternative"]
    assert (found.outcome, found.notice) == ("pass", named is not None)
    if named is not None:
        assert found.params == {"components": named, "bundle": "ATSAM 9"}
        assert found.evidence == {"components": ["galss"]}


def test_a_release_of_which_only_the_beginning_is_known_is_not_another_one() -> None:
    """SrvSVCNAM 3.43.02 is what ATSAM 4.50 writes as 3.43: the only version it lists, so nothing is said."""
    found = answers(LATER, {}, system="10.15.7")["bundle.alternative"]
    assert (found.outcome, found.notice) == ("pass", False)


def test_a_set_that_is_no_listed_one_has_no_alternatives() -> None:
    assert answers({"galss": "3.42.03"})["bundle.alternative"].outcome == "not-applicable"
