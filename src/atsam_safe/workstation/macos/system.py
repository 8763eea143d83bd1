"""Probes of the system itself: release, hardware, Rosetta, protection, power, room.

Source of every format: recorded outputs by release (``tests/fixtures/macos``), graded there.
"""

from __future__ import annotations

import plistlib
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.workstation.macos.probe import Probe, first_plist

if TYPE_CHECKING:
    from atsam_safe.workstation.commands import CommandOutcome

SW_VERS: Final = "/usr/bin/sw_vers"
SYSCTL: Final = "/usr/sbin/sysctl"
CSRUTIL: Final = "/usr/bin/csrutil"
PMSET: Final = "/usr/bin/pmset"
DISKUTIL: Final = "/usr/sbin/diskutil"
SPCTL: Final = "/usr/sbin/spctl"
TMUTIL: Final = "/usr/bin/tmutil"
FDESETUP: Final = "/usr/bin/fdesetup"
ARCH: Final = "/usr/bin/arch"


class SystemRelease(msgspec.Struct, frozen=True, kw_only=True):
    """The product name, version and build ``sw_vers`` prints; ``extra`` is a Rapid Security Response suffix such as ``(a)``."""

    name: str
    version: str
    build: str
    extra: str | None = None


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """Room of the system volume in bytes. On a sealed root ``FreeSpace`` is 0: the container's figure counts."""

    free: int
    total: int
    writable: bool | None
    sealed: bool | None
    file_system: str


def parse_sw_vers(outcome: CommandOutcome) -> SystemRelease | None:
    """Read ``sw_vers`` by key: one tab after the colon on old releases, two on recent ones, an extra line after a rapid response."""
    if outcome.status != 0:
        return None
    values: dict[str, str] = {}
    for line in outcome.text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            values[key.strip()] = value.strip()
    if "ProductVersion" not in values:
        return None
    return SystemRelease(
        name=values.get("ProductName", ""),
        version=values["ProductVersion"],
        build=values.get("BuildVersion", ""),
        extra=values.get("ProductVersionExtra"),
    )


def parse_sysctl_flag(outcome: CommandOutcome) -> bool | None:
    """Read a 0/1 key. A key this system does not know (``unknown oid``) is False: it exists only where the feature does."""
    if outcome.status == 0:
        return {"1": True, "0": False}.get(outcome.text.strip())
    if "unknown oid" in outcome.error_text:
        return False
    return None


def parse_sysctl_version(outcome: CommandOutcome) -> str | None:
    """Read ``kern.osproductversion``: the release that was started, by the kernel (10.13.4 and later; before that « unknown oid »)."""
    text = outcome.text.strip()
    return text if outcome.status == 0 and re.fullmatch(r"\d+(\.\d+)*", text) else None


def parse_csrutil(outcome: CommandOutcome) -> bool | None:
    """Tell whether System Integrity Protection is on; only the first line counts, a custom configuration is unknown."""
    first = outcome.text.partition("\n")[0]
    if "status: enabled" in first:
        return True
    if "status: disabled" in first:
        return False
    return None


def parse_power(outcome: CommandOutcome) -> bool | None:
    """True when the Mac draws from a battery, its own or that of a supply behind a power cut; ``None`` when ``pmset`` does not tell."""
    match = re.search(r"Now drawing from '([^']+)'", outcome.text)
    if match is None:
        return None
    return match.group(1) in {"Battery Power", "UPS Power"}


def parse_gatekeeper(outcome: CommandOutcome) -> bool | None:
    """True when assessments are enabled. Never changed by this program: another product's installer may have switched them off."""
    text = outcome.text + outcome.error_text
    if "assessments enabled" in text:
        return True
    if "assessments disabled" in text:
        return False
    return None


def parse_rosetta(outcome: CommandOutcome) -> bool | None:
    """True when an x86_64 program runs on Apple silicon. Meaningless on Intel: the caller asks only on arm64."""
    if outcome.status == 0:
        return True
    if "Bad CPU type" in outcome.error_text:
        return False
    return None


