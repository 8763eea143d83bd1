"""A package without the programs of its components, or with programs that cannot run here, is refused before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.facts.model import BinaryImage
from atsam_safe.guard import RunState, check
from atsam_safe.guard.guard import is_acceptable
from lab.decisions import package, shipped_catalogue, system, workstation

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.guard.model import Decision, RuleResult
    from atsam_safe.packages.model import Inspection, PayloadEntry

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
DYLIB = "/usr/local/lib/libcps3_pkcs11_osx.dylib"
CLIENT = "/Library/Frameworks/galclosx.framework/Versions/A/galclosx"
PROTOCOLS = tuple(f"/Library/Frameworks/{name}.framework/Versions/A/{name}" for name in ("pcscosx", "pssinosx"))
replace = msgspec.structs.replace


def rule(decision: Decision, ref: str) -> RuleResult:
    return next(result for result in decision.rules if result.ref == ref)


def altered(change: Callable[[PayloadEntry], PayloadEntry | None], versions: dict[str, str] | None = None) -> Inspection:
    whole = package(versions or STORY)
    parts = (replace(part, entries=tuple(kept for entry in part.entries or () if (kept := change(entry)))) for part in whole.components)
    return replace(whole, components=tuple(parts))


def without(*paths: str) -> Callable[[PayloadEntry], PayloadEntry | None]:
    return lambda entry: None if entry.path in paths else entry


def decided(offered: Inspection, version: str = "10.14.6", *, accepted: str | None = None) -> Decision:
    return check(
        workstation(version, STORY), shipped_catalogue(), [offered], accepted=frozenset({accepted} if accepted else ()), run=RunState()
    )


def test_what_the_story_installs_brings_everything() -> None:
    assert rule(decided(package(STORY)), "package.essential-missing").outcome == "pass"


@pytest.mark.parametrize("path", [CLIENT, DYLIB, "/Library/Application Support/Galss/galsvosx"])
def test_a_package_without_a_program_is_refused(path: str) -> None:
    decision = decided(altered(without(path)))
    assert ([found.ref for found in decision.reasons], decision.exit_code) == (["package.essential-missing"], 10)
    assert decision.reasons[0].evidence["components"][0]["paths"] == [path]


def test_a_single_component_is_held_to_the_same() -> None:
    alone = altered(lambda entry: entry if entry.path.endswith((".pem", ".plist")) else None, {"srvsvcnam": "3.42.02"})
    assert [found.ref for found in decided(alone).reasons] == ["package.essential-missing"]
    assert decided(package({"srvsvcnam": "3.42.02"})).accepted


def test_every_component_at_fault_is_named() -> None:
    found = rule(decided(altered(without(CLIENT, DYLIB))), "package.essential-missing")
    assert [entry["component"] for entry in found.evidence["components"]] == ["galss", "cryptolib"]


def test_one_protocol_is_enough() -> None:
    assert decided(altered(without(PROTOCOLS[0]))).accepted
    assert not decided(altered(without(*PROTOCOLS))).accepted


def test_elsewhere_is_not_there() -> None:
    """An install-location of its own puts everything where no software looks for it."""
    moved = altered(lambda entry: replace(entry, path=f"/Users/Shared/ATSAM{entry.path}"), {"galss": "3.42.03"})
    assert "package.essential-missing" in {found.ref for found in decided(moved, accepted="package.unknown-paths").reasons}


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: replace(entry, size=0) if entry.path == DYLIB else entry,
        # read, and no program: a text, or an archive, under the library's name
        lambda entry: replace(entry, checksum=1) if entry.path == DYLIB else entry,
    ],
)
def test_a_name_is_no_program(change: Callable[[PayloadEntry], PayloadEntry]) -> None:
    assert [found.ref for found in decided(altered(change)).reasons] == ["package.essential-missing"]


def test_of_a_payload_that_was_not_read_yet_no_content_is_judged() -> None:
    assert all(entry.checksum is None for part in package(STORY).components for entry in part.entries or ())
    assert decided(package(STORY)).accepted


def test_it_can_be_accepted_because_a_script_may_do_it_and_the_end_is_checked_anyway() -> None:
    offered = altered(without(CLIENT))
    assert decided(offered, accepted="package.essential-missing").accepted
    assert not is_acceptable("package.essential-unusable")


def made_for(architectures: tuple[str, ...], minimum: tuple[str, ...], *paths: str) -> Inspection:
    image = BinaryImage(architectures=architectures, minimum_os=minimum)
    return altered(lambda entry: replace(entry, checksum=1, image=image) if entry.path in paths else entry)


def test_programs_of_another_processor_or_a_later_system_are_refused() -> None:
    other = decided(made_for(("arm64",), ("13.0",), DYLIB)).reasons
    assert [(found.ref, found.words) for found in other] == [("package.essential-unusable", "package.essential-unusable")]
    later = decided(made_for(("x86_64", "arm64"), ("10.15", "11.0"), DYLIB)).reasons
    assert [(found.ref, found.words) for found in later] == [("package.essential-unusable", "package.essential-unusable.minimum")]
    assert later[0].params["minimum"] == "10.15"
    assert decided(made_for(("i386", "x86_64"), ("10.6", "10.6"), DYLIB)).accepted


def test_one_usable_alternative_is_enough() -> None:
    assert decided(made_for(("arm64",), ("13.0",), PROTOCOLS[0])).accepted
    assert not decided(made_for(("arm64",), ("13.0",), *PROTOCOLS)).accepted


def test_a_missing_rosetta_is_another_rule() -> None:
    facts = replace(workstation("26.0", {}), os=system("26.0", hardware="arm64", rosetta=False))
    decision = check(facts, shipped_catalogue(), [made_for(("x86_64",), ("10.6",), DYLIB)], run=RunState())
    assert rule(decision, "package.essential-unusable").outcome == "pass"


def test_a_release_nobody_listed_is_another_rule() -> None:
    offered = altered(without(DYLIB), {**STORY, "cryptolib": "5.1.99"})
    assert "package.essential-missing" not in {found.ref for found in decided(offered).reasons}
