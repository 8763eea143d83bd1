"""A root that is in the keychain again is not yet trusted: trust is recorded from the Mac, put back, and proven, or said to be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.workstation.macos import trust
from lab.macos.installing import OBSOLETE_ROOTS
from lab.macos.keychain import certificate
from lab.macos.mac import IGC_SANTE_ROOT, QUICK
from lab.macos.state import OPEN_RIGHT
from lab.stage_fixtures import materials, stage
from lab.worlds import MacWorld

if TYPE_CHECKING:
    from lab.stage import Answer, Stage

pytestmark = pytest.mark.unmeasured

__all__ = ["materials", "stage"]

ADD = ["/usr/bin/security", "add-trusted-cert"]


@pytest.fixture
def mac(stage: Stage) -> MacWorld:
    """A Mac that trusts a root of the health sector, with an installation behind it that can be gone back from."""
    mac = MacWorld(stage)
    mac.mac.trust_root()
    return mac


def installed(mac: MacWorld) -> None:
    assert mac.run("--json", "--yes", "install", mac.package("ATSAM-4.41.pkg")).code == 0


def cut_off(mac: MacWorld) -> None:
    """An installation that was killed in the middle."""
    mac.run_killed(38, "--yes", "install", mac.package("ATSAM-4.41.pkg"))


def lose_certificates(mac: MacWorld, **state: object) -> None:
    """Everything of ours is out of the keychain and no longer trusted; from now on the Mac is of macOS 12 or what is said."""
    mac.mac.lab.set(**{"certificates": [], "trusted": ["11" * 20], "version": "12.7.6", **state})


def rollback(mac: MacWorld) -> Answer:
    return mac.run("--json", "--yes", "rollback")


def refs(answer: Answer) -> set[str]:
    return {problem["ref"] for problem in (*answer.json["errors"], *answer.json["notices"])}


def is_there(mac: MacWorld) -> tuple[bool, bool]:
    """Whether the root is in the keychain, and whether it is trusted."""
    state = mac.mac.lab.read()
    return IGC_SANTE_ROOT in [one["sha1"] for one in state["certificates"]], IGC_SANTE_ROOT in state["trusted"]


def asked(mac: MacWorld) -> int:
    """How often macOS was asked to trust something."""
    return sum(entry[:2] == ADD for entry in mac.mac.lab.read()["log"])


@pytest.mark.parametrize(("version", "seconds"), [("10.15.7", 0), ("12.7.6", 0), ("12.7.6", 120), ("15.1", 120)])
def test_a_root_that_went_is_trusted_again_even_when_somebody_has_to_type_a_password_first(
    mac: MacWorld, version: str, seconds: int
) -> None:
    installed(mac)
    lose_certificates(mac, version=version, window_seconds=seconds)
    answer = rollback(mac)
    assert answer.code == 0, answer.out[-3000:]
    assert is_there(mac) == (True, True)
    assert ("macos.password-window" in refs(answer)) == (not version.startswith("10."))


@pytest.mark.parametrize(
    "how",
    [
        {"misbehave": {"security": "trust-refused"}},
        {"misbehave": {"security": "window-unanswered"}},
        {"window_seconds": 100_000},
        {"console": None},
    ],
    ids=["added-but-trust-refused", "window-never-answered", "window-answered-too-late", "nobody-at-the-screen"],
)
def test_a_root_that_is_back_without_trust_is_never_called_as_before(mac: MacWorld, how: dict[str, object]) -> None:
    cut_off(mac)
    lose_certificates(mac, **how)
    answer = mac.run("--json", "recover")
    assert answer.code == 21, answer.out[-3000:]
    assert "macos.trust-not-restored" in refs(answer)
    assert "macos.certificates-differ" not in refs(answer)
    assert "AC RACINE IGC-SANTE ELEMENTAIRE" in answer.out
    assert is_there(mac) == (True, False)
    mac.mac.lab.set(misbehave={}, window_seconds=5, console="docteur")
    answer = mac.run("--json", "recover")
    assert answer.code == 0, answer.out[-3000:]
    assert is_there(mac) == (True, True)


def test_a_rollback_that_could_not_bring_trust_back_ends_where_it_began_and_says_why(mac: MacWorld) -> None:
    installed(mac)
    lose_certificates(mac, misbehave={"security": "trust-refused"})
    before = mac.fingerprint()
    answer = rollback(mac)
    assert answer.code == 20, answer.out[-3000:]
    assert "macos.trust-not-restored" in refs(answer)
    assert mac.fingerprint() == before
    mac.mac.lab.set(misbehave={})
    # its own snapshot is the last one now: the one that was meant has to be named
    assert mac.run("--json", "--yes", "rollback", answer.json["data"]["restored"]).code == 0
    assert is_there(mac) == (True, True)


def test_a_keychain_that_refuses_everything_is_told_as_what_it_is(mac: MacWorld) -> None:
    cut_off(mac)
    lose_certificates(mac, misbehave={"security": "adding-refused"})
    answer = mac.run("--json", "recover")
    assert answer.code == 21
    assert {"macos.certificates-differ", "macos.trust-not-restored"} <= refs(answer)
    assert is_there(mac) == (False, False)


def test_a_window_that_nobody_answered_is_not_shown_for_every_root(mac: MacWorld) -> None:
    other = "BBE751C8B107ACD29F7D12E0FCDD717E00138764"
    with mac.mac.lab.opened() as state:
        state["certificates"].append(certificate("AC RACINE IGC-SANTE FORT", other))
        state["trusted"].append(other)
    cut_off(mac)
    lose_certificates(mac, misbehave={"security": "window-unanswered"})
    before = asked(mac)
    answer = mac.run("--json", "recover")
    assert answer.code == 21
    assert asked(mac) - before == 1
    assert "AC RACINE IGC-SANTE FORT" in answer.out


def test_the_person_is_told_that_macos_will_ask_for_a_password(mac: MacWorld) -> None:
    installed(mac)
    lose_certificates(mac, window_seconds=60)
    answer = mac.run("--yes", "rollback")
    assert answer.code == 0, answer.err[-2000:]
    assert "administrator’s password in a window" in " ".join(answer.err.split())


def test_a_root_that_somebody_had_stopped_trusting_is_not_trusted_by_the_way_back(mac: MacWorld) -> None:
    mac.mac.trust_root(trusted=False)
    cut_off(mac)
    lose_certificates(mac)
    answer = mac.run("--json", "recover")
    assert answer.code == 0, answer.out[-3000:]
    assert is_there(mac) == (True, False)


def test_trust_that_an_installation_gave_to_a_root_is_taken_back(mac: MacWorld) -> None:
    mac.mac.trust_root(trusted=False)
    mac.mac.lab.set(misbehave={"installer": "dies-in-script"})
    answer = mac.run("--json", "--yes", "install", mac.package("ATSAM-4.41.pkg"))
    assert answer.code == 20, answer.out[-3000:]
    assert is_there(mac) == (True, False)


def test_trust_that_went_while_the_root_stayed_comes_back(mac: MacWorld) -> None:
    installed(mac)
    mac.mac.trust_root(trusted=False)
    assert rollback(mac).code == 0
    assert is_there(mac) == (True, True)


def test_trust_of_a_new_root_that_cannot_be_taken_back_is_said(stage: Stage) -> None:
    mac = MacWorld(stage)
    installed(mac)
    mac.mac.lab.set(version="12.7.6", console=None)
    answer = rollback(mac)
    assert answer.code == 0, answer.out[-3000:]
    assert "macos.trust-left" in refs(answer)
    assert is_there(mac) == (False, True)


def test_when_macos_does_not_list_its_trust_its_own_evaluation_is_asked(mac: MacWorld) -> None:
    installed(mac)
    lose_certificates(mac, misbehave={"security": "trust-unreadable"})
    answer = rollback(mac)
    assert answer.code == 0, answer.out[-3000:]
    assert is_there(mac) == (True, True)


def test_when_trust_was_not_known_before_a_root_of_the_catalogue_is_trusted_again(mac: MacWorld) -> None:
    mac.mac.lab.set(misbehave={"security": "trust-unreadable"})
    installed(mac)
    lose_certificates(mac)
    mac.mac.lab.set(misbehave={})
    assert rollback(mac).code == 0
    assert is_there(mac) == (True, True)


def test_a_right_left_open_is_used_before_it_is_closed(mac: MacWorld) -> None:
    right = mac.fingerprint()["right"]
    cut_off(mac)
    lose_certificates(mac, console=None, right=dict(OPEN_RIGHT))
    answer = mac.run("--json", "recover")
    assert answer.code == 0, answer.out[-3000:]
    assert is_there(mac) == (True, True)
    assert "macos.password-window" not in refs(answer)
    assert mac.fingerprint()["right"] == right


# --- old roots that the vendor's script takes away ----------------------------------------------------------------------------


@pytest.fixture
def old(mac: MacWorld) -> MacWorld:
    """The same Mac with two roots of the agency's former name, of which it still trusts one."""
    with mac.mac.lab.opened() as state:
        state["certificates"] += [certificate(f"GIP-CPS {number}", sha1) for number, sha1 in enumerate(OBSOLETE_ROOTS)]
        state["trusted"].append(OBSOLETE_ROOTS[0])
    return mac


