"""Probes and actions of ``pkgutil``: what macOS remembers of installed packages.

Pitfall that is a rule here: ``--forget`` may print success although the receipt stays; receipts are always read again after it.
"""

from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.workstation.macos.probe import Probe, all_plists, first_plist
from atsam_safe.workstation.plists import text_of

if TYPE_CHECKING:
    from atsam_safe.workstation.commands import CommandOutcome

PKGUTIL: Final = "/usr/sbin/pkgutil"


class PackageInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt as ``--pkg-info-plist`` prints it. ``installed_at`` is seconds since 1970."""

    identifier: str
    version: str
    volume: str
    location: str
    installed_at: int | None


class SignatureStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The system's own verdict on a package: a second opinion beside ours, never a replacement.

    ``trusted`` needs exit 0 *and* a known wording: « signed by untrusted certificate » also begins with « signed ».
    ``team_id`` is told only when trusted: anyone can write one into the name of a self-signed certificate.
    """

    status: str
    trusted: bool
    notarized: bool
    chain: tuple[str, ...]
    team_id: str | None


TRUSTED_WORDINGS: Final = (
    "signed by a developer certificate issued by Apple",
    "signed by a certificate trusted by",
    "signed Apple Software",
)


# With these ``installer`` ends with « Certificate used to sign package is not trusted ».
REFUSED_WORDINGS: Final = ("signed by untrusted certificate", "signed by a certificate that has since expired")


def parse_identifiers(outcome: CommandOutcome) -> tuple[str, ...] | None:
    """Read ``--pkgs-plist`` (an array), or the line form of ``--pkgs``. A near-empty list is normal on a fresh Mac."""
    if outcome.status != 0:
        return None
    found = first_plist(outcome.out)
    if found is None:
        return tuple(line.strip() for line in outcome.text.splitlines() if line.strip())
    value = _loads(found)
    if not isinstance(value, list):
        return None
    return tuple(item for item in value if isinstance(item, str))


def parse_package_infos(outcome: CommandOutcome) -> tuple[PackageInfo, ...]:
    """Read one or several ``--pkg-info-plist`` answers; an unknown identifier gives an empty tuple."""
    infos = []
    for part in all_plists(outcome.out):
        value = _loads(part)
        if not isinstance(value, dict) or not isinstance(value.get("pkgid"), str):
            continue
        when = value.get("install-time")
        infos.append(
            PackageInfo(
                identifier=value["pkgid"],
                version=text_of(value, "pkg-version") or "",
                volume=text_of(value, "volume") or "/",
                location=text_of(value, "install-location") or "",
                installed_at=when if isinstance(when, int) else None,
            )
        )
    return tuple(infos)


def parse_files(outcome: CommandOutcome) -> tuple[str, ...] | None:
    """Read ``--files``: paths relative to volume and location, parents first; ``None`` for an unknown receipt."""
    if outcome.status != 0:
        return None
    return tuple(line for line in outcome.text.splitlines() if line)


def parse_signature(outcome: CommandOutcome) -> SignatureStatus:
    """Read ``--check-signature`` in the layouts of 10.13 to 26."""
    status = ""
    chain: list[str] = []
    notarized = False
    for line in outcome.text.splitlines():
        text = line.strip()
        if text.startswith("Status: "):
            status = text.removeprefix("Status: ")
        elif text.startswith("Notarization: trusted"):
            notarized = True
        elif text[:1].isdigit() and ". " in text[:4]:
            chain.append(text.partition(". ")[2])
    trusted = outcome.status == 0 and status.startswith(TRUSTED_WORDINGS)
    return SignatureStatus(
        status=status, trusted=trusted, notarized=notarized and trusted, chain=tuple(chain), team_id=_team(chain) if trusted else None
    )


def _team(chain: list[str]) -> str | None:
    """The Team ID is the last parenthesis of the first certificate's name."""
    if not chain or not chain[0].endswith(")"):
        return None
    return chain[0].rpartition("(")[2].removesuffix(")")


def _loads(data: bytes) -> Any:  # noqa: ANN401 - a property list can be anything
    """Decode one property list, or ``None``."""
    try:
        return plistlib.loads(data)
    except Exception:  # noqa: BLE001 - plistlib lets several error types through on a damaged list
        return None


IDENTIFIERS: Final = Probe(name="receipts", argv=(PKGUTIL, "--pkgs-plist"), parse=parse_identifiers)


def package_info(identifier: str) -> Probe[tuple[PackageInfo, ...]]:
    """Ask for one receipt."""
    return Probe(name="receipt", argv=(PKGUTIL, "--pkg-info-plist", identifier), parse=parse_package_infos)


def package_files(identifier: str) -> Probe[tuple[str, ...] | None]:
    """Ask for the paths of one receipt."""
    return Probe(name="receipt-files", argv=(PKGUTIL, "--files", identifier), parse=parse_files, limit=60.0)


def signature_of(package: str) -> Probe[SignatureStatus]:
    """Ask the system what it thinks of a package's signature."""
    return Probe(name="signature", argv=(PKGUTIL, "--check-signature", package), parse=parse_signature, limit=120.0)
