"""What should never happen on a running Mac, and what then does: words, nothing assumed, nothing left out of what can still be done."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.plan.model import InstallPayload, RestoreConfig, RunUninstaller, StartService, StopService
from atsam_safe.words.model import WorkstationError
from atsam_safe.workstation.kept_configs import config_file
from atsam_safe.workstation.macos import beyond, installer, rights, security, staging
from atsam_safe.workstation.macos.adapter import MacosWorkstation
from atsam_safe.workstation.macos.domains import domains_of, session_domains
from lab.macos.commands import COMMANDS
from lab.macos.jobs import start_job
from lab.macos.mac import QUICK, InProcessRunner
from lab.macos.state import OPEN_RIGHT, new_lab

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.plan.model import Step
    from lab.macos.state import Lab

LABEL = "org.cnamts.srvsvcnam.launchd"
JOB = f"/Library/LaunchAgents/{LABEL}.plist"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A Mac with nothing on it."""
    lab = new_lab(tmp_path / "mac", version="14.7.4", build="23H420")
    lab.host("/Library/LaunchAgents").mkdir(parents=True)
    return lab


@pytest.fixture
def mac(lab: Lab) -> MacosWorkstation:
    """The production adapter on it."""
    return MacosWorkstation(InProcessRunner(lab), lab.volume, elevated=True, patience=msgspec.structs.replace(QUICK, quiet=0.1))


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    """The staging folder of a run, as it lies in a state folder."""
    folder = tmp_path / "state/run/staging"
    folder.mkdir(parents=True)
    return folder


def ref_of(action: Callable[[], object]) -> list[str]:
    with pytest.raises(WorkstationError) as caught:
        action()
    return [problem.ref for problem in caught.value.problems]


def kept_in(folder: Path, text: bytes) -> Path:
    system = folder / "state/snapshots/000001/system"
    system.mkdir(parents=True)
    (system / beyond.RECORD).write_bytes(text)
    return system


@pytest.mark.parametrize("text", [b"", b"{", b'{"format":1}', b'{"format":2,"jobs":[],"programs":[],"ours":[],"names":[]}'])
def test_a_record_that_cannot_be_read_is_never_guessed(mac: MacosWorkstation, tmp_path: Path, text: bytes) -> None:
    system = kept_in(tmp_path, text)
    assert ref_of(lambda: mac.prepare_back(system)) == ["snapshot.system-state-damaged"]
    assert ref_of(lambda: mac.bring_back(system)) == ["snapshot.system-state-damaged"]


def test_a_snapshot_of_another_adapter_has_nothing_beyond_files(mac: MacosWorkstation, tmp_path: Path) -> None:
    mac.prepare_back(tmp_path)
    mac.bring_back(tmp_path)


def test_without_a_look_before_nothing_is_kept(mac: MacosWorkstation, tmp_path: Path) -> None:
    assert ref_of(lambda: mac.capture(tmp_path, ())) == ["macos.not-observed"]


def test_what_fails_before_the_way_back_keeps_nothing_else_from_being_done(lab: Lab, mac: MacosWorkstation, tmp_path: Path) -> None:
    record = beyond.KeptSystem(
        format=1,
        jobs=(beyond.KeptJob(domain="gui/501", label=LABEL, path=JOB, loaded=True),),
        programs=(),
        right=None,
        certificates=None,
        ours=(),
        names=(),
    )
    system = kept_in(tmp_path, msgspec.json.encode(record))
    with lab.opened():
        start_job(lab, "gui/501", JOB, {"Label": LABEL, "ProgramArguments": ["/x"]})
        lab.state["misbehave"] = {"/bin/ps": "hang"}
    refs = ref_of(lambda: mac.prepare_back(system))
    assert refs == ["macos.cannot-be-asked", "macos.installer-still-at-work"]
    assert lab.read()["jobs"] == []


def test_a_mac_that_answers_nothing_is_unknown_and_never_right(lab: Lab, mac: MacosWorkstation, catalogue: Catalogue) -> None:
    lab.set(misbehave=dict.fromkeys(COMMANDS, "hang"))
    facts = mac.observe(catalogue)
    assert facts.adapter == "macos"
    unknown = (facts.processes, facts.certificates, facts.token_extensions, facts.card_tokens)
    state = facts.system
    silent = (state.restart_pending, state.installer_running, state.on_battery, state.gatekeeper, state.encrypting, state.console_user)
    assert unknown == (None,) * 4
    assert silent == (None,) * 6
    assert state.trust_settings_open is None
    assert facts.os.rosetta is None
    assert "pkgutil did not list the receipts" in facts.notes
    # its files still say what files say, and whether it may be written
    assert facts.space is not None
    assert facts.space.writable


def test_a_right_that_an_installation_left_open_is_seen(lab: Lab, mac: MacosWorkstation, catalogue: Catalogue) -> None:
    assert mac.observe(catalogue).system.trust_settings_open is False
    lab.set(right=dict(OPEN_RIGHT))
    assert mac.observe(catalogue).system.trust_settings_open is True


