"""What the system's own installer does with a package when nobody guards it, done to a volume with tools that are not this project's.

Apple's installer exists on macOS alone. This stands in for it on a copy of a workstation, and runs what a person could type: ``bsdtar``
unpacks that very package and lays its payloads over whatever is there, the package's bills of materials become the receipts. As there, no
question is asked of the system, nothing is kept, nothing is removed first. What is different is said in the output: the vendors' scripts,
which only run on macOS, are not run. Never point it at a volume that somebody works with.

    python scripts/stand_in_installer.py PACKAGE VOLUME
"""

from __future__ import annotations

import datetime as dt
import plistlib
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from plumbum import local
from plumbum.commands.processes import ProcessExecutionError

BSDTAR: Final = "/usr/bin/bsdtar"
RECEIPTS: Final = "private/var/db/receipts"
HISTORY: Final = "Library/Receipts/InstallHistory.plist"


def run(*command: str, folder: Path) -> None:
    """Run one command in ``folder`` and show it; raises when it fails."""
    print(f"$ {shlex.join(command)}", flush=True)
    _, out, err = local[command[0]].run(command[1:], cwd=str(folder), timeout=120)
    for line in (out + err).splitlines():
        print(f"  {line}")


def install(package: str, volume: str, folder: Path) -> None:
    """Install ``package`` into ``volume``; both are named as seen from ``folder``."""
    with tempfile.TemporaryDirectory(prefix="paquet-", dir=folder) as made:
        opened = Path(made).name
        run(BSDTAR, "-xf", package, "-C", opened, folder=folder)
        product = ET.parse(folder / opened / "Distribution").getroot()  # noqa: S314 - a package of the demonstration's own making
        parts = list(dict.fromkeys(text[1:] for node in product.iter("pkg-ref") if (text := (node.text or "").strip()).startswith("#")))
        identifiers = []
        for part in parts:
            info = ET.parse(folder / opened / part / "PackageInfo").getroot()  # noqa: S314 - see above
            identifier, version = info.attrib["identifier"], info.attrib["version"]
            target = Path(volume, info.attrib.get("install-location", "/").lstrip("/"))
            # macOS takes the « ._ » members for attributes of the files beside them
            run(BSDTAR, "-xpUf", f"{opened}/{part}/Payload", "--exclude", "._*", "-C", str(target), folder=folder)
            run("/bin/cp", f"{opened}/{part}/Bom", f"{volume}/{RECEIPTS}/{identifier}.bom", folder=folder)
            _write_receipt(folder / volume, part, info)
            print(f"  reçu d’installation écrit : {identifier} {version}")
            identifiers.append(identifier)
        _write_history(folder / volume, product.findtext("title") or "", identifiers)
    print("Non lancés : les scripts du fournisseur, qui ne fonctionnent que sur macOS.")


def _write_receipt(volume: Path, part: str, info: ET.Element) -> None:
    receipt = {
        "InstallDate": _now(),
        "InstallPrefixPath": info.attrib.get("install-location", "/").strip("/") or "/",
        "InstallProcessName": "installer",
        "PackageFileName": part,
        "PackageIdentifier": info.attrib["identifier"],
        "PackageVersion": info.attrib["version"],
    }
    place = volume / RECEIPTS / f"{info.attrib['identifier']}.plist"
    place.write_bytes(plistlib.dumps(receipt, fmt=plistlib.FMT_BINARY))


def _write_history(volume: Path, title: str, identifiers: list[str]) -> None:
    history = volume / HISTORY
    lines = plistlib.loads(history.read_bytes()) if history.exists() else []
    line = {"date": _now(), "displayName": title, "displayVersion": "", "packageIdentifiers": identifiers, "processName": "installer"}
    history.parent.mkdir(parents=True, exist_ok=True)
    history.write_bytes(plistlib.dumps([*lines, line], sort_keys=False))


def _now() -> dt.datetime:
    # property lists carry UTC without a zone
    return dt.datetime.now(tz=dt.UTC).replace(tzinfo=None, microsecond=0)


def main() -> int:
    """Install, and end 1 when a tool is missing or fails."""
    if len(sys.argv) != 3:  # noqa: PLR2004 - itself, package, volume
        print(__doc__)
        return 2
    if not Path(BSDTAR).exists():
        print("Il manque « bsdtar » (sous Debian : le paquet libarchive-tools).", file=sys.stderr)
        return 1
    try:
        install(sys.argv[1], sys.argv[2], Path.cwd())
    except ProcessExecutionError as error:
        print(error.stderr, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
