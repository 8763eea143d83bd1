"""What packages would make of a workstation: when the whole unit goes, which set results, which of several listed sets it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.model import Bundle, BundleMember, Catalogue, Certainty, OsRange
from atsam_safe.facts.model import OperatingSystem
from atsam_safe.guard import RunState, check
from atsam_safe.packages.model import ComponentPackage
from lab.decisions import package, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.guard.model import Decision

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
PAIR = {"galss": "3.42.03", "cryptolib": "5.1.5"}
OPTIONAL = BundleMember(component="cryptolib", versions=("5.1.5",), optional=True)
OUTSIDE = BundleMember(component="mica", versions=("4.01.00",))
replace = msgspec.structs.replace


def listed(
    identifier: str,
    versions: dict[str, str],
    *more: BundleMember,
    system: str = "10.14",
    certainty: Certainty = "confirmed",
    **fields: object,
) -> Bundle:
    """A set of these versions, known on one release of macOS."""
    return Bundle(
        id=identifier,
        members=(*(BundleMember(component=component, versions=(version,)) for component, version in versions.items()), *more),
        systems=(OsRange(first=system, last=system, source="lab", certainty=certainty),),
        source="lab",
        certainty="confirmed",
        **fields,  # type: ignore[arg-type]  # fields of a bundle
    )


def catalogue_of(*bundles: Bundle) -> Catalogue:
    return replace(shipped_catalogue(), bundles=bundles)


def decided(offered: dict[str, str], *bundles: Bundle, installed: dict[str, str] | None = None) -> Decision:
    return check(workstation("10.14.6", installed), catalogue_of(*bundles), [package(offered)], run=RunState())


@pytest.mark.parametrize(
    ("installed", "offered", "bundles", "unit"),
    [
        ({}, PAIR, [listed("pair", PAIR)], True),
        (PAIR, PAIR, [listed("pair", PAIR)], True),
        ({"galss": "3.43.02"}, PAIR, [listed("pair", PAIR)], True),
        ({}, STORY, [listed("pair", PAIR)], True),
        ({}, PAIR, [listed("whole", STORY), listed("pair", PAIR)], True),
        ({}, {"galss": "3.43.02"}, [listed("other version", {"galss": "3.42.03"})], True),
        ({}, {"galss": "3.42.03"}, [listed("optional rest", {"galss": "3.42.03"}, OPTIONAL)], True),
        ({}, {"galss": "3.42.03"}, [listed("not of the unit", {"galss": "3.42.03"}, OUTSIDE)], True),
        (STORY, PAIR, [listed("pair", PAIR)], False),
        ({}, PAIR, [], False),
        ({}, PAIR, [listed("whole", STORY)], False),
        ({}, {"srvsvcnam": "3.40.02"}, [listed("pair", PAIR)], False),
        ({}, PAIR, [listed("known in part", PAIR, complete=False)], False),
        ({}, PAIR, [listed("of Windows", PAIR, family="windows")], False),
        ({}, PAIR, [listed("nothing required", {}, OPTIONAL)], False),
        ({}, PAIR, [listed("nothing of the unit", {}, OUTSIDE)], False),
    ],
)
def test_the_whole_unit_goes_only_for_packages_that_bring_all_a_listed_set_requires(
    installed: dict[str, str], offered: dict[str, str], bundles: list[Bundle], unit: object
) -> None:
    decision = decided(offered, *bundles, installed=installed)
    assert decision.unit is unit
    assert decision.target == (offered if unit else {**installed, **offered})
    assert decision.replaced == tuple(sorted(offered))


def test_a_set_of_macos_says_nothing_about_the_unit_of_windows() -> None:
    facts = replace(workstation("10.14.6"), os=OperatingSystem(family="windows", name="Windows 10 Pro", version="10.0.19045"))
    for family, unit in (("macos", False), ("windows", True)):
        catalogue = catalogue_of(listed("pair", PAIR, family=family))
        assert check(facts, catalogue, [package(PAIR)], run=RunState()).unit is unit


@pytest.mark.parametrize("versions", [("3.42.03", "3.43.02"), ("3.43.02", "3.42.03")])
def test_a_component_in_two_versions_is_a_contradiction_whichever_comes_first(versions: tuple[str, str]) -> None:
    twice = [package({"galss": version}) for version in versions]
    decision = check(workstation("10.14.6"), shipped_catalogue(), twice, run=RunState())
    (mixed,) = [rule for rule in decision.reasons if rule.ref == "bundle.mixed"]
    assert mixed.evidence["conflicting"] == ["galss"]
    assert mixed.params["components"] == "GALSS"
    assert decision.target == {"galss": versions[0]}
    same = check(workstation("10.14.6"), shipped_catalogue(), [package({"galss": "3.42.03"})] * 2, run=RunState())
    assert "bundle.mixed" not in {rule.ref for rule in same.reasons}


def test_a_part_that_nobody_knows_does_not_hide_the_known_ones_after_it() -> None:
    whole = package(STORY)
    odd = replace(whole, components=(ComponentPackage(identifier="org.example.helper", version="1.0"), *whole.components))
    decision = check(workstation("10.14.6"), shipped_catalogue(), [odd], run=RunState())
    assert decision.target == STORY
    assert {rule.ref for rule in decision.reasons} == {"package.unknown-part"}


ELSEWHERE = listed("elsewhere", PAIR, system="12", build="9.99")


@pytest.mark.parametrize(
    ("bundles", "called"),
    [
        # what is merely deduced for this system still comes before what is listed for another one
        ([listed("deduced", PAIR, certainty="inferred"), ELSEWHERE], "deduced"),
        ([listed("seen", PAIR, certainty="field"), listed("deduced", PAIR, certainty="inferred", build="9")], "seen"),
        ([listed("sure", PAIR), listed("seen", PAIR, certainty="field", build="9")], "sure"),
        ([listed("a build", PAIR, build="9"), listed("some set", PAIR)], "a build"),
        ([listed("b", PAIR), listed("a", PAIR)], "b"),
        ([listed("field of another", PAIR, system="12"), ELSEWHERE], "elsewhere"),
        ([listed("other", STORY)], None),
    ],
)
def test_a_set_is_called_by_the_listing_that_suits_this_system_best(bundles: list[Bundle], called: str | None) -> None:
    for order in (bundles, bundles[::-1]):
        assert decided(PAIR, *order).bundle == called


def test_packages_without_a_component_of_the_unit_ask_no_question_about_sets() -> None:
    stranger = package({}, extra=[ComponentPackage(identifier="org.example.app", version="1.0")])
    decision = check(workstation("10.14.6", STORY), shipped_catalogue(), [stranger], run=RunState())
    asked = {rule.ref: rule.outcome for rule in decision.rules}
    for ref in ("bundle.mixed", "bundle.unlisted", "bundle.incomplete", "bundle.downgrade-needs-uninstall", "bundle.alternative"):
        assert asked[ref] == "not-applicable"
    for ref in ("os.too-old", "os.too-new", "os.unlisted", "arch.rosetta-missing"):
        assert asked[ref] == "not-applicable"
    assert decision.bundle is None
    assert decision.replaced == ()
    assert decision.target == dict(sorted(STORY.items()))
