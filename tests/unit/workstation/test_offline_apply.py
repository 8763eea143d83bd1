from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atsam_safe.plan.model import (
    ApplyEffect,
    ForgetReceipt,
    RemovePath,
    RunInstaller,
    RunUninstaller,
    ScopeKind,
    StartService,
    Step,
    StopProcess,
    StopService,
)
from atsam_safe.words.model import WorkstationError
from atsam_safe.words.registry import find
from atsam_safe.workstation.offline import OfflineWorkstation
from lab import damage
from lab.atsam import GALSS, IDENTIFIERS
from lab.items import file, symlink
from lab.offline_steps import SERVER, tree
from lab.workstation import RECEIPTS, put

if TYPE_CHECKING:
    import os
    from pathlib import Path


# --- services, removal, receipts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [
        StopService(label="a", path=None, domain="agent"),
        StartService(label="a", path=None, domain="agent"),
        StopProcess(path="/Library/Application Support/Galss/galsvosx"),
    ],
)
def test_nothing_runs_on_an_offline_volume(mojave: Path, tmp_path: Path, step: Step) -> None:
    before = tree(mojave)
    assert OfflineWorkstation(mojave).apply(step, tmp_path) == "not-applicable"
    assert tree(mojave) == before


@pytest.mark.parametrize("step", [RunInstaller(package=0, title="a"), RunUninstaller(path="/a")])
def test_live_steps_are_refused_not_pretended(mojave: Path, tmp_path: Path, step: Step) -> None:
    with pytest.raises(WorkstationError) as caught:
        OfflineWorkstation(mojave).apply(step, tmp_path)
    assert caught.value.problems[0].ref == "workstation.needs-live"


def remove(path: str, kind: ScopeKind) -> RemovePath:
    return RemovePath(path=path, kind=kind, why="receipt")


@pytest.mark.parametrize(
    ("path", "kind", "gone"),
    [
        (f"/{SERVER}", "file", True),
        ("/Library/Frameworks/galssosx.framework/Resources", "file", True),
        ("/Library/Application Support/Galss", "tree", True),
        ("/Library/Application Support/santesocial", "directory", False),
        ("/Library/Application Support/Mozilla", "directory", False),
        ("/Library/Logs/santesocial/CPS", "directory", True),
        ("/Library/absent", "file", True),
        ("/Library/absent/below", "tree", True),
        ("/Library/absent", "directory", True),
    ],
)
def test_removal_takes_what_it_names_and_can_be_repeated(mojave: Path, tmp_path: Path, path: str, kind: ScopeKind, *, gone: bool) -> None:
    before = tree(mojave)
    workstation = OfflineWorkstation(mojave)
    for _ in range(2):
        assert workstation.apply(remove(path, kind), tmp_path) == "done"
    after = tree(mojave)
    assert (mojave / path[1:]).exists() is not gone
    assert {name: fact for name, fact in before.items() if not f"/{name}".startswith(path)} == {
        name: fact for name, fact in after.items() if not f"/{name}".startswith(path)
    }


@pytest.mark.parametrize(
    "path",
    [
        "/Library",
        "/Library/",
        "/library/PREFERENCES",
        "/Library/./Frameworks",
        "/Applications",
        "/usr",
        "/usr/local/lib",
        "/etc",
        "/private/var/db",
        "/Users/docteur",
        "/Users/Hélène Dupré/Library",
        "/Users/docteur/Library/Application Support",
        "/Users/docteur/Documents",
    ],
)
def test_no_plan_can_remove_or_open_what_belongs_to_everybody(mojave: Path, tmp_path: Path, path: str) -> None:
    before = tree(mojave)
    steps = (
        remove(path, "tree"),
        ApplyEffect(kind="remove", path=path),
        ApplyEffect(kind="mode", path=path, mode="777", recursive=True),
        ApplyEffect(kind="create-directory", path=path, mode="777"),
    )
    for step in steps:
        with pytest.raises(WorkstationError) as caught:
            OfflineWorkstation(mojave).apply(step, tmp_path)
        assert caught.value.problems[0].ref == "workstation.system-folder"
    assert tree(mojave) == before


def test_a_folder_where_a_file_was_expected_is_not_removed(mojave: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkstationError):
        OfflineWorkstation(mojave).apply(remove("/Library/Application Support/Galss", "file"), tmp_path)
    assert (mojave / SERVER).exists()


