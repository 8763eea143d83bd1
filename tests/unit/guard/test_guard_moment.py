"""The workstation at this moment: who uses the components, what runs, what is told and what refuses, with what is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.model import ConfigRule, Dependent, ProcessRule
from atsam_safe.facts.model import ConfigFact, Facts, PathFact, ProcessFact, Receipt, Space, SystemState
from atsam_safe.guard import RULES, RunState, check, check_rollback, check_uninstall
from lab.decisions import ROOM, atsam, installed, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.guard.model import Decision, RuleResult

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
INI = "/Library/Preferences/galss.ini"
IO_COMM = "/Library/Preferences/io_comm.ini"
replace = msgspec.structs.replace


def rule(decision: Decision, ref: str) -> RuleResult:
    return next(rule for rule in decision.rules if rule.ref == ref)


def installing(facts: Facts, ref: str) -> RuleResult:
    return rule(check(facts, shipped_catalogue(), [atsam("4.41")], run=RunState()), ref)


def removing(facts: Facts, ref: str) -> RuleResult:
    return rule(check_uninstall(facts, shipped_catalogue(), run=RunState()), ref)


@pytest.mark.parametrize(
    ("ref", "field", "good", "bad", "outcome"),
    [
        ("system.restart-pending", "restart_pending", False, True, "fail"),
        ("system.installer-running", "installer_running", False, True, "fail"),
        ("privileges.missing", "elevated", True, False, "fail"),
        ("system.gatekeeper-off", "gatekeeper", True, False, "notice"),
        ("system.on-battery", "on_battery", False, True, "notice"),
    ],
)
def test_a_state_of_the_system_counts_where_it_can_be_seen(ref: str, field: str, good: object, bad: object, outcome: str) -> None:
    def found(value: object) -> tuple[str, bool]:
        result = installing(replace(workstation("10.14.6"), system=msgspec.convert({field: value}, SystemState)), ref)
        return result.outcome, result.notice

    assert found(None) == ("not-applicable", False)
    assert found(good) == ("pass", False)
    assert found(bad) == (("pass", True) if outcome == "notice" else ("fail", False))


@pytest.mark.parametrize(
    ("space", "read_only", "too_little"),
    [
        (None, "not-applicable", "not-applicable"),
        (ROOM, "pass", "pass"),
        (replace(ROOM, writable=False), "fail", "pass"),
        (replace(ROOM, free=0), "pass", "fail"),
    ],
)
def test_room_and_the_right_to_write_are_two_questions(space: Space | None, read_only: str, too_little: str) -> None:
    facts = replace(workstation("10.14.6", STORY), space=space)
    assert installing(facts, "volume.read-only").outcome == read_only
    assert installing(facts, "space.too-little").outcome == too_little
    assert removing(facts, "space.too-little").outcome == too_little


def test_the_room_asked_for_is_told_in_whole_megabytes_never_less_than_needed() -> None:
    """Rounded down, the number would be reached by tidying and still refuse."""
    facts = workstation("10.14.6", STORY)
    needed = installing(facts, "space.too-little").evidence["needed"]
    found = installing(replace(facts, space=replace(ROOM, free=needed - 1)), "space.too-little")
    assert int(found.params["needed"]) * 1_000_000 >= needed > (int(found.params["needed"]) - 1) * 1_000_000
    assert found.params["free"] == str((needed - 1) // 1_000_000)
    assert found.evidence == {"needed": needed, "free": needed - 1, "parts": installing(facts, "space.too-little").evidence["parts"]}


def test_large_numbers_are_told_exactly() -> None:
    whole = atsam("4.41")
    part = whole.components[0]
    assert part.entries is not None
    large = replace(whole, components=(replace(part, entries=(replace(part.entries[-1], kind="file", size=3 * 10**12),)),))
    facts = replace(workstation("10.14.6"), space=replace(ROOM, free=2_999_999_999_999))
    found = rule(check(facts, shipped_catalogue(), [large], run=RunState()), "space.too-little")
    assert found.params["free"] == "2999999"
    assert int(found.params["needed"]) == -(-found.evidence["needed"] // 10**6)


def test_a_removal_needs_room_for_the_snapshot_and_for_no_package() -> None:
    parts = removing(workstation("10.14.6", STORY), "space.too-little").evidence["parts"]
    assert (parts["staging"], parts["installed"]) == (0, 0)
    assert installing(workstation("10.14.6", STORY), "space.too-little").evidence["parts"]["staging"] > 0
    assert parts["snapshot"] > 0


def with_program(facts: Facts, name: str) -> Facts:
    there = PathFact(path=f"/Applications/{name}.app", kind="directory", mode=0o755, uid=0, gid=0)
    return replace(facts, paths=(*facts.paths, there))


def test_who_loses_the_components_is_named_with_what_shows_that_they_are_there() -> None:
    found = removing(with_program(workstation("10.14.6", STORY), "DmpConnectJS2"), "dependents.present")
    assert found.outcome == "fail"
    assert found.params == {"dependents": "DMP Connect JS2"}
    assert found.evidence == {"dependents": [{"id": "dmp-connect-js2", "evidence": ["/Applications/DmpConnectJS2.app"]}]}
    kept = installing(with_program(workstation("10.14.6", STORY), "DmpConnectJS2"), "dependents.present")
    assert (kept.outcome, kept.notice, kept.evidence) == ("pass", True, found.evidence)


def test_a_removal_that_takes_nothing_away_takes_it_from_nobody() -> None:
    """Once nothing of the unit is there, software that would use it is no reason to refuse."""
    assert removing(with_program(workstation("10.14.6"), "DmpConnectJS2"), "dependents.present").outcome == "pass"
    assert installing(with_program(workstation("10.14.6"), "DmpConnectJS2"), "dependents.present").notice


def test_a_receipt_without_files_is_something_to_take_away() -> None:
    receipt, _ = installed("galss", "3.42.03")
    facts = with_program(replace(workstation("10.14.6"), receipts=(receipt,)), "DmpConnectJS2")
    assert removing(facts, "dependents.present").outcome == "fail"
    old = Receipt(identifier=receipt.identifier, version="3.42.03", entries=None, store=receipt.store)
    assert removing(replace(facts, receipts=(old,)), "dependents.present").outcome == "fail"


def test_files_without_a_receipt_are_something_to_take_away() -> None:
    _, files = installed("galss", "3.42.03")
    facts = with_program(replace(workstation("10.14.6"), paths=files), "DmpConnectJS2")
    assert removing(facts, "dependents.present").outcome == "fail"


def test_what_is_installed_beside_the_unit_is_not_taken_away() -> None:
    facts = with_program(workstation("10.14.6"), "DmpConnectJS2")
    mica = next(one for one in shipped_catalogue().components if one.id == "mica")
    path = next(one.path for one in mica.paths if one.role != "private" and "*" not in one.path and not one.path.startswith("~"))
    beside = PathFact(path=path, kind="file", mode=0o755, uid=0, gid=0)
    assert removing(replace(facts, paths=(*facts.paths, beside)), "dependents.present").outcome == "pass"


def test_only_the_first_twenty_traces_of_a_dependent_are_kept() -> None:
    places = tuple(f"/Applications/{number}.app" for number in range(21))
    many = Dependent(id="x", name="X", paths=places, uses=("galss",), source="t", certainty="field")
    facts = workstation("10.14.6", STORY)
    seen = replace(facts, paths=(*facts.paths, *(PathFact(path=path, kind="directory", mode=0o755, uid=0, gid=0) for path in places)))
    decision = check_uninstall(seen, replace(shipped_catalogue(), dependents=(many,)), run=RunState())
    assert rule(decision, "dependents.present").evidence == {"dependents": [{"id": "x", "evidence": list(places[:20])}]}


def test_a_program_that_is_stopped_by_us_or_never_touched_does_not_block() -> None:
    rules = tuple(
        ProcessRule(path=f"/Applications/{action}/x", action=action, source="t", certainty="field")
        for action in ("stop", "blocks", "never-touch")
    )
    catalogue = shipped_catalogue()
    catalogue = replace(
        catalogue, components=tuple(replace(one, processes=rules if one.id == "galss" else ()) for one in catalogue.components)
    )
    for action, outcome in (("stop", "pass"), ("blocks", "fail"), ("never-touch", "pass")):
        facts = replace(workstation("10.14.6"), processes=(ProcessFact(path=f"/Applications/{action}/x", pid=9),))
        assert rule(check(facts, catalogue, [atsam("4.41")], run=RunState()), "processes.blocking").outcome == outcome
        assert rule(check_rollback(facts, catalogue, run=RunState()), "processes.blocking").outcome == outcome


def test_programs_that_block_are_named_once_each_with_every_process() -> None:
    safari, firefox = "/Applications/Safari.app/Contents/MacOS/Safari", "/Applications/Firefox.app/Contents/MacOS/firefox"
    running = (
        ProcessFact(path=safari, pid=1),
        ProcessFact(path="/bin/zsh", pid=2),
        ProcessFact(path=safari, pid=3),
        ProcessFact(path=firefox, pid=4),
    )
    found = installing(replace(workstation("10.14.6"), processes=running), "processes.blocking")
    # a Mac's sentences: Windows has its own
    assert found.words == "processes.blocking"
    assert found.params == {"processes": "Safari, firefox"}
    assert found.evidence == {"processes": [{"path": path, "pid": pid} for path, pid in ((safari, 1), (safari, 3), (firefox, 4))]}
    assert installing(replace(workstation("10.14.6"), processes=()), "processes.blocking").outcome == "pass"


def test_how_to_get_the_rights_is_told_in_the_words_of_a_mac() -> None:
    found = removing(replace(workstation("10.14.6"), system=SystemState(elevated=False)), "privileges.missing")
    assert (found.outcome, found.words) == ("fail", "privileges.missing")


def config(path: str) -> ConfigFact:
    return ConfigFact(path=path, sha256="0", size=9, line_ends="lf", encoding="ascii")


@pytest.mark.parametrize(
    ("configs", "paths", "alone"),
    [
        ((), (), None),
        ((INI,), (), INI),
        ((IO_COMM,), (), IO_COMM),
        ((INI, IO_COMM), (), None),
        ((INI,), (IO_COMM,), None),
        ((), (INI,), INI),
        ((), (INI, IO_COMM), None),
        # as an observation tells it: what a file holds, and that it is there
        ((INI,), (INI,), INI),
        ((INI, IO_COMM), (INI, IO_COMM), None),
    ],
)
def test_a_half_of_the_pair_is_told_wherever_it_was_seen(configs: tuple[str, ...], paths: tuple[str, ...], alone: str | None) -> None:
    facts = replace(
        workstation("10.14.6"),
        configs=tuple(config(path) for path in configs),
        paths=tuple(PathFact(path=path, kind="file", mode=0o644, uid=0, gid=0) for path in paths),
    )
    for found in (installing(facts, "config.ini-pair-broken"), removing(facts, "config.ini-pair-broken")):
        assert found.outcome == "pass"
        assert found.notice == (alone is not None)
        if alone is not None:
            other = IO_COMM if alone == INI else INI
            assert found.params == {"path": alone, "other": other}
            assert found.evidence == {"present": alone, "absent": other}


def test_a_catalogue_without_pairs_asks_for_none() -> None:
    catalogue = shipped_catalogue()
    single = (ConfigRule(path=INI, source="t", certainty="field"),)
    catalogue = replace(catalogue, components=tuple(replace(one, configs=single) for one in catalogue.components))
    decision = check(workstation("10.14.6"), catalogue, [atsam("4.41")], run=RunState())
    assert rule(decision, "config.ini-pair-broken").outcome == "not-applicable"


def test_each_receipt_that_cannot_be_read_is_named_ours_before_others() -> None:
    facts = workstation("10.14.6", STORY)
    broken = tuple(replace(one, problem="truncated", entries=None) for one in facts.receipts[:2])
    foreign = Receipt(identifier="org.other", problem="truncated")
    found = installing(replace(facts, receipts=(foreign, *broken, facts.receipts[2])), "receipts.damaged")
    assert found.outcome == "fail"
    assert sorted(found.params["receipts"].split(", ")) == sorted(one.identifier for one in broken)
    assert {"id": broken[0].identifier, "problem": "truncated"} in found.evidence["receipts"]
    told = installing(replace(facts, receipts=(foreign, *facts.receipts, replace(foreign, identifier="org.more"))), "receipts.damaged")
    assert (told.outcome, told.notice) == ("pass", True)
    assert told.params == {"receipts": "org.other, org.more"}
    assert told.evidence == {"receipts": ["org.other", "org.more"]}
    assert not installing(facts, "receipts.damaged").notice


def test_orphan_receipts_are_named() -> None:
    facts = replace(workstation("10.14.6", {"galss": "3.43.02"}), paths=())
    for found in (installing(facts, "receipts.orphan"), removing(facts, "receipts.orphan")):
        assert (found.outcome, found.notice) == ("pass", True)
        assert found.params == {"receipt": "fr.sesamvitale.galss.pkg"}
        assert found.evidence == {"receipts": ["fr.sesamvitale.galss.pkg"]}
    assert not installing(workstation("10.14.6", STORY), "receipts.orphan").notice


def test_going_back_is_asked_nothing_that_a_new_installation_is_asked() -> None:
    """What a rollback must not be stopped by: packages, sets, systems, dependents, room. Whatever else is added has to be decided here."""
    # that other software uses the components is only told before the question: whoever goes back must close it, too
    using = with_program(workstation("10.14.6", STORY), "DmpConnectJS2")
    decision = check_rollback(using, shipped_catalogue(), run=RunState())
    (told,) = [rule for rule in decision.rules if rule.ref == "dependents.present"]
    assert (decision.exit_code, told.outcome, told.notice) == (0, "pass", True)
    asked = {one.ref for one in RULES if "rollback" in one.commands}
    assert asked == {
        "dependents.present",
        "processes.blocking",
        "system.installer-running",
        "system.on-battery",
        "volume.read-only",
        "privileges.missing",
        "state.interrupted-run",
        "state.damaged",
        "state.locked",
    }
    removal = {one.ref for one in RULES if "uninstall" in one.commands}
    assert removal == asked | {
        # only told: removing chooses nothing, but nothing can be installed afterwards
        "os.unreadable",
        "components.altered-files",
        "components.foreign-files",
        "system.restart-pending",
        "space.too-little",
        "config.ini-pair-broken",
        "receipts.damaged",
        "receipts.orphan",
        "windows.protected-software",
        "windows.other-uninstaller",
    }
    assert all("install" in one.commands for one in RULES)
