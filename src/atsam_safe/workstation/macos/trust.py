"""Which certificates the Mac trusts for everybody (« admin » trust settings), and changing that for ours.

A certificate in the system keychain is not trusted by being there: the trust settings are a list of their own. Up to macOS 10.15 root alone
may change it. Since macOS 11 the right ``com.apple.trust-settings.admin`` has to be granted in a window of macOS, in the session of whoever
sits at the screen, and « sudo » does not replace it; where no window can be shown, macOS refuses. So nothing here counts as done because a
command ended well: the list is read again.
"""

from __future__ import annotations

import re
import tempfile
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.workstation.macos import people, security, system
from atsam_safe.workstation.macos.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.workstation.commands import CommandOutcome, CommandRunner
    from atsam_safe.workstation.macos.mac import Mac

# Apple's release notes of macOS 11.0.1: root no longer suffices to change trust settings.
WINDOW_SINCE: Final = 11
PHASE: Final = "trust"
_NONE: Final = "No Trust Settings were found"
_TRUSTING: Final = ("kSecTrustSettingsResultTrustRoot", "kSecTrustSettingsResultTrustAsRoot")
_QUICK: Final = 30.0


class TrustSetting(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate that trust settings speak of, by the name macOS prints for it. ``trusted``: for at least one purpose."""

    label: str
    trusted: bool


def parse_trust_settings(outcome: CommandOutcome) -> tuple[TrustSetting, ...] | None:
    """Read ``dump-trust-settings -d``. No settings at all is exit 1 with words of its own; any other refusal is ``None``: unknown.

    A certificate without a single setting is trusted for everything, and so is a setting that names no result.
    """
    if outcome.status != 0:
        return () if outcome.status == 1 and _NONE in outcome.text + outcome.error_text else None
    head = re.match(r"Number of trusted certs = (\d+)\s*$", outcome.text, re.MULTILINE)
    blocks = re.split(r"^Cert \d+: ", outcome.text, flags=re.MULTILINE)[1:]
    if head is None or int(head[1]) != len(blocks):
        return None
    return tuple(_setting(block) for block in blocks)


def _setting(block: str) -> TrustSetting:
    parts = re.split(r"^\s*Trust Setting \d+:\s*$", block, flags=re.MULTILINE)
    results = [re.search(r"^\s*Result Type\s*: (\S+)", part, re.MULTILINE) for part in parts[1:]]
    trusted = not results or any(result is None or result[1] in _TRUSTING for result in results)
    return TrustSetting(label=block.partition("\n")[0].strip(), trusted=trusted)


def trusted_labels(runner: CommandRunner) -> frozenset[str] | None:
    """The names of the certificates that are trusted for everybody; ``None`` when macOS does not say."""
    found = SETTINGS.ask(runner)
    return None if found is None else frozenset(one.label for one in found if one.trusted)


def is_trusted(runner: CommandRunner, label: str | None, pem: str, labels: frozenset[str] | None) -> bool:
    """Whether this certificate is trusted: by the list, else (the list is not readable) by macOS's own evaluation of it."""
    if labels is not None and label is not None:
        return label in labels
    return _with_file(pem, lambda file: runner.run((security.SECURITY, "verify-cert", "-l", "-L", "-c", file), limit=_QUICK)).status == 0


def window_may_appear(workstation: Mac) -> bool:
    """True when macOS may ask for a password before it changes trust: macOS 11 and later, unless the right stands open."""
    release = system.RELEASE.ask(workstation.runner)
    major = None if release is None else release.version.partition(".")[0]
    if major is not None and major.isdigit() and int(major) < WINDOW_SINCE:
        return False
    right = security.TRUST_RIGHT.ask(workstation.runner)
    return right is None or not security.is_open(right)


def change_trust(workstation: Mac, pems: tuple[str, ...], *, trusted: bool) -> bool:
    """Trust these certificates as roots, or no longer. True when somebody had to be asked: the person was told meanwhile.

    Whether it worked is asked afterwards. A window that nobody answered is not shown again for the next certificate.
    """
    if not pems:
        return False
    asked = window_may_appear(workstation)
    at_screen = people.parse_console_user(workstation.runner.run((people.SCUTIL,), limit=10.0, answers=people.CONSOLE_QUESTION))
    limit = workstation.patience.password if asked and at_screen is not None else _QUICK
    if asked:
        workstation.progress(PHASE, 0, 0)
    for pem in pems:
        if _change(workstation, pem, limit, trusted=trusted).timed_out:
            break
    return asked


def _change(workstation: Mac, pem: str, limit: float, *, trusted: bool) -> CommandOutcome:
    verb = ("add-trusted-cert", "-d", "-r", "trustRoot", "-k", security.SYSTEM_KEYCHAIN) if trusted else ("remove-trusted-cert", "-d")

    def run(file: str) -> CommandOutcome:
        beat: Callable[[float], None] = lambda seconds: workstation.progress(PHASE, int(seconds), 0)  # noqa: E731 - one line, one use
        return workstation.runner.run((security.SECURITY, *verb, file), limit=limit, heartbeat=beat)

    return _with_file(pem, run)


def _with_file(pem: str, run: Callable[[str], CommandOutcome]) -> CommandOutcome:
    """``security`` reads certificates from files only."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem", encoding="ascii") as file:
        file.write(pem)
        file.flush()
        return run(file.name)


SETTINGS: Final = Probe(
    name="trust-settings", argv=(security.SECURITY, "dump-trust-settings", "-d"), parse=parse_trust_settings, limit=60.0
)
