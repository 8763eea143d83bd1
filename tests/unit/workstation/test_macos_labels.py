"""Launchd knows a job by the name inside its file, not by the file's: that one is read, and every question and order is given with it."""

from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING, Any

import pytest

from lab.macos.jobs import start_job
from lab.macos.mac import AGENT, AGENT_FILE
from lab.stage import OTHER_LABEL
from lab.stage_fixtures import materials, stage
from lab.worlds import MacWorld

if TYPE_CHECKING:
    from lab.stage import Answer, Stage

pytestmark = pytest.mark.unmeasured

__all__ = ["materials", "stage"]

AS_EVER = "ATSAM-4.41.pkg"
OTHERWISE = "labelled.pkg"
OLD_LABEL = "org.cnamts.srvsvcnam"
ALL = ("--accept", "dependents.present", "uninstall", "--all")


@pytest.fixture
def mac(stage: Stage) -> MacWorld:
    """The laboratory Mac of one test; its agent's file is named as ever."""
    return MacWorld(stage)


@pytest.fixture
def old(mac: MacWorld) -> MacWorld:
    """The same Mac with an agent whose name inside is another than its file's."""
    mac.mac.label_agent(OLD_LABEL)
    return mac


def install(mac: MacWorld, package: str) -> Answer:
    return mac.run("--json", "--yes", "install", mac.package(package))


def jobs(mac: MacWorld) -> list[tuple[str, str]]:
    return [(job["domain"], job["label"]) for job in mac.mac.lab.read()["jobs"]]


def refs(answer: Answer) -> set[str]:
    return {problem["ref"] for problem in (*answer.json["errors"], *answer.json["notices"])}


def named(mac: MacWorld) -> set[str]:
    """Every name of a job that launchd was asked for or told."""
    log = [entry for entry in mac.mac.lab.read()["log"] if entry[0] == "/bin/launchctl" and entry[1] not in {"bootstrap", "asuser"}]
    return {entry[2].partition("/")[2].rpartition("/")[2] if entry[2].startswith("gui") else entry[2].rpartition("/")[2] for entry in log}


