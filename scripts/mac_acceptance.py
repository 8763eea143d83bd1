"""What this project could only read about a Mac, checked on a real one: each assumption, the command, what it answered, what we made of it.

Nothing of the Mac is changed unless ``--install PACKAGE`` is given; then the program itself installs the package and goes back again,
asking first. Only the report is written, and for a moment an empty file in a private temporary folder and
in the components' own applications.
Names of people, of the computer, serial numbers and card tokens are masked before anything is printed.
"""

from __future__ import annotations

import argparse
import getpass
import os
import platform
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scripts.mac_afterwards import install_and_go_back, services_now
from scripts.mac_trials import TRIALS, Trial

from atsam_safe import __version__
from atsam_safe.workstation.commands import CommandOutcome, SystemCommandRunner
from atsam_safe.workstation.macos import installer, launchd, people, receipts, security, smartcards, system, trust

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atsam_safe.workstation.commands import CommandRunner

SHOWN_BYTES: Final = 1500
NOWHERE: Final = "org.example.atsam-safe.nothing"
_LONG_HEX: Final = re.compile(r"\b[0-9A-Fa-f]{16,}\b|(?<=:)[0-9A-Fa-f]{8,}\b")
_SERIAL: Final = re.compile(r"(?i)(serial[^:=]*[:=]\s*\"?)([^\s\"]+)")
_HOME: Final = re.compile(r"/Users/[^/\s]+")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One assumption. ``expects`` judges the answer and our reading of it; ``None`` only records what the Mac says.

    ``shown``: the answer itself is in the report, else only when it is not as assumed. ``private``: never, not even then: it may hold
    names of people or of their documents that nobody knows to mask.
    """

    name: str
    assumption: str
    argv: tuple[str, ...]
    read: Callable[[CommandOutcome], Any]
    expects: Callable[[CommandOutcome, Any], bool] | None = None
    stdin: bytes = b""
    shown: bool = True
    private: bool = False


@dataclass(kw_only=True)
class Report:
    """The lines to send back, and how many assumptions were wrong."""

    lines: list[str] = field(default_factory=list)
    wrong: int = 0

    def add(self, text: str) -> None:
        """One more line."""
        self.lines.append(text)


def _status(outcome: CommandOutcome) -> int | None:
    return outcome.status


def _known(_outcome: CommandOutcome, value: Any) -> bool:  # noqa: ANN401 - any reading
    return value is not None


def _trust_without_names(outcome: CommandOutcome) -> str:
    """The form of the list; whom this Mac trusts beside Apple is nobody's business."""
    text = re.sub(r"(?m)^(Cert \d+|\s*(?:Application|Policy String)\s*): .*$", r"\1: NAME", outcome.text + outcome.error_text)
    return text[:SHOWN_BYTES]


