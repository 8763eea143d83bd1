"""Every OS release × every build: what is accepted, what is refused, and by which rules exactly."""

from __future__ import annotations

import pytest

from atsam_safe.guard import RunState, check
from lab.decisions import atsam, package, shipped_catalogue, workstation

# What each release of macOS makes of the two builds: the failing rules, empty = accepted. Written by hand from the origin story.
MATRIX = {
    # offered for everything below Catalina, reported under Mojave alone: presumed below it
    ("10.8.5", "4.41"): {"os.unlisted"},
    ("10.9.5", "4.41"): {"os.unlisted"},
    ("10.10.5", "4.41"): {"os.unlisted"},
    ("10.11.6", "4.41"): {"os.unlisted"},
    ("10.12.6", "4.41"): {"os.unlisted"},
    ("10.13.6", "4.41"): {"os.unlisted"},
    ("10.14", "4.41"): set(),
    ("10.14.6", "4.41"): set(),
    ("10.15.7", "4.41"): {"os.too-new"},
    ("11.7.10", "4.41"): {"os.too-new"},
    ("12.7.6", "4.41"): {"os.too-new"},
    ("13.7.2", "4.41"): {"os.too-new"},
    ("14.7.4", "4.41"): {"os.too-new"},
    ("15.6", "4.41"): {"os.too-new"},
    ("26.6.2", "4.41"): {"os.too-new"},
    ("27.0", "4.41"): {"os.unlisted"},
    ("10.10.5", "4.50"): {"os.too-old"},
    ("10.11.6", "4.50"): {"os.too-old"},
    ("10.12.6", "4.50"): {"os.too-old"},
    ("10.13.6", "4.50"): {"os.too-old"},
    ("10.14.6", "4.50"): {"os.too-old"},
    ("10.15", "4.50"): set(),
    ("10.15.7", "4.50"): set(),
    ("11.0", "4.50"): {"os.too-new"},
    ("14.7.4", "4.50"): {"os.too-new"},
    ("15.6", "4.50"): {"os.too-new"},
    ("26.0", "4.50"): {"os.too-new"},
    ("27.0", "4.50"): {"os.unlisted"},
    ("10.16", "4.50"): {"os.compatibility-lie"},
    ("16.0", "4.50"): {"os.compatibility-lie"},
    ("", "4.50"): {"os.unreadable"},
    ("Mojave", "4.41"): {"os.unreadable"},
}


@pytest.mark.parametrize(("os_version", "build"), MATRIX, ids=lambda value: value or "none")
def test_every_release_and_build(os_version: str, build: str) -> None:
    decision = check(workstation(os_version or None), shipped_catalogue(), [atsam(build)], run=RunState())
    assert {rule.ref for rule in decision.reasons} == MATRIX[os_version, build]
    assert decision.accepted == (not MATRIX[os_version, build])
    assert decision.exit_code == (0 if decision.accepted else 10)


@pytest.mark.parametrize(
    ("os_version", "recommended"),
    [
        ("10.13.6", None),
        ("10.14.6", "atsam-macos-4.41"),
        ("10.15.7", "atsam-macos-4.50"),
        ("27.0", None),
        (None, None),
    ],
)
def test_the_build_that_fits_is_named(os_version: str | None, recommended: str | None) -> None:
    decision = check(workstation(os_version), shipped_catalogue(), [atsam("4.50")], run=RunState())
    assert decision.recommended == recommended


STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}


@pytest.mark.parametrize(
    ("offered", "team", "refs"),
    [
        # The doctor's own good update.
        ({"srvsvcnam": "3.42.02"}, "5H8W5749XS", set()),
        ({"srvsvcnam": "3.40.02"}, "5H8W5749XS", set()),
        # A newer GALSS alone: wrong for Mojave, and the result would be a mixture.
        ({"galss": "3.43.02"}, "5H8W5749XS", {"os.too-old", "bundle.mixed"}),
        ({"cryptolib": "5.1.8"}, "Y8WQ8FQ7KH", {"os.too-old", "bundle.mixed"}),
        # A release that is known but in no bundle for this system, and one nobody knows.
        ({"cryptolib": "5.1.6"}, "Y8WQ8FQ7KH", {"bundle.unlisted"}),
        ({"srvsvcnam": "9.99"}, "5H8W5749XS", {"package.unknown-release", "bundle.unlisted"}),
    ],
    ids=lambda value: "+".join(sorted(value)) or "none" if isinstance(value, set) else str(value),
)
def test_one_component_over_the_set_of_441(offered: dict[str, str], team: str, refs: set[str]) -> None:
    decision = check(workstation("10.14.6", STORY), shipped_catalogue(), [package(offered, team=team)], run=RunState())
    assert {rule.ref for rule in decision.reasons} == refs
    assert not decision.unit
    assert decision.target == {**STORY, **offered}


def test_the_alternative_version_is_said() -> None:
    decision = check(workstation("10.14.6", STORY), shipped_catalogue(), [package({"srvsvcnam": "3.42.02"})], run=RunState())
    assert decision.bundle == "atsam-macos-4.41"
    assert "bundle.alternative" in {rule.ref for rule in decision.notices}


def test_one_component_on_an_empty_workstation_is_incomplete() -> None:
    decision = check(workstation("10.14.6"), shipped_catalogue(), [package({"galss": "3.42.03"})], run=RunState())
    assert {rule.ref for rule in decision.reasons} == {"bundle.incomplete"}


def test_three_packages_that_form_a_bundle_are_that_bundle() -> None:
    packages = [
        package({"galss": "3.42.03"}, path="/p/1.pkg"),
        package({"srvsvcnam": "3.40.02"}, path="/p/2.pkg"),
        package({"cryptolib": "5.1.5"}, path="/p/3.pkg", team="Y8WQ8FQ7KH"),
    ]
    decision = check(workstation("10.14.6"), shipped_catalogue(), packages, run=RunState())
    assert (decision.decision, decision.bundle, decision.unit) == ("accept", "atsam-macos-4.41", True)


def test_packages_of_two_builds_are_a_mixture() -> None:
    packages = [package({"galss": "3.42.03", "srvsvcnam": "3.40.02"}), package({"cryptolib": "5.1.8"}, team="Y8WQ8FQ7KH")]
    decision = check(workstation("10.14.6"), shipped_catalogue(), packages, run=RunState())
    assert "bundle.mixed" in {rule.ref for rule in decision.reasons}
    twice = check(workstation("10.14.6"), shipped_catalogue(), [atsam("4.41"), atsam("4.50")], run=RunState())
    mixed = next(rule for rule in twice.reasons if rule.ref == "bundle.mixed")
    assert mixed.words == "bundle.mixed.twice"


def test_going_down_is_let_through_and_said() -> None:
    decision = check(
        workstation("10.14.6", {"galss": "3.43.02", "srvsvcnam": "3.43.02", "cryptolib": "5.1.8"}),
        shipped_catalogue(),
        [atsam("4.41")],
        run=RunState(),
    )
    assert decision.accepted
    assert "bundle.downgrade-needs-uninstall" in {rule.ref for rule in decision.notices}