def outcomes(answer: Answer, name: str) -> list[str]:
    return [step["outcome"] for step in answer.json["data"]["transaction"]["steps"] if step["name"] == name]


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {key: (before.get(key), after.get(key)) for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def step_after_the_installer(mac: MacWorld, package: str) -> int:
    """The number of the step behind the installer, in the plan for these packages."""
    answer = mac.run("--json", "install", mac.package(package))
    names = [step["step"] for step in answer.json["data"]["plan"]["steps"]]
    return names.index("run-installer") + 1


def test_whether_it_runs_is_asked_by_its_own_name(old: MacWorld) -> None:
    services = old.run("--json", "facts").json["data"]["facts"]["services"]
    found = next(service for service in services if service["path"] == AGENT_FILE)
    assert (found["label"], found["running"]) == (OLD_LABEL, True)
    assert AGENT not in named(old)


@pytest.mark.parametrize(("package", "label"), [(AS_EVER, AGENT), (OTHERWISE, OTHER_LABEL)])
@pytest.mark.parametrize("before", [AGENT, OLD_LABEL])
def test_an_installation_stops_the_job_by_the_name_of_the_old_file_and_starts_it_by_that_of_the_new(
    mac: MacWorld, before: str, package: str, label: str
) -> None:
    mac.mac.label_agent(before)
    state = mac.fingerprint()
    answer = install(mac, package)
    assert answer.code == 0, answer.out[-3000:]
    assert outcomes(answer, "stop-service")[0] == "done"
    assert outcomes(answer, "start-service") == ["done"]
    assert jobs(mac) == [("gui/501", label)]
    assert AGENT not in named(mac) - {before, label}
    assert mac.run("--json", "status").code == 0
    assert mac.run("--json", "--yes", "rollback").code == 0
    assert differences(state, mac.fingerprint()) == {}


def test_an_uninstallation_stops_it_and_going_back_starts_it_again(old: MacWorld) -> None:
    state = old.fingerprint()
    answer = old.run("--json", "--yes", *ALL)
    assert answer.code == 0, answer.out[-3000:]
    assert outcomes(answer, "stop-service") == ["done"]
    assert jobs(old) == []
    assert AGENT not in named(old)
    assert old.run("--json", "--yes", "rollback").code == 0
    assert differences(state, old.fingerprint()) == {}


@pytest.mark.parametrize("before", [AGENT, OLD_LABEL])
@pytest.mark.parametrize("how", ["dies-in-script", "drops-a-file"])
def test_a_failed_installation_leaves_no_job_of_the_name_that_its_package_brought(mac: MacWorld, before: str, how: str) -> None:
    mac.mac.label_agent(before)
    state = mac.fingerprint()
    mac.mac.lab.set(misbehave={"installer": how})
    answer = install(mac, OTHERWISE)
    assert answer.code == 20, answer.out[-3000:]
    assert differences(state, mac.fingerprint()) == {}


@pytest.mark.parametrize("before", [AGENT, OLD_LABEL])
def test_a_killed_installation_is_recovered_whatever_the_name_of_the_job_it_started(mac: MacWorld, before: str) -> None:
    mac.mac.label_agent(before)
    state = mac.fingerprint()
    mac.run_killed(step_after_the_installer(mac, OTHERWISE), "--yes", "install", mac.package(OTHERWISE))
    assert jobs(mac) == [("gui/501", OTHER_LABEL)]
    assert mac.run("--json", "recover").code == 0
    assert differences(state, mac.fingerprint()) == {}


def test_a_killed_uninstallation_is_recovered(old: MacWorld) -> None:
    state = old.fingerprint()
    old.run_killed(6, "--yes", *ALL)
    assert jobs(old) == []
    assert old.run("--json", "recover").code == 0
    assert differences(state, old.fingerprint()) == {}


def test_a_job_that_the_failed_package_brought_and_that_does_not_stop_is_told(mac: MacWorld) -> None:
    mac.run_killed(step_after_the_installer(mac, OTHERWISE), "--yes", "install", mac.package(OTHERWISE))
    mac.mac.lab.set(misbehave={"launchctl": "stuck"})
    answer = mac.run("--json", "recover")
    assert answer.code == 21, answer.out[-3000:]
    assert "macos.service-does-not-stop" in refs(answer)
    assert OTHER_LABEL in answer.out


def test_what_a_person_switched_off_by_that_name_stays_off(mac: MacWorld) -> None:
    mac.mac.label_agent(OTHER_LABEL, loaded=False)
    mac.mac.lab.set(switched_off=[f"gui/501/{OTHER_LABEL}"])
    answer = install(mac, OTHERWISE)
    assert answer.code == 0, answer.out[-3000:]
    assert "macos.service-switched-off" in refs(answer)
    assert jobs(mac) == []


def test_what_a_script_switches_off_by_that_name_runs_again(mac: MacWorld) -> None:
    mac.mac.lab.set(misbehave={"installer": "switches-the-agent-off"})
    assert install(mac, OTHERWISE).code == 0
    assert jobs(mac) == [("gui/501", OTHER_LABEL)]
    assert mac.mac.lab.read()["switched_off"] == []


UNUSABLE = ["a/b", "../../system/com.apple.WindowServer", "x" * 300, "a\nb", "", " ", 'a"b', "\u202ea", "-k"]


@pytest.mark.parametrize("label", UNUSABLE)
def test_a_name_that_is_none_never_becomes_an_argument(mac: MacWorld, label: str) -> None:
    mac.mac.label_agent(label, loaded=False)
    before = mac.fingerprint()
    facts = mac.run("--json", "facts").json["data"]["facts"]
    found = next(service for service in facts["services"] if service["path"] == AGENT_FILE)
    assert found["label"] == AGENT
    assert found["problem"] is not None
    answer = mac.run("--json", "--yes", *ALL)
    if label:
        # which job to stop is not known: nothing begins
        assert answer.code == 10, answer.out[-3000:]
        assert "macos.service-name-unusable" in refs(answer)
        assert differences(before, mac.fingerprint()) == {}
    else:
        # no name at all: launchd never loaded it
        assert answer.code == 0, answer.out[-3000:]
    said = [argument for entry in mac.mac.lab.read()["log"] if entry[0] == "/bin/launchctl" for argument in entry[1:]]
    assert not [argument for argument in said if label and argument.endswith(f"/{label}")]


def test_a_file_that_names_another_vendors_job_does_not_end_that_one(mac: MacWorld) -> None:
    other, path = "com.icanopee.dmpcjsmonitor2", "/Library/LaunchAgents/com.icanopee.dmpcjsmonitor2.plist"
    mac.mac.label_agent(other, loaded=False)
    with mac.mac.lab.opened():
        start_job(mac.mac.lab, "gui/501", path, plistlib.loads(mac.mac.lab.host(path).read_bytes()))
    answer = mac.run("--json", "--yes", *ALL)
    assert answer.code == 0, answer.out[-3000:]
    assert jobs(mac) == [("gui/501", other)]
    assert outcomes(answer, "stop-service") == ["not-applicable"]
    pid = mac.mac.lab.read()["jobs"][0]["pid"]
    assert mac.run("--json", "--yes", "rollback").code == 0
    assert ("gui/501", other) in jobs(mac)
    assert pid is not None


def test_a_file_that_cannot_be_read_is_asked_for_by_the_name_that_is_expected(mac: MacWorld) -> None:
    mac.mac.lab.host(AGENT_FILE).write_bytes(b"not a list")
    answer = mac.run("--json", "--yes", *ALL)
    assert answer.code == 0, answer.out[-3000:]
    assert jobs(mac) == []