_PERSON: Final = (
    people.ConsoleUser(name=os.environ["SUDO_USER"], uid=int(os.environ["SUDO_UID"])) if os.environ.get("SUDO_UID", "").isdigit() else None
)
# Numbers in brackets: the open questions of the project's collection of recorded outputs.
CHECKS: Final[tuple[Check, ...]] = (
    Check(
        name="release",
        assumption="sw_vers tells the true release",
        argv=system.RELEASE.argv,
        read=system.parse_sw_vers,
        expects=_known,
    ),
    Check(
        name="release-by-kernel",
        assumption="kern.osproductversion exists and agrees",
        argv=(system.SYSCTL, "-n", "kern.osproductversion"),
        read=lambda outcome: outcome.text.strip() or None,
        expects=_known,
    ),
    Check(
        name="accounts-sessions",
        assumption="launchctl print of our own session: status 0 when logged in at the screen",
        argv=(launchd.LAUNCHCTL, "print", f"gui/{os.environ.get('SUDO_UID', '501')}"),
        read=_status,
        shown=False,
    ),
    Check(
        name="sessions-without-screen",
        assumption="the domain user/UID exists, and its words for an unknown job",
        argv=(launchd.LAUNCHCTL, "print", f"user/{os.environ.get('SUDO_UID', '501')}/{NOWHERE}"),
        read=launchd.parse_print,
        expects=lambda _outcome, value: value is not None and not value.loaded,
    ),
    Check(
        name="command-lines",
        assumption="ps lists whole command lines with their group",
        argv=people.COMMAND_LINES.argv,
        read=lambda outcome: len(people.parse_command_lines(outcome) or ()),
        expects=lambda _outcome, value: value > 10,  # noqa: PLR2004 - any Mac runs hundreds
        shown=False,
        private=True,
    ),
    Check(
        name="processor",
        assumption="hw.optional.arm64 is 1, 0 or unknown",
        argv=system.APPLE_SILICON.argv,
        read=system.parse_sysctl_flag,
        expects=_known,
    ),
    Check(
        name="rosetta",
        assumption="arch tells whether Intel programs run",
        argv=system.ROSETTA.argv,
        read=system.parse_rosetta,
        expects=_known,
    ),
    Check(
        name="room",
        assumption="diskutil gives the container's room",
        argv=system.ROOM.argv,
        read=system.parse_diskutil_info,
        expects=_known,
    ),
    Check(
        name="gatekeeper",
        assumption="spctl says enabled or disabled",
        argv=system.GATEKEEPER.argv,
        read=system.parse_gatekeeper,
        expects=_known,
    ),
    Check(name="power", assumption="pmset names the source of power", argv=system.POWER.argv, read=system.parse_power, expects=_known),
    Check(
        name="filevault",
        assumption="fdesetup status needs no rights",
        argv=system.FILEVAULT.argv,
        read=system.parse_filevault,
        expects=_known,
    ),
    Check(name="protection", assumption="csrutil status on one line", argv=system.PROTECTION.argv, read=system.parse_csrutil),
    Check(
        name="local-snapshots",
        assumption="[7] header and names of local snapshots",
        argv=system.LOCAL_SNAPSHOTS.argv,
        read=system.parse_local_snapshots,
        expects=lambda outcome, _value: outcome.status == 0,
    ),
    Check(
        name="receipts",
        assumption="pkgutil --pkgs-plist is an array",
        argv=receipts.IDENTIFIERS.argv,
        read=lambda outcome: _ours(receipts.parse_identifiers(outcome)),
        expects=_known,
        shown=False,
    ),
    Check(
        name="unknown-receipt",
        assumption="[1] an unknown receipt: status 1, text on standard error",
        argv=(receipts.PKGUTIL, "--pkg-info-plist", NOWHERE),
        read=receipts.parse_package_infos,
        expects=lambda outcome, value: outcome.status == 1 and value == () and "No receipt" in outcome.error_text,
    ),
    Check(
        name="no-match",
        assumption="[1] status of --pkgs=PATTERN without a match",
        argv=(receipts.PKGUTIL, f"--pkgs={NOWHERE}"),
        read=_status,
    ),
    Check(
        name="signature-of-nothing",
        assumption="[1] --check-signature of a missing file",
        argv=(receipts.PKGUTIL, "--check-signature", "/private/tmp/atsam-safe-nothing.pkg"),
        read=lambda outcome: receipts.parse_signature(outcome).trusted,
        expects=lambda _outcome, value: value is False,
    ),
    Check(
        name="installer-of-nothing",
        assumption="[2] installer on a missing package: status 1, stream of the error",
        argv=installer.arguments("/private/tmp/atsam-safe-nothing.pkg"),
        read=lambda outcome: installer.parse_outcome(outcome).kind,
        expects=lambda outcome, value: outcome.status != 0 and value in {"unreadable", "refused", "not-root"},
    ),
    Check(
        name="unknown-job",
        assumption="[4] launchctl print of an unknown job: status 113",
        argv=(launchd.LAUNCHCTL, "print", f"system/{NOWHERE}"),
        read=launchd.parse_print,
        expects=lambda _outcome, value: value is not None and not value.loaded,
    ),
    Check(
        name="file-of-a-job",
        assumption="launchctl print of a loaded job names the file it was loaded from (asked of Apple's own installd)",
        argv=(launchd.LAUNCHCTL, "print", "system/com.apple.installd"),
        read=lambda outcome: None if (state := launchd.parse_print(outcome)) is None else state.path,
        expects=lambda _outcome, value: value is not None and value.endswith("/LaunchDaemons/com.apple.installd.plist"),
        shown=False,
    ),
    Check(
        name="unknown-domain",
        assumption="[4] status of launchctl print gui/UID of nobody",
        argv=(launchd.LAUNCHCTL, "print", "gui/59999"),
        read=_status,
        expects=lambda outcome, _value: outcome.status != 0,
    ),
    Check(
        name="disabled-jobs",
        assumption="print-disabled says enabled/disabled or true/false",
        argv=(launchd.LAUNCHCTL, "print-disabled", "system"),
        read=lambda outcome: len(launchd.parse_disabled(outcome)),
        expects=lambda _outcome, value: value > 0,
        shown=False,
    ),
    Check(
        name="processes",
        assumption="ps lists every process by the name it was started by, none cut",
        argv=people.PROCESSES.argv,
        read=lambda outcome: len(people.parse_processes(outcome) or ()),
        expects=lambda _outcome, value: value > 10,  # noqa: PLR2004 - any Mac runs hundreds
        shown=False,
    ),
    Check(
        name="installation-services",
        assumption="without an installation the service for scripts is not there, or has no children; which of Apple's services stay",
        argv=people.PROCESSES.argv,
        read=lambda outcome: services_now(people.parse_processes(outcome) or ()),
        expects=lambda _outcome, value: all(one.endswith(": 0 children") for one in value if one.startswith("package_script_service")),
        shown=False,
        private=True,
    ),
    Check(
        name="installation-sandboxes",
        assumption="files of an installation lie in folders « *.activeSandbox » of this folder, none without an installation",
        argv=("/bin/ls", "-AR", installer.SANDBOXES),
        read=lambda outcome: outcome.text.count(installer.ACTIVE_SANDBOX),
        shown=False,
        private=True,
    ),
    Check(
        name="accounts",
        assumption="dscl lists people from number 501",
        argv=people.ACCOUNTS.argv,
        read=lambda outcome: len(people.parse_accounts(outcome) or ()),
        expects=lambda _outcome, value: value > 0,
        shown=False,
        private=True,
    ),
    Check(
        name="console-user",
        assumption="scutil names who sits at the screen",
        argv=(people.SCUTIL,),
        read=lambda outcome: people.parse_console_user(outcome) is not None,
        stdin=people.CONSOLE_QUESTION,
        shown=False,
        private=True,
    ),
    Check(
        name="certificates",
        assumption="find-certificate -a -Z lists hashes of the system keychain",
        argv=security.CERTIFICATES.argv,
        read=lambda outcome: len(security.parse_certificates(outcome) or ()),
        expects=lambda outcome, _value: outcome.status == 0,
        shown=False,
    ),
    Check(
        name="certificate-texts",
        assumption="with -p the hash lines still stand before each text",
        argv=security.CERTIFICATE_TEXTS.argv,
        read=lambda outcome: len(security.parse_certificate_texts(outcome)),
        expects=lambda outcome, value: value == outcome.text.count("BEGIN CERTIFICATE"),
        shown=False,
    ),
    Check(
        name="trust-right",
        assumption="[3] authorizationdb read: list on standard output, YES (0) on standard error",
        argv=security.TRUST_RIGHT.argv,
        read=security.parse_right,
        expects=_known,
    ),
    Check(
        name="trust-settings",
        assumption="dump-trust-settings -d: a count, « Cert N: NAME », indented settings; none at all is status 1 with English words",
        argv=trust.SETTINGS.argv,
        read=_trust_without_names,
        expects=lambda outcome, _value: trust.parse_trust_settings(outcome) is not None,
        private=True,
    ),
    Check(
        name="trust-right-closed",
        assumption="com.apple.trust-settings.admin is closed, and its definition names who is asked (for a password in a window, since 11)",
        argv=security.TRUST_RIGHT.argv,
        read=lambda outcome: _rule(security.parse_right(outcome)),
        expects=lambda outcome, _value: (right := security.parse_right(outcome)) is None or not security.is_open(right),
    ),
    Check(
        name="tokens",
        assumption="list-smartcards: status 0 or 44",
        argv=security.TOKENS.argv,
        read=lambda outcome: len(security.parse_tokens(outcome) or ()),
        expects=lambda outcome, _value: outcome.status in {0, security.ITEM_NOT_FOUND},
    ),
    Check(
        name="readers",
        assumption="[5] SPSmartCardsDataType as JSON, also in French",
        argv=smartcards.STACK.argv,
        read=smartcards.parse_stack,
    ),
    Check(
        name="token-extensions-of-the-person",
        assumption="[8] launchctl asuser + sudo -u: what is registered for the person, asked by the administrator",
        argv=people.as_person(smartcards.EXTENSIONS, _PERSON, elevated=os.geteuid() == 0).argv,
        read=smartcards.parse_extensions,
        expects=_known,
    ),
    Check(
        name="token-extensions",
        assumption="[8] pluginkit: election column, also as administrator",
        argv=smartcards.EXTENSIONS.argv,
        read=smartcards.parse_extensions,
        expects=_known,
    ),
)


