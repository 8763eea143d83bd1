"""For any facts whatever: nothing outside the scope, nothing of others, of the system or private, and always the same plan."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from atsam_safe.catalogue.patterns import expand_homes, fold, is_below, matches, matches_below
from atsam_safe.catalogue.system_folders import is_system_folder
from atsam_safe.facts.model import Facts, ForeignClaim, PathFact, Receipt, ReceiptEntry, ServiceFact
from atsam_safe.guard import RunState, check
from atsam_safe.plan import plan_install, plan_uninstall
from atsam_safe.plan.model import ApplyEffect, RemovePath
from atsam_safe.plan.scope import covers, step_paths
from lab.atsam import ATSAM_VERSIONS
from lab.decisions import RECEIPTS, atsam, package, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.packages.model import Inspection
    from atsam_safe.plan.model import Plan

CATALOGUE = shipped_catalogue()
SYSTEM_PLACES = (
    "/",
    "/bin/sh",
    "/System/Library/CoreServices/SystemVersion.plist",
    "/usr/bin/ssh",
    "/usr/lib/libSystem.B.dylib",
    "/Library",
    "/Library/Frameworks",
    "/Library/Preferences",
    "/Library/Application Support",
    "/Applications",
    "/Applications/Safari.app",
    "/Users/docteur",
    "/Users/docteur/Documents/lettre.txt",
    "/usr/local",
    "/usr/local/lib",
    "/private/etc/passwd",
    "/private/var/db/receipts",
)
FOREIGN = (
    "/Library/Application Support/santesocial/fsv/1.40.14/travail/patient.dat",
    "/Library/Application Support/santesocial/fsv/1.40.14/conf/sesam.ini",
    "/Library/Application Support/santesocial/commun/adm/199.adm",
    "/usr/local/lib/libmica.dylib",
    "/usr/local/dmpconnectjs2/dmpconnect-js2",
    "/Applications/DmpConnectJS2.app",
    "/Applications/JuxtaLink.app/Contents/Info.plist",
    "/Applications/CPS Gestion.app",
    "/Library/Frameworks/Autre.framework/Autre",
    "/Users/docteur/Library/Logs/santesocial/CPS/trace.log",
    "/Library/Logs/santesocial/CPS/CPS3Tokend_1.log",
)


@cache
def our_paths() -> tuple[str, ...]:
    found: dict[str, None] = {}
    for versions in ATSAM_VERSIONS.values():
        found |= dict.fromkeys(fact.path for fact in workstation("10.14.6", versions).paths)
    for component in CATALOGUE.components:
        for rule in component.paths:
            for path in expand_homes(rule.path, workstation("10.14.6").homes):
                found[path.replace("*", "x")] = None
                found[path.replace("*", "x") + "/inside"] = None
    return tuple(found)


PATHS = st.sampled_from((*SYSTEM_PLACES, *FOREIGN)) | st.sampled_from(our_paths())
IDENTIFIERS = st.sampled_from([rule.id for component in CATALOGUE.components for rule in component.receipts if rule.style == "flat"])


@st.composite
def facts_values(draw: st.DrawFn) -> Facts:
    """A workstation nobody has seen: any receipts claiming anything, any paths, claims and jobs."""
    receipts = []
    for identifier in draw(st.lists(IDENTIFIERS, unique=True, max_size=5)):
        entries = tuple(
            ReceiptEntry(path=path, kind=draw(st.sampled_from(["file", "directory", "symlink", "other"])), mode=0o755)
            for path in draw(st.lists(PATHS, max_size=12))
        )
        store = f"{RECEIPTS}/{identifier}.plist"
        receipts.append(
            Receipt(identifier=identifier, version=draw(st.sampled_from(["3.42.03", "5.1.5", "x", None])), store=store, entries=entries)
        )
    paths = {
        path: PathFact(path=path, kind=draw(st.sampled_from(["file", "directory", "symlink"])), mode=0o755, uid=0, gid=0, size=7)
        for path in draw(st.lists(PATHS, max_size=40))
    }
    claims = tuple(ForeignClaim(path=path, receipt="org.autre") for path in draw(st.lists(PATHS, max_size=5)))
    jobs = tuple(
        ServiceFact(label="org.cnamts.srvsvcnam.launchd", path=path, domain="agent")
        for path in draw(st.lists(st.sampled_from(("/Library/LaunchAgents/org.cnamts.srvsvcnam.launchd.plist", "/bin/sh")), max_size=2))
    )
    base = workstation("10.14.6", draw(st.sampled_from([{}, ATSAM_VERSIONS["4.41"], ATSAM_VERSIONS["4.50"]])))
    return msgspec.structs.replace(
        base,
        receipts=tuple({receipt.identifier: receipt for receipt in (*base.receipts, *receipts)}.values()),
        paths=tuple({**{fact.path: fact for fact in base.paths}, **paths}.values()),
        foreign_claims=claims,
        services=jobs,
    )


@st.composite
def offers(draw: st.DrawFn) -> list[Inspection]:
    return draw(st.sampled_from([[atsam("4.41")], [atsam("4.50")], [package({"srvsvcnam": "3.42.02"})], [package({"galss": "3.43.02"})]]))


def plan_for(facts: Facts, inspections: list[Inspection]) -> Plan:
    return plan_install(facts, CATALOGUE, inspections, check(facts, CATALOGUE, inspections, run=RunState()))


def destroyed(plan: Plan) -> list[RemovePath]:
    """Steps that take something away. A folder removed only when empty takes nothing of anybody's."""
    return [step for step in plan.steps if isinstance(step, RemovePath)]