def old_roots(mac: MacWorld) -> tuple[list[str], list[str]]:
    """Those that are in the keychain, and those that are trusted."""
    state = mac.mac.lab.read()
    there = [one["sha1"] for one in state["certificates"] if one["sha1"] in OBSOLETE_ROOTS]
    return sorted(there), [sha1 for sha1 in there if sha1 in state["trusted"]]


BOTH_OLD_ROOTS = (sorted(OBSOLETE_ROOTS), [OBSOLETE_ROOTS[0]])


@pytest.mark.parametrize("how", ["dies-in-script", "drops-a-file"])
def test_old_roots_that_a_failed_installation_took_away_are_there_again(old: MacWorld, how: str) -> None:
    before = old.fingerprint()
    old.mac.lab.set(misbehave={"installer": how})
    assert old.run("--json", "--yes", "install", old.package("ATSAM-4.41.pkg")).code == 20
    assert old.fingerprint() == before
    assert old_roots(old) == BOTH_OLD_ROOTS


def test_old_roots_go_with_an_installation_and_come_back_with_what_was_before(old: MacWorld) -> None:
    installed(old)
    assert old_roots(old) == ([], [])
    assert rollback(old).code == 0
    assert old_roots(old) == BOTH_OLD_ROOTS
    # and the way back can itself be undone: they stay then, because no component of ours brought them
    assert rollback(old).code == 0
    assert old_roots(old) == BOTH_OLD_ROOTS