def test_removing_a_link_leaves_its_target(mojave: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    put(outside, [file("kept.txt", b"x")])
    damage.link_in_place_of(mojave, "Library/Application Support/Galss", str(outside))
    OfflineWorkstation(mojave).apply(remove("/Library/Application Support/Galss", "tree"), tmp_path)
    assert (outside / "kept.txt").exists()
    assert not (mojave / "Library/Application Support/Galss").is_symlink()


def test_no_removal_goes_through_a_link(mojave: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    put(outside, [file("galsvosx", b"x")])
    damage.link_in_place_of(mojave, "Library/Application Support/Galss", str(outside))
    with pytest.raises(WorkstationError) as caught:
        OfflineWorkstation(mojave).apply(remove(f"/{SERVER}", "file"), tmp_path)
    assert caught.value.problems[0].ref == "volume.link-in-the-way"
    assert (outside / "galsvosx").exists()


def test_receipts_are_forgotten_and_nothing_else(mojave: Path, tmp_path: Path) -> None:
    damage.old_bundle_receipts(mojave)
    identifier = IDENTIFIERS[GALSS]
    paths = (f"/{RECEIPTS}/{identifier}.plist", f"/var/db/receipts/{identifier}.bom", "/Library/Receipts/galss.pkg")
    step = ForgetReceipt(identifier=identifier, paths=paths)
    workstation = OfflineWorkstation(mojave)
    for _ in range(2):
        assert workstation.apply(step, tmp_path) == "done"
    assert not [path for path in paths if (mojave / path[1:].replace("var/", "private/var/", 1)).exists() and "private/private" not in path]
    assert not list((mojave / RECEIPTS).glob(f"{identifier}.*"))


@pytest.mark.parametrize(
    "path", ["/Library/Preferences/galss.ini", f"/{RECEIPTS}", f"/{RECEIPTS}/a/b", "/Library/Receipts/../Preferences", "relative"]
)
def test_a_receipt_step_cannot_remove_anything_but_receipts(mojave: Path, tmp_path: Path, path: str) -> None:
    before = tree(mojave)
    step = ForgetReceipt(identifier="x", paths=(f"/{RECEIPTS}/{IDENTIFIERS[GALSS]}.plist", path))
    with pytest.raises(WorkstationError):
        OfflineWorkstation(mojave).apply(step, tmp_path)
    assert tree(mojave) == before


# --- effects -------------------------------------------------------------------------------------------------------------------


def mode_of(path: Path) -> int:
    status: os.stat_result = path.lstat()
    return status.st_mode & 0o7777


def test_modes_are_set_recursively_and_links_left_alone(mojave: Path, tmp_path: Path) -> None:
    top = "Library/Frameworks/galssosx.framework"
    workstation = OfflineWorkstation(mojave)
    outside = tmp_path / "outside"
    outside.write_bytes(b"")
    outside.chmod(0o600)
    put(mojave, [symlink(f"{top}/ailleurs", str(outside))])
    for _ in range(2):
        workstation.apply(ApplyEffect(kind="mode", path=f"/{top}", mode="755", recursive=True), tmp_path)
    assert mode_of(mojave / top / "Versions/A/galssosx") == 0o755
    assert mode_of(mojave / top) == 0o755
    assert mode_of(outside) == 0o600


def test_effects_on_absent_paths_do_nothing(mojave: Path, tmp_path: Path) -> None:
    before = tree(mojave)
    for step in (
        ApplyEffect(kind="mode", path="/Library/absent", mode="777", recursive=True),
        ApplyEffect(kind="remove", path="/Library/absent"),
    ):
        assert OfflineWorkstation(mojave).apply(step, tmp_path) == "done"
    assert tree(mojave) == before


def test_files_and_folders_made_by_effects(mojave: Path, tmp_path: Path) -> None:
    workstation = OfflineWorkstation(mojave)
    made = ApplyEffect(kind="create-directory", path="/Library/Nouveau/dossier", mode="777", owner="root:admin")
    written = ApplyEffect(kind="write-file", path="/Library/Nouveau/dossier/157.adm", content="050105", mode="666")
    for _ in range(2):
        workstation.apply(made, tmp_path)
        workstation.apply(written, tmp_path)
    assert mode_of(mojave / "Library/Nouveau") == 0o755
    assert mode_of(mojave / "Library/Nouveau/dossier") == 0o777
    assert (mojave / "Library/Nouveau/dossier/157.adm").read_text() == "050105"
    assert mode_of(mojave / "Library/Nouveau/dossier/157.adm") == 0o666
    workstation.apply(ApplyEffect(kind="remove", path="/Library/Nouveau"), tmp_path)
    assert not (mojave / "Library/Nouveau").exists()


@pytest.mark.parametrize(
    ("step", "ref"),
    [
        (ApplyEffect(kind="mode", path="/Library/x"), "workstation.unusable-mode"),
        (ApplyEffect(kind="mode", path="/Library/x", mode="rwx"), "workstation.unusable-mode"),
        (ApplyEffect(kind="mode", path="/Library/x", mode="4755"), "workstation.unusable-mode"),
        (ApplyEffect(kind="mode", path="/Library/x", mode="-1"), "workstation.unusable-mode"),
        (ApplyEffect(kind="mode", path="/Library/x", mode="755", owner="docteur:staff"), "workstation.unusable-owner"),
        (ApplyEffect(kind="write-file", path="~/x", content=""), "volume.unusable-path"),
        (ApplyEffect(kind="remove", path="/Library/../etc"), "volume.unusable-path"),
    ],
)
def test_effects_that_cannot_be_meant_are_refused_with_words(mojave: Path, tmp_path: Path, step: ApplyEffect, ref: str) -> None:
    before = tree(mojave)
    with pytest.raises(WorkstationError) as caught:
        OfflineWorkstation(mojave).apply(step, tmp_path)
    assert caught.value.problems[0].ref == ref
    assert find(ref) is not None
    assert tree(mojave) == before
