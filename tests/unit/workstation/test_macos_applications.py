"""Since macOS 13 application bundles are protected, from root as well: that is found out before anything is touched, and nothing stays."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.volume import Volume, primitives
from atsam_safe.words.model import Problem, WorkstationError
from atsam_safe.workstation.macos import applications
from atsam_safe.workstation.macos.adapter import MacosWorkstation
from lab.macos.mac import QUICK, InProcessRunner
from lab.macos.state import new_lab
from lab.stage_fixtures import materials, stage
from lab.worlds import MacWorld

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.macos.state import Lab
    from lab.stage import Answer, Stage

pytestmark = pytest.mark.unmeasured

__all__ = ["materials", "stage"]

REMNANT = ".atsam-safe-0123456789abcdef.tmp"
# inside a folder that goes with the component
BUNDLE = "/Library/Application Support/Galss/Reglages.app"
OF_THE_SET = ("/Applications/SrvSVcnam_Lanceur.app", "/Applications/SrvSVcnam_Moniteur.app", "/Applications/cpgesosx.app")
TIME = 1_600_000_000_000_000_000
GESTION = "/Applications/cpgesosx.app"
FIREFOX = "/Applications/Firefox.app"
TEAMVIEWER = "/Applications/TeamViewer.app"
POLICIES = f"{FIREFOX}/Contents/Resources/distribution/policies.json"


def protect(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A macOS without « App Management »: inside a bundle nothing is made, removed or renamed. What was tried is listed."""
    tried: list[str] = []

    def guarded(genuine: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            for fd in (one for one in arguments if isinstance(one, int)):
                where = os.readlink(f"/proc/self/fd/{fd}") if os.path.exists(f"/proc/self/fd/{fd}") else ""  # noqa: PTH110, PTH115 - descriptors
                if ".app/" in f"{where}/":
                    tried.append(where)
                    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
            return genuine(*arguments)

        return call

    for name in ("create_file", "unlink", "remove_directory", "rename"):
        monkeypatch.setattr(primitives, name, guarded(getattr(primitives, name)))
    return tried


def put_bundle(root: Path, path: str = BUNDLE) -> Path:
    bundle = root / path.lstrip("/")
    (bundle / "Contents").mkdir(parents=True)
    (bundle / "Contents/Info.plist").write_text("<plist/>")
    os.utime(bundle, ns=(TIME, TIME))
    return bundle


def uninstall(mac: MacWorld) -> Answer:
    return mac.run("--json", "--yes", "--accept", "dependents.present", "uninstall", "--all")


@pytest.mark.parametrize("version", ["13.7.4", "14.7.4", "26.0"])
def test_a_protected_bundle_is_a_refusal_with_nothing_touched(stage: Stage, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    mac = MacWorld(stage, version=version)
    put_bundle(mac.root)
    before = mac.fingerprint()
    with monkeypatch.context() as patch:
        assert protect(patch) == []
        answer = uninstall(mac)
    assert answer.code == 10, answer.out[-3000:]
    assert [one["ref"] for one in answer.json["errors"]] == ["macos.applications-protected"]
    assert answer.json["errors"][0]["evidence"] == {"paths": [*OF_THE_SET, BUNDLE]}
    assert "App Management" in answer.json["errors"][0]["next"]
    assert mac.fingerprint() == before
    assert not [entry for entry in mac.mac.lab.read()["log"] if entry[1:2] in (["bootout"], ["--forget"])]
    assert uninstall(mac).code == 0


def test_an_older_macos_is_not_tried(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    mac = MacWorld(stage, version="12.7.6")
    bundle = put_bundle(mac.root)
    tried: list[str] = []
    monkeypatch.setattr(Volume, "try_writing", lambda _self, path: tried.append(path))
    assert uninstall(mac).code == 0
    assert tried == []
    assert not bundle.exists()


def test_what_a_killed_attempt_left_is_no_part_of_any_state(stage: Stage) -> None:
    mac = MacWorld(stage, version="14.7.4")
    bundle = put_bundle(mac.root)
    before = mac.fingerprint()
    (bundle / REMNANT).touch()
    os.utime(bundle, ns=(TIME, TIME))
    assert uninstall(mac).code == 0
    assert mac.run("--json", "--yes", "rollback").code == 0
    assert not (bundle / REMNANT).exists()
    assert {key: value for key, value in mac.fingerprint().items() if value != before.get(key)} == {}


def test_an_attempt_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = put_bundle(tmp_path)
    made: list[str] = []
    genuine = primitives.create_file

    def seen(name: str, mode: int, fd: int) -> int:
        made.append(name)
        return genuine(name, mode, fd)

    monkeypatch.setattr(primitives, "create_file", seen)
    with Volume(tmp_path) as volume:
        volume.try_writing(BUNDLE)
    assert len(made) == 1
    assert (bundle.stat().st_mtime_ns, sorted(one.name for one in bundle.iterdir())) == (TIME, ["Contents"])


def test_an_attempt_that_is_interrupted_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = put_bundle(tmp_path)

    def interrupted(_fd: int) -> None:
        raise KeyboardInterrupt

    with Volume(tmp_path) as volume, monkeypatch.context() as patch:
        patch.setattr(primitives, "close", interrupted)
        with pytest.raises(KeyboardInterrupt):
            volume.try_writing(BUNDLE)
    assert sorted(one.name for one in bundle.iterdir()) == ["Contents"]


# --- which, and why ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A Mac with three bundles."""
    lab = new_lab(tmp_path / "mac", version="15.3", build="24D60")
    for path in (BUNDLE, GESTION, FIREFOX):
        put_bundle(lab.volume, path)
    return lab


@pytest.fixture
def mac(lab: Lab) -> MacosWorkstation:
    """The production adapter on it."""
    return MacosWorkstation(InProcessRunner(lab), lab.volume, elevated=True, patience=QUICK)


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        ([(GESTION, "tree")], (GESTION,)),
        ([(f"{GESTION}/Contents/Info.plist", "file"), (GESTION, "file")], (GESTION,)),
        # written by the component's own script, whether it is there yet or not
        ([(POLICIES, "file")], (FIREFOX,)),
        ([("/Library/Application Support/Galss", "tree")], (BUNDLE,)),
        ([("/Library/Application Support/Galss", "file"), ("/Applications", "directory")], ()),
        ([("/Applications/SrvSVcnam_Moniteur.app", "tree"), ("/Library/Preferences/galss.ini", "file")], ()),
        ([("/Applications/cpgesosx.application", "tree")], ()),
    ],
)
def test_every_bundle_that_a_run_may_change_and_no_other(
    mac: MacosWorkstation, paths: list[tuple[str, str]], found: tuple[str, ...]
) -> None:
    assert applications.bundles_of(mac, paths) == found


def test_a_bundle_inside_another_is_tried_with_it(lab: Lab, mac: MacosWorkstation) -> None:
    put_bundle(lab.volume, f"{BUNDLE}/Contents/Library/Aide.app")
    assert applications.bundles_of(mac, [("/Library/Application Support/Galss", "tree")]) == (BUNDLE,)


def test_a_link_in_a_bundles_place_is_not_followed(lab: Lab, mac: MacosWorkstation) -> None:
    lab.host("/Applications/cpgesosx_cps2.app").symlink_to(lab.host(FIREFOX))
    assert applications.bundles_of(mac, [("/Applications/cpgesosx_cps2.app", "tree")]) == ()


def test_all_refused_ones_are_told_at_once(mac: MacosWorkstation, monkeypatch: pytest.MonkeyPatch) -> None:
    protect(monkeypatch)
    with pytest.raises(WorkstationError) as caught:
        applications.require_changeable(mac, [(GESTION, "tree"), (POLICIES, "file")])
    assert [(problem.ref, problem.evidence) for problem in caught.value.problems] == [
        ("macos.applications-protected", {"paths": [FIREFOX, GESTION]})
    ]


def test_a_locked_bundle_is_not_called_protected(mac: MacosWorkstation, monkeypatch: pytest.MonkeyPatch) -> None:
    protect(monkeypatch)
    genuine = mac.volume.lstat

    def locked(path: str) -> object:
        entry = genuine(path)
        return None if entry is None else msgspec.structs.replace(entry, flags=0x2)

    monkeypatch.setattr(mac.volume, "lstat", locked)
    with pytest.raises(WorkstationError) as caught:
        applications.require_changeable(mac, [(GESTION, "tree")])
    assert [problem.ref for problem in caught.value.problems] == ["volume.not-permitted"]


@pytest.mark.parametrize(("version", "tried"), [("10.14.6", 0), ("12.7", 0), ("13.0", 1), ("26.1", 1), ("9.2", 1), ("silent", 1)])
def test_a_release_that_is_not_known_counts_as_a_recent_one(
    lab: Lab, mac: MacosWorkstation, monkeypatch: pytest.MonkeyPatch, version: str, tried: int
) -> None:
    lab.set(**({"misbehave": {"/usr/bin/sw_vers": "hang"}} if version == "silent" else {"version": version}))
    found: list[str] = []
    monkeypatch.setattr(mac.volume, "try_writing", found.append)
    applications.require_changeable(mac, [(GESTION, "tree")])
    assert len(found) == tried


def test_a_rollback_is_refused_as_well_before_anything_is_touched(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    mac = MacWorld(stage, version="14.7.4")
    assert uninstall(mac).code == 0
    put_bundle(mac.root, GESTION)
    before = mac.fingerprint()
    with monkeypatch.context() as patch:
        protect(patch)
        answer = mac.run("--json", "--yes", "rollback")
    assert answer.code == 10, answer.out[-3000:]
    assert [one["ref"] for one in answer.json["errors"]] == ["macos.applications-protected"]
    assert mac.fingerprint() == before
    assert mac.run("--json", "--yes", "rollback").code == 0


@pytest.mark.parametrize("protected", [False, True])
def test_a_rollback_tries_the_bundles_of_its_scope_and_nobody_elses(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, protected: bool
) -> None:
    """What was observed is no scope: other vendors' applications are in it, which a rollback never touches."""
    mac = MacWorld(stage, version="14.7.4")
    for path in (TEAMVIEWER, FIREFOX):
        put_bundle(mac.root, path)
    before = mac.fingerprint()
    assert uninstall(mac).code == 0
    tried: list[str] = []
    genuine = Volume.try_writing

    def seen(volume: Volume, path: str) -> None:
        tried.append(path)
        if protected and path not in {GESTION, FIREFOX}:
            raise WorkstationError(Problem(ref="volume.not-permitted", params={"path": path}))
        genuine(volume, path)

    monkeypatch.setattr(Volume, "try_writing", seen)
    put_bundle(mac.root, GESTION)
    answer = mac.run("--json", "--yes", "rollback")
    assert answer.code == 0, answer.out[-3000:]
    assert tried == [FIREFOX, GESTION]
    assert {key: value for key, value in mac.fingerprint().items() if value != before.get(key)} == {}
