"""The stand-ins speak Apple's words: held byte for byte against the same recorded outputs as the parsers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from atsam_safe.workstation.commands import CommandOutcome, SystemCommandRunner
from atsam_safe.workstation.macos import installer, people, receipts, security, system, trust
from lab.macos.commands import COMMANDS, answer, install_commands
from lab.macos.keychain import certificate
from lab.macos.mac import InProcessRunner
from lab.macos.state import new_lab

if TYPE_CHECKING:
    from lab.macos.state import Lab

RECORDED = Path(__file__).resolve().parents[2] / "fixtures" / "macos"
JOB = {
    "domain": "system",
    "label": "com.icanopee.dmpcjs2",
    "path": "/Library/LaunchDaemons/com.icanopee.dmpcjs2.plist",
    "program": "/usr/local/dmpconnectjs2/dmpconnect-js2",
    "pid": 4242,
    "last_exit": None,
}
DISABLED = [{**JOB, "label": "com.openssh.sshd", "disabled": True}, {**JOB, "label": "a.b"}]
TRUSTED = {
    "certificates": [certificate("AC RACINE IGC-SANTE ELEMENTAIRE", "AA" * 20), certificate("AC RACINE IGC-SANTE FORT", "BB" * 20)],
    "trusted": ["AA" * 20, "BB" * 20],
}
UNREADABLE = {"misbehave": {"security": "trust-unreadable"}}
# recorded file, its case, release, what is so on the Mac, command line, standard input
CASES: list[tuple[str, str, str, dict[str, Any], list[str], bytes]] = [
    ("sw_vers", "10.14.1-one-tab", "10.14.1", {"build": "18B75"}, ["/usr/bin/sw_vers"], b""),
    ("sw_vers", "26.6.2-two-tabs", "26.6.2", {"build": "25G83"}, ["/usr/bin/sw_vers"], b""),
    ("sw_vers", "13.3.1-rapid-response", "13.3.1", {"build": "22E772610a", "extra": "(a)"}, ["/usr/bin/sw_vers"], b""),
    ("sysctl", "apple-silicon", "14.7.4", {"arm": True}, ["/usr/sbin/sysctl", "-n", "hw.optional.arm64"], b""),
    ("sysctl", "intel-unknown-oid", "10.14.6", {}, ["/usr/sbin/sysctl", "-n", "hw.optional.arm64"], b""),
    ("csrutil", "enabled", "14.7.4", {}, ["/usr/bin/csrutil", "status"], b""),
    ("csrutil", "disabled", "14.7.4", {"protection": "disabled"}, ["/usr/bin/csrutil", "status"], b""),
    ("pmset", "desktop", "14.7.4", {}, ["/usr/bin/pmset", "-g", "batt"], b""),
    ("pmset", "laptop-on-battery", "14.7.4", {"battery": 41}, ["/usr/bin/pmset", "-g", "batt"], b""),
    ("spctl_status", "on", "14.7.4", {}, ["/usr/sbin/spctl", "--status"], b""),
    ("spctl_status", "off", "14.7.4", {"gatekeeper": False}, ["/usr/sbin/spctl", "--status"], b""),
    ("fdesetup", "on", "14.7.4", {}, ["/usr/bin/fdesetup", "status"], b""),
    ("fdesetup", "encrypting", "14.7.4", {"encryption": 42}, ["/usr/bin/fdesetup", "status"], b""),
    ("launchctl_print", "running", "14.7.4", {"jobs": [JOB]}, ["/bin/launchctl", "print", "system/com.icanopee.dmpcjs2"], b""),
    ("launchctl_print", "unknown-label", "10.14.6", {}, ["/bin/launchctl", "print", "system/x"], b""),
    ("launchctl_print", "unknown-label-26", "26.0", {}, ["/bin/launchctl", "print", "gui/501/x"], b""),
    ("launchctl_print_disabled", "13-and-later", "14.7.4", {"jobs": DISABLED}, ["/bin/launchctl", "print-disabled", "system"], b""),
    ("security_authorizationdb_read", "denied", "14.7.4", {"misbehave": {"security": "right-denied"}}, [*security.TRUST_RIGHT.argv], b""),
    ("security_list_smartcards", "none", "14.7.4", {}, [*security.TOKENS.argv], b""),
    ("security_list_smartcards", "one", "14.7.4", {"tokens": ["fr.asip.esante.CPSToken:0123456789"]}, [*security.TOKENS.argv], b""),
    ("security_find_certificate", "none", "14.7.4", {}, [*security.CERTIFICATES.argv], b""),
    ("security_dump_trust_settings", "none", "14.7.4", {}, [*trust.SETTINGS.argv], b""),
    ("security_dump_trust_settings", "always-trusted", "14.7.4", TRUSTED, [*trust.SETTINGS.argv], b""),
    ("security_dump_trust_settings", "unreadable", "14.7.4", UNREADABLE, [*trust.SETTINGS.argv], b""),
    ("pkgutil_pkg_info_plist", "unknown", "14.7.4", {}, ["/usr/sbin/pkgutil", "--pkg-info-plist", "fr.sesamvitale.galss.pkg"], b""),
    ("tmutil_localsnapshot", "refused", "14.7.4", {"misbehave": {"tmutil": "fails"}}, [*system.LOCAL_SNAPSHOT.argv], b""),
    ("tmutil_listlocalsnapshots", "10.13", "10.13.6", {"snapshots": ["2017-11-04-192829"]}, [*system.LOCAL_SNAPSHOTS.argv], b""),
    ("tmutil_listlocalsnapshots", "26", "26.0", {"snapshots": ["2026-10-01-090000"]}, [*system.LOCAL_SNAPSHOTS.argv], b""),
    ("scutil_console_user", "no-key", "14.7.4", {"console": None}, ["/usr/sbin/scutil"], people.CONSOLE_QUESTION),
    ("dscl_home", "blank-on-next-line", "14.7.4", {"users": {"Dr Durand": 501}}, [*people.home_of("drdurand").argv], b""),
    ("dscl_home", "missing", "14.7.4", {}, [*people.home_of("nobodyhere").argv], b""),
    ("rosetta", "absent", "14.7.4", {"arm": True}, [*system.ROSETTA.argv], b""),
    ("rosetta", "present", "14.7.4", {"arm": True, "rosetta": True}, [*system.ROSETTA.argv], b""),
]


def recorded(file: str, case: str) -> dict[str, Any]:
    cases = json.loads((RECORDED / f"{file}.json").read_text())["cases"]
    found: dict[str, Any] = next(one for one in cases if one["id"] == case)
    return found


def make_lab(folder: Path, version: str, values: dict[str, Any]) -> Lab:
    lab = new_lab(folder, version=version, build="99A999")
    lab.volume.mkdir()
    lab.set(**values)
    return lab


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_a_stand_in_prints_what_was_recorded(tmp_path: Path, case: tuple[str, str, str, dict[str, Any], list[str], bytes]) -> None:
    file, name, version, values, argv, stdin = case
    expected = recorded(file, name)
    ended = answer(make_lab(tmp_path / "mac", version, values), argv[0], argv[1:], stdin)
    assert (ended.status, ended.out.decode(), ended.err.decode()) == (
        expected["status"],
        expected.get("out", ""),
        expected.get("err", ""),
    )


@pytest.mark.parametrize("version", ["10.13.6", "10.14.6", "10.15.7", "12.7.6", "14.7.4", "26.0"])
def test_the_parsers_understand_every_release(tmp_path: Path, version: str) -> None:
    lab = make_lab(tmp_path / "mac", version, {"certificates": [certificate("AC RACINE IGC-SANTE FORT", "BB" * 20)]})
    runner = InProcessRunner(lab)
    release = system.RELEASE.ask(runner)
    assert release is not None
    assert release.version == version
    found = security.CERTIFICATES.ask(runner)
    assert found is not None
    assert [one.sha1 for one in found] == ["BB" * 20]
    assert (found[0].sha256 is None) == (version < "10.15" and version.startswith("10."))
    assert security.CERTIFICATE_TEXTS.ask(runner).keys() == {"BB" * 20}
    assert system.LOCAL_SNAPSHOT.ask(runner) is not None
    assert len(system.LOCAL_SNAPSHOTS.ask(runner)) == 1
    assert system.ROOM.ask(runner) is not None
    assert receipts.IDENTIFIERS.ask(runner) == ()
    console = people.parse_console_user(runner.run((people.SCUTIL,), limit=1.0, answers=people.CONSOLE_QUESTION))
    assert console is not None
    assert console.uid == 501


@pytest.mark.parametrize("language", ["C", "fr", "sv"])
def test_reasons_are_localised_and_the_frame_is_not(tmp_path: Path, language: str) -> None:
    lab = make_lab(tmp_path / "mac", "10.14.6", {"locale": language, "misbehave": {"installer": "says-yes"}})
    package = tmp_path / "a.pkg"
    package.write_bytes(b"x")
    ended = answer(lab, installer.INSTALLER, installer.arguments(str(package))[1:])
    outcome = CommandOutcome(argv=(installer.INSTALLER,), status=ended.status, out=ended.out, err=ended.err)
    assert installer.parse_outcome(outcome).kind == "installed"
    assert any(installer.parse_progress(line) is not None for line in outcome.text.splitlines())


def test_every_command_the_adapter_names_has_its_executable(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "mac", "10.14.6", {})
    install_commands(lab, sys.executable)
    source = "".join(file.read_text() for file in (Path(__file__).resolve().parents[3] / "src/atsam_safe/workstation/macos").glob("*.py"))
    for command in COMMANDS:
        assert (lab.commands / command.lstrip("/")).is_file()
    named = {word for word in source.split('"') if word.startswith(("/usr/bin/", "/usr/sbin/", "/bin/")) and " " not in word}
    assert named - set(COMMANDS) - {"/usr/bin/true", "/usr/bin/tmutil"} == set()


def test_the_executables_answer_as_the_functions_do(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "mac", "26.0", {"battery": 41})
    install_commands(lab, sys.executable)
    outside, inside = SystemCommandRunner(commands_root=lab.commands), InProcessRunner(lab)
    for probe in (system.RELEASE, system.POWER, system.GATEKEEPER, people.PROCESSES, people.ACCOUNTS, security.TRUST_RIGHT):
        first, second = outside.run(probe.argv, limit=20.0), inside.run(probe.argv, limit=20.0)
        assert (first.status, first.out, first.err) == (second.status, second.out, second.err)


def test_a_command_that_hangs_is_ended_at_its_limit(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "mac", "10.14.6", {"misbehave": {system.SW_VERS: "hang"}})
    install_commands(lab, sys.executable)
    ended = SystemCommandRunner(commands_root=lab.commands).run((system.SW_VERS,), limit=0.4)
    assert ended.timed_out
    assert system.parse_sw_vers(ended) is None