def hits(step: RemovePath, path: str) -> bool:
    """True when the step would take ``path`` away."""
    return fold(step.path) == fold(path) or (step.kind == "tree" and is_below(fold(path), fold(step.path)))


def check_removals(facts: Facts, plan: Plan) -> None:
    private = [
        pattern
        for component in CATALOGUE.components
        for rule in component.paths
        if rule.role == "private"
        for pattern in expand_homes(rule.path, facts.homes)
    ]
    rules = [
        (rule.scope, pattern)
        for component in CATALOGUE.core
        for rule in component.paths
        for pattern in expand_homes(rule.path, facts.homes)
    ]
    for step in destroyed(plan):
        assert not is_system_folder(step.path)
        for claim in facts.foreign_claims:
            assert not hits(step, claim.path) or is_system_folder(claim.path)
        for pattern in private:
            assert not matches_below(pattern, step.path)
            assert not (step.kind == "tree" and is_below(pattern, step.path))
        for dependent in CATALOGUE.dependents:
            for owned in dependent.owns:
                assert not matches_below(owned, step.path)
                assert not (step.kind == "tree" and is_below(owned, step.path))
        for place in (*SYSTEM_PLACES, *FOREIGN[:3]):
            if not any(matches_below(pattern, place) if scope == "tree" else matches(pattern, place) for scope, pattern in rules):
                claimed = any(entry.path == place for receipt in facts.receipts for entry in receipt.entries or ())
                if not claimed or place.startswith(("/bin", "/usr/bin", "/usr/lib", "/System", "/Users", "/private")):
                    assert not hits(step, place), (step, place)
        for entry in plan.kept:
            assert step.path != entry.path
            assert not (step.kind == "tree" and is_below(entry.path, step.path))
        for path in plan.preserved:
            assert not hits(step, path)


def check_scope(plan: Plan) -> None:
    for step in plan.steps:
        for path in step_paths(step):
            assert covers(plan.scope, path), (step, path)
        if isinstance(step, ApplyEffect) and (step.recursive or step.kind == "remove") and step.recursive:
            assert any(entry.kind == "tree" and (entry.path == step.path or is_below(step.path, entry.path)) for entry in plan.scope)
        if isinstance(step, RemovePath) and step.kind == "tree":
            assert any(entry.kind == "tree" and (entry.path == step.path or is_below(step.path, entry.path)) for entry in plan.scope)
    paths = [entry.path for entry in plan.scope]
    assert len(paths) == len(set(paths))
    assert "/" not in paths


@settings(max_examples=25, deadline=None)
@given(facts=facts_values())
def test_an_uninstall_takes_only_what_is_ours(facts: Facts) -> None:
    plan = plan_uninstall(facts, CATALOGUE)
    check_removals(facts, plan)
    check_scope(plan)
    assert plan == plan_uninstall(facts, CATALOGUE)


@settings(max_examples=25, deadline=None)
@given(facts=facts_values(), inspections=offers())
def test_an_install_takes_only_what_is_ours_and_names_every_path(facts: Facts, inspections: list[Inspection]) -> None:
    plan = plan_for(facts, inspections)
    check_removals(facts, plan)
    check_scope(plan)
    for inspection in inspections:
        for content in inspection.components:
            for entry in content.entries or ():
                assert covers(plan.scope, entry.path)
    assert plan == plan_for(facts, inspections)


@settings(max_examples=25, deadline=None)
@given(facts=facts_values())
def test_a_plan_survives_its_own_json(facts: Facts) -> None:
    plan = plan_uninstall(facts, CATALOGUE)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=type(plan)) == plan


@settings(max_examples=25, deadline=None)
@given(facts=facts_values())
def test_the_order_of_the_facts_does_not_matter(facts: Facts) -> None:
    turned = msgspec.structs.replace(facts, paths=facts.paths[::-1], foreign_claims=facts.foreign_claims[::-1])
    assert plan_uninstall(turned, CATALOGUE) == plan_uninstall(facts, CATALOGUE)
