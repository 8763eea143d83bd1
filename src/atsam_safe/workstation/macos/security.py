"""The keychain and the authorisation database, through ``/usr/bin/security``.

Words after the colon of its errors are localised; only exit codes and frames are read.
The genuine Cryptolib package opens the right ``com.apple.trust-settings.admin`` in its preinstall and closes it at the very end of
its postinstall: a run that dies in between leaves every administrator's trust settings open. So the right is recorded before and
restored after.
"""

from __future__ import annotations

import plistlib
import re
import tempfile
from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.workstation.macos.probe import Probe, first_plist

if TYPE_CHECKING:
    from atsam_safe.workstation.commands import CommandOutcome, CommandRunner

SECURITY: Final = "/usr/bin/security"
SYSTEM_KEYCHAIN: Final = "/Library/Keychains/System.keychain"
TRUST_SETTINGS_RIGHT: Final = "com.apple.trust-settings.admin"
ITEM_NOT_FOUND: Final = 44


class KeychainCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate by its fingerprints (upper case). macOS 10.14 and older print SHA-1 only."""

    sha1: str
    sha256: str | None = None
    label: str | None = None


def parse_certificates(outcome: CommandOutcome) -> tuple[KeychainCertificate, ...] | None:
    """Read ``find-certificate -a -Z``; an empty keychain is an empty tuple, a refused one is ``None``."""
    if outcome.status == ITEM_NOT_FOUND:
        return ()
    if outcome.status != 0:
        return None
    found: list[KeychainCertificate] = []
    sha256: str | None = None
    sha1: str | None = None
    label: str | None = None
    for line in outcome.text.splitlines():
        if line.startswith("SHA-256 hash: "):
            _append(found, sha1, sha256, label)
            sha256, sha1, label = line.removeprefix("SHA-256 hash: ").strip(), None, None
        elif line.startswith("SHA-1 hash: "):
            if sha1 is not None:
                _append(found, sha1, sha256, label)
                sha256, label = None, None
            sha1 = line.removeprefix("SHA-1 hash: ").strip()
        else:
            label = _label(line) or label
    _append(found, sha1, sha256, label)
    return tuple(found)


def _label(line: str) -> str | None:
    """The name of a certificate; one that is not plain ASCII is printed as bytes first, and escaped a second time behind them."""
    match = re.match(r'\s+"labl"<blob>=(?:0x(?P<bytes>(?:[0-9A-Fa-f]{2})+)\s|"(?P<text>.*)"$)', line)
    if match is None:
        return None
    return match["text"] if match["bytes"] is None else bytes.fromhex(match["bytes"]).decode("utf-8", "replace")


def _append(found: list[KeychainCertificate], sha1: str | None, sha256: str | None, label: str | None) -> None:
    """Close one record."""
    if sha1 is not None:
        found.append(KeychainCertificate(sha1=sha1.upper(), sha256=sha256.upper() if sha256 else None, label=label))


def parse_right(outcome: CommandOutcome) -> dict[str, Any] | None:
    """Read an authorisation right's definition; ``None`` when it does not exist or may not be read."""
    found = first_plist(outcome.out)
    if outcome.status != 0 or found is None:
        return None
    try:
        value = plistlib.loads(found)
        plistlib.dumps(value)  # it is kept to be put back: what cannot be written again is as good as unread
    except Exception:  # noqa: BLE001 - plistlib lets several error types through on a damaged list
        return None
    return value if isinstance(value, dict) else None


def is_open(right: dict[str, Any]) -> bool:
    """True when the right is granted to anybody without asking."""
    return right.get("class") == "allow" or right.get("rule") in ("allow", ["allow"])


def parse_tokens(outcome: CommandOutcome) -> tuple[str, ...] | None:
    """Read ``list-smartcards``: token ids, none at all is exit 44 (a card without certificates counts as none)."""
    if outcome.status == ITEM_NOT_FOUND:
        return ()
    if outcome.status != 0:
        return None
    return tuple(line.strip() for line in outcome.text.splitlines() if line.strip())


# What the authorisation service writes into a definition by itself: when, how often, and by which program it was written.
_WRITTEN_BY_THE_SERVICE: Final = frozenset({"created", "modified", "version", "identifier", "requirement"})


def rule_of(right: dict[str, Any]) -> dict[str, Any]:
    """The part of a definition that decides, in one spelling, for comparing. A key that nobody here knows counts.

    Left out: what the service adds by itself, the comment, and switches that are off, which are written or not by release.
    """
    ignored = _WRITTEN_BY_THE_SERVICE | {"comment"}
    found = {key: value for key, value in right.items() if key not in ignored and value is not False}
    if isinstance(found.get("rule"), str):
        found["rule"] = [found["rule"]]
    return found


def writable(right: dict[str, Any]) -> dict[str, Any]:
    """The part of a definition to be written back; the service adds its own keys again."""
    return {key: value for key, value in right.items() if key not in _WRITTEN_BY_THE_SERVICE}


def parse_certificate_texts(outcome: CommandOutcome) -> dict[str, str]:
    """Read ``find-certificate -a -Z -p``: SHA-1 (upper case) → PEM text. What does not pair up is left out."""
    found: dict[str, str] = {}
    sha1: str | None = None
    lines: list[str] | None = None
    for line in outcome.text.splitlines():
        if line.startswith("SHA-1 hash: "):
            sha1 = line.removeprefix("SHA-1 hash: ").strip().upper()
        elif line == "-----BEGIN CERTIFICATE-----":
            lines = []
        elif line == "-----END CERTIFICATE-----" and lines is not None and sha1 is not None:
            found[sha1] = "\n".join(("-----BEGIN CERTIFICATE-----", *lines, line, ""))
            sha1, lines = None, None
        elif lines is not None:
            lines.append(line)
    return found


def delete_certificate(runner: CommandRunner, sha1: str) -> None:
    """Remove one certificate of the system keychain by its hash; whether it went is asked afterwards."""
    runner.run((SECURITY, "delete-certificate", "-Z", sha1, SYSTEM_KEYCHAIN), limit=30.0)


def add_certificate(runner: CommandRunner, pem: str) -> None:
    """Add one certificate to the system keychain, untrusted; whether it is there is asked afterwards."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem", encoding="ascii") as file:
        file.write(pem)
        file.flush()
        runner.run((SECURITY, "add-certificates", "-k", SYSTEM_KEYCHAIN, file.name), limit=30.0)


CERTIFICATE_TEXTS: Final = Probe(
    name="certificate-texts",
    argv=(SECURITY, "find-certificate", "-a", "-Z", "-p", SYSTEM_KEYCHAIN),
    parse=parse_certificate_texts,
    limit=60.0,
)
CERTIFICATES: Final = Probe(
    name="system-certificates", argv=(SECURITY, "find-certificate", "-a", "-Z", SYSTEM_KEYCHAIN), parse=parse_certificates, limit=60.0
)
TRUST_RIGHT: Final = Probe(name="trust-right", argv=(SECURITY, "authorizationdb", "read", TRUST_SETTINGS_RIGHT), parse=parse_right)
TOKENS: Final = Probe(name="tokens", argv=(SECURITY, "list-smartcards"), parse=parse_tokens)


def restore_right(runner: CommandRunner, definition: dict[str, Any]) -> bool:
    """Write a recorded definition back and read it again; True when the deciding part is what was recorded."""
    data = plistlib.dumps(writable(definition))
    runner.run((SECURITY, "authorizationdb", "write", TRUST_SETTINGS_RIGHT), limit=30.0, answers=data)
    now = TRUST_RIGHT.ask(runner)
    return now is not None and rule_of(now) == rule_of(definition)
