"""Which macOS lies on an offline volume, on which hardware: read from the volume, never from the machine this program runs on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from atsam_safe.facts.model import Architecture, OperatingSystem
from atsam_safe.workstation.plists import read_dictionary, text_of
from atsam_safe.workstation.unreadable import UnreadableError

if TYPE_CHECKING:
    from atsam_safe.workstation.lens import Lens

SYSTEM_VERSION: Final = "/System/Library/CoreServices/SystemVersion.plist"
ROSETTA: Final = ("/Library/Apple/usr/share/rosetta/rosetta", "/Library/Apple/usr/libexec/oah/libRosettaRuntime")
# Shared caches of system libraries: in the system volume until macOS 12, in the cryptex since 13.
DYLD_CACHE_FOLDERS: Final = (
    "/System/Library/dyld",
    "/System/Volumes/Preboot/Cryptexes/OS/System/Library/dyld",
    "/private/var/db/dyld",
)
_CACHES: Final[dict[Architecture, tuple[str, ...]]] = {
    "arm64": ("dyld_shared_cache_arm64e",),
    "x86_64": ("dyld_shared_cache_x86_64h", "dyld_shared_cache_x86_64"),
}
_SYSTEM_TOOL: Final = "/bin/ls"
_VERSION: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}\Z")
_MAX_SYSTEM_VERSION: Final = 64 << 10

# macOS 11 is the first on Apple's own processors; 26 is the last for Intel ones (announced by Apple in June 2025).
_FIRST_FOR_APPLE_SILICON: Final = 11
_LAST_FOR_INTEL: Final = 26
# Told to programs built with an old SDK instead of 11…25 and 26…: no macOS ever had these numbers.
_COMPATIBILITY_MAJORS: Final = (16, 17, 18, 19, 20, 21, 22, 23, 24, 25)
_COMPATIBILITY_MINOR: Final = 16
_OLD_MAJOR: Final = 10


def read_operating_system(lens: Lens) -> OperatingSystem:
    """The operating system of the volume. A missing or corrupt ``SystemVersion.plist`` becomes ``problem``, never an error."""
    try:
        values = read_dictionary(lens.read(SYSTEM_VERSION, _MAX_SYSTEM_VERSION))
    except UnreadableError as error:
        return OperatingSystem(family="macos", source=SYSTEM_VERSION, problem=str(error))
    version = text_of(values, "ProductVersion")
    problem = None
    if version is None or not _VERSION.match(version):
        problem = "ProductVersion is missing or not a version"
        version = None
    elif _is_compatibility_number(version):
        problem = f"ProductVersion {version} is the number told to old programs, not the number of the system"
        version = None
    hardware, evidence = _hardware(lens, version)
    return OperatingSystem(
        family="macos",
        name=text_of(values, "ProductName") or "",
        version=version,
        build=text_of(values, "ProductBuildVersion"),
        hardware=hardware,
        rosetta=_rosetta(lens, hardware),
        source=f"{SYSTEM_VERSION}; hardware: {evidence}",
        problem=problem,
    )


def _is_compatibility_number(version: str) -> bool:
    numbers = [int(part) for part in version.split(".")]
    if numbers[0] == _OLD_MAJOR:
        return len(numbers) > 1 and numbers[1] >= _COMPATIBILITY_MINOR
    return numbers[0] in _COMPATIBILITY_MAJORS


def _hardware(lens: Lens, version: str | None) -> tuple[Architecture | None, str]:
    """The machine's architecture and what it was concluded from.

    A universal system volume (macOS 11 to 26) carries both architectures and does not tell by itself; what only one kind of
    machine can have does: Rosetta refuses to be installed on Intel.
    """
    if version is not None:
        numbers = [int(part) for part in version.split(".")]
        if numbers[0] < _FIRST_FOR_APPLE_SILICON:
            return "x86_64", f"macOS {version} runs on Intel processors only"
        if numbers[0] > _LAST_FOR_INTEL:
            return "arm64", f"macOS {version} runs on Apple processors only"
    for path in ROSETTA:
        if lens.entry(path) is not None:
            return "arm64", f"{path} exists on Apple processors only"
    found = _shared_caches(lens)
    if len(found) == 1:
        architecture, path = next(iter(found.items()))
        return architecture, f"{path} is the only shared cache"
    return _from_system_tool(lens)


def _shared_caches(lens: Lens) -> dict[Architecture, str]:
    found: dict[Architecture, str] = {}
    for architecture, names in _CACHES.items():
        for folder in DYLD_CACHE_FOLDERS:
            for name in names:
                path = f"{folder}/{name}"
                if architecture not in found and lens.entry(path) is not None:
                    found[architecture] = path
    return found


def _from_system_tool(lens: Lens) -> tuple[Architecture | None, str]:
    try:
        image = lens.image(_SYSTEM_TOOL)
    except UnreadableError:
        image = None
    if image is not None and image.architectures == ("x86_64",):
        return "x86_64", f"{_SYSTEM_TOOL} is for Intel processors only"
    return None, "the volume does not tell"


def _rosetta(lens: Lens, hardware: Architecture | None) -> bool | None:
    """Whether Rosetta is there; ``None`` on Intel, where the question makes no sense, and on unknown hardware."""
    if hardware != "arm64":
        return None
    return any(lens.entry(path) is not None for path in ROSETTA)
