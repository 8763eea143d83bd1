from __future__ import annotations

import plistlib
import shutil
from typing import TYPE_CHECKING

import pytest

from atsam_safe.catalogue.model import Trust
from atsam_safe.packages.checksums import cksum
from atsam_safe.packages.opening import open_packages
from atsam_safe.plan.model import (
    InstallPayload,
    WriteReceipt,
)
from atsam_safe.volume import primitives
from atsam_safe.words.model import UntrustedPackageError, WorkstationError
from atsam_safe.words.registry import find
from atsam_safe.workstation.offline import OfflineWorkstation
from atsam_safe.workstation.staged import folder_of, read_payload
from lab import damage
from lab.atsam import GALSS, IDENTIFIERS, component_items
from lab.items import directory, file, symlink
from lab.offline_steps import NOW, SERVER, VERSIONS, plan_of, run_all, staged, steps_of, tree
from lab.packages import Component, Product, flipped, product_package
from lab.raw_installer import raw_install
from lab.workstation import HISTORY, RECEIPTS, put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue


# --- staging and payload -------------------------------------------------------------------------------------------------------


def test_staging_reads_and_verifies_without_touching_the_volume(mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    before = tree(mojave)
    staging = tmp_path / "staging"
    seen = staged(OfflineWorkstation(mojave), package, staging, catalogue, steps_of())
    assert tree(mojave) == before
    assert seen[0][1] == 0
    assert seen[-1][1] == seen[-1][2] > 0
    payload = read_payload(folder_of(staging, 0, 0), IDENTIFIERS[GALSS])
    entry = next(entry for entry in payload.entries if entry.path == f"/{SERVER}")
    content = (folder_of(staging, 0, 0) / (entry.staged_name or "")).read_bytes()
    assert cksum(content) == entry.checksum
    assert folder_of(staging, 0, 0).stat().st_mode & 0o077 == 0


def test_a_package_changed_after_it_was_checked_is_not_staged(mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    copy = tmp_path / "copy.pkg"
    copy.write_bytes(package.read_bytes())
    with open_packages(copy, Trust(), catalogue, NOW) as opened:
        data = copy.read_bytes()
        with copy.open("r+b") as stream:
            stream.write(flipped(data, len(data) // 2))
        with pytest.raises(UntrustedPackageError):
            OfflineWorkstation(mojave).stage(plan_of(steps_of()), opened, tmp_path / "staging", lambda *_: None)


def test_a_plan_of_another_package_is_not_staged(mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    for package_index, part, identifier in ((0, 1, IDENTIFIERS[GALSS]), (0, 9, IDENTIFIERS[GALSS]), (7, 0, IDENTIFIERS[GALSS])):
        step = InstallPayload(identifier=identifier, version="1", package=package_index, part=part, files=1, bytes=1)
        with pytest.raises(WorkstationError) as caught:
            staged(OfflineWorkstation(mojave), package, tmp_path / "staging", catalogue, (step,))
        assert caught.value.problems[0].ref == "workstation.not-staged"


def test_staging_again_starts_afresh(mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    staging = tmp_path / "staging"
    put(folder_of(staging, 0, 0), [file("000000", b"left by a killed run")])
    staged(OfflineWorkstation(mojave), package, staging, catalogue, steps_of())
    assert (folder_of(staging, 0, 0) / "000000").read_bytes() != b"left by a killed run"


def test_an_installed_payload_is_what_the_package_says(mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    workstation = OfflineWorkstation(mojave)
    steps = steps_of(preserve=("/Library/Preferences/galss.ini", "/Library/Preferences/io_comm.ini"))
    ini = (mojave / "Library/Preferences/galss.ini").read_bytes()
    staged(workstation, package, tmp_path / "staging", catalogue, steps)
    run_all(workstation, steps, tmp_path / "staging")
    for component, version in VERSIONS.items():
        for item in component_items(component, version):
            path = mojave / item.path
            if item.path.endswith("ini"):
                continue
            if item.kind == "symlink":
                assert str(path.readlink()) == item.link
            elif item.kind == "file":
                assert path.read_bytes() == item.data
                assert path.stat().st_mode & 0o7777 == item.permissions
                assert int(path.stat().st_mtime) == item.mtime
            else:
                assert path.is_dir()
    assert (mojave / "Library/Preferences/galss.ini").read_bytes() == ini
    assert not list(mojave.rglob(".atsam-safe-*"))
    facts = workstation.observe(catalogue, ownership=True)
    for component, version in VERSIONS.items():
        receipt = facts.receipt(IDENTIFIERS[component])
        assert receipt is not None
        assert (receipt.version, receipt.problem) == (version, None)
        for entry in receipt.entries or ():
            fact = facts.path(entry.path)
            assert fact is not None
            assert fact.kind == entry.kind
            if entry.kind == "file" and not entry.path.endswith(".ini"):
                assert fact.checksum == entry.checksum


def test_an_absent_configuration_gets_the_packages_one(mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    damage.half_ini_pair(mojave)
    workstation = OfflineWorkstation(mojave)
    steps = steps_of(preserve=("/Library/Preferences/galss.ini", "/Library/Preferences/io_comm.ini"))
    staged(workstation, package, tmp_path / "staging", catalogue, steps)
    run_all(workstation, steps, tmp_path / "staging")
    assert (mojave / "Library/Preferences/io_comm.ini").exists()


def test_existing_shared_folders_keep_their_mode(mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    (mojave / "Library/Preferences").chmod(0o711)
    workstation = OfflineWorkstation(mojave)
    staged(workstation, package, tmp_path / "staging", catalogue, steps_of())
    run_all(workstation, steps_of(), tmp_path / "staging")
    assert (mojave / "Library/Preferences").stat().st_mode & 0o7777 == 0o711


def test_set_id_bits_are_never_installed(mojave: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    items = (file("usr/local/bin/outil", b"x", 0o4755), directory("usr/local/partage", 0o2777))
    path = tmp_path / "suid.pkg"
    path.write_bytes(product_package(Product(title="x", components=(Component(identifier="a.b", version="1", items=items),))))
    step = InstallPayload(identifier="a.b", version="1", package=0, part=0, files=1, bytes=1)
    workstation = OfflineWorkstation(mojave)
    staged(workstation, path, tmp_path / "staging", catalogue, (step,))
    workstation.apply(step, tmp_path / "staging")
    assert (mojave / "usr/local/bin/outil").stat().st_mode & 0o7777 == 0o755
    assert (mojave / "usr/local/partage").stat().st_mode & 0o7777 == 0o777


def test_no_payload_goes_through_a_link(mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    damage.link_in_place_of(mojave, "Library/Application Support/Galss", str(outside))
    workstation = OfflineWorkstation(mojave)
    staged(workstation, package, tmp_path / "staging", catalogue, steps_of())
    with pytest.raises(WorkstationError):
        run_all(workstation, steps_of(), tmp_path / "staging")
    assert list(outside.iterdir()) == []


def test_a_link_in_place_of_a_file_is_replaced_not_written_through(
    mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_bytes(b"other")
    damage.link_in_place_of(mojave, SERVER, str(outside))
    workstation = OfflineWorkstation(mojave)
    staged(workstation, package, tmp_path / "staging", catalogue, steps_of())
    run_all(workstation, steps_of(), tmp_path / "staging")
    assert outside.read_bytes() == b"other"
    assert not (mojave / SERVER).is_symlink()


class StoppedError(Exception):
    """The process ended here."""


CHANGING = ("rename", "make_symlink", "make_directory", "create_file", "write_all", "change_mode", "change_owner", "change_times")


def stop_after(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Let ``calls`` changes of names happen, then stop."""
    left = [calls]

    def wrapped(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            if left[0] == 0:
                raise StoppedError
            left[0] -= 1
            return function(*arguments)

        return call

    for name in CHANGING:
        monkeypatch.setattr(primitives, name, wrapped(getattr(primitives, name)))


@pytest.mark.parametrize("calls", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 20, 31, 44, 61, 90, 121, 160, 203, 240])
def test_steps_stopped_anywhere_can_be_carried_out_again(
    mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    reference = shutil.copytree(mojave, tmp_path / "reference", symlinks=True)
    steps = steps_of()
    expected = OfflineWorkstation(reference)
    staged(expected, package, tmp_path / "staging-1", catalogue, steps)
    staging = shutil.copytree(tmp_path / "staging-1", tmp_path / "staging-2")
    run_all(expected, steps, tmp_path / "staging-1")
    workstation = OfflineWorkstation(mojave)
    with monkeypatch.context() as patch:
        stop_after(patch, calls)
        with pytest.raises(StoppedError):
            run_all(workstation, steps, staging)
    for _ in range(2):
        run_all(workstation, steps, staging)
    assert tree(mojave) == tree(reference)


def test_content_lost_from_staging_is_an_error(mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    workstation = OfflineWorkstation(mojave)
    staging = tmp_path / "staging"
    staged(workstation, package, staging, catalogue, steps_of())
    payload = read_payload(folder_of(staging, 0, 0), IDENTIFIERS[GALSS])
    entry = next(entry for entry in payload.entries if entry.path == f"/{SERVER}")
    (folder_of(staging, 0, 0) / (entry.staged_name or "")).unlink()
    with pytest.raises(WorkstationError) as caught:
        workstation.apply(steps_of()[0], staging)
    assert caught.value.problems[0].ref == "workstation.not-staged"


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff", b"[" * 10_000, b'{"identifier": "other"}'])
def test_a_damaged_staging_folder_is_an_error(
    mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue, content: bytes | None
) -> None:
    workstation = OfflineWorkstation(mojave)
    staging = tmp_path / "staging"
    staged(workstation, package, staging, catalogue, steps_of())
    description = folder_of(staging, 0, 0) / "payload.json"
    description.unlink()
    if content is not None:
        description.write_bytes(content)
    before = tree(mojave)
    for step in steps_of()[:2]:
        with pytest.raises(WorkstationError):
            workstation.apply(step, staging)
    assert tree(mojave) == before


# --- receipts ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ready(mojave: Path, package: Path, tmp_path: Path, catalogue: Catalogue) -> tuple[OfflineWorkstation, Path, WriteReceipt]:
    """A workstation, its staging folder, and the receipt step of GALSS."""
    workstation = OfflineWorkstation(mojave)
    staged(workstation, package, tmp_path / "staging", catalogue, steps_of())
    step = steps_of()[1]
    assert isinstance(step, WriteReceipt)
    return workstation, tmp_path / "staging", step


def test_receipts_are_written_as_macos_does(mojave: Path, ready: tuple[OfflineWorkstation, Path, WriteReceipt]) -> None:
    workstation, staging, step = ready
    lines_before = plistlib.loads((mojave / HISTORY).read_bytes())
    for _ in range(2):
        workstation.apply(step, staging)
    data = (mojave / RECEIPTS / f"{step.identifier}.plist").read_bytes()
    values = plistlib.loads(data)
    assert data.startswith(b"bplist00")
    assert set(values) == {
        "InstallDate", "InstallPrefixPath", "InstallProcessName", "PackageFileName", "PackageIdentifier", "PackageVersion"
    }  # fmt: skip
    assert (values["InstallPrefixPath"], values["PackageFileName"]) == ("/", "fr.sesamvitale.galss.pkg")
    assert (mojave / RECEIPTS / f"{step.identifier}.bom").read_bytes() == (folder_of(staging, 0, 0) / "Bom").read_bytes()
    history = (mojave / HISTORY).read_bytes()
    assert history.startswith(b"<?xml")
    lines = plistlib.loads(history)
    assert lines[:-1] == lines_before
    assert lines[-1]["packageIdentifiers"] == [step.identifier]
    assert lines[-1]["date"] == values["InstallDate"]
    assert workstation.notes == []


def test_a_missing_history_is_begun(mojave: Path, ready: tuple[OfflineWorkstation, Path, WriteReceipt]) -> None:
    workstation, staging, step = ready
    shutil.rmtree(mojave / "Library/Receipts")
    workstation.apply(step, staging)
    assert len(plistlib.loads((mojave / HISTORY).read_bytes())) == 1


def test_a_corrupt_history_is_left_as_it_is_and_said(mojave: Path, ready: tuple[OfflineWorkstation, Path, WriteReceipt]) -> None:
    workstation, staging, step = ready
    damage.corrupt_history(mojave)
    before = (mojave / HISTORY).read_bytes()
    assert workstation.apply(step, staging) == "done"
    assert (mojave / HISTORY).read_bytes() == before
    assert [note.ref for note in workstation.notes] == ["workstation.history-unreadable"]
    assert find(workstation.notes[0].ref) is not None


XML = b'<?xml version="1.0"?><plist version="1.0">'
UNWRITABLE = {
    "number past 64 bits": XML + b"<array><integer>99999999999999999999999999</integer></array></plist>",
    "negative number past 64 bits": XML + b"<array><integer>-99999999999999999999999999</integer></array></plist>",
    "hexadecimal number without end": XML + b"<array><integer>0x" + b"f" * 6000 + b"</integer></array></plist>",
    "nested without end": XML + b"<array>" * 1000 + b"</array>" * 1000 + b"</plist>",
}


@pytest.mark.parametrize("case", UNWRITABLE)
def test_a_history_that_can_be_read_and_not_written_is_left_as_it_is_and_said(
    mojave: Path, ready: tuple[OfflineWorkstation, Path, WriteReceipt], case: str
) -> None:
    """Every installation ended in an error of the program itself and was undone, at every attempt."""
    workstation, staging, step = ready
    (mojave / HISTORY).write_bytes(UNWRITABLE[case])
    assert workstation.apply(step, staging) == "done"
    assert (mojave / HISTORY).read_bytes() == UNWRITABLE[case]
    assert [note.ref for note in workstation.notes] == ["workstation.history-unreadable"]


@pytest.mark.parametrize("kind", ["directory", "symlink", "dictionary"])
def test_a_history_of_another_kind_is_left(mojave: Path, ready: tuple[OfflineWorkstation, Path, WriteReceipt], kind: str) -> None:
    workstation, staging, step = ready
    (mojave / HISTORY).unlink()
    items = {
        "directory": directory(HISTORY),
        "symlink": symlink(HISTORY, "/etc/passwd"),
        "dictionary": file(HISTORY, plistlib.dumps({"a": 1})),
    }
    put(mojave, [items[kind]])
    before = tree(mojave)[HISTORY]
    workstation.apply(step, staging)
    assert tree(mojave)[HISTORY] == before
    assert len(workstation.notes) == 1


def test_a_binary_history_stays_binary_with_its_mode(mojave: Path, ready: tuple[OfflineWorkstation, Path, WriteReceipt]) -> None:
    workstation, staging, step = ready
    put(mojave, [file(HISTORY, plistlib.dumps([], fmt=plistlib.FMT_BINARY), 0o664)])
    workstation.apply(step, staging)
    assert (mojave / HISTORY).read_bytes().startswith(b"bplist00")
    assert (mojave / HISTORY).stat().st_mode & 0o7777 == 0o664


@pytest.mark.parametrize("identifier", ["../../x", "a/b", ".hidden"])
def test_a_receipt_cannot_be_written_elsewhere(mojave: Path, ready: tuple[OfflineWorkstation, Path, WriteReceipt], identifier: str) -> None:
    workstation, staging, step = ready
    before = tree(mojave)
    with pytest.raises(WorkstationError):
        workstation.apply(WriteReceipt(identifier=identifier, version="1", package=0, part=0, title=step.title), staging)
    assert tree(mojave) == before


# --- the raw installer of the lab ----------------------------------------------------------------------------------------------


def test_the_raw_installer_shows_the_damage(mojave: Path, package: Path, catalogue: Catalogue) -> None:
    damage.half_ini_pair(mojave)
    assert raw_install(mojave, package) == tuple(IDENTIFIERS[component] for component in VERSIONS)
    facts = OfflineWorkstation(mojave).observe(catalogue)
    receipt = facts.receipt(IDENTIFIERS[GALSS])
    assert receipt is not None
    assert receipt.version == "3.43.02"
    galss = next(config for config in facts.configs if config.path == "/Library/Preferences/galss.ini")
    assert galss.sections["CANAL1"]["TCanal"] == "1", "the working PC/SC configuration was replaced by the serial default"


def test_the_raw_installer_keeps_a_whole_pair(mojave: Path, package: Path) -> None:
    before = (mojave / "Library/Preferences/galss.ini").read_bytes()
    raw_install(mojave, package)
    assert (mojave / "Library/Preferences/galss.ini").read_bytes() == before