CLOSED = {"class": "rule", "rule": ["entitled", "authenticate-admin"], "k-of-n": 1, "comment": "For modifying Trust Settings."}


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"created": 5.0, "modified": 6.0, "version": 1}, True),
        ({"identifier": "com.apple.security", "requirement": "anchor apple"}, True),
        ({"comment": "Pour modifier les réglages de confiance."}, True),
        ({"shared": False, "allow-root": False}, True),
        ({"shared": True}, False),
        ({"k-of-n": 2}, False),
        ({"rule": ["authenticate-admin"]}, False),
        ({"class": "allow"}, False),
        ({"something-new": "x"}, False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_the_authorisation_service_adds_by_itself_makes_no_other_right(change: dict[str, object], *, same: bool) -> None:
    assert (security.rule_of({**CLOSED, **change}) == security.rule_of(CLOSED)) == same


def test_a_rule_named_once_is_the_same_in_a_list() -> None:
    assert security.rule_of({"class": "rule", "rule": "allow"}) == security.rule_of({"class": "rule", "rule": ["allow"]})


def test_a_right_is_written_without_the_services_own_notes(lab: Lab) -> None:
    before = {**CLOSED, "created": 1.0, "identifier": "com.example", "requirement": "x", "modified": 2.0, "version": 3}
    lab.set(right=dict(OPEN_RIGHT))
    assert rights.put_back(InProcessRunner(lab), before)
    now = lab.read()["right"]
    assert {key: now[key] for key in CLOSED} == CLOSED
    assert now["identifier"] == "com.apple.security"
    assert not rights.put_back(InProcessRunner(lab), before)


@pytest.mark.parametrize(("child", "moving", "expected"), [(False, False, False), (True, False, True), (False, True, True)])
def test_a_service_for_scripts_is_an_installation_only_with_a_script_or_while_files_move(
    lab: Lab, mac: MacosWorkstation, catalogue: Catalogue, *, child: bool, moving: bool, expected: bool
) -> None:
    with lab.opened() as state:
        state["processes"].append({"pid": 70, "ppid": 1, "user": "root", "path": installer.SCRIPT_SERVICE})
        if child:
            state["processes"].append({"pid": 71, "ppid": 70, "user": "root", "path": "/bin/bash"})
    ready = lab.host(f"{installer.SANDBOXES}/.PKInstallSandboxManager/1{installer.ACTIVE_SANDBOX}")
    ready.mkdir(parents=True)
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.02):
            (ready / "payload").write_text(str(time.monotonic_ns()))

    writer = threading.Thread(target=write)
    if moving:
        writer.start()
    try:
        assert mac.observe(catalogue).system.installer_running is expected
    finally:
        over.set()
        if moving:
            writer.join()


def test_steps_of_a_volume_are_not_for_a_running_mac(mac: MacosWorkstation, staged: Path) -> None:
    step = InstallPayload(identifier="a", version="1", package=0, part=0, files=0, bytes=0)
    assert ref_of(lambda: mac.apply(step, staged)) == ["macos.not-for-a-running-mac"]


GUEST = b"#!/bin/sh\nexit 0\n"
CONFIG = "/Library/Preferences/galss.ini"


@pytest.mark.parametrize(
    "step",
    [
        RunUninstaller(path="/x/uninstall.sh", sha256=(hashlib.sha256(GUEST).hexdigest(),)),
        RestoreConfig(path=CONFIG, sha256=hashlib.sha256(b"a").hexdigest()),
        StartService(label=LABEL, path=JOB, domain="agent"),
    ],
    ids=lambda step: type(step).__name__,
)
def test_what_was_staged_and_changed_meanwhile_is_not_used(lab: Lab, mac: MacosWorkstation, staged: Path, step: Step) -> None:
    staging.guest_file(staged, "/x/uninstall.sh").write_bytes(GUEST + b"rm -rf /\n")
    config_file(staged, CONFIG).write_bytes(b"b")
    lab.host(JOB).write_bytes(b"")
    assert ref_of(lambda: mac.apply(step, staged)) == ["workstation.not-staged"]


def test_a_job_of_which_nothing_is_known_is_not_taken_for_stopped(lab: Lab, mac: MacosWorkstation, staged: Path) -> None:
    lab.set(misbehave={"/bin/launchctl": "hang"})
    assert ref_of(lambda: mac.apply(StopService(label=LABEL, path=JOB, domain="daemon"), staged)) == ["macos.cannot-be-asked"]


def test_a_persons_own_agent_runs_for_that_person_only(mac: MacosWorkstation) -> None:
    assert domains_of(mac, "daemon", None) == ("system",)
    own = domains_of(mac, "user-agent", "/Users/Hélène Dupré/Library/LaunchAgents/x.plist")
    assert own == ("gui/502", "user/502")
    assert session_domains(domains_of(mac, "agent", JOB)) == ("gui/501", "gui/502")
