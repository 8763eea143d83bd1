"""What was seen, and what follows from it: a failure or a success under one system says nothing about another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import pytest

from atsam_safe.catalogue.model import KnownFailure
from atsam_safe.facts.model import BinaryImage
from atsam_safe.guard import RunState, check, explain_rule
from atsam_safe.packages.model import PayloadEntry, ProductFact
from lab.decisions import atsam, package, shipped_catalogue, system, workstation

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Architecture, OperatingSystem
    from atsam_safe.guard.model import RuleResult
    from atsam_safe.packages.model import Inspection

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
POSITIONS = ("os.too-old", "os.too-new", "os.unlisted")
replace = msgspec.structs.replace


def answers(os: OperatingSystem, *packages: Inspection, catalogue: Catalogue | None = None) -> dict[str, RuleResult]:
    facts = replace(workstation("10.14.6"), os=os)
    return {rule.ref: rule for rule in check(facts, catalogue or shipped_catalogue(), packages, run=RunState()).rules}


def test_a_failure_counts_for_the_system_and_release_it_was_seen_with() -> None:
    shipped = shipped_catalogue()
    failures = (KnownFailure(system="10.14", source="lab", certainty="field"),)
    for identifier, version in (("galss", "3.43.02"), ("srvsvcnam", "3.43.02")):
        components = tuple(
            replace(one, releases=tuple(replace(release, failures=failures if one.id == identifier else ()) for release in one.releases))
            for one in shipped.components
        )
        catalogue = replace(shipped, components=components)
        assert answers(system("10.14.6"), package({identifier: version}), catalogue=catalogue)["os.too-old"].words == "os.too-old"
        assert (
            answers(system("10.14.6"), package({"cryptolib": "5.1.8"}), catalogue=catalogue)["os.too-old"].words == "os.too-old.component"
        )
        other = answers(system("10.13.6"), package({identifier: version}), catalogue=catalogue)["os.too-old"].words
        assert other == "os.too-old.component.no-build"


@pytest.mark.parametrize(
    ("version", "hardware", "expected"),
    [
        ("26.0", "arm64", "fail"),
        ("26.5.1", "arm64", "fail"),
        ("26.6", "arm64", "pass"),
        ("26.6.2", "arm64", "pass"),
        ("26.7", "arm64", "pass"),
        ("26.6", "x86_64", "fail"),
    ],
)
def test_what_was_seen_says_nothing_of_the_updates_before_it(version: str, hardware: Architecture, expected: str) -> None:
    found = answers(replace(system(version), hardware=hardware), package({"galss": "3.43.02", "cryptolib": "5.2.6"}))["os.unlisted"]
    assert (found.outcome, found.words) == (expected, "os.unlisted.field" if expected == "pass" else "os.unlisted.inferred")


@pytest.mark.parametrize("version", ["10.6.8", "10.9.5", "10.13.6"])
def test_the_one_build_below_catalina_has_no_lower_bound_and_is_presumed(version: str) -> None:
    """The insurance's site offered it for everything below Catalina; only Mojave was ever reported."""
    found = answers(system(version), atsam("4.41"))
    assert [found[ref].outcome for ref in POSITIONS] == ["pass", "pass", "fail"]
    assert found["os.unlisted"].words == "os.unlisted.inferred"
    assert "vu" not in explain_rule(found["os.unlisted"], "fr").what


BOTH = ("x86_64", "arm64")


@pytest.mark.parametrize(
    ("programs", "adapter", "rosetta", "words", "outcome"),
    [
        # the programs are the witness: they run, whatever the package names
        ((BOTH, BOTH), "offline", False, "arch.rosetta-missing.declared", ("pass", True)),
        ((BOTH, BOTH), "macos", False, "arch.rosetta-missing.declared", ("fail", False)),
        ((BOTH, BOTH), "macos", True, None, ("not-applicable", False)),
        # one of them for Intel alone is enough
        ((BOTH, ("x86_64",)), "offline", False, "arch.rosetta-missing", ("fail", False)),
        ((BOTH, ("x86_64",)), "offline", True, "arch.rosetta-missing.present", ("pass", True)),
    ],
)
def test_the_programs_say_which_processors_they_are_for(
    programs: tuple[tuple[str, ...], ...],
    adapter: Literal["offline", "macos"],
    *,
    rosetta: bool,
    words: str | None,
    outcome: tuple[str, bool],
) -> None:
    offered = package({"cryptolib": "5.2.1"}, product=ProductFact(host_architectures=("x86_64",)))
    entries = tuple(
        PayloadEntry(path=f"/usr/local/lib/{number}", kind="file", mode=0o755, uid=0, gid=0, image=BinaryImage(architectures=names))
        for number, names in enumerate(programs)
    )
    offered = replace(offered, components=tuple(replace(part, entries=entries) for part in offered.components))
    facts = replace(workstation("14.7.4", hardware="arm64"), adapter=adapter)
    facts = replace(facts, os=replace(facts.os, rosetta=rosetta))
    rules = check(facts, shipped_catalogue(), [offered], run=RunState()).rules
    found = next(rule for rule in rules if rule.ref == "arch.rosetta-missing")
    assert (found.outcome, found.notice) == outcome
    if words is not None:
        assert found.words == words


def test_what_was_recognised_is_named() -> None:
    """Also for several packages that are a build only together."""
    packages = [package({component: version}, path=f"/p/{component}.pkg") for component, version in STORY.items()]
    for offered in ([atsam("4.41")], packages):
        decision = check(workstation("10.14.6"), shipped_catalogue(), offered, run=RunState())
        assert decision.recognised == "ATSAM 4.41 (Cryptolib CPS 5.1.5, GALSS 3.42.03, SrvSVCNAM 3.40.02)"
    assert check(workstation("10.14.6"), shipped_catalogue(), [package({})], run=RunState()).recognised is None
