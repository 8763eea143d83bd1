"""Rule by rule: trust, processors, room, rights, other software, unfinished runs; what may be accepted and what never."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.model import Dependent, ProcessRule
from atsam_safe.facts.model import ConfigFact, ForeignClaim, PathFact, ProcessFact, Receipt, ReceiptEntry, Space, SystemState
from atsam_safe.guard import RULES, RunState, check, check_rollback, check_uninstall, explain_rule
from atsam_safe.guard.guard import is_acceptable
from atsam_safe.guard.overwriting import payload_paths
from atsam_safe.packages.model import ComponentPackage, PayloadEntry, ProductFact, ReasonFact
from atsam_safe.words.model import Problem, UsageError
from lab.decisions import ROOM, atsam, package, shipped_catalogue, system, workstation

if TYPE_CHECKING:
    from atsam_safe.facts.model import Architecture, EntryKind
    from atsam_safe.guard.model import Decision
    from atsam_safe.packages.model import Inspection

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
replace = msgspec.structs.replace


def refused(decision: Decision) -> set[str]:
    return {rule.ref for rule in decision.reasons}


def outcome(decision: Decision, ref: str) -> str:
    return next(rule.outcome for rule in decision.rules if rule.ref == ref)


@pytest.mark.parametrize(
    ("verdict", "ref"), [("refused", "package.damaged"), ("unsigned", "package.unsigned"), ("untrusted", "package.untrusted")]
)
def test_trust_refusals_end_12_and_are_never_accepted(verdict: str, ref: str) -> None:
    bad = package(STORY, verdict=verdict, team=None)
    decision = check(workstation("10.14.6"), shipped_catalogue(), [bad], run=RunState())
    assert ref in refused(decision)
    assert decision.exit_code == 12
    with pytest.raises(UsageError) as caught:
        check(workstation("10.14.6"), shipped_catalogue(), [bad], accepted=frozenset({ref}), run=RunState())
    assert caught.value.problems[0].ref == "accept.not-acceptable"


def test_one_bad_package_is_told_in_the_sentences_of_what_is_wrong_with_it() -> None:
    """An expired certificate was once told as “not by an authority known to this program”, which is another fault."""
    reason = ReasonFact(ref="package.expired-certificate", params={"certificate": "Publisher", "date": "2020-01-01", "package": "a.pkg"})
    good = package(STORY, verdict="untrusted")
    bad = replace(good, signature=replace(good.signature, reasons=(reason,)))
    decision = check(workstation("10.14.6"), shipped_catalogue(), [bad], run=RunState())
    (rule,) = [rule for rule in decision.reasons if rule.ref == "package.untrusted"]
    told = explain_rule(rule, "en")
    assert told.ref == "package.untrusted"
    assert "which ended on 2020-01-01" in told.what
    assert decision.exit_code == 12


@pytest.mark.parametrize("entries", [None, (), (PayloadEntry(path="/Library/x", kind="directory", mode=0o755, uid=0, gid=0, size=0),)])
def test_a_component_of_scripts_only_is_refused_before_anything_is_touched(entries: tuple[PayloadEntry, ...] | None) -> None:
    whole = package({"galss": "3.42.03"})
    bare = replace(whole, components=(replace(whole.components[0], payload=None, entries=entries),))
    decision = check(workstation("10.14.6", STORY), shipped_catalogue(), [bare], run=RunState())
    assert refused(decision) == {"package.no-content"}
    assert decision.exit_code == 10
    assert not is_acceptable("package.no-content")


def test_a_mixture_names_only_what_is_too_recent_for_the_system() -> None:
    """It once said that the whole set is “only for … macOS 10.14 (Mojave)” and that Mojave is older."""
    mixed = package({**STORY, "galss": "3.43.02"})
    decision = check(workstation("10.14.6", STORY), shipped_catalogue(), [mixed], run=RunState())
    (rule,) = [rule for rule in decision.reasons if rule.ref == "os.too-old"]
    told = explain_rule(rule, "en").what
    assert told.startswith("GALSS 3.43.02 is only for macOS 10.15 (Catalina), ")
    assert told.count("Mojave") == 1
    assert "Cryptolib" not in explain_rule(rule, "en").why
    assert told.count("macOS 12") == 1


def test_a_genuine_signature_of_the_wrong_team_is_refused() -> None:
    decision = check(workstation("10.14.6"), shipped_catalogue(), [package(STORY, team="ZZZZZZZZZZ")], run=RunState())
    assert refused(decision) == {"package.wrong-signer"}
    assert decision.exit_code == 12


def test_a_publisher_signs_his_own_component_only() -> None:
    alone = package({"cryptolib": "5.1.5"}, team="5H8W5749XS")
    assert "package.wrong-signer" in refused(check(workstation("10.14.6", STORY), shipped_catalogue(), [alone], run=RunState()))
    whole = check(workstation("10.14.6"), shipped_catalogue(), [atsam("4.41")], run=RunState())
    assert outcome(whole, "package.wrong-signer") == "pass"


def test_every_reason_is_given_at_once_and_trust_decides_the_exit_code() -> None:
    facts = replace(
        workstation("10.14.6"),
        space=Space(free=10, total=100, writable=False),
        system=SystemState(restart_pending=True, installer_running=True, elevated=False),
    )
    bad = package({"galss": "3.43.02", "srvsvcnam": "3.43", "cryptolib": "5.1.8"}, verdict="unsigned", team=None)
    decision = check(facts, shipped_catalogue(), [bad], run=RunState(interrupted="R1", damaged=Problem(ref="state.newer-format")))
    assert refused(decision) == {
        "package.unsigned",
        "os.too-old",
        "system.restart-pending",
        "system.installer-running",
        "space.too-little",
        "volume.read-only",
        "privileges.missing",
        "state.interrupted-run",
        "state.damaged",
    }
    assert decision.exit_code == 12
    assert len(decision.rules) == len({rule.ref for rule in decision.rules})


def test_privileges_alone_end_13() -> None:
    facts = replace(workstation("10.14.6"), system=SystemState(elevated=False))
    decision = check(facts, shipped_catalogue(), [atsam("4.41")], run=RunState())
    assert (refused(decision), decision.exit_code) == ({"privileges.missing"}, 13)


def test_another_run_alone_ends_14_and_with_another_reason_10() -> None:
    busy = RunState(at_work=Problem(ref="state.locked", params={"pid": "7", "since": "?", "host": "poste", "command": "install"}))
    alone = check(workstation("10.14.6"), shipped_catalogue(), [atsam("4.41")], run=busy)
    assert (refused(alone), alone.exit_code) == ({"state.locked"}, 14)
    assert {rule.ref: rule.params for rule in alone.rules}["state.locked"]["pid"] == "7"
    unprivileged = replace(workstation("10.14.6"), system=SystemState(elevated=False))
    both = check(unprivileged, shipped_catalogue(), [atsam("4.41")], run=busy)
    assert (refused(both), both.exit_code) == ({"state.locked", "privileges.missing"}, 10)


def test_what_cannot_be_observed_is_not_applicable() -> None:
    decision = check(replace(workstation("10.14.6"), space=None), shipped_catalogue(), [atsam("4.41")], run=RunState())
    for ref in ("processes.blocking", "system.restart-pending", "privileges.missing", "space.too-little", "volume.read-only"):
        assert outcome(decision, ref) == "not-applicable"


def test_an_accepted_risk_is_recorded_and_only_that_one() -> None:
    facts = workstation("27.0")
    decision = check(facts, shipped_catalogue(), [atsam("4.50")], accepted=frozenset({"os.unlisted"}), run=RunState())
    assert decision.accepted
    assert outcome(decision, "os.unlisted") == "accepted"
    mixed = package({"galss": "3.43.02"})
    other = check(workstation("10.14.6", STORY), shipped_catalogue(), [mixed], accepted=frozenset({"bundle.mixed"}), run=RunState())
    assert refused(other) == {"os.too-old"}
    unused = check(workstation("10.14.6"), shipped_catalogue(), [atsam("4.41")], accepted=frozenset({"bundle.mixed"}), run=RunState())
    assert outcome(unused, "bundle.mixed") == "pass"


def test_an_unknown_reference_cannot_be_accepted() -> None:
    with pytest.raises(UsageError) as caught:
        check(
            workstation("10.14.6"),
            shipped_catalogue(),
            [atsam("4.41")],
            accepted=frozenset({"os.tooold", "package.unsigned"}),
            run=RunState(),
        )
    assert [problem.ref for problem in caught.value.problems] == ["accept.unknown-rule", "accept.not-acceptable"]


@pytest.mark.parametrize(
    "ref",
    [
        "package.damaged",
        "package.unsigned",
        "package.untrusted",
        "package.wrong-signer",
        "package.not-atsam",
        "os.wrong-family",
        "os.unreadable",
        "privileges.missing",
        "state.interrupted-run",
        "state.damaged",
        "state.locked",
        "space.too-little",
        "volume.read-only",
    ],
)
def test_what_nobody_may_accept(ref: str) -> None:
    assert not is_acceptable(ref)


def test_a_told_number_is_named_even_when_the_observer_kept_it_out() -> None:
    hidden = replace(workstation(None), os=replace(system(None), problem="ProductVersion 16.0 is the number told to old programs"))
    decision = check(hidden, shipped_catalogue(), [atsam("4.41")], run=RunState())
    assert refused(decision) == {"os.compatibility-lie"}
    assert decision.reasons[0].params == {"version": "16.0", "hidden": "26"}
    other = replace(workstation(None), os=replace(system(None), problem="volume.missing"))
    assert refused(check(other, shipped_catalogue(), [atsam("4.41")], run=RunState())) == {"os.unreadable"}
    # nor is a question asked whose answer depends on the release that nobody could read
    intel = package(STORY, product=ProductFact(title="x", host_architectures=("x86_64",)))
    unread = replace(other, os=replace(other.os, hardware=None))
    assert refused(check(unread, shipped_catalogue(), [intel], run=RunState())) == {"os.unreadable"}


def test_a_package_of_another_family() -> None:
    windows = package({}, form="windows-installer", verdict="authenticode")
    decision = check(workstation("10.14.6"), shipped_catalogue(), [windows], run=RunState())
    assert {"os.wrong-family", "package.not-atsam"} <= refused(decision)
    assert decision.exit_code == 10


def test_a_package_that_is_not_ours() -> None:
    stranger = package({}, extra=[ComponentPackage(identifier="org.example.app", version="1.0")])
    assert refused(check(workstation("10.14.6"), shipped_catalogue(), [stranger], run=RunState())) == {"package.not-atsam"}
    assert "package.not-atsam" in refused(check(workstation("10.14.6"), shipped_catalogue(), [], run=RunState()))


def test_an_unknown_part_needs_consent() -> None:
    odd = package(STORY, extra=[ComponentPackage(identifier="org.example.helper", version="1.0")])
    assert "package.unknown-part" in refused(check(workstation("10.14.6"), shipped_catalogue(), [odd], run=RunState()))


@pytest.mark.parametrize(
    ("hardware", "rosetta", "expected"),
    [("x86_64", None, "not-applicable"), ("arm64", True, "pass"), ("arm64", False, "fail"), ("arm64", None, "fail"), (None, None, "fail")],
)
def test_intel_only_components_need_rosetta(
    hardware: Architecture | None,
    rosetta: bool | None,  # noqa: FBT001 - parametrised
    expected: str,
) -> None:
    facts = replace(workstation("26.6"), os=system("26.6", hardware=hardware, rosetta=rosetta))
    decision = check(facts, shipped_catalogue(), [atsam("4.50")], run=RunState())
    assert outcome(decision, "arch.rosetta-missing") == expected


@pytest.mark.parametrize(
    ("hardware", "hosts", "expected"),
    [
        ("x86_64", ("arm64",), "fail"),
        ("x86_64", ("x86_64", "arm64"), "pass"),
        ("arm64", ("x86_64",), "pass"),
        ("arm64", (), "pass"),
        ("i386", ("x86_64",), "fail"),
    ],
)
def test_the_package_names_its_processors(hardware: Architecture, hosts: tuple[str, ...], expected: str) -> None:
    facts = replace(workstation("10.14.6"), os=system("10.14.6", hardware=hardware, rosetta=True))
    offered = package({"srvsvcnam": "3.40.02"}, product=ProductFact(title="x", host_architectures=hosts))
    assert outcome(check(facts, shipped_catalogue(), [offered], run=RunState()), "arch.not-native") == expected


@pytest.mark.parametrize(
    ("hosts", "rosetta", "expected"),
    [
        (("x86_64",), False, "fail"),
        (("x86_64",), None, "fail"),
        (("x86_64",), True, "pass"),
        (("x86_64", "arm64"), False, "not-applicable"),
        ((), False, "not-applicable"),
    ],
)
def test_a_package_for_intel_alone_needs_rosetta_though_nobody_wrote_its_processors_down(
    hosts: tuple[str, ...],
    rosetta: bool | None,  # noqa: FBT001 - parametrised
    expected: str,
) -> None:
    """Cryptolib 5.1.20 alone on an Apple processor: the catalogue does not know its processors, the package names them."""
    facts = replace(workstation("12.6"), os=system("12.6", hardware="arm64", rosetta=rosetta))
    offered = package({"cryptolib": "5.1.20"}, product=ProductFact(title="x", host_architectures=hosts))
    assert outcome(check(facts, shipped_catalogue(), [offered], run=RunState()), "arch.rosetta-missing") == expected


def test_a_minimum_of_the_package_itself_counts_to_the_last_field() -> None:
    for minimum, expected in (("10.14.7", "fail"), ("10.14.6", "pass"), ("nonsense", "pass")):
        offered = package(STORY, product=ProductFact(title="x", minimum_os=minimum))
        assert outcome(check(workstation("10.14.6"), shipped_catalogue(), [offered], run=RunState()), "os.too-old") == expected


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/usr/local/dmpconnectjs2/dmpconnect-js2", "DMP Connect"),
        ("/Library/Application Support/santesocial/fsv/1.40.14/travail/x.dat", "FSV"),
        ("/usr/local/lib/shared.dylib", "org.autre"),
    ],
)
def test_a_payload_may_not_land_on_other_software(path: str, owner: str) -> None:
    facts = replace(workstation("10.14.6"), foreign_claims=(ForeignClaim(path="/usr/local/LIB/shared.dylib", receipt="org.autre"),))
    whole = atsam("4.41")
    first = whole.components[0]
    entry = PayloadEntry(path=path, kind="file", mode=0o644, uid=0, gid=0)
    bad = replace(whole, components=(replace(first, entries=(*(first.entries or ()), entry)), *whole.components[1:]))
    decision = check(facts, shipped_catalogue(), [bad], run=RunState())
    assert refused(decision) == {"package.overwrites-foreign"}
    assert owner in decision.reasons[0].params["owner"]


def with_file(path: str, *, component: int = 0) -> Inspection:
    """ATSAM 4.41 in which one component brings a file more."""
    whole = atsam("4.41")
    entry = PayloadEntry(path=path, kind="file", mode=0o644, uid=0, gid=0)
    parts = [replace(one, entries=(*(one.entries or ()), entry)) if at == component else one for at, one in enumerate(whole.components)]
    return replace(whole, components=tuple(parts))


STRAY = "/Library/Application Support/Autre/notes.dat"


@pytest.mark.parametrize("kind", ["file", "symlink", "directory", "other"])
def test_what_lies_at_a_place_of_the_payload_and_is_nobodys_is_not_overwritten_in_silence(kind: EntryKind) -> None:
    there = PathFact(path=STRAY.replace("Autre", "AUTRE"), kind=kind, mode=0o644, uid=0, gid=0)
    facts = workstation("10.14.6")
    decision = check(replace(facts, paths=(*facts.paths, there)), shipped_catalogue(), [with_file(STRAY)], run=RunState())
    assert refused(decision) == {"package.overwrites-foreign"}
    (rule,) = decision.reasons
    assert rule.evidence == {"paths": {STRAY: None}, "count": 1}
    assert STRAY in explain_rule(rule, "en").what
    assert "reçu" in explain_rule(rule, "fr").what
    assert refused(check(facts, shipped_catalogue(), [with_file(STRAY)], run=RunState())) == set()


def test_what_the_set_before_put_there_is_the_next_ones_to_replace() -> None:
    """Whichever component of the unit lists it: a file may move from one to another. The receipt of other software changes nothing."""
    facts = workstation("10.14.6", STORY)
    there = PathFact(path=STRAY, kind="file", mode=0o644, uid=0, gid=0)
    listed = ReceiptEntry(path=STRAY, kind="file", mode=0o644)
    for owner, expected in (("galss", set()), ("cryptolib", set()), (None, {"package.overwrites-foreign"})):
        receipts = [
            replace(one, entries=(*(one.entries or ()), listed)) if owner is not None and owner in one.identifier.casefold() else one
            for one in facts.receipts
        ]
        if owner is None:
            receipts.append(Receipt(identifier="org.autre", entries=(listed,)))
        seen = replace(facts, paths=(*facts.paths, there), receipts=tuple(receipts))
        assert refused(check(seen, shipped_catalogue(), [with_file(STRAY)], run=RunState())) == expected, owner


def test_what_packages_would_write_is_named_part_by_part() -> None:
    inspection = with_file(STRAY)
    asked = payload_paths(shipped_catalogue(), [inspection])
    assert STRAY in asked.core
    assert asked.optional == frozenset()
    assert "/Library" not in asked.paths
    assert payload_paths(shipped_catalogue(), [replace(inspection, format="rpm")]).paths == frozenset()


def test_an_optional_component_may_replace_its_own_files_and_nobody_elses() -> None:
    catalogue = shipped_catalogue()
    optional = next(
        one for one in catalogue.components if not one.core and any(rule.match == "exact" and rule.current for rule in one.receipts)
    )
    identifier = next(rule.id for rule in optional.receipts if rule.match == "exact" and rule.current)
    entry = PayloadEntry(path=STRAY, kind="file", mode=0o644, uid=0, gid=0)
    brought = ComponentPackage(identifier=identifier, version="1.0", entries=(entry,))
    whole = package(STORY, extra=[brought])
    asked = payload_paths(catalogue, [whole])
    assert asked.optional == {STRAY}
    assert asked.paths == asked.core | {STRAY}
    assert STRAY not in asked.core
    facts = workstation("10.14.6", STORY)
    there = PathFact(path=STRAY, kind="file", mode=0o644, uid=0, gid=0)
    listed = ReceiptEntry(path=STRAY, kind="file", mode=0o644)
    for owner, refuses in ((identifier, False), (facts.receipts[0].identifier, True)):
        receipt = Receipt(identifier=owner, version="1.0", entries=(listed,), store=f"/private/var/db/receipts/{owner}.plist")
        seen = replace(facts, paths=(*facts.paths, there), receipts=(*facts.receipts, receipt))
        decision = check(seen, catalogue, [whole], run=RunState())
        assert (outcome(decision, "package.overwrites-foreign") == "fail") == refuses, owner


def test_a_component_without_a_bill_of_materials_is_refused_and_never_accepted() -> None:
    whole = atsam("4.41")
    bare = replace(whole, components=(replace(whole.components[0], bill=False), *whole.components[1:]))
    decision = check(workstation("10.14.6"), shipped_catalogue(), [bare], run=RunState())
    assert refused(decision) == {"package.no-bill"}
    assert decision.exit_code == 10
    assert decision.reasons[0].params["components"] == "GALSS"
    assert not is_acceptable("package.no-bill")
    assert outcome(check(workstation("10.14.6"), shipped_catalogue(), [package({})], run=RunState()), "package.no-bill") == "not-applicable"


def test_dependents_are_a_notice_for_an_install_and_a_refusal_for_an_uninstall() -> None:
    facts = workstation("10.14.6", STORY)
    facts = replace(
        facts, paths=(*facts.paths, PathFact(path="/Applications/DmpConnectJS2.app", kind="directory", mode=0o755, uid=0, gid=0))
    )
    install = check(facts, shipped_catalogue(), [atsam("4.41")], run=RunState())
    assert install.accepted
    assert "dependents.present" in {rule.ref for rule in install.notices}
    uninstall = check_uninstall(facts, shipped_catalogue(), run=RunState())
    assert refused(uninstall) == {"dependents.present"}
    assert check_uninstall(facts, shipped_catalogue(), accepted=frozenset({"dependents.present"}), run=RunState()).accepted


def test_a_dependent_of_nothing_of_ours_does_not_matter() -> None:
    catalogue = replace(
        shipped_catalogue(),
        dependents=(Dependent(id="x", name="X", paths=("/Applications/X.app",), uses=("mica",), source="t", certainty="field"),),
    )
    facts = workstation("10.14.6", STORY)
    facts = replace(facts, paths=(*facts.paths, PathFact(path="/Applications/X.app", kind="directory", mode=0o755, uid=0, gid=0)))
    assert check_uninstall(facts, catalogue, run=RunState()).accepted


def test_blocking_processes_are_matched_by_full_path() -> None:
    rule = ProcessRule(path="/Applications/Billing.app/Contents/MacOS/*", action="blocks", source="t", certainty="field")
    catalogue = shipped_catalogue()
    catalogue = replace(catalogue, components=(replace(catalogue.components[0], processes=(rule,)), *catalogue.components[1:]))
    for path, expected in (
        ("/Applications/Billing.app/Contents/MacOS/billing", "fail"),
        ("/Users/x/Billing.app/Contents/MacOS/billing", "pass"),
        ("/Applications/Billing.app/Contents/MacOS/deep/billing", "pass"),
    ):
        facts = replace(workstation("10.14.6"), processes=(ProcessFact(path=path, pid=9),))
        assert outcome(check(facts, catalogue, [atsam("4.41")], run=RunState()), "processes.blocking") == expected


def test_half_an_ini_pair_is_a_notice() -> None:
    facts = replace(
        workstation("10.14.6"),
        configs=(ConfigFact(path="/Library/Preferences/galss.ini", sha256="0", size=9, line_ends="lf", encoding="ascii"),),
    )
    decision = check(facts, shipped_catalogue(), [atsam("4.41")], run=RunState())
    assert decision.accepted
    assert "config.ini-pair-broken" in {rule.ref for rule in decision.notices}


def test_receipts_that_cannot_be_read() -> None:
    facts = workstation("10.14.6", STORY)
    bad = replace(facts.receipts[0], problem="truncated", entries=None)
    decision = check(replace(facts, receipts=(bad, *facts.receipts[1:])), shipped_catalogue(), [atsam("4.41")], run=RunState())
    assert refused(decision) == {"receipts.damaged"}
    stranger = Receipt(identifier="org.other", problem="truncated")
    decision = check(replace(facts, receipts=(*facts.receipts, stranger)), shipped_catalogue(), [atsam("4.41")], run=RunState())
    assert decision.accepted
    assert "receipts.damaged" in {rule.ref for rule in decision.notices}


def test_an_orphan_receipt_is_said_and_forgotten() -> None:
    facts = workstation("10.14.6", {"galss": "3.43.02"})
    decision = check(replace(facts, paths=()), shipped_catalogue(), [atsam("4.41")], run=RunState())
    assert decision.accepted
    assert "receipts.orphan" in {rule.ref for rule in decision.notices}


def test_an_update_of_one_component_beside_a_damaged_one_is_refused() -> None:
    facts = workstation("10.14.6", STORY)
    paths = tuple(fact for fact in facts.paths if not fact.path.endswith("/libcps3_pkcs11_osx.dylib"))
    decision = check(replace(facts, paths=paths), shipped_catalogue(), [package({"srvsvcnam": "3.42.02"})], run=RunState())
    assert refused(decision) == {"bundle.incomplete"}


def test_room_for_the_way_back_is_asked_for() -> None:
    facts = workstation("10.14.6", STORY)
    needed = next(
        rule for rule in check(facts, shipped_catalogue(), [atsam("4.41")], run=RunState()).rules if rule.ref == "space.too-little"
    )
    total = needed.evidence["needed"]
    assert total == sum(needed.evidence["parts"].values())
    assert needed.evidence["parts"]["reserve"] == needed.evidence["parts"]["snapshot"] > 0
    for free, expected in ((total, "pass"), (total - 1, "fail")):
        decision = check(replace(facts, space=replace(ROOM, free=free)), shipped_catalogue(), [atsam("4.41")], run=RunState())
        assert outcome(decision, "space.too-little") == expected


def test_going_back_asks_only_what_could_break_it() -> None:
    facts = replace(workstation("10.16", STORY), system=SystemState(restart_pending=True, gatekeeper=False))
    assert check_rollback(facts, shipped_catalogue(), run=RunState()).accepted
    assert refused(check_rollback(facts, shipped_catalogue(), run=RunState(interrupted="R7"))) == {"state.interrupted-run"}


def test_each_rule_has_one_reference() -> None:
    assert len({rule.ref for rule in RULES}) == len(RULES)
