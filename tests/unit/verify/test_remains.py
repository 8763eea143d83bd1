"""What a run left, lost or could not give: told where it undoes nothing, and undone where somebody else's file is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from msgspec.structs import replace

from atsam_safe.catalogue.effects import owner_numbers, script_was_read
from atsam_safe.facts.model import ForeignClaim, PathFact, Receipt, SystemState
from atsam_safe.guard import RunState, check
from atsam_safe.plan.model import ApplyEffect
from atsam_safe.plan.planner import plan_install, plan_uninstall
from atsam_safe.verify import verify
from lab.decisions import ANS, atsam, package, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.facts.model import Facts
    from atsam_safe.packages.model import Inspection
    from atsam_safe.plan.model import Plan
    from atsam_safe.verify.model import Finding

STORY: Final = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
SANTESOCIAL: Final = "/Library/Application Support/santesocial"
ADM: Final = f"{SANTESOCIAL}/commun/adm"
GALSS: Final = "/Library/Application Support/Galss"
INI: Final = "/Library/Preferences/galss.ini"
OTHERS: Final = f"{GALSS}/autre.dylib"


def with_files(facts: Facts, *paths: str) -> Facts:
    more = tuple(PathFact(path=path, kind="file", mode=0o666, uid=0, gid=0, size=6) for path in paths)
    return replace(facts, paths=tuple(sorted((*facts.paths, *more), key=lambda one: one.path)))


def without(facts: Facts, *paths: str) -> Facts:
    return replace(facts, paths=tuple(fact for fact in facts.paths if fact.path not in paths))


def plan_of(facts: Facts, *offered: Inspection) -> Plan:
    accepted = frozenset({"bundle.unlisted", "os.unlisted", "bundle.mixed"})
    return plan_install(facts, shipped_catalogue(), offered, check(facts, shipped_catalogue(), offered, accepted=accepted, run=RunState()))


def found(before: Facts, after: Facts, plan: Plan, ref: str) -> list[Finding]:
    return [finding for finding in verify(before, after, shipped_catalogue(), plan).findings if finding.ref == ref]


# --- inventories -------------------------------------------------------------------------------------------------------------


def test_inventory_files_of_another_release_go_and_are_told_by_name() -> None:
    """The shared 157.adm stays with the component that is not changed."""
    numbers = [f"{ADM}/150.adm", f"{ADM}/159.adm", f"{ADM}/produits/158.adm"]
    before = with_files(workstation("10.14.6", STORY), *numbers, f"{ADM}/157.adm", f"{ADM}/155.adm")
    plan = plan_of(before, package({"srvsvcnam": "3.42.02"}))
    after = with_files(workstation("10.14.6", {**STORY, "srvsvcnam": "3.42.02"}), f"{ADM}/157.adm", f"{ADM}/155.adm")
    (told,) = found(before, after, plan, "verify.inventory-lost")
    assert (told.severity, told.evidence["paths"], told.params["count"]) == ("notice", numbers, "3")
    assert found(before, with_files(after, *numbers), plan, "verify.inventory-lost") == []


@pytest.mark.parametrize(
    ("installed", "offered", "kept"),
    [("5.1.5", "5.1.5", True), ("5.1.4", "5.1.5", False), ("5.2.1", "5.2.1", False), ("5.1.5", "5.2.1", False)],
)
def test_only_what_stays_true_and_nothing_writes_anew_is_kept(installed: str, offered: str, *, kept: bool) -> None:
    before = with_files(workstation("10.15.7", {**STORY, "cryptolib": installed}), f"{ADM}/155.adm", f"{ADM}/154.adm")
    plan = plan_of(before, package({"cryptolib": offered}, team=ANS), package({"galss": "3.42.03", "srvsvcnam": "3.40.02"}))
    stays = {entry.path for entry in plan.kept if entry.reason == "catalogue"}
    assert (f"{ADM}/155.adm" in stays, f"{ADM}/154.adm" in stays) == (kept, kept)
    written = {step.path for step in plan.steps if isinstance(step, ApplyEffect) and step.kind == "write-file"}
    assert (f"{ADM}/155.adm" in written) == (offered == "5.2.1")


def test_a_script_that_was_read_means_what_it_does_not_write() -> None:
    cryptolib = shipped_catalogue().component("cryptolib")
    assert cryptolib is not None
    assert [script_was_read(cryptolib, version, "10.15.7") for version in ("5.1.5", "5.2.1", "5.2.2")] == [False, True, False]
    versions = {**STORY, "cryptolib": "5.2.1"}
    before = with_files(workstation("10.15.7", {**STORY, "cryptolib": "5.1.4"}), f"{ADM}/154.adm")
    plan = plan_of(before, package({"cryptolib": "5.2.1"}, team=ANS), package({"galss": "3.42.03", "srvsvcnam": "3.40.02"}))
    assert found(before, workstation("10.15.7", versions), plan, "verify.inventory-lost") == []


# --- what a package brings and a script removes --------------------------------------------------------------------------------


@pytest.mark.parametrize(("system", "told"), [("10.14.6", True), ("10.15.7", True), ("12.7.6", True)])
def test_what_a_script_nobody_read_may_remove_is_told(system: str, *, told: bool) -> None:
    before = workstation(system, STORY)
    plan = plan_of(before, package({"cryptolib": "5.1.5"}, team=ANS), package({"galss": "3.42.03", "srvsvcnam": "3.40.02"}))
    findings = found(before, workstation(system, STORY), plan, "verify.left-by-payload")
    assert [(one.severity, one.component) for one in findings] == ([("notice", "cryptolib")] if told else [])
    paths = findings[0].evidence["paths"]
    assert {"/private/etc/reader.conf", "/Library/Preferences/santesocial/CPS/tmpinstall"} <= set(paths)
    assert ("/Library/PreferencePanes/PrefsCPS.prefPane" in paths) == system.startswith("10.")


def test_where_the_script_was_read_its_removals_are_carried_out_and_nothing_is_told() -> None:
    before = workstation("10.15.7", {**STORY, "cryptolib": "5.2.1"})
    plan = plan_of(before, package({"cryptolib": "5.2.1"}, team=ANS), package({"galss": "3.42.03", "srvsvcnam": "3.40.02"}))
    assert found(before, before, plan, "verify.left-by-payload") == []


# --- owners --------------------------------------------------------------------------------------------------------------------


def owned(facts: Facts, uid: int, gid: int, *, gives: bool | None) -> Facts:
    paths = tuple(replace(fact, uid=uid, gid=gid) for fact in facts.paths)
    return replace(facts, paths=paths, system=SystemState(gives_owners=gives))


def test_every_owner_the_catalogue_names_reaches_the_plan_and_has_a_number() -> None:
    catalogue = shipped_catalogue()
    named = {effect.owner for component in catalogue.components for effect in component.effects if effect.owner is not None}
    assert {owner: owner_numbers(owner) for owner in named} == {"root:admin": (0, 80)}
    plan = plan_of(with_files(workstation("10.14.6", STORY), INI), atsam("4.41"))
    given = {step.path: step.owner for step in plan.steps if isinstance(step, ApplyEffect) and step.component == "galss"}
    for path in (GALSS, f"{SANTESOCIAL}/galss", "/Library/Logs/santesocial/galss", INI):
        assert given[path] == "root:admin"
    assert given["/Library/Frameworks/galssosx.framework"] is None


@pytest.mark.parametrize(
    ("owner", "gives", "expected"),
    [
        ((0, 80), True, []),
        ((0, 0), True, [("verify.owner-differs", "blocking")]),
        ((501, 80), True, [("verify.owner-differs", "blocking")]),
        ((501, 20), False, [("verify.owner-not-given", "notice")]),
        ((501, 20), None, []),
    ],
)
def test_a_wrong_owner_undoes_the_run_and_one_that_nobody_can_give_is_told(
    owner: tuple[int, int], *, gives: bool | None, expected: list[tuple[str, str]]
) -> None:
    before = workstation("10.14.6", STORY)
    plan = plan_of(before, atsam("4.41"))
    after = owned(workstation("10.14.6", STORY), *owner, gives=gives)
    findings = verify(before, after, shipped_catalogue(), plan).findings
    assert [(one.ref, one.severity) for one in findings if one.ref.startswith("verify.owner-")] == expected


# --- files of others -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", ["claimed", "undecided"])
def test_a_neighbours_file_that_is_gone_undoes_the_run(known: str) -> None:
    before = replace(workstation("10.14.6", STORY), unclaimed=(OTHERS,))
    if known == "claimed":
        before = replace(before, foreign_claims=(ForeignClaim(path=OTHERS, receipt="fr.autre"),), foreign_unread=())
    else:
        before = replace(before, foreign_unread=(Receipt(identifier="fr.autre", problem="truncated"),))
    plan = plan_uninstall(before, shipped_catalogue())
    assert {entry.reason for entry in plan.kept if entry.path == OTHERS} == {"foreign" if known == "claimed" else "undecided"}
    folder = (PathFact(path=GALSS, kind="directory", mode=0o755, uid=0, gid=0),)
    left = replace(workstation("10.14.6"), paths=folder)
    for after, lost in ((replace(left, unclaimed=(OTHERS,)), False), (with_files(left, OTHERS), False), (left, True)):
        findings = found(before, after, plan, "verify.kept-path-lost")
        assert (OTHERS in [path for finding in findings for path in finding.evidence["paths"]]) == lost


@pytest.mark.parametrize("own", [(), ("/Library/Frameworks/galinosx.framework/Versions/A/galinosx",)])
def test_a_folder_with_files_of_others_only_is_not_the_component_and_one_with_its_own_is(own: tuple[str, ...]) -> None:
    folder = "/Library/Frameworks/galinosx.framework"
    other = f"{folder}/autre.dylib"
    before = replace(
        workstation("10.14.6", STORY), unclaimed=(other,), foreign_claims=(ForeignClaim(path=other, receipt="fr.autre"),), foreign_unread=()
    )
    plan = plan_uninstall(before, shipped_catalogue())
    top = (PathFact(path=folder, kind="directory", mode=0o755, uid=0, gid=0),)
    after = with_files(replace(workstation("10.14.6"), paths=top), other, *own)
    still = [one.component for one in verify(before, after, shipped_catalogue(), plan).findings if one.ref.startswith("verify.still-there")]
    assert still == (["galss"] if own else [])
    # without a receipt that said which files were its own, what is left may be its own
    blind = replace(before, receipts=tuple(one for one in before.receipts if "galss" not in one.identifier))
    assert found(blind, after, plan, "verify.still-there.unversioned")
