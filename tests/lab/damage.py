"""What goes wrong on real workstations, done to a laid-out volume: each function breaks one thing, as it was met in practice."""

from __future__ import annotations

import plistlib
import shutil
from typing import TYPE_CHECKING

from lab.atsam import GALSS, IDENTIFIERS, component_items
from lab.bill import bill_of_materials
from lab.items import file, with_parents
from lab.workstation import HISTORY, RECEIPTS, SYSTEM_VERSION, add_receipt, put, run_vendor_scripts, system_version

if TYPE_CHECKING:
    from pathlib import Path

_GARBAGE = b"bplist00\xd4\x01\x02\x03 cut in the middle"


def orphan_receipt(root: Path, component: str) -> None:
    """The files are gone (removed by hand, or by another uninstaller), the receipt is left: GALSS then refuses a repair."""
    bill = plistlib.loads((root / RECEIPTS / f"{IDENTIFIERS[component]}.plist").read_bytes())
    for item in component_items(component, bill["PackageVersion"]):
        if item.kind != "directory":
            (root / item.path).unlink(missing_ok=True)


def forget_receipt(root: Path, component: str) -> None:
    """The receipt is gone, the files are left."""
    for suffix in ("plist", "bom"):
        (root / RECEIPTS / f"{IDENTIFIERS[component]}.{suffix}").unlink()


def corrupt_receipt(root: Path, component: str, *, which: str = "plist") -> None:
    """The receipt's ``plist`` or ``bom`` was cut while it was written."""
    (root / RECEIPTS / f"{IDENTIFIERS[component]}.{which}").write_bytes(_GARBAGE)


def half_receipt(root: Path, component: str, *, missing: str = "bom") -> None:
    """Only one of the receipt's two files is left."""
    (root / RECEIPTS / f"{IDENTIFIERS[component]}.{missing}").unlink()


def corrupt_history(root: Path) -> None:
    """The history of installations is not a property list any more."""
    (root / HISTORY).write_bytes(b"<?xml version='1.0'?><plist><array><dict>")


def missing_file(root: Path, path: str = "Library/Frameworks/galclosx.framework/Versions/A/galclosx") -> None:
    """One file of a component is gone."""
    (root / path).unlink()


def changed_file(root: Path, path: str = "Library/Application Support/Galss/galsvosx") -> None:
    """One file of a component has other content of the same length."""
    target = root / path
    data = bytearray(target.read_bytes())
    data[-1] ^= 0x20
    target.write_bytes(data)


def mixed_versions(root: Path, component: str = GALSS, version: str = "3.43.02") -> None:
    """The files of another release lie under the receipt of the first one: an installation that died before its receipt."""
    put(root, with_parents(component_items(component, version)))
    run_vendor_scripts(root, component)


def half_ini_pair(root: Path, *, missing: str = "io_comm.ini") -> None:
    """Only one of galss.ini and io_comm.ini is left: the genuine preinstall would delete that one too."""
    (root / "Library/Preferences" / missing).unlink()


def empty_ini(root: Path) -> None:
    """The galss.ini of 0 bytes, met in practice after an interrupted write."""
    (root / "Library/Preferences/galss.ini").write_bytes(b"")


def old_bundle_receipts(root: Path, name: str = "galss.pkg", version: str = "3.20", identifier: str = "com.gipcps.galss") -> None:
    """A receipt folder as installers left it before Mac OS X 10.6."""
    items = [file("Library/Frameworks/galclosx.framework/Versions/A/galclosx", b"old")]
    values = {"CFBundleIdentifier": identifier, "CFBundleShortVersionString": version, "IFPkgFlagDefaultLocation": "/"}
    put(
        root,
        [
            file(f"Library/Receipts/{name}/Contents/Info.plist", plistlib.dumps(values)),
            file(f"Library/Receipts/{name}/Contents/Archive.bom", bill_of_materials(with_parents(items))),
            file(f"Library/Receipts/{name}/Contents/PkgInfo", b"pmkrpkg1"),
        ],
    )


def old_flat_receipt(root: Path, identifier: str, version: str = "3.20.01") -> None:
    """A receipt under an identifier of former releases."""
    add_receipt(root, identifier, version, [file("Library/Frameworks/galclosx.framework/Versions/A/galclosx", b"old")])


def no_system_version(root: Path) -> None:
    """A volume without SystemVersion.plist: a data volume, or a copy of the wrong folder."""
    (root / SYSTEM_VERSION).unlink()


def compatibility_lie(root: Path, version: str = "10.16") -> None:
    """SystemVersion.plist as macOS shows it to old programs."""
    put(root, [file(SYSTEM_VERSION, system_version(version, "20G1427"))])


def link_in_place_of(root: Path, path: str, target: str) -> None:
    """A link where a folder or file should be: an attack, or an administrator who moved things."""
    place = root / path
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
