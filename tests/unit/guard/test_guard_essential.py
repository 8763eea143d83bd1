"""A package without the programs of its components, or with programs that cannot run here, is refused before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import pytest

from atsam_safe.catalogue.model import EffectRule, WitnessRule
from atsam_safe.facts.model import BinaryImage
from atsam_safe.guard import RunState, check
from atsam_safe.guard.guard import is_acceptable
from lab.decisions import package, shipped_catalogue, system, workstation
from lab.small_catalogue import SAID, path_rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import OsFamily
    from atsam_safe.guard.model import Decision, RuleResult
    from atsam_safe.packages.model import Inspection, PackageFormat, PayloadEntry

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
DYLIB = "/usr/local/lib/libcps3_pkcs11_osx.dylib"
SERVER = "/Library/Application Support/Galss/galsvosx"
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


@pytest.mark.parametrize("path", [CLIENT, DYLIB, SERVER])
def test_a_package_without_a_program_is_refused(path: str) -> None:
    decision = decided(altered(without(path)))
    assert ([found.ref for found in decision.reasons], decision.exit_code) == (["package.essential-missing"], 10)
    assert decision.reasons[0].evidence["components"][0]["paths"] == [path]


def test_a_single_component_is_held_to_the_same() -> None:
    alone = altered(lambda entry: entry if entry.path.endswith((".pem", ".plist")) else None, {"srvsvcnam": "3.42.02"})
    assert [found.ref for found in decided(alone).reasons] == ["package.essential-missing"]
    assert decided(package({"srvsvcnam": "3.42.02"})).accepted


def test_every_component_at_fault_is_named_and_the_sentence_speaks_of_the_first() -> None:
    found = rule(decided(altered(without(CLIENT, DYLIB))), "package.essential-missing")
    assert [entry["component"] for entry in found.evidence["components"]] == ["galss", "cryptolib"]
    assert found.params == {"component": "GALSS", "count": "1", "path": CLIENT}


def test_a_component_that_brings_no_file_at_all_does_not_hide_what_the_next_one_lacks() -> None:
    lacking = altered(without(DYLIB))
    galss, *others = lacking.components
    folders = replace(galss, entries=tuple(entry for entry in galss.entries or () if entry.kind == "directory"))
    offered = replace(lacking, components=(folders, *others))
    found = rule(decided(offered), "package.essential-missing")
    assert [entry["component"] for entry in found.evidence["components"]] == ["cryptolib"]


def test_everything_that_is_lacking_is_named() -> None:
    found = rule(decided(altered(without(CLIENT, SERVER))), "package.essential-missing")
    assert found.params == {"component": "GALSS", "count": "2", "path": SERVER}
    assert found.evidence == {"components": [{"component": "galss", "count": 2, "paths": [SERVER, CLIENT]}]}


PLACE = "/Library/Lab/Info.plist"


def asked_of(*there: str, **fields: object) -> RuleResult:
    """The answer about a package of GALSS that brings these files, with a catalogue that says this of GALSS and nothing else."""
    shipped = shipped_catalogue()
    galss = shipped.component("galss")
    assert galss is not None
    catalogue: Catalogue = replace(shipped, components=(replace(galss, **{"paths": (), "witnesses": (), "effects": (), **fields}),))
    whole = package({"galss": "3.42.03"}, catalogue=catalogue)
    plain = next(entry for entry in whole.components[0].entries or () if entry.path == SERVER)
    entries = tuple(replace(plain, path=path) for path in (*there, "/Library/Lab/else"))
    offered = replace(whole, components=(replace(whole.components[0], entries=entries),))
    return rule(check(workstation("10.14.6"), catalogue, [offered], run=RunState()), "package.essential-missing")


@pytest.mark.parametrize("count", [1, 20, 21])
def test_a_long_list_is_counted_whole_and_named_up_to_twenty(count: int) -> None:
    paths = [f"/Library/Lab/{number}" for number in range(count)]
    found = asked_of(paths=tuple(replace(path_rule(path), essential=path) for path in paths))
    assert found.params == {"component": "GALSS", "count": str(count), "path": paths[0]}
    assert found.evidence == {"components": [{"component": "galss", "count": count, "paths": paths[:20]}]}


@pytest.mark.parametrize(
    ("versions", "path"),
    [
        (STORY, "/Library/Frameworks/galssosx.framework/Versions/A/Resources/Info.plist"),
        ({**STORY, "galss": "3.43.02"}, "/Library/Frameworks/galinosx.framework/Versions/A/Resources/Info.plist"),
    ],
)
def test_a_package_without_the_file_that_tells_its_release_is_refused(versions: dict[str, str], path: str) -> None:
    """Nobody could tell afterwards which release is there: of the component, and of this release alone."""
    for change in (without(path), lambda entry: replace(entry, size=0) if entry.path == path else entry):
        found = rule(decided(altered(change, versions)), "package.essential-missing")
        assert (found.outcome, found.evidence["components"][0]["paths"]) == ("fail", [path])
    assert rule(decided(package(versions)), "package.essential-missing").outcome == "pass"


@pytest.mark.parametrize(
    ("named", "there", "fields", "outcome"),
    [
        (PLACE, (), {}, "fail"),
        (PLACE, (PLACE,), {}, "pass"),
        (PLACE, (PLACE.upper(),), {}, "pass"),
        # two spellings of one place: /etc is a link on every Mac
        ("/etc/lab.conf", ("/private/etc/lab.conf",), {}, "pass"),
        ("/private/etc/lab.conf", ("/etc/lab.conf",), {}, "pass"),
        # which of several it is, nobody can say before
        ("/Library/*/Info.plist", (), {}, "pass"),
        ("~/Library/Lab/Info.plist", (), {}, "pass"),
        # what may be missing at any time, or is deleted by the vendor's own script, is not asked for afterwards either
        (PLACE, (), {"paths": (path_rule(PLACE, role="config"),)}, "pass"),
        (PLACE, (), {"effects": (EffectRule(kind="remove", path=PLACE, **SAID),)}, "pass"),
    ],
)
def test_a_package_brings_what_will_be_asked_for_afterwards(
    named: str, there: tuple[str, ...], fields: dict[str, object], outcome: str
) -> None:
    witness = WitnessRule(kind="info-plist", path=named, **SAID)
    assert asked_of(*there, witnesses=(witness,), **fields).outcome == outcome


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
        lambda entry: replace(entry, kind="directory", size=96) if entry.path == DYLIB else entry,
        # read, and no program: a text, or an archive, under the library's name
        lambda entry: replace(entry, checksum=1) if entry.path == DYLIB else entry,
    ],
)
def test_a_name_is_no_program(change: Callable[[PayloadEntry], PayloadEntry]) -> None:
    assert [found.ref for found in decided(altered(change)).reasons] == ["package.essential-missing"]


@pytest.mark.parametrize("fields", [{"size": 1}, {"kind": "symlink", "size": 0, "link": "libcps3.1.dylib"}])
def test_a_library_may_be_small_or_a_link_to_the_real_one(fields: dict[str, object]) -> None:
    offered = altered(lambda entry: replace(entry, **fields) if entry.path == DYLIB else entry)
    assert rule(decided(offered), "package.essential-missing").outcome == "pass"


def test_in_a_folder_a_script_may_be_what_is_started() -> None:
    """Of SrvSVCNAM any program in its folders counts, and a script that was read is one."""
    offered = altered(lambda entry: replace(entry, checksum=1) if "srvsvcnam" in entry.path.casefold() and entry.kind == "file" else entry)
    assert rule(decided(offered), "package.essential-missing").outcome == "pass"


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
    alone = decided(altered(without(DYLIB), {"cryptolib": "5.1.99"}))
    assert {rule(alone, ref).outcome for ref in BOTH} == {"not-applicable"}


BOTH = ("package.essential-missing", "package.essential-unusable")


def test_whether_programs_run_here_is_answered_as_soon_as_one_was_read() -> None:
    assert rule(decided(package(STORY)), "package.essential-unusable").outcome == "not-applicable"
    assert rule(decided(made_for(("x86_64",), ("10.6",), DYLIB)), "package.essential-unusable").outcome == "pass"


@pytest.mark.parametrize("family", ["windows", "linux"])
def test_on_another_system_nobody_asks_whether_a_macs_programs_run(family: OsFamily) -> None:
    """That the package is made for a Mac is told by its own rule."""
    facts = workstation("10.14.6")
    elsewhere = replace(facts, os=replace(facts.os, family=family))
    decision = check(elsewhere, shipped_catalogue(), [made_for(("x86_64",), ("10.6",), DYLIB)], run=RunState())
    assert rule(decision, "package.essential-unusable").outcome == "not-applicable"


@pytest.mark.parametrize("form", ["rpm", "unknown"])
def test_only_packages_of_a_mac_are_held_against_what_a_mac_needs(form: PackageFormat) -> None:
    for offered in (altered(without(DYLIB)), made_for(("arm64",), ("13.0",), DYLIB)):
        decision = decided(replace(offered, format=form))
        assert {rule(decision, ref).outcome for ref in BOTH} == {"not-applicable"}


@pytest.mark.parametrize(
    ("hardware", "made", "told"), [("arm64", "i386", "arm64"), ("x86_64", "arm64", "x86_64"), (None, "arm64", "x86_64")]
)
def test_the_first_program_is_named_with_what_it_was_made_for_and_what_is_here(
    hardware: Literal["arm64", "x86_64"] | None, made: str, told: str
) -> None:
    """A volume that does not tell its processor, with a macOS older than Apple's own ones, can only be of an Intel Mac."""
    facts = replace(workstation("10.14.6", STORY), os=system("26.0" if hardware == "arm64" else "10.14.6", hardware=hardware))
    decision = check(facts, shipped_catalogue(), [made_for((made,), ("",), *PROTOCOLS)], run=RunState())
    found = rule(decision, "package.essential-unusable")
    assert (found.outcome, found.evidence["path"]) == ("fail", PROTOCOLS[0])
    assert {name: found.params[name] for name in ("component", "path", "architectures", "hardware")} == {
        "component": "GALSS",
        "path": PROTOCOLS[0],
        "architectures": made,
        "hardware": told,
    }
