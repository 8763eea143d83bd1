"""Several products of one component: brought back from the oldest up, because an older one is refused where a newer one is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.workstation.windows import beyond
from atsam_safe.workstation.windows.adapter import Patience, WindowsWorkstation
from lab.windows import installers
from lab.windows.fake import FakeRunner, FakeWindows, FamilyRunner

if TYPE_CHECKING:
    from pathlib import Path

QUICK = Patience(install=5, busy=0.05, pause=0.01, service=0.2, process=0.2)
# Three Cryptolibs of one workstation (win-09), in the order of their codes; a kept list of an earlier version of the program is in it.
SEVERAL = {
    "5.1.7": "{297EFD05-38C7-479C-BC34-BC269DCDE018}",
    "5.0.42": "{370D799B-992B-49E0-8325-F2E10110A861}",
    "5.2.6": "{CF3BEBDD-16A0-4AE8-8764-ADDF9A104998}",
}
ASCENDING = ["5.0.42", "5.1.7", "5.2.6"]


def kept_several(folder: Path) -> beyond.Kept:
    folder.mkdir(parents=True, exist_ok=True)
    for version in SEVERAL:
        (folder / f"{version}.msi").write_bytes(version.encode())
    return beyond.Kept(
        products=tuple(
            beyond.KeptProduct(
                code=code,
                name=f"Cryptolib {version}",
                version=version,
                component="cryptolib",
                package=f"{version}.msi",
                original=f"{version}.msi",
                sha256=hashlib.sha256(version.encode()).hexdigest(),
            )
            for version, code in SEVERAL.items()
        ),
        keys=(),
        services=(),
        programs=(),
    )


@pytest.mark.parametrize(
    ("there", "calls"),
    [
        ([], ["+5.0.42", "+5.1.7", "+5.2.6"]),
        (["5.0.42"], ["+5.1.7", "+5.2.6"]),
        (["5.0.42", "5.1.7"], ["+5.2.6"]),
        (["5.1.7", "5.2.6"], ["+5.0.42", "-5.2.6", "-5.1.7", "+5.0.42", "+5.1.7", "+5.2.6"]),
        (["5.0.42", "5.2.6"], ["+5.1.7", "-5.2.6", "+5.1.7", "+5.2.6"]),
        (["5.2.6"], ["+5.0.42", "-5.2.6", "+5.0.42", "+5.1.7", "+5.2.6"]),
        (ASCENDING, []),
    ],
)
def test_several_products_of_a_component_come_back_from_the_oldest_up(tmp_path: Path, there: list[str], calls: list[str]) -> None:
    """An older one is refused while a newer one is there: in the order of their codes the way back ended « broken ».

    A newer one that is there goes only when it is in the way: two that do not mind each other are left alone.
    """
    folder = tmp_path / "snapshots/1/system"
    kept = kept_several(folder)
    (folder / beyond.KEPT).write_bytes(msgspec.json.encode(kept))
    windows = FakeWindows()
    windows.details = {SEVERAL[one]: {"VersionString": one, "InstalledProductName": one} for one in there}
    runner = FamilyRunner(windows, {f"{version}.msi": (code, version) for version, code in SEVERAL.items()})
    beyond.prepare_back(WindowsWorkstation(windows, runner, root=tmp_path, patience=QUICK), folder)
    names = {code: f"-{version}" for version, code in SEVERAL.items()} | {f"{version}.msi": f"+{version}" for version in SEVERAL}
    assert [names[call[2].replace("\\", "/").rpartition("/")[2]] for call in runner.calls] == calls
    assert {code: told["VersionString"] for code, told in windows.details.items()} == {code: one for one, code in SEVERAL.items()}


def test_the_lists_of_the_scripts_say_the_same_order(tmp_path: Path) -> None:
    lists = beyond._lists(kept_several(tmp_path))
    assert [line.split()[0] for line in lists["products.list"]] == [SEVERAL[one] for one in ASCENDING]
    low, middle, high = (SEVERAL[one] for one in ASCENDING)
    assert lists["newer.list"] == [f"{low} {high}", f"{low} {middle}", f"{middle} {high}"]


@pytest.mark.needs("installer tools")
def test_they_are_kept_from_the_oldest_up(tmp_path: Path) -> None:
    """``restore.ps1`` takes them in the order in which they are kept: one that had to go for an older one would have no turn left."""
    windows = FakeWindows()
    for product in reversed(installers.SEVERAL_CRYPTOLIBS):
        cached = installers.build(product, tmp_path / f"{product.version}.msi")
        told = {"InstalledProductName": product.name, "VersionString": product.version, "LocalPackage": str(cached)}
        windows.details[product.code] = told
    folder = tmp_path / "snapshots/1/system"
    folder.mkdir(parents=True)
    workstation = WindowsWorkstation(windows, FakeRunner(), root=tmp_path, patience=QUICK)
    workstation.observe(load_catalogue(None))
    workstation.capture(folder, ())
    assert [one.version for one in beyond.read_kept(folder).products] == ASCENDING
