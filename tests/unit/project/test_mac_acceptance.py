"""The script for a real Mac, held against laboratory Macs: it finds a wrong assumption, changes nothing, and names nobody."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scripts import mac_acceptance, mac_afterwards, mac_trials

from atsam_safe.volume import primitives
from atsam_safe.workstation.macos import installer
from lab.macos.mac import InProcessRunner
from lab.macos.state import new_lab

if TYPE_CHECKING:
    from lab.macos.state import Lab

NAMES = ["docteur", "hélène dupré", "cabinet-imac"]


def make_lab(folder: Path, version: str) -> Lab:
    lab = new_lab(folder / "mac", version=version, build="99A999")
    lab.volume.mkdir()
    many = [{"pid": 100 + number, "ppid": 1, "user": "docteur", "path": f"/usr/libexec/d{number}"} for number in range(20)]
    job = {"domain": "system", "label": "a.b", "path": "/a", "program": "/a", "pid": 5}
    daemon = {**job, "label": "com.apple.installd", "path": "/System/Library/LaunchDaemons/com.apple.installd.plist"}
    lab.set(processes=many, jobs=[job, daemon], tokens=["fr.asip.esante.CPSToken:80250000012345678901"])
    return lab


@pytest.mark.parametrize("version", ["10.15.7", "14.7.4", "26.0"])
def test_a_laboratory_mac_is_as_assumed(tmp_path: Path, version: str) -> None:
    lab = make_lab(tmp_path, version)
    before = {key: value for key, value in lab.read().items() if key != "log"}
    report = mac_acceptance.run_checks(InProcessRunner(lab), NAMES)
    assert report.wrong == 0, "\n".join(report.lines)
    assert {key: value for key, value in lab.read().items() if key != "log"} == before


def test_a_wrong_assumption_is_told(tmp_path: Path) -> None:
    lab = make_lab(tmp_path, "26.0")
    lab.set(misbehave={"security": "right-denied"})
    report = mac_acceptance.run_checks(InProcessRunner(lab), NAMES)
    assert report.wrong == 1
    assert any(line.startswith("[NOT AS ASSUMED] trust-right") for line in report.lines)


def test_nobody_is_named(tmp_path: Path) -> None:
    report = "\n".join(mac_acceptance.run_checks(InProcessRunner(make_lab(tmp_path, "26.0")), NAMES).lines)
    assert "docteur" not in report
    assert "80250000012345678901" not in report
    masked = mac_acceptance.mask('/Users/Hélène Dupré/x cabinet-imac "IOPlatformSerialNumber" = C02XX serial: ABC123', NAMES)
    assert masked.startswith("/Users/NAME")
    assert "cabinet" not in masked
    assert "ABC123" not in masked


def test_what_may_name_documents_or_people_is_never_shown_even_when_it_is_not_as_assumed(tmp_path: Path) -> None:
    lab = make_lab(tmp_path, "26.0")
    reader = {"pid": 900, "ppid": 1, "user": "docteur", "path": "/usr/bin/less", "arguments": ["/tmp/compte-rendu-MARTIN.pdf"]}
    lab.set(processes=[reader])
    report = mac_acceptance.run_checks(InProcessRunner(lab), NAMES)
    assert any(line.startswith("[NOT AS ASSUMED] command-lines") for line in report.lines)
    assert "MARTIN" not in "\n".join(report.lines)


def test_what_is_tried_is_told_and_a_failure_is_a_finding(tmp_path: Path) -> None:
    def fails() -> tuple[object, bool]:
        raise PermissionError(1, "Operation not permitted", "/Users/docteur/x")

    report = mac_acceptance.Report()
    mac_acceptance.run_trials(report, NAMES)
    found = [line for line in report.lines if line.startswith("[")]
    assert [line.partition("] ")[2].partition(":")[0] for line in found] == [trial.name for trial in mac_trials.TRIALS]
    report = mac_acceptance.Report()
    mac_acceptance.run_trials(report, NAMES, [mac_trials.Trial(name="x", assumption="y", attempt=fails)])
    assert report.wrong == 1
    assert "docteur" not in "".join(report.lines)
    # a link put in the report's place by somebody else is not followed
    (tmp_path / "rapport-mac-1.txt").symlink_to(tmp_path / "elsewhere")
    assert mac_acceptance.write_report("text", tmp_path) == tmp_path / "rapport-mac-2.txt"
    assert not (tmp_path / "elsewhere").exists()


SCRIPT = Path(mac_acceptance.__file__).with_name("mac-acceptance")
FAKE_PYTHON = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1 $2" in
    "-c import"*) exit 0 ;;
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
esac
"""


def started(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("sh", "dirname", "mkdir", "rm", "cp"):
        if not (tools / name).exists():
            (tools / name).symlink_to(shutil.which(name) or "")
    told = {"PATH": str(tools), "VENV": str(folder / "venv"), "CALLS": str(folder / "calls"), **environment}
    return subprocess.run([str(tools / "sh"), str(SCRIPT), "--install", "A.pkg"], env=told, capture_output=True, text=True, check=False)


def test_without_a_python_it_says_where_to_get_one(tmp_path: Path) -> None:
    ended = started(tmp_path, PLACES="/nowhere/python3")
    assert ended.returncode == 2
    assert "https://www.python.org/downloads/macos/" in ended.stderr


def test_with_a_python_it_prepares_itself_once_and_starts(tmp_path: Path) -> None:
    python = tmp_path / "python3.12"
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    for _ in range(2):
        ended = started(tmp_path, PYTHON=str(python))
        assert ended.returncode == 0, ended.stderr
    calls = (tmp_path / "calls").read_text()
    assert calls.count("-m venv") == 1
    assert calls.count("-m pip") == 1
    assert calls.count("mac_acceptance.py --install A.pkg") == 2
    assert os.access(SCRIPT, os.X_OK)


def test_after_an_installation_it_is_told_which_services_stay_and_whether_the_right_is_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = make_lab(tmp_path, "26.0")
    with lab.opened() as state:
        state["processes"].append({"pid": 70, "ppid": 1, "user": "root", "path": installer.SCRIPT_SERVICE})
        state["processes"].append({"pid": 71, "ppid": 70, "user": "root", "path": "/bin/bash"})
    mac_afterwards.watch_services(InProcessRunner(lab), (0, 0.1))
    told = capsys.readouterr().out.splitlines()
    assert [line.rpartition(": ")[2] for line in told] == ["1 children", "1 children"]
    assert mac_afterwards.rights_alike({"class": "rule", "version": 1}, {"class": "rule", "version": 2}) == (
        "decides the same: True; keys that differ: version"
    )
    assert mac_afterwards.rights_alike({"class": "rule"}, {"class": "allow"}).startswith("decides the same: False")
    assert mac_afterwards.rights_alike(None, {}) == "not read"


@pytest.mark.parametrize(
    ("refused", "found"),
    [(None, ("allowed", True)), (errno.EPERM, ("EPERM", True)), (errno.EACCES, ("EACCES", False))],
)
def test_whether_applications_may_be_changed_is_tried_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: int | None, found: tuple[str, bool]
) -> None:
    bundle = tmp_path / "Applications/cpgesosx.app"
    bundle.mkdir(parents=True)
    if refused is not None:

        def denies(*_arguments: object) -> int:
            raise OSError(refused, os.strerror(refused))

        monkeypatch.setattr(primitives, "create_file", denies)
    assert mac_trials.application_bundles(tmp_path) == ({"/Applications/cpgesosx.app": found[0]}, found[1])
    assert list(bundle.iterdir()) == []
