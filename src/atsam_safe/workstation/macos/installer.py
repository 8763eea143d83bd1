"""The system's installer: what it prints while it works, and what its end means.

It knows two exit codes only, and localises its reasons; the frame around them stays English. So the *phase* is what counts:
a refusal comes before « Installing at base path » (nothing was changed), a failure comes after it (files may have changed).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from atsam_safe.workstation.commands import CommandOutcome

INSTALLER: Final = "/usr/sbin/installer"
# One package takes one to three silent minutes on ordinary Macs (field incident 006); a quarter of an hour is a hang.
INSTALL_LIMIT_SECONDS: Final = 900.0

# Who is at work while an installation is under way. ``installd`` is not among them: it stays alive for a while after any installation, so
# that it runs proves nothing.
WORKING_PROGRAMS: Final = (
    INSTALLER,
    "/System/Library/CoreServices/Installer.app/Contents/MacOS/Installer",
    "/System/Library/PrivateFrameworks/PackageKit.framework/Versions/A/XPCServices/package_script_service.xpc/Contents/MacOS/package_script_service",
)

# Runs the scripts of packages, as its children; the system may keep it for a while after the last one.
SCRIPT_SERVICE: Final = WORKING_PROGRAMS[2]
# Carry the files out; both stay alive after any installation. What they are about lies in folders of this ending meanwhile.
# The folders are an assumption: no recording of them was found.
WRITING_SERVICES: Final = (
    "/System/Library/PrivateFrameworks/PackageKit.framework/Resources/installd",
    "/System/Library/PrivateFrameworks/PackageKit.framework/Versions/A/Resources/installd",
    "/System/Library/PrivateFrameworks/PackageKit.framework/Resources/system_installd",
    "/System/Library/PrivateFrameworks/PackageKit.framework/Versions/A/Resources/system_installd",
)
SANDBOXES: Final = "/Library/InstallerSandboxes"
ACTIVE_SANDBOX: Final = ".activeSandbox"


def may_be(program: str, path: str) -> bool:
    """True when a process of ``path`` is ``program``, or may be: one known by a bare name only (« installer ») counts as the system's."""
    return path == program or (not path.startswith("/") and path.rpartition("/")[2] == program.rpartition("/")[2])


Kind = Literal["installed", "refused", "failed", "needs-rosetta", "not-root", "untrusted", "unreadable", "timed-out", "unknown"]


class InstallerOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the installer did. ``touched`` is False only when it surely changed nothing. ``reason`` is shown, never matched."""

    kind: Kind
    touched: bool
    reason: str = ""


class InstallerProgress(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``-verboseR`` output: a percentage (0 to 100) or a phase text in the system's language."""

    percent: float | None = None
    phase: str | None = None


def arguments(package: str, volume: str = "/") -> tuple[str, ...]:
    """The command line for one package."""
    return (INSTALLER, "-verboseR", "-pkg", package, "-target", volume)


def parse_progress(line: str) -> InstallerProgress | None:
    """Read one line of ``-verboseR``; ``None`` for lines that carry no progress."""
    if not line.startswith("installer:"):
        return None
    rest = line.removeprefix("installer:")
    if rest.startswith("%"):
        try:
            return InstallerProgress(percent=min(100.0, max(0.0, float(rest[1:]))))
        except ValueError:
            return None
    if rest.startswith("PHASE:"):
        return InstallerProgress(phase=rest.removeprefix("PHASE:"))
    return None


def parse_outcome(outcome: CommandOutcome) -> InstallerOutcome:
    """Classify the end of a run by its frame and exit code."""
    text = outcome.text + "\n" + outcome.error_text
    started = "at base path" in text or "installer:%" in text
    if outcome.timed_out:
        return InstallerOutcome(kind="timed-out", touched=True)
    if outcome.missing:
        return InstallerOutcome(kind="unknown", touched=False)
    if outcome.status == 0 and re.search(r"^installer: The (install|upgrade) was successful\.", text, re.MULTILINE):
        return InstallerOutcome(kind="installed", touched=True)
    reason = _reason(text)
    for wording, kind in _REFUSALS:
        if wording in text:
            return InstallerOutcome(kind=kind, touched=started, reason=reason)
    if re.search(r"^installer: The (install|upgrade) failed", text, re.MULTILINE):
        return InstallerOutcome(kind="failed", touched=True, reason=reason)
    return InstallerOutcome(kind="unknown", touched=started or outcome.status == 0, reason=reason)


_REFUSALS: Final[tuple[tuple[str, Kind], ...]] = (
    ("requires Rosetta 2", "needs-rosetta"),
    ("Must be run as root", "not-root"),
    ("Certificate used to sign package is not trusted", "untrusted"),
    ("package path specified was invalid", "unreadable"),
    ("installer: Cannot install on volume", "refused"),
    ("installer: Error - ", "refused"),
    ("installer: Error trying to locate volume", "refused"),
)


def _reason(text: str) -> str:
    """The sentence in parentheses of a failure, or the line that follows a refusal; in whatever language the system speaks."""
    match = re.search(r"^installer: The (?:install|upgrade) failed\.? ?\((.*)\)\s*$", text, re.MULTILINE)
    if match is not None:
        return match.group(1)
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("installer: Cannot install on volume"):
            following = lines[number + 1] if number + 1 < len(lines) else ""
            return following.removeprefix("installer:").strip() or line.removeprefix("installer:").strip()
        if line.startswith("installer: Error "):
            return line.removeprefix("installer: Error ").removeprefix("- ").strip()
    return ""