def parse_diskutil_info(outcome: CommandOutcome) -> Room | None:
    """Read ``diskutil info -plist``: the container's free room when there is one, since the sealed root always says 0."""
    info = _plist(outcome.out)
    if not isinstance(info, dict) or info.get("Error"):
        return None
    container_free = info.get("APFSContainerFree")
    free = container_free if isinstance(container_free, int) else info.get("FreeSpace")
    total = info.get("APFSContainerSize") or info.get("TotalSize") or info.get("Size")
    if not isinstance(free, int) or not isinstance(total, int):
        return None
    sealed = info.get("Sealed")
    writable = info.get("WritableVolume", info.get("Writable"))
    return Room(
        free=free,
        total=total,
        writable=writable if isinstance(writable, bool) else None,
        sealed={"Yes": True, "No": False}.get(sealed) if isinstance(sealed, str) else None,
        file_system=str(info.get("FilesystemType", "")),
    )


def parse_filevault(outcome: CommandOutcome) -> bool | None:
    """True while an encryption or decryption is under way: a bad moment to change the system."""
    if outcome.status != 0:
        return None
    return "in progress" in outcome.text.lower()


def parse_local_snapshot(outcome: CommandOutcome) -> str | None:
    """The date name of the APFS snapshot just made. The NOTE line may be missing or come second, on either stream."""
    match = re.search(r"Created local snapshot with date: (\d{4}-\d{2}-\d{2}-\d{6})", outcome.text + outcome.error_text)
    return match.group(1) if match else None


def parse_local_snapshots(outcome: CommandOutcome) -> tuple[str, ...]:
    """The dates of Time Machine's local snapshots; update snapshots of the system are left out."""
    return tuple(re.findall(r"com\.apple\.TimeMachine\.(\d{4}-\d{2}-\d{2}-\d{6})(?:\.local)?", outcome.text))


def _plist(data: bytes) -> Any:  # noqa: ANN401 - a property list can be anything
    """Decode the first property list of an answer, or ``None``."""
    found = first_plist(data)
    if found is None:
        return None
    try:
        return plistlib.loads(found)
    except Exception:  # noqa: BLE001 - plistlib lets ValueError, expat errors and others through on a damaged list
        return None


RELEASE: Final = Probe(name="release", argv=(SW_VERS,), parse=parse_sw_vers)
STARTED_RELEASE: Final = Probe(name="started-release", argv=(SYSCTL, "-n", "kern.osproductversion"), parse=parse_sysctl_version)
# `uname -m` says x86_64 under Rosetta; this key does not exist on Intel and is 1 on Apple silicon even under Rosetta.
APPLE_SILICON: Final = Probe(name="apple-silicon", argv=(SYSCTL, "-n", "hw.optional.arm64"), parse=parse_sysctl_flag)
PROTECTION: Final = Probe(name="system-integrity-protection", argv=(CSRUTIL, "status"), parse=parse_csrutil)
POWER: Final = Probe(name="power", argv=(PMSET, "-g", "batt"), parse=parse_power)
GATEKEEPER: Final = Probe(name="gatekeeper", argv=(SPCTL, "--status"), parse=parse_gatekeeper)
ROSETTA: Final = Probe(name="rosetta", argv=(ARCH, "-x86_64", "/usr/bin/true"), parse=parse_rosetta)
ROOM: Final = Probe(name="room", argv=(DISKUTIL, "info", "-plist", "/"), parse=parse_diskutil_info, limit=30.0)
FILEVAULT: Final = Probe(name="filevault", argv=(FDESETUP, "status"), parse=parse_filevault)
LOCAL_SNAPSHOT: Final = Probe(name="local-snapshot", argv=(TMUTIL, "localsnapshot", "/"), parse=parse_local_snapshot, limit=120.0)
LOCAL_SNAPSHOTS: Final = Probe(name="local-snapshots", argv=(TMUTIL, "listlocalsnapshots", "/"), parse=parse_local_snapshots, limit=60.0)
