"""What a plan looks like: order, unit or single component, the ini pair, shared and foreign paths, live workstations."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
import pytest

from atsam_safe.catalogue.patterns import depth, is_below
from atsam_safe.facts.model import ConfigFact, ForeignClaim, PathFact, ProcessFact, ServiceFact
from atsam_safe.guard import RunState, check
from atsam_safe.plan import plan_install, plan_uninstall
from atsam_safe.plan.model import (
    ApplyEffect,
    ForgetReceipt,
    InstallPayload,
    RemovePath,
    RunInstaller,
    RunUninstaller,
    StartService,
    StopProcess,
    StopService,
    WriteReceipt,
)
from lab.decisions import atsam, package, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.facts.model import Facts
    from atsam_safe.packages.model import Inspection
    from atsam_safe.plan.model import Plan

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
AGENT = "/Library/LaunchAgents/org.cnamts.srvsvcnam.launchd.plist"
GALSS_INI = "/Library/Preferences/galss.ini"
IO_COMM_INI = "/Library/Preferences/io_comm.ini"
replace = msgspec.structs.replace
Kind = TypeVar("Kind")


def plan_of(facts: Facts, *inspections: Inspection) -> Plan:
    decision = check(facts, shipped_catalogue(), inspections, run=RunState())
    return plan_install(facts, shipped_catalogue(), inspections, decision)


def of(plan: Plan, kind: type[Kind]) -> list[Kind]:
    return [step for step in plan.steps if isinstance(step, kind)]


def ini(path: str, size: int = 9) -> ConfigFact:
    return ConfigFact(path=path, sha256="ab" * 32, size=size, line_ends="crlf", encoding="latin-1")


def test_the_order_of_the_phases() -> None:
    facts = replace(
        workstation("10.14.6", STORY), services=(ServiceFact(label="org.cnamts.srvsvcnam.launchd", path=AGENT, domain="agent"),)
    )
    plan = plan_of(facts, atsam("4.41"))
    ranks = {
        StopService: 0,
        StopProcess: 1,
        RunUninstaller: 2,
        RemovePath: 3,
        ForgetReceipt: 4,
        InstallPayload: 5,
        ApplyEffect: 5,
        WriteReceipt: 5,
        StartService: 6,
    }
    order = [ranks[type(step)] for step in plan.steps]
    assert order == sorted(order)
    assert set(order) >= {0, 3, 4, 5, 6}
    assert [step.component for step in of(plan, InstallPayload)] == ["galss", "srvsvcnam", "cryptolib"]


@pytest.mark.parametrize("label", ["org.cnamts.srvsvcnam.launchd", "org.cnamts.srvsvcnam", "tout.autre.nom"])
def test_a_job_is_stopped_by_the_name_that_its_file_gives_it(label: str) -> None:
    elsewhere = "/Library/LaunchAgents/org.autre.plist"
    facts = replace(
        workstation("10.14.6", STORY),
        services=(
            ServiceFact(label=label, path=AGENT, domain="agent"),
            ServiceFact(label="org.cnamts.srvsvcnam.launchd", path=elsewhere, domain="agent"),
        ),
    )
    for plan in (plan_of(facts, atsam("4.41")), plan_uninstall(facts, shipped_catalogue())):
        assert [(step.label, step.path) for step in of(plan, StopService)] == [(label, AGENT)]
        assert not [step for step in of(plan, RemovePath) if step.path == elsewhere]


def test_files_go_deepest_first_and_folders_after_them() -> None:
    steps = [step for step in plan_uninstall(workstation("10.14.6", STORY), shipped_catalogue()).steps if isinstance(step, RemovePath)]
    files = [depth(step.path) for step in steps if step.kind != "directory"]
    folders = [depth(step.path) for step in steps if step.kind == "directory"]
    assert files == sorted(files, reverse=True)
    assert folders == sorted(folders, reverse=True)
    assert [step.kind == "directory" for step in steps] == sorted(step.kind == "directory" for step in steps)
    trees = [step.path for step in steps if step.kind == "tree"]
    assert not any(is_below(step.path, tree) for step in steps for tree in trees)


def test_an_update_of_one_component_touches_no_other() -> None:
    plan = plan_of(workstation("10.14.6", STORY), package({"srvsvcnam": "3.42.02"}))
    assert {step.component for step in plan.steps} == {"srvsvcnam"}
    assert plan.target.versions == {**STORY, "srvsvcnam": "3.42.02"}
    assert not any("galss" in entry.path.casefold() or "cps3" in entry.path for entry in plan.scope)


def test_a_whole_build_replaces_the_unit_whatever_is_there() -> None:
    plan = plan_of(workstation("10.14.6", {"galss": "3.43.02", "cryptolib": "5.1.8"}), atsam("4.41"))
    assert {step.identifier for step in of(plan, ForgetReceipt)} == {"fr.sesamvitale.galss.pkg", "fr.asipsante.pkg.cryptolibCPS"}
    assert {step.component for step in of(plan, InstallPayload)} == set(STORY)


@pytest.mark.parametrize("present", [(GALSS_INI, IO_COMM_INI), (GALSS_INI,), (IO_COMM_INI,), ()])
def test_the_ini_pair_stays_even_when_only_one_is_left(present: tuple[str, ...]) -> None:
    facts = workstation("10.14.6", STORY)
    kept = tuple(fact for fact in facts.paths if fact.path not in {GALSS_INI, IO_COMM_INI} or fact.path in present)
    facts = replace(facts, paths=kept, configs=tuple(ini(path) for path in present))
    plan = plan_of(facts, atsam("4.41"))
    assert set(plan.preserved) == set(present)
    galss = next(step for step in plan.steps if isinstance(step, InstallPayload) and step.component == "galss")
    assert set(galss.preserve) == set(present)
    assert not any(isinstance(step, RemovePath) and step.path in present for step in plan.steps)
    removal = plan_uninstall(facts, shipped_catalogue())
    assert not any(isinstance(step, RemovePath) and step.path in {GALSS_INI, IO_COMM_INI} for step in removal.steps)


def test_what_another_receipt_lists_is_kept_and_said() -> None:
    claimed = "/Library/Frameworks/cptabosx.framework/Versions/A/cptabosx"
    facts = replace(workstation("10.14.6", STORY), foreign_claims=(ForeignClaim(path=claimed, receipt="org.autre"),))
    plan = plan_uninstall(facts, shipped_catalogue())
    assert [(entry.reason, entry.owner) for entry in plan.kept if entry.path == claimed] == [("foreign", "org.autre")]
    removed = {step.path for step in plan.steps if isinstance(step, RemovePath)}
    assert "/Library/Frameworks/cptabosx.framework/Versions/A/Resources/Info.plist" in removed
    assert claimed not in removed
    assert claimed not in plan.residue_rules


def test_an_inventory_file_stays_while_its_other_owner_does() -> None:
    shared = "/Library/Application Support/santesocial/commun/adm/157.adm"
    facts = workstation("10.14.6", STORY)
    facts = replace(facts, paths=(*facts.paths, PathFact(path=shared, kind="file", mode=0o666, uid=0, gid=0, size=3)))
    both = plan_uninstall(facts, shipped_catalogue())
    assert any(isinstance(step, RemovePath) and step.path == shared for step in both.steps)
    only = plan_of(facts, package({"srvsvcnam": "3.42.02"}))
    assert not any(isinstance(step, RemovePath) and step.path == shared for step in only.steps)
    assert any(entry.path == shared and entry.reason == "shared" for entry in only.kept)


def test_nothing_running_is_planned_for_an_offline_volume() -> None:
    facts = workstation("10.14.6", STORY)
    assert of(plan_of(facts, atsam("4.41")), StopProcess) == []
    server = ProcessFact(path="/Library/Application Support/Galss/galsvosx", pid=4)
    other = ProcessFact(path="/Users/x/galsvosx", pid=5)
    plan = plan_of(replace(facts, processes=(server, other)), atsam("4.41"))
    assert [step.path for step in plan.steps if isinstance(step, StopProcess)] == [server.path]


def test_a_running_macos_uses_the_vendors_tools_and_sweeps_after_them() -> None:
    facts = replace(workstation("10.14.6", STORY), adapter="macos")
    plan = plan_of(facts, atsam("4.41"))
    assert [step.path for step in plan.steps if isinstance(step, RunUninstaller)] != []
    assert len(of(plan, RunInstaller)) == 1
    assert [*of(plan, InstallPayload), *of(plan, WriteReceipt), *of(plan, ApplyEffect)] == []
    assert plan.needs_live == ()
    offline = plan_of(workstation("10.14.6", STORY), atsam("4.41"))
    # sealed since macOS 10.15: nothing can change it, and what lies below is on another volume
    assert {entry.path for entry in offline.scope} - {"/usr"} <= {entry.path for entry in plan.scope}


def test_what_only_a_running_macos_can_do_is_told() -> None:
    plan = plan_of(workstation("10.14.6"), atsam("4.41"))
    known = {note.id for component in shipped_catalogue().components for note in component.live_only}
    assert set(plan.needs_live) <= known
    assert "cryptolib-keychain" in plan.needs_live


def test_an_empty_workstation_needs_no_removal() -> None:
    plan = plan_uninstall(workstation("10.14.6"), shipped_catalogue())
    assert plan.steps == ()
    assert plan.bytes_in_scope == 0


def test_estimates_follow_the_packages_and_the_workstation() -> None:
    plan = plan_of(workstation("10.14.6", STORY), atsam("4.41"))
    payload = sum(entry.size for content in atsam("4.41").components for entry in content.entries or () if entry.kind == "file")
    assert plan.bytes_to_write == payload
    assert 0 < plan.bytes_in_scope <= payload * 2
    assert sum(step.bytes for step in plan.steps if isinstance(step, InstallPayload)) == payload