def _ours(identifiers: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Of the receipts only those of the components: what else is installed is nobody's business."""
    if identifiers is None:
        return None
    return tuple(name for name in identifiers if re.search(r"(?i)galss|cnamts|asipsante|sesam|gipcps|icanopee", name))


def _rule(right: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if right is None else security.rule_of(right)


def mask(text: str, names: Sequence[str]) -> str:
    """Take out what names a person, a computer, a device or a card."""
    for name in sorted({name for name in names if len(name) > 1}, key=len, reverse=True):
        text = re.sub(rf"(?i)\b{re.escape(name)}\b", "NAME", text)
    text = _HOME.sub("/Users/NAME", text)
    text = _SERIAL.sub(r"\1SERIAL", text)
    return _LONG_HEX.sub("HEX", text)


def names_of(runner: CommandRunner) -> list[str]:
    """Every name to mask: accounts, the computer, whoever runs this."""
    accounts = people.ACCOUNTS.ask(runner) or ()
    found = [name for name, _uid in accounts]
    found += [folder.name for folder in Path("/Users").iterdir()] if Path("/Users").is_dir() else []
    found += [getpass.getuser(), os.environ.get("SUDO_USER", ""), os.uname().nodename, os.uname().nodename.partition(".")[0]]
    return [name for name in found if name not in {"Shared", "root", ""}]


def run_checks(runner: CommandRunner, names: Sequence[str]) -> Report:
    """Ask everything; nothing is changed."""
    report = Report()
    report.add(f"atsam-safe {__version__}, acceptance on a real Mac")
    report.add(f"administrator: {'yes' if os.geteuid() == 0 else 'no'}")
    for check in CHECKS:
        outcome = runner.run(check.argv, limit=120.0, answers=check.stdin)
        try:
            value: Any = check.read(outcome)
            right = None if check.expects is None else check.expects(outcome, value)
        except Exception as error:  # noqa: BLE001 - a parser that fails on a real answer is the very thing this script looks for
            value, right = f"OUR PARSER FAILED: {type(error).__name__}: {error}", False
        word = {True: "as assumed", False: "NOT AS ASSUMED", None: "recorded"}[right]
        report.wrong += right is False
        report.add("")
        report.add(f"[{word}] {check.name}: {check.assumption}")
        report.add(f"  command: {' '.join(check.argv)}")
        report.add(f"  status: {outcome.status}, {len(outcome.out)} bytes out, {len(outcome.err)} bytes err, {outcome.seconds:.1f} s")
        report.add(f"  read as: {mask(str(value), names)}")
        if (check.shown or right is False) and not check.private:
            for stream, data in (("out", outcome.text), ("err", outcome.error_text)):
                report.lines += [f"  {stream}| {line}" for line in mask(data[:SHOWN_BYTES], names).splitlines()]
    return report


def run_trials(report: Report, names: Sequence[str], trials: Sequence[Trial] = TRIALS) -> None:
    """Try everything, and add it to the report."""
    for trial in trials:
        try:
            value, right = trial.attempt()
        except Exception as error:  # noqa: BLE001 - that it fails is the finding
            value, right = f"{type(error).__name__}: {error}", False
        report.wrong += not right
        report.add("")
        report.add(f"[{'as assumed' if right else 'NOT AS ASSUMED'}] {trial.name}: {trial.assumption}")
        report.add(f"  found: {mask(str(value), names)}")


def write_report(text: str, folder: Path) -> Path:
    """Write the report under a name that is free; never through a link, though this may run as root in somebody's folder."""
    for number in range(1, 1000):
        place = folder / f"rapport-mac-{number}.txt"
        try:
            fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        except FileExistsError:
            continue
        with os.fdopen(fd, "w", encoding="utf-8") as stream:
            stream.write(text)
            if os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdigit():
                os.fchown(stream.fileno(), int(os.environ["SUDO_UID"]), int(os.environ.get("SUDO_GID", "20")))
        return place
    raise FileExistsError(folder)


def main() -> int:
    """0 when everything is as assumed, 11 when something is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", metavar="PACKAGE", help="also install this package with the program, then go back (asks first)")
    arguments = parser.parse_args()
    if platform.system() != "Darwin":
        sys.stderr.write("This script is for a Mac: it checks what a Mac answers.\n")
        return 2
    runner = SystemCommandRunner()
    names = names_of(runner)
    report = run_checks(runner, names)
    run_trials(report, names)
    report.add("")
    report.add(f"{len(CHECKS) + len(TRIALS)} checks, {report.wrong} not as assumed. Nothing was changed.")
    text = "\n".join(report.lines) + "\n"
    sys.stdout.write(text)
    place = write_report(text, Path.cwd())
    sys.stderr.write(f"\nÀ renvoyer / to send back: {place}\n")
    if arguments.install is not None:
        return install_and_go_back(arguments.install)
    return 11 if report.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
