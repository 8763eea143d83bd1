"""Without the package that Windows keeps of a product there is no way back; whether it is lost, unreadable or not whole is told apart."""

from __future__ import annotations

import dataclasses
import errno
import os
from typing import TYPE_CHECKING

import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.words.model import WorkstationError
from atsam_safe.workstation.windows import beyond
from atsam_safe.workstation.windows.adapter import Patience, WindowsWorkstation
from lab.windows import installers
from lab.windows.fake import FakeRunner, FakeWindows

if TYPE_CHECKING:
    from pathlib import Path

CODE = installers.galss().code
QUICK = Patience(install=5, busy=0.05, pause=0.01, service=0.2, process=0.2)
FAULTS = {"damaged": "package.damaged", "folder": "volume.not-a-file"}


def seen(root: Path, package: Path) -> WindowsWorkstation:
    """A fake Windows with one product, looked at; Windows says that it keeps its package at ``package``."""
    windows = FakeWindows()
    told = {"VersionString": "3.45.01", "InstalledProductName": "GALSS v3.45 x64", "InstallSource": f"{package.parent}/"}
    windows.details[CODE] = told | {"LocalPackage": str(package)}
    workstation = WindowsWorkstation(windows, FakeRunner(), root=root, patience=QUICK)
    workstation.observe(load_catalogue(None))
    return workstation


@pytest.mark.needs("installer tools")
@pytest.mark.parametrize(
    ("statement", "ref"),
    [
        ("", None),
        ("UPDATE `Media` SET `Cabinet`='data1.cab'", "windows.cached-package-not-whole"),
        ("UPDATE `File` SET `Attributes`=8192 WHERE `File`='F1'", "windows.cached-package-not-whole"),
        ("damaged", "windows.no-cached-package.unreadable"),
        ("folder", "windows.no-cached-package.unreadable"),
        ("missing", "windows.no-cached-package"),
    ],
)
def test_without_a_package_that_can_put_the_product_back_nothing_is_begun(tmp_path: Path, statement: str, ref: str | None) -> None:
    """What still lies beside the package it came from does not help: a copy is installed from another folder."""
    source = tmp_path / "source"
    source.mkdir()
    changes = (statement,) if statement.startswith("UPDATE") else ()
    cached = installers.build(dataclasses.replace(installers.galss(), statements=changes), source / "galss.msi")
    (source / "data1.cab").write_bytes(b"the archive")
    if statement == "damaged":
        cached.write_bytes(b"no package")
    if statement in {"folder", "missing"}:
        cached.unlink()
    if statement == "folder":
        cached.mkdir()
    workstation = seen(tmp_path, cached)
    folder = tmp_path / "snapshots/1/system"
    folder.mkdir(parents=True)
    try:
        workstation.capture(folder, ())
    except WorkstationError as error:
        (problem,) = error.problems
        assert problem.params["product"] == "GALSS v3.45 x64"
        assert (problem.told or problem.ref) == ref
        assert problem.ref == (ref or "").removesuffix(".unreadable")
        assert problem.evidence == {**problem.params, **({} if problem.told is None else {"path": str(cached), "fault": FAULTS[statement]})}
    else:
        assert ref is None
        assert [one.package for one in beyond.read_kept(folder).products] == [f"package-{CODE}.msi"]


def test_a_full_disk_is_not_called_a_lost_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("shutil.copyfile", full)
    workstation = seen(tmp_path, tmp_path / "galss.msi")
    with pytest.raises(WorkstationError) as caught:
        workstation.capture(tmp_path, ())
    assert [problem.ref for problem in caught.value.problems] == ["volume.no-space"]
