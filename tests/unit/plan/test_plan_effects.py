"""What a vendor's script does is done for the release whose script was read; for another one nothing is made up, and nothing lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from msgspec.structs import replace

from atsam_safe.facts.model import PathFact
from atsam_safe.guard import RunState, check
from atsam_safe.plan.model import ApplyEffect, RemovePath
from atsam_safe.plan.planner import plan_install, plan_uninstall
from lab.decisions import ANS, package, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.facts.model import Facts
    from atsam_safe.plan.model import Plan

STORY: Final = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
REGISTRATION: Final = "/Library/Application Support/Mozilla/PKCS11Modules/cps3.json"
TIGHTENED: Final = {
    ("mode", "/usr/local/lib/libcps3_pkcs11_osx.dylib", "755"),
    ("mode", "/Applications/cpgesosx.app", "755"),
    ("mode", "/Library/Frameworks/cptabosx.framework", "755"),
}


def registered(facts: Facts) -> Facts:
    """The same workstation, its Firefox told about the library."""
    fact = PathFact(path=REGISTRATION, kind="file", mode=0o644, uid=0, gid=0, size=200, sha256="cd" * 32)
    return replace(facts, paths=tuple(sorted((*facts.paths, fact), key=lambda one: one.path)))


def planned(version: str, cryptolib: str, *, adapter: str = "offline", others: dict[str, str] | None = None) -> Plan:
    versions = {**(others or {}), "cryptolib": cryptolib}
    facts = registered(replace(workstation(version, versions), adapter=adapter))
    offered = (package({"cryptolib": cryptolib}, team=ANS), *([package(others)] if others else []))
    accepted = frozenset({"bundle.unlisted", "os.unlisted", "os.too-new"})
    decision = check(facts, shipped_catalogue(), offered, accepted=accepted, run=RunState())
    return plan_install(facts, shipped_catalogue(), offered, decision)


def effects(plan: Plan) -> set[tuple[str, str, str | None]]:
    return {(step.kind, step.path, step.mode) for step in plan.steps if isinstance(step, ApplyEffect) and step.component == "cryptolib"}


def removed(plan: Plan) -> set[str]:
    return {step.path for step in plan.steps if isinstance(step, RemovePath)}


SHARES: Final = {"galss": "3.42.03", "srvsvcnam": "3.40.02"}


@pytest.mark.parametrize("cryptolib", ["5.1.5", "5.2.0", "5.2.2", "5.2.6"])
def test_a_release_whose_script_nobody_read_only_loses_rights_of_everybody(cryptolib: str) -> None:
    plan = planned("10.15.7", cryptolib, others=SHARES)
    assert effects(plan) == TIGHTENED
    assert REGISTRATION not in removed(plan)
    assert ("catalogue", "Cryptolib CPS") in {(kept.reason, kept.owner) for kept in plan.kept if kept.path == REGISTRATION}
    assert "cryptolib-unread-scripts" in plan.needs_live


def test_the_release_whose_script_was_read_gets_what_it_does() -> None:
    plan = planned("10.15.7", "5.2.1", others=SHARES)
    found = effects(plan)
    assert found > TIGHTENED
    assert ("write-file", REGISTRATION, None) in found
    assert REGISTRATION in removed(plan)
    for path in (
        "/private/etc/reader.conf",
        "/Library/PreferencePanes/PrefsCPS.prefPane",
        "/Library/Preferences/santesocial/CPS/tmpinstall",
    ):
        assert ("remove", path, None) in found
    assert ("mode", "/Library/Logs/santesocial/CPS", "777") in found


def test_on_a_running_mac_the_registration_stays_too_and_an_uninstall_takes_it_away() -> None:
    assert REGISTRATION not in removed(planned("10.14.6", "5.1.5", adapter="macos", others=SHARES))
    facts = registered(workstation("10.14.6", STORY))
    assert REGISTRATION in removed(plan_uninstall(facts, shipped_catalogue()))
