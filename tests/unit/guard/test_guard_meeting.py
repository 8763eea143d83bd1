"""Packages that are sound one by one and meet on the disk: judged together, whoever signed each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.guard import RunState, check, explain_rule
from atsam_safe.guard.guard import is_acceptable
from atsam_safe.packages.model import ComponentPackage, PartSelection, PayloadEntry
from lab.decisions import TEAMS, package, shipped_catalogue, workstation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atsam_safe.guard.model import Decision
    from atsam_safe.packages.model import Inspection

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
REF = "package.path-collision"
SHARED = "/Library/Application Support/santesocial/zz"


def entry(path: str, kind: str = "file", *, link: str | None = None, checksum: int = 1) -> PayloadEntry:
    return PayloadEntry(path=path, kind=kind, mode=0o644, uid=0, gid=0, size=1, link=link, checksum=checksum)  # type: ignore[arg-type]  # shorthand of tests


def separate(more: Mapping[str, tuple[PayloadEntry, ...]]) -> list[Inspection]:
    """Three packages, each of its own publisher, some with more than they should have."""
    packages = []
    for component, version in STORY.items():
        one = package({component: version}, team=TEAMS[component], path=f"/packages/{component}.pkg")
        part = one.components[0]
        part = msgspec.structs.replace(part, entries=(*(part.entries or ()), *more.get(component, ())))
        packages.append(msgspec.structs.replace(one, components=(part,)))
    return packages


def decided(more: Mapping[str, tuple[PayloadEntry, ...]]) -> Decision:
    return check(workstation("10.14.6", STORY), shipped_catalogue(), separate(more), run=RunState())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (entry(f"{SHARED}/readme"), entry(f"{SHARED}/README")),
        (entry(f"{SHARED}/\u00e9"), entry(f"{SHARED}/e\u0301")),
        (entry(f"{SHARED}/x"), entry(f"{SHARED}/x", checksum=2)),
        (entry(f"{SHARED}/out", "symlink", link="/private/etc"), entry(f"{SHARED}/out/evil")),
        (entry("/Library/Application Support/Galss/x"), entry("/Library/Application Support/Galss/x/y")),
        (entry(f"{SHARED}/sub/x"), entry(f"{SHARED}/Sub/y")),
    ],
)
def test_packages_that_meet_are_refused_together_with_both_names(first: PayloadEntry, second: PayloadEntry) -> None:
    decision = decided({"galss": (first,), "cryptolib": (second,)})
    (told,) = [rule for rule in decision.reasons if rule.ref == REF]
    assert decision.exit_code == 12
    assert not is_acceptable(REF)
    for language in ("fr", "en"):
        what = explain_rule(told, language).what
        assert "GALSS (galss.pkg)" in what
        assert "Cryptolib CPS (cryptolib.pkg)" in what
        assert told.evidence["paths"][0]["path"] in what
    assert REF not in {rule.ref for rule in decided({"galss": (first,)}).reasons}
    assert REF not in {rule.ref for rule in decided({"cryptolib": (second,)}).reasons}


@pytest.mark.parametrize(
    "both",
    [
        (entry(SHARED, "directory"), entry(f"{SHARED}/x")),
        (entry(f"{SHARED}/link", "symlink", link="x"),),
        (entry("/Library/Logs/santesocial", "directory"),),
    ],
)
def test_what_genuine_components_share_goes_on(both: tuple[PayloadEntry, ...]) -> None:
    decision = decided({"galss": both, "cryptolib": both})
    assert REF not in {rule.ref for rule in decision.reasons}
    assert decision.accepted


@pytest.mark.parametrize("component", ["cryptolib", "galss"])
@pytest.mark.parametrize("path", ["/Library/Preferences/GALSS.INI", "/library/Preferences/io_comm.ini"])
def test_settings_that_stay_are_met_under_no_other_spelling(component: str, path: str) -> None:
    """The catalogue keeps « galss.ini » by its name: a package's « GALSS.INI » took its place on a Mac's disk."""
    whole = package(STORY)
    parts = []
    for part in whole.components:
        entries = tuple(one for one in part.entries or () if not one.path.endswith(".ini"))
        more = (entry(path),) if part.component == component else ()
        parts.append(msgspec.structs.replace(part, entries=(*entries, *more)))
    decision = check(
        workstation("10.14.6", STORY), shipped_catalogue(), [msgspec.structs.replace(whole, components=tuple(parts))], run=RunState()
    )
    (told,) = [rule for rule in decision.reasons if rule.ref == REF]
    assert decision.exit_code == 12
    assert path in explain_rule(told, "fr").what


@pytest.mark.parametrize(
    ("adapter", "selection", "refused"), [("offline", "installed", []), ("macos", "installed", [REF]), ("macos", "left-out", [])]
)
def test_a_part_nobody_knows_counts_where_the_systems_installer_puts_it_in_place(
    adapter: str, selection: PartSelection, refused: list[str]
) -> None:
    stranger = ComponentPackage(identifier="com.other", version="1", entries=(entry(f"{SHARED}/README"),), selection=selection)
    whole = package(STORY, extra=(stranger,))
    galss = whole.components[0]
    galss = msgspec.structs.replace(galss, entries=(*(galss.entries or ()), entry(f"{SHARED}/readme")))
    whole = msgspec.structs.replace(whole, components=(galss, *whole.components[1:]))
    facts = msgspec.structs.replace(workstation("10.14.6", STORY), adapter=adapter)
    decision = check(facts, shipped_catalogue(), [whole], run=RunState())
    assert [rule.ref for rule in decision.reasons if rule.ref == REF] == refused


def test_two_versions_of_one_component_are_told_as_that_alone() -> None:
    newer = package({"galss": "3.43.02"}, team=TEAMS["galss"], path="/packages/newer.pkg")
    decision = check(workstation("10.14.6", STORY), shipped_catalogue(), [*separate({}), newer], run=RunState())
    refs = {rule.ref for rule in decision.reasons}
    assert "bundle.mixed" in refs
    assert REF not in refs