def test_a_killed_installation_brings_old_roots_back(old: MacWorld) -> None:
    cut_off(old)
    assert old_roots(old) == ([], [])
    assert old.run("--json", "recover").code == 0
    assert old_roots(old) == BOTH_OLD_ROOTS


def test_an_old_root_that_was_not_there_before_is_nobodys_to_remove(mac: MacWorld) -> None:
    installed(mac)
    with mac.mac.lab.opened() as state:
        state["certificates"].append(certificate("GIP-CPS", OBSOLETE_ROOTS[0]))
    assert rollback(mac).code == 0
    assert old_roots(mac) == ([OBSOLETE_ROOTS[0]], [])


def test_an_old_root_that_cannot_be_brought_back_is_told(old: MacWorld) -> None:
    cut_off(old)
    old.mac.lab.set(misbehave={"security": "adding-refused"})
    answer = old.run("--json", "recover")
    assert answer.code == 21
    assert "macos.certificates-differ" in refs(answer)
    old.mac.lab.set(misbehave={})
    assert old.run("--json", "recover").code == 0
    assert old_roots(old) == BOTH_OLD_ROOTS


@pytest.mark.parametrize(("patience", "trusted"), [(30.0, True), (0.2, False)], ids=["waited-for", "given-up"])
def test_a_real_process_that_waits_for_its_window_is_given_the_time_of_a_person(stage: Stage, patience: float, *, trusted: bool) -> None:
    mac = MacWorld(stage)
    mac.mac.patience = msgspec.structs.replace(QUICK, password=patience)
    mac.mac.lab.set(version="12.7.6", window_seconds=1.0)
    told: list[str] = []
    workstation = mac.mac.workstation(executables=True)
    workstation.progress = lambda phase, _done, _total: told.append(phase)
    assert trust.change_trust(workstation, (certificate("AC RACINE IGC-SANTE FORT", "BB" * 20)["pem"],), trusted=True)
    assert ("AC RACINE IGC-SANTE FORT" in (trust.trusted_labels(workstation.runner) or ())) == trusted
    assert told[0] == trust.PHASE
