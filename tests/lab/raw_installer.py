"""What the system's own installer does with a package when nobody guards it: payload over whatever is there, scripts, receipts.

For demonstrations on a copy of a workstation and for tests that need the damage. The vendors' scripts are modelled in our own
words from what they do (``facts`` of the project), with their traps: of galss.ini and io_comm.ini the one that is alone is deleted.
"""

from __future__ import annotations

import datetime as dt
import plistlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.model import Catalogue, Trust
from atsam_safe.packages.extract import extract_component
from atsam_safe.packages.opening import open_packages
from lab.atsam import GALSS, IDENTIFIERS
from lab.workstation import HISTORY, RECEIPTS, run_vendor_scripts

if TYPE_CHECKING:
    from atsam_safe.packages.extract import StagedEntry
    from atsam_safe.packages.model import ComponentPackage

_COMPONENT_OF: Final = {identifier: component for component, identifier in IDENTIFIERS.items()}
_INI_PAIR: Final = ("galss.ini", "io_comm.ini")
_BACKUP: Final = "Library/Preferences/santesocial/galssV3/backup-26-11-2019-09H30M00"


def raw_install(root: Path, package: Path, *, os_version: str = "10.14.6", vendor_scripts: bool = True) -> tuple[str, ...]:
    """Install ``package`` into the volume ``root`` as Apple's installer would; the identifiers installed, in order.

    No rule is asked, nothing is saved, nothing is removed first.
    """
    now = dt.datetime.now(tz=dt.UTC)
    nothing_known = Catalogue(origin="lab", digest="", components=(), bundles=(), dependents=(), os_releases=(), trust=Trust())
    installed = []
    with open_packages(package, Trust(), nothing_known, now) as opened, tempfile.TemporaryDirectory() as scratch:
        for number, inspection in enumerate(opened.inspections):
            for part, component in enumerate(inspection.components):
                folder = Path(scratch) / f"{number}-{part}"
                folder.mkdir()
                entries = extract_component(opened, number, part, folder)
                known = _COMPONENT_OF.get(component.identifier) if vendor_scripts else None
                if known == GALSS:
                    galss_preinstall(root)
                _copy_over(root, entries, folder)
                if known == GALSS:
                    galss_restore(root)
                if known is not None:
                    run_vendor_scripts(root, known, os_version=os_version)
                _write_receipt(root, component, folder / "Bom", inspection.product.title if inspection.product else "", now)
                installed.append(component.identifier)
    return tuple(installed)


def galss_preinstall(root: Path) -> None:
    """GALSS before its payload: copies kept for ever, an ini file without its twin deleted, the server's folder emptied."""
    preferences = root / "Library/Preferences"
    backup = root / _BACKUP
    backup.mkdir(parents=True, exist_ok=True)
    present = [name for name in _INI_PAIR if (preferences / name).exists()]
    for name in present:
        shutil.copy2(preferences / name, backup / name)
        if len(present) == len(_INI_PAIR):
            shutil.copy2(preferences / name, preferences / f"bck{name}")
        else:
            (preferences / name).unlink()
    shutil.rmtree(root / "Library/Application Support/Galss", ignore_errors=True)


def galss_restore(root: Path) -> None:
    """GALSS after its payload: the saved pair comes back when there is one, else the shipped serial default stays."""
    preferences = root / "Library/Preferences"
    if (preferences / "bckgalss.ini").exists():
        for name in _INI_PAIR:
            shutil.copy2(preferences / f"bck{name}", preferences / name)


def _copy_over(root: Path, entries: tuple[StagedEntry, ...], folder: Path) -> None:
    for entry in sorted(entries, key=lambda one: (one.kind != "directory", one.path)):
        target = root / entry.path.lstrip("/")
        if entry.kind == "directory":
            # overwrite-permissions is set in the genuine packages: shared folders get the package's modes too.
            target.mkdir(parents=True, exist_ok=True)
            target.chmod(entry.mode)
            continue
        if target.is_symlink() or target.exists():
            target.unlink()
        if entry.kind == "symlink":
            target.symlink_to(entry.link or "")
        else:
            shutil.copyfile(folder / (entry.staged_name or ""), target)
            target.chmod(entry.mode)


def _write_receipt(root: Path, component: ComponentPackage, bill: Path, title: str, now: dt.datetime) -> None:
    folder = root / RECEIPTS
    folder.mkdir(parents=True, exist_ok=True)
    date = now.replace(tzinfo=None, microsecond=0)
    receipt = {
        "InstallDate": date,
        "InstallPrefixPath": component.install_location.strip("/") or "/",
        "InstallProcessName": "installer",
        "PackageFileName": component.directory.rstrip("/"),
        "PackageIdentifier": component.identifier,
        "PackageVersion": component.version,
    }
    (folder / f"{component.identifier}.plist").write_bytes(plistlib.dumps(receipt, fmt=plistlib.FMT_BINARY))
    if bill.exists():
        shutil.copyfile(bill, folder / f"{component.identifier}.bom")
    history = root / HISTORY
    history.parent.mkdir(parents=True, exist_ok=True)
    lines = plistlib.loads(history.read_bytes()) if history.exists() else []
    lines.append(
        {
            "date": date,
            "displayName": title or component.identifier,
            "displayVersion": component.version,
            "packageIdentifiers": [component.identifier],
            "processName": "installer",
        }
    )
    history.write_bytes(plistlib.dumps(lines, sort_keys=False))
