"""The plan for a running Mac: what vendors' programs may write is in the scope before they are run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from atsam_safe.facts.model import ConfigFact
from atsam_safe.guard import RunState, check
from atsam_safe.packages.model import ComponentPackage, PayloadEntry
from atsam_safe.plan.model import InstallPayload, RestoreConfig, RunInstaller, RunUninstaller, WriteReceipt
from atsam_safe.plan.planner import plan_install, plan_uninstall
from lab.atsam import ATSAM_VERSIONS, BESIDE
from lab.decisions import atsam, package, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.facts.model import Facts
    from atsam_safe.packages.model import Inspection, PartSelection
    from atsam_safe.plan.model import Plan

STORY = ATSAM_VERSIONS["4.41"]


def plan_of(facts: Facts, inspection: Inspection) -> Plan:
    decision = check(facts, shipped_catalogue(), (inspection,), run=RunState())
    assert decision.accepted
    return plan_install(facts, shipped_catalogue(), (inspection,), decision)


def test_everything_the_vendors_scripts_write_is_in_the_scope() -> None:
    facts = replace(workstation("10.14.6", STORY), adapter="macos")
    plan = plan_of(facts, atsam("4.41"))
    kinds = {entry.path: entry.kind for entry in plan.scope}
    trees = [path for path, kind in kinds.items() if kind == "tree"]
    for path in (
        "/Library/Preferences/bckgalss.ini",
        "/Library/Preferences/santesocial/galssV3",
        "/private/tmp/galss_preinstall_log_file.txt",
        "/private/etc/reader.conf",
        "/Library/Application Support/Mozilla/PKCS11Modules/cps3.json",
        "/Library/Receipts/InstallHistory.plist",
        "/private/var/db/receipts/fr.sesamvitale.galss.pkg.plist",
    ):
        assert path in kinds or any(path.startswith(f"{tree}/") for tree in trees), path
    assert not [path for path in kinds if path.startswith("/Library/Application Support/santesocial/fsv/")]


def test_what_parts_nobody_knows_can_bring_is_in_the_scope_of_a_running_mac_only() -> None:
    helper = PayloadEntry(path="/Applications/Autre.app/Autre", kind="file", mode=0o755, uid=0, gid=0)
    offered = package(STORY, extra=[ComponentPackage(identifier="org.example.helper", version="1.0", entries=(helper,))])
    for adapter in ("macos", "offline"):
        facts = replace(workstation("10.14.6", STORY), adapter=adapter)
        decision = check(facts, shipped_catalogue(), (offered,), accepted=frozenset({"package.unknown-part"}), run=RunState())
        plan = plan_install(facts, shipped_catalogue(), (offered,), decision)
        paths = {entry.path for entry in plan.scope}
        for path in (helper.path, "/private/var/db/receipts/org.example.helper.plist", "/private/var/db/receipts/org.example.helper.bom"):
            assert (path in paths) is (adapter == "macos")


@pytest.mark.parametrize("adapter", ["macos", "offline"])
@pytest.mark.parametrize("selection", ["left-out", "undecided", "installed"])
def test_what_the_packages_choices_leave_out_is_neither_placed_nor_expected(adapter: str, selection: PartSelection) -> None:
    whole = package({**STORY, **BESIDE})
    parts = tuple(replace(one, selection=selection) if one.component == "diagam" else one for one in whole.components)
    offered = replace(whole, components=parts)
    facts = replace(workstation("10.14.6", {**STORY, "diagam": "3.2.16"}), adapter=adapter)
    plan = plan_of(facts, offered)
    assert plan.left_out == (() if selection == "installed" else ("DiagAM 2.01.19",))
    receipt = ("fr.sesamvitale.diagAM.pkg", "2.01.19")
    expected = [one for step in plan.steps if isinstance(step, RunInstaller) for one in step.receipts]
    written = [(step.identifier, step.version) for step in plan.steps if isinstance(step, InstallPayload | WriteReceipt)]
    assert (receipt in (expected if adapter == "macos" else written)) is (selection == "installed")
    # what is there of it is not taken away either
    touching = [step for step in plan.steps if step.component == "diagam"]
    assert bool(touching) is (selection == "installed")
    in_scope = any(entry.path in {"/Applications/DiagAM.app/Contents/MacOS/DiagAM", "/Applications/DiagAM.app"} for entry in plan.scope)
    assert in_scope is (adapter == "macos" or selection == "installed")


def test_a_part_of_the_unit_whose_selection_nobody_can_read_is_expected_all_the_same() -> None:
    whole = package(STORY)
    offered = replace(whole, components=tuple(replace(one, selection="undecided") for one in whole.components))
    plan = plan_of(replace(workstation("10.14.6", STORY), adapter="macos"), offered)
    (installer,) = [step for step in plan.steps if isinstance(step, RunInstaller)]
    assert installer.receipts == tuple((one.identifier, one.version) for one in whole.components)


def test_folders_of_everybody_have_no_times_and_sealed_ones_are_left_out() -> None:
    facts = replace(workstation("10.14.6", STORY), adapter="macos")
    kinds = {entry.path: entry.kind for entry in plan_of(facts, atsam("4.41")).scope}
    assert kinds["/Library"] == "shared"
    assert kinds["/Applications"] == "shared"
    assert kinds["/usr/local/lib"] == "shared"
    assert "/usr" not in kinds
    assert "shared" not in {entry.kind for entry in plan_of(workstation("10.14.6", STORY), atsam("4.41")).scope}


def test_configuration_is_put_back_after_the_installer_and_after_an_uninstall() -> None:
    ini = ConfigFact(path="/Library/Preferences/galss.ini", sha256="ab" * 32, size=10, line_ends="crlf", encoding="ascii")
    facts = replace(workstation("10.14.6", STORY), adapter="macos", configs=(ini,))
    steps = plan_of(facts, atsam("4.41")).steps
    installer = next(index for index, step in enumerate(steps) if isinstance(step, RunInstaller))
    kept = [index for index, step in enumerate(steps) if isinstance(step, RestoreConfig)]
    assert kept
    assert min(kept) > installer
    removal = plan_uninstall(facts, shipped_catalogue()).steps
    guests = [index for index, step in enumerate(removal) if isinstance(step, RunUninstaller)]
    assert min(index for index, step in enumerate(removal) if isinstance(step, RestoreConfig)) > max(guests)


def test_only_uninstallers_known_by_their_digest_can_ever_be_run() -> None:
    facts = replace(workstation("10.14.6", STORY), adapter="macos")
    for step in plan_of(facts, atsam("4.41")).steps:
        if isinstance(step, RunUninstaller) and step.component == "cryptolib":
            assert step.sha256 == ("70fb4c69b40a7843dfb630ae1adca6894d1a5a4edf2c95df8c8b1fe563912fdb",)
        elif isinstance(step, RunUninstaller):
            assert step.sha256 == ()
