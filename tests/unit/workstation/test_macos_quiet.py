"""No file is put back, and no installation called done, while the system may still be carrying one out; and no longer than that."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.workstation.macos import installer
from lab.macos.mac import QUICK
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


def refs(answer: Answer) -> set[str]:
    return {problem["ref"] for problem in (*answer.json["errors"], *answer.json["notices"])}


def test_a_run_killed_in_the_middle_of_the_installer_waits_for_it_before_it_goes_back(mac: MacWorld) -> None:
    before = mac.fingerprint()
    mac.mac.lab.set(misbehave={"installer": "is-killed-with-us"})
    mac.run_killed(-1, "--yes", "install", mac.package("ATSAM-4.41.pkg"))
    assert (mac.root / "Library/Application Support/Galss/galsvosx").read_bytes() == b"half"
    mac.mac.lab.set(misbehave={})
    answer = mac.run("--json", "recover")
    assert answer.code == 0, answer.out[-3000:]
    time.sleep(2.0)  # what the system's service would still have written is written now, or never
    assert mac.fingerprint() == before


def test_while_an_installation_goes_on_a_way_back_is_not_called_complete(mac: MacWorld) -> None:
    before = mac.fingerprint()
    mac.run_killed(41, "--yes", "install", mac.package("ATSAM-4.41.pkg"))
    with mac.mac.lab.opened() as state:
        state["processes"].append({"pid": 4711, "ppid": 1, "user": "root", "path": installer.INSTALLER})
    mac.mac.patience = msgspec.structs.replace(QUICK, quiet=0.3)
    answer = mac.run("--json", "recover")
    assert answer.code == 21
    assert "macos.installer-still-at-work" in refs(answer)
    with mac.mac.lab.opened() as state:
        state["processes"] = [process for process in state["processes"] if process["pid"] != 4711]
    assert mac.run("--json", "recover").code == 0
    assert mac.fingerprint() == before


def test_what_goes_on_after_success_was_announced_is_waited_for(mac: MacWorld) -> None:
    content = (mac.root / INI).read_bytes()
    mac.mac.lab.set(misbehave={"installer": "goes-on-after-success"})
    answer = mac.run("--json", "--yes", "install", mac.package("ATSAM-4.41.pkg"))
    assert answer.code == 0, answer.out[-3000:]
    time.sleep(2.0)
    assert (mac.root / INI).read_bytes() == content


def test_a_service_that_the_system_keeps_without_work_fails_no_installation(mac: MacWorld) -> None:
    mac.mac.lab.set(misbehave={"installer": "service-stays"})
    answer = mac.run("--json", "--yes", "install", mac.package("ATSAM-4.41.pkg"))
    assert answer.code == 0, answer.out[-3000:]
    assert "macos.installer-idle" in refs(answer)
    # nor does it stand in the way of going back
    answer = mac.run("--json", "--yes", "rollback")
    assert answer.code == 0, answer.out[-3000:]
    assert "macos.installer-idle" in refs(answer)


def test_while_files_move_a_service_without_scripts_is_waited_for(mac: MacWorld) -> None:
    content = (mac.root / INI).read_bytes()
    mac.mac.lab.set(misbehave={"installer": "service-stays-and-files-move"})
    answer = mac.run("--json", "--yes", "install", mac.package("ATSAM-4.41.pkg"))
    assert answer.code == 0, answer.out[-3000:]
    assert "macos.installer-idle" in refs(answer)
    time.sleep(2.0)
    assert (mac.root / INI).read_bytes() == content


def test_a_service_with_a_script_is_at_work_even_when_no_file_moves(mac: MacWorld) -> None:
    mac.run_killed(41, "--yes", "install", mac.package("ATSAM-4.41.pkg"))
    with mac.mac.lab.opened() as state:
        state["processes"].append({"pid": 4711, "ppid": 1, "user": "root", "path": installer.SCRIPT_SERVICE})
        state["processes"].append({"pid": 4712, "ppid": 4711, "user": "root", "path": "/bin/bash"})
    mac.mac.patience = msgspec.structs.replace(QUICK, quiet=1.0, settle=0.1)
    answer = mac.run("--json", "recover")
    assert answer.code == 21
    assert "macos.installer-still-at-work" in refs(answer)


def test_files_that_lie_ready_and_move_are_an_installation_under_way(mac: MacWorld) -> None:
    mac.run_killed(41, "--yes", "install", mac.package("ATSAM-4.41.pkg"))
    ready = mac.root / "Library/InstallerSandboxes/.PKInstallSandboxManager/1.activeSandbox/Root"
    ready.mkdir(parents=True)
    with mac.mac.lab.opened() as state:
        state["processes"].append({"pid": 4711, "ppid": 1, "user": "root", "path": installer.WRITING_SERVICES[0]})
    mac.mac.patience = msgspec.structs.replace(QUICK, quiet=1.5, settle=0.2)
    child = os.fork()
    if child == 0:
        for number in range(80):
            (ready / f"{number}").write_bytes(b"x")
            time.sleep(0.05)
        os._exit(0)
    answer = mac.run("--json", "recover")
    assert answer.code == 21
    assert "macos.installer-still-at-work" in refs(answer)
    os.waitpid(child, 0)
    # left-overs of an earlier installation that nobody touches stop nothing
    assert mac.run("--json", "recover").code == 0
