"""A Mac that lies, hangs, refuses and half does things: the run ends right, or is undone to exactly the state before."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from atsam_safe.report.views.transactions import PHASES
from atsam_safe.workstation import guest
from atsam_safe.workstation.macos import steps as steps_module
from lab.macos.mac import AGENT, CRYPTOLIB_UNINSTALLER, GALSS_UNINSTALLER, GALSVOSX, IGC_SANTE_ROOT, QUICK
from lab.macos.state import OPEN_RIGHT
from lab.stage_fixtures import materials, stage
from lab.worlds import MacWorld

if TYPE_CHECKING:
    from lab.stage import Answer, Stage

pytestmark = pytest.mark.unmeasured

__all__ = ["materials", "stage"]

INI = "Library/Preferences/galss.ini"


@pytest.fixture
def mac(stage: Stage) -> MacWorld:
    """The laboratory Mac of one test."""
    return MacWorld(stage)


def install(mac: MacWorld) -> Answer:
    return mac.run("--json", "--yes", "install", mac.package("ATSAM-4.41.pkg"))


def refs(answer: Answer) -> set[str]:
    return {problem["ref"] for problem in (*answer.json["errors"], *answer.json["notices"])}


def misbehave(mac: MacWorld, **how: str) -> None:
    mac.mac.lab.set(misbehave=how)


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {key: (before.get(key), after.get(key)) for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


@pytest.mark.parametrize(
    ("how", "ref"),
    [
        ({"installer": "says-yes"}, "macos.installer-said-yes"),
        ({"installer": "fails-but-installed"}, "macos.installer-failed"),
        ({"installer": "dies-in-script"}, "macos.installer-failed"),
        ({"installer": "refuses"}, "macos.installer-refused"),
        ({"installer": "refuses-on-stderr"}, "macos.installer-refused"),
        ({"installer": "hangs"}, "macos.installer-timed-out"),
        ({"installer": "older-comes-back"}, "macos.installer-said-yes"),
        ({"installer": "drops-a-file"}, "verify.not-whole"),
        ({"launchctl": "stuck"}, "macos.service-does-not-stop"),
        ({"pkgutil": "stuck"}, "macos.receipt-not-forgotten"),
        ({"kill": "immortal"}, "macos.process-does-not-end"),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_what_went_wrong_is_told_and_everything_is_as_before(mac: MacWorld, how: dict[str, str], ref: str) -> None:
    before = mac.fingerprint()
    misbehave(mac, **how)
    answer = install(mac)
    assert answer.code == (21 if how == {"kill": "immortal"} else 20), answer.out[-3000:]
    assert ref in refs(answer)
    if answer.code == 20:
        assert differences(before, mac.fingerprint()) == {}


@pytest.mark.parametrize(
    "how",
    [
        {"installer": "leaves-right-open"},
        {"installer": "writes-elsewhere"},
        {"installer": "rewrites-config"},
        {"installer": "loses-config"},
        {"pkgutil": "forget-lies"},
        {"launchctl": "asynchronous"},
        {"launchctl": "says-5"},
        {"launchctl": "still-ending-5"},
        {"launchctl": "still-ending-37"},
        {"kill": "deaf"},
        {"tmutil": "fails"},
    ],
    ids=lambda how: "-".join(how.values()),
)
def test_what_can_be_put_right_is_put_right(mac: MacWorld, how: dict[str, str]) -> None:
    before = (mac.root / INI).read_bytes()
    right = mac.fingerprint()["right"]
    misbehave(mac, **how)
    answer = install(mac)
    assert answer.code == 0, answer.out[-3000:]
    assert (mac.root / INI).read_bytes() == before
    after = mac.mac.lab.read()
    assert mac.fingerprint()["right"] == right
    assert [job["label"] for job in after["jobs"]] == [AGENT]
    assert mac.run("--json", "status").code == 0
    if how == {"installer": "leaves-right-open"}:
        assert "macos.right-restored" in refs(answer)
    if how == {"installer": "writes-elsewhere"}:
        # no receipt names it; the way back takes it away all the same
        stray = mac.root / "Library/Application Support/Galss/not-in-the-receipt.bin"
        assert stray.exists()
        assert mac.run("--json", "--yes", "rollback").code == 0
        assert not stray.exists()
    if how == {"tmutil": "fails"}:
        assert "macos.no-second-net" in refs(answer)


def test_a_guest_of_a_killed_run_is_ended_before_the_files_come_back(mac: MacWorld) -> None:
    mac.mac.give_genuine_uninstallers(mac.catalogue, {GALSS_UNINSTALLER: STILL_REMOVING})
    before = mac.fingerprint()
    begun = mac.root / "private/tmp/begun"
    child = os.fork()
    if child == 0:
        mac.run("--yes", "--accept", "dependents.present", "uninstall", "--all")
        os._exit(0)
    limit = time.monotonic() + 20
    while not begun.exists() and time.monotonic() < limit:
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    begun.unlink()
    assert mac.run("--json", "recover").code == 0
    time.sleep(2.5)
    assert differences(before, mac.fingerprint()) == {}


def test_children_that_a_guest_leaves_are_ended(mac: MacWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest, "LEFT_BEHIND_SECONDS", 0.3)
    mac.mac.give_genuine_uninstallers(mac.catalogue, {GALSS_UNINSTALLER: LEAVES_A_CHILD})
    answer = install(mac)
    assert answer.code == 0, answer.out[-3000:]
    assert "macos.uninstaller-went-on" in refs(answer)
    time.sleep(2.0)
    assert mac.run("--json", "status").code == 0


def test_the_kept_settings_are_written_while_what_the_package_started_is_stopped(mac: MacWorld) -> None:
    misbehave(mac, installer="rewrites-config")
    answer = install(mac)
    assert answer.code == 0
    log = [" ".join(entry[:2]) for entry in mac.mac.lab.read()["log"]]
    after = log[log.index("/usr/sbin/installer -verboseR") :]
    assert [verb for verb in after if verb in {"/bin/launchctl bootout", "/bin/launchctl bootstrap"}] == [
        "/bin/launchctl bootout",
        "/bin/launchctl bootstrap",
    ]
    names = [step["name"] for step in answer.json["data"]["transaction"]["steps"]]
    names = names[names.index("run-installer") :]
    assert names.index("stop-service") < names.index("restore-config") < names.index("start-service")


def test_only_our_own_program_is_ended_never_a_namesake(mac: MacWorld) -> None:
    with mac.mac.lab.opened() as state:
        state["jobs"].append({**state["jobs"][0], "domain": "system", "label": "com.icanopee.dmpcjs2", "pid": 651})
    assert install(mac).code == 0
    # what others run is neither stopped nor started again
    assert ("com.icanopee.dmpcjs2", 651) in [(job["label"], job["pid"]) for job in mac.mac.lab.read()["jobs"]]
    assert not [entry for entry in mac.mac.lab.read()["log"] if "icanopee" in " ".join(entry) and entry[1] in {"bootout", "bootstrap"}]
    running = [process["path"] for process in mac.mac.lab.read()["processes"]]
    assert GALSVOSX not in running
    assert "/Users/docteur/galsvosx" in running


def test_a_lone_ini_file_survives_the_installer_that_would_delete_it(mac: MacWorld) -> None:
    (mac.root / "Library/Preferences/io_comm.ini").unlink()
    content = (mac.root / INI).read_bytes()
    assert install(mac).code == 0
    assert (mac.root / INI).read_bytes() == content


def test_a_certificate_that_a_failed_installation_added_goes_and_others_stay(mac: MacWorld) -> None:
    before = mac.fingerprint()["certificates"]
    assert IGC_SANTE_ROOT not in before
    misbehave(mac, installer="dies-in-script")
    assert install(mac).code == 20
    assert mac.fingerprint()["certificates"] == before


def test_a_certificate_that_went_is_added_again_on_the_way_back(mac: MacWorld) -> None:
    before = mac.fingerprint()["certificates"]
    assert install(mac).code == 0
    with mac.mac.lab.opened() as state:
        state["certificates"] = []
    assert mac.run("--json", "--yes", "rollback").code == 0
    assert set(mac.fingerprint()["certificates"]) == set(before) - {"11" * 20}  # ours came back; the other vendor's was never ours to keep


def test_a_killed_run_that_left_the_right_open_is_closed_by_recover(mac: MacWorld) -> None:
    right = mac.fingerprint()["right"]
    mac.run_killed(41, "--yes", "install", mac.package("ATSAM-4.41.pkg"))
    mac.mac.lab.set(right=dict(OPEN_RIGHT))
    assert mac.run("--json", "recover").code == 0
    assert mac.fingerprint()["right"] == right


def test_when_the_right_cannot_be_put_back_the_run_is_broken_and_recover_mends_it(mac: MacWorld) -> None:
    before = mac.fingerprint()
    mac.run_killed(41, "--yes", "install", mac.package("ATSAM-4.41.pkg"))
    mac.mac.lab.set(right=dict(OPEN_RIGHT), misbehave={"security": "right-denied"})
    answer = mac.run("--json", "recover")
    assert answer.code == 21
    assert "macos.right-not-restored" in refs(answer)
    misbehave(mac)
    assert mac.run("--json", "recover").code == 0
    assert mac.fingerprint() == before


def test_a_job_that_a_vendors_script_switched_off_runs_again(mac: MacWorld) -> None:
    misbehave(mac, installer="switches-the-agent-off")
    assert install(mac).code == 0
    state = mac.mac.lab.read()
    assert [job["label"] for job in state["jobs"]] == [AGENT]
    assert state["switched_off"] == []


def test_a_job_that_somebody_had_switched_off_stays_so(mac: MacWorld) -> None:
    mac.mac.lab.set(switched_off=[f"gui/501/{AGENT}"], jobs=[])
    answer = install(mac)
    assert answer.code == 0, answer.out[-3000:]
    assert "macos.service-switched-off" in refs(answer)
    state = mac.mac.lab.read()
    assert (state["jobs"], state["switched_off"]) == ([], [f"gui/501/{AGENT}"])


def test_what_was_switched_off_meanwhile_is_on_again_after_the_way_back(mac: MacWorld) -> None:
    before = mac.fingerprint()
    mac.run_killed(41, "--yes", "install", mac.package("ATSAM-4.41.pkg"))
    mac.mac.lab.set(switched_off=[f"gui/501/{AGENT}"], jobs=[])
    assert mac.run("--json", "recover").code == 0
    assert differences(before, mac.fingerprint()) == {}


def test_a_job_loaded_without_a_screen_is_stopped_too(mac: MacWorld) -> None:
    with mac.mac.lab.opened() as state:
        state["jobs"] = [{**job, "domain": "user/501"} for job in state["jobs"]]
    assert install(mac).code == 0
    assert [job["domain"] for job in mac.mac.lab.read()["jobs"]] == ["gui/501"]


@pytest.mark.parametrize("opinion", ["expired", "untrusted"])
def test_a_signature_the_system_would_refuse_is_refused_before_anything_is_touched(mac: MacWorld, opinion: str) -> None:
    before = mac.fingerprint()
    misbehave(mac, pkgutil=opinion)
    answer = install(mac)
    assert answer.code == 12, answer.out[-3000:]
    assert "macos.package-not-accepted" in refs(answer)
    assert mac.fingerprint() == before
    assert ["/usr/sbin/installer"] not in [entry[:1] for entry in mac.mac.lab.read()["log"]]


def test_an_update_that_waits_for_its_restart_is_waited_for(mac: MacWorld) -> None:
    mac.mac.lab.set(started="10.14.5")
    answer = install(mac)
    assert answer.code == 10
    assert "system.restart-pending" in refs(answer)


def test_what_is_registered_for_the_person_at_the_screen_is_seen(mac: MacWorld) -> None:
    token = "fr.asip.esante.CPSToken"
    mac.mac.lab.set(extensions=[("+", token, "1.7.1"), ("-", "com.example.off", "1")], tokens=[f"{token}:80250000012345678901"])
    facts = mac.run("--json", "facts").json["data"]["facts"]
    assert facts["token_extensions"] == [{"identifier": token, "state": "on"}, {"identifier": "com.example.off", "state": "off"}]
    assert facts["card_tokens"] == [token]
    assert "80250000012345678901" not in str(facts)


def test_the_agent_of_the_person_at_the_screen_is_the_one_told(mac: MacWorld) -> None:
    with mac.mac.lab.opened() as state:
        state["console"] = "Hélène Dupré"
        state["jobs"] = [{**job, "domain": "gui/502"} for job in state["jobs"]]
    facts = mac.run("--json", "facts").json["data"]["facts"]
    assert [service["running"] for service in facts["services"] if service["label"] == AGENT] == [True]


def test_a_package_that_wants_a_restart_ends_with_the_code_that_says_so(mac: MacWorld) -> None:
    answer = mac.run("--json", "--yes", "install", mac.package("restart.pkg"))
    assert answer.code == 30, answer.out[-3000:]
    assert answer.json["status"] == "restart-needed"


def test_a_person_is_told_before_how_long_it_takes_and_every_step_has_its_words(mac: MacWorld) -> None:
    assert {step.__struct_config__.tag for step in steps_module._DOINGS} <= set(PHASES)  # type: ignore[attr-defined]  # msgspec's own
    answer = mac.run("--json", "install", mac.package("ATSAM-4.41.pkg"))
    assert answer.code == 2
    seconds = answer.json["data"]["plan"]["estimated_seconds"]
    assert 180 <= seconds <= 600
    asked = mac.asked("non\n", "install", mac.package("ATSAM-4.41.pkg"))
    assert asked.code == 2
    assert f"It takes about {-(-seconds // 60)} min." in " ".join(asked.err.split())


def test_nobody_logged_in_stops_nothing(mac: MacWorld) -> None:
    mac.mac.lab.set(console=None, jobs=[])
    assert install(mac).code == 0
    assert mac.mac.lab.read()["jobs"] == []


def test_without_administrator_rights_nothing_begins(stage: Stage) -> None:
    mac = MacWorld(stage, elevated=False)
    before = mac.fingerprint()
    for command in (("install", mac.package("ATSAM-4.41.pkg")), ("uninstall", "--all"), ("rollback",), ("recover",)):
        answer = mac.run("--json", "--yes", *command)
        assert answer.code == 13, answer.out
        assert refs(answer) == {"privileges.missing"}
    assert mac.run("--json", "status").code == 0
    assert mac.fingerprint() == before


def test_the_release_is_asked_of_the_system_not_read_from_a_file(stage: Stage) -> None:
    # the volume's plist says 10.14.6, as macOS tells old programs; a French Catalina answers
    mac = MacWorld(stage, version="10.15.7")
    mac.mac.lab.set(locale="fr")
    answer = mac.run("--json", "--yes", "install", mac.package("ATSAM-4.50.pkg"))
    assert answer.code == 0, answer.out[-3000:]
    assert mac.run("--json", "status").json["data"]["os"]["version"] == "10.15.7"


@pytest.mark.parametrize("command", ["/bin/ps", "/usr/bin/dscl", "/bin/launchctl"])
def test_when_it_cannot_be_known_what_runs_nothing_begins(mac: MacWorld, command: str) -> None:
    before = mac.fingerprint()
    misbehave(mac, **{command: "hang"})
    answer = install(mac)
    assert answer.code == 10, answer.out[-3000:]
    assert "macos.cannot-be-asked" in refs(answer)
    assert mac.fingerprint() == before


def test_rosetta_missing_is_a_refusal_not_a_failed_installation(stage: Stage) -> None:
    mac = MacWorld(stage, version="14.7.4")
    mac.mac.lab.set(arm=True)
    before = mac.fingerprint()
    answer = install(mac)
    assert answer.code == 10
    assert mac.fingerprint() == before


# --- the vendors' uninstallers ------------------------------------------------------------------------------------------------

REMOVES_GALSS = """#!/bin/sh
rm -rf "@ROOT@/Library/Frameworks/galssosx.framework"
rm -f "@ROOT@/Library/Preferences/galss.ini"
echo done
exit 0
"""
STILL_REMOVING = """#!/bin/sh
touch "@ROOT@/private/tmp/begun"
sleep 2
rm -rf "@ROOT@/Library/Frameworks/galssosx.framework"
touch "@ROOT@/private/tmp/begun"
sleep 60
"""
LEAVES_A_CHILD = """#!/bin/sh
(sleep 2; rm -rf "@ROOT@/Library/Frameworks/galssosx.framework") </dev/null >/dev/null 2>&1 &
exit 0
"""
ASKS = """#!/bin/bash
printf 'Voulez-vous continuer (O/N) ? '
read -r -n 1 key
sleep 0.6
[ "$key" = O ] || exit 0
rm -f "@ROOT@/usr/local/lib/libcps3_pkcs11_osx.dylib"
echo
echo "$HOME" > "@ROOT@/private/tmp/home"
echo "answered $key" > "@ROOT@/private/tmp/asked"
exit 0
"""


def test_genuine_uninstallers_are_run_as_guests_from_a_private_copy(mac: MacWorld) -> None:
    mac.mac.give_genuine_uninstallers(mac.catalogue, {GALSS_UNINSTALLER: REMOVES_GALSS, CRYPTOLIB_UNINSTALLER: ASKS})
    content = (mac.root / INI).read_bytes()
    answer = mac.run("--json", "--yes", "--accept", "dependents.present", "uninstall", "--all")
    assert answer.code == 0, answer.out[-3000:]
    assert (mac.root / "private/tmp/asked").read_text() == "answered O\n"
    assert "guest-home" in (mac.root / "private/tmp/home").read_text()
    # a guest took the configuration with it: it is back byte for byte
    assert (mac.root / INI).read_bytes() == content
    assert steps(answer)["run-uninstaller"] == ["done", "done"]
    kept = [file.read_text() for file in (mac.root / "Library/Application Support/atsam-safe/history").glob("*uninstaller*")]
    assert any("continuer (O/N)" in text for text in kept)


def test_an_uninstaller_that_was_swapped_is_never_run(mac: MacWorld) -> None:
    mac.mac.give_genuine_uninstallers(mac.catalogue, {GALSS_UNINSTALLER: REMOVES_GALSS})
    mac.mac.lab.host(GALSS_UNINSTALLER).write_text(f"#!/bin/sh\ntouch '{mac.root}/private/tmp/owned'\n")
    answer = mac.run("--json", "--yes", "--accept", "dependents.present", "uninstall", "--all")
    assert answer.code == 0
    assert not (mac.root / "private/tmp/owned").exists()
    assert "macos.uninstaller-not-genuine" in refs(answer)
    assert steps(answer)["run-uninstaller"] == ["not-applicable", "not-applicable"]


@pytest.mark.parametrize(
    ("script", "ref"),
    [
        ("#!/bin/sh\nprintf 'Mot de passe secret'\nread x\nexit 0\n", "macos.uninstaller-asked"),
        ("#!/bin/sh\necho nothing done\nexit 0\n", None),
        ("#!/bin/sh\nexit 7\n", None),
        ("#!/bin/sh\nsleep 60\n", "macos.uninstaller-timed-out"),
        ("#!/bin/sh\nrm -rf '@ROOT@/usr/local/dmpconnectjs2'\n", "verify.dependent-harmed"),
    ],
    ids=["unexpected-question", "says-yes", "fails", "hangs", "takes-another-vendors-files"],
)
def test_whatever_a_guest_does_the_end_is_right(mac: MacWorld, script: str, ref: str | None) -> None:
    mac.mac.give_genuine_uninstallers(mac.catalogue, {GALSS_UNINSTALLER: script})
    mac.mac.patience = msgspec.structs.replace(QUICK, guest=2.0)
    answer = install(mac)
    if ref == "verify.dependent-harmed":
        # other vendors' folders are no part of the snapshot: this is told as what it is, never as a proven way back
        assert answer.code in {20, 21}
        assert ref in refs(answer)
        return
    assert answer.code == 0, answer.out[-3000:]
    assert ref is None or ref in refs(answer)
    assert mac.run("--json", "status").code == 0


def steps(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for step in answer.json["data"]["transaction"]["steps"]:
        found.setdefault(step["name"], []).append(step["outcome"])
    return found
