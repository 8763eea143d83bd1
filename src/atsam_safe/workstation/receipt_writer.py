"""Writing a receipt as macOS does: binary property list, the package's own bill of materials, a line of the history.

Keys and places: read from receipts of genuine Macs (see ``receipts`` for the reader).
"""

from __future__ import annotations

import datetime as dt
import plistlib
from typing import TYPE_CHECKING, Any, Final

from atsam_safe.volume.model import Metadata
from atsam_safe.words.model import Problem, WorkstationError
from atsam_safe.workstation.plists import MAX_PLIST_BYTES, PlistError, read_plist, write_plist
from atsam_safe.workstation.receipts import OLD_RECEIPTS, RECEIPTS
from atsam_safe.workstation.staged import BILL, not_staged, read_payload

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.plan.model import WriteReceipt
    from atsam_safe.volume.model import Entry
    from atsam_safe.volume.volume import Volume

HISTORY: Final = f"{OLD_RECEIPTS}/InstallHistory.plist"
PROCESS: Final = "installer"
_METADATA: Final = Metadata(mode=0o644, uid=0, gid=0)
_FOLDER: Final = Metadata(mode=0o755, uid=0, gid=0)


def write_receipt(volume: Volume, step: WriteReceipt, folder: Path, notes: list[Problem]) -> None:
    """Write plist, bom and history line of the staged package in ``folder``; writing them again changes nothing.

    A history that cannot be read is left exactly as it is and ``workstation.history-unreadable`` is added to ``notes``.
    Raises ``WorkstationError``.
    """
    if "/" in step.identifier or step.identifier.startswith("."):
        raise WorkstationError(Problem(ref="workstation.not-a-receipt", params={"path": step.identifier}))
    payload = read_payload(folder, step.identifier)
    try:
        bill = (folder / BILL).read_bytes()
    except OSError as error:
        raise not_staged(step.identifier, BILL) from error
    date = dt.datetime.fromtimestamp(payload.staged_at, tz=dt.UTC).replace(tzinfo=None)
    receipt = {
        "InstallDate": date,
        "InstallPrefixPath": payload.prefix.strip("/") or "/",
        "InstallProcessName": PROCESS,
        "PackageFileName": payload.package_file,
        "PackageIdentifier": step.identifier,
        "PackageVersion": step.version,
    }
    volume.make_directories(RECEIPTS, _FOLDER)
    # The bill first: macOS takes a plist without its bom for an installed package, but a bom without a plist for nothing.
    volume.write_file_atomic(f"{RECEIPTS}/{step.identifier}.bom", bill, _METADATA)
    plist = plistlib.dumps(receipt, fmt=plistlib.FMT_BINARY)
    volume.write_file_atomic(f"{RECEIPTS}/{step.identifier}.plist", plist, _METADATA)
    _append_history(volume, step, date, notes)


def _append_history(volume: Volume, step: WriteReceipt, date: dt.datetime, notes: list[Problem]) -> None:
    line = {
        "date": date,
        "displayName": step.title,
        "displayVersion": step.version,
        "packageIdentifiers": [step.identifier],
        "processName": PROCESS,
    }
    found = volume.lstat(HISTORY)
    try:
        data = write_plist([line], plistlib.FMT_XML) if found is None else _continued(volume, found, line)
    except PlistError as error:
        notes.append(Problem(ref="workstation.history-unreadable", params={"path": HISTORY}, evidence={"detail": str(error)}))
        return
    if data is None:
        return
    metadata = _METADATA if found is None else Metadata(mode=found.mode, uid=found.uid, gid=found.gid)
    volume.make_directories(OLD_RECEIPTS, _FOLDER)
    volume.write_file_atomic(HISTORY, data, metadata)


def _continued(volume: Volume, found: Entry, line: dict[str, Any]) -> bytes | None:
    """The history with ``line`` at its end, in the form it has; ``None`` when it holds it. Raises ``PlistError``: it cannot be used."""
    data, lines = _read_history(volume, found)
    if line in lines:
        return None
    return write_plist([*lines, line], plistlib.FMT_BINARY if data.startswith(b"bplist") else plistlib.FMT_XML)


def _read_history(volume: Volume, found: Entry) -> tuple[bytes, list[Any]]:
    """The history's bytes and lines. Raises ``PlistError`` when it is not what macOS writes."""
    if found.kind != "file":
        raise PlistError(f"is a {found.kind}")
    if found.size > MAX_PLIST_BYTES:
        raise PlistError(f"larger than {MAX_PLIST_BYTES} bytes")
    data = volume.read_bytes(HISTORY, MAX_PLIST_BYTES)
    lines = read_plist(data)
    if not isinstance(lines, list):
        raise PlistError("top value is not an array")
    return data, lines
