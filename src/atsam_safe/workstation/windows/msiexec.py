"""Windows Installer run silently: what its exit codes mean, and what its log says. Whether it worked is asked of the system afterwards.

Every call suppresses restarts and has a time limit; another installation under way (1618) is waited for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

import tenacity

from atsam_safe.words.model import Problem, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.workstation.commands import CommandOutcome, CommandRunner

Meaning = Literal["done", "restart", "absent", "busy", "other-version", "failed"]

# Without the last one a silent installation closes every program that has one of its files open: a medical record with unsaved work, too.
# A file in use is then replaced at the next restart, and the run ends with 30.
SUPPRESSED: Final = ("/qn", "/norestart", "REBOOT=ReallySuppress", "MSIRESTARTMANAGERCONTROL=Disable")
_MEANINGS: Final[dict[int, Meaning]] = {
    0: "done",
    3010: "restart",
    1641: "restart",
    1605: "absent",
    1614: "absent",
    1618: "busy",
    1638: "other-version",
}
# Exit codes with words of their own; the second of a pair is what an imitation of Windows answers for the same fault.
_REFERENCES: Final = {
    1601: "windows.installer-service",
    1602: "windows.installation-cancelled",
    1603: "windows.installation-failed",
    1619: "windows.package-not-opened",
    2: "windows.package-not-opened",
    1620: "windows.package-not-valid",
    1627: "windows.package-not-valid",
    1625: "windows.forbidden-by-policy",
    1633: "windows.wrong-platform",
    1639: "windows.installer-refused-call",
}
_LOG_LIMIT: Final = 16 << 20
_LINE_LIMIT: Final = 400
# What stands just before the famous line « Return value 3 » names what failed, in every language of Windows: the number stays.
_FAILURE: Final = re.compile(r"(?:Return value|Valeur renvo\w+|Rückgabewert|Valore restituito|Valor devuelto)\s*:?\s*3\b", re.IGNORECASE)
_ERROR: Final = re.compile(r"\b(?:Error|Erreur|Fehler)\s+(\d{4,5})\s*[.:].*", re.IGNORECASE)
# Remarks about windows that a silent installation never shows; nearly every log has some.
_REMARK: Final = re.compile(r"\bDEBUG\s*:", re.IGNORECASE)
_PRODUCT_MESSAGE: Final = re.compile(r"(?:Product|Produit|Produkt)\s*:.*?--\s*(.+)", re.IGNORECASE)
# How Windows Installer itself closes every failed installation: true, and no reason.
_DEED: Final = r"(?:opération (?:d['’]|de ))?(?:installation|suppression|configuration|désinstallation|mise à jour)"
_VERDICT: Final = re.compile(
    r"(?:(?:installation|removal|configuration|update|uninstallation)(?: operation)? (?:failed|completed successfully)"
    rf"|(?:l['’]|la ){_DEED} (?:a échoué|s['’]est (?:terminée|achevée|effectuée) .{{1,20}})"
    rf"|échec de (?:l['’]|la ){_DEED}"
    r"|(?:die )?(?:installation|deinstallation|konfiguration|entfernung) (?:ist )?fehlgeschlagen)\.?",
    re.IGNORECASE,
)


class _BusyError(Exception):
    """Another installation is under way: try again later."""

    def __init__(self, outcome: CommandOutcome) -> None:
        super().__init__(outcome.status)
        self.outcome = outcome


def meaning_of(status: int | None) -> Meaning:
    """What an exit code says. An unknown one is a failure."""
    return "failed" if status is None else _MEANINGS.get(status, "failed")


def decode_log(data: bytes) -> str:
    """The text of a log by its first bytes: UTF-16 with a mark on Windows, plain bytes elsewhere."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if data.startswith(b"\xef\xbb\xbf"):
        return data.decode("utf-8-sig", "replace")
    return data.decode("cp1252", "replace")


def reason_in_log(text: str) -> str:
    """The most telling line of a log: a numbered error, what the package says of itself, or what stood before the failing action.

    The last product message of a failed installation is the verdict (« Installation failed. »): it is given when there is nothing else.
    Of several lines the last one before the first failing action counts: those before it did not end the installation, those after it
    tell of the way back.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _REMARK.search(line)]
    end = next((number for number, line in enumerate(lines) if number and _FAILURE.search(line)), None)
    errors = [(number, match[0]) for number, line in enumerate(lines) if (match := _ERROR.search(line)) is not None]
    told = [(number, match[1].strip()) for number, line in enumerate(lines) if (match := _PRODUCT_MESSAGE.search(line)) is not None]
    messages = [(number, message) for number, message in told if _VERDICT.fullmatch(message) is None]
    early = [[message for number, message in found if end is not None and number < end][-1:] for found in (errors, messages)]
    for telling in (*early, *([message for _number, message in found][:1] for found in (errors, messages))):
        if telling:
            return _short(telling[0])
    if end is not None:
        return _short(lines[end - 1])
    return _short(told[0][1]) if told else ""


def _short(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable[:_LINE_LIMIT].strip()


class WindowsInstaller:
    """``msiexec`` of this system. ``wait``: how long to wait for another installation; ``limit``: how long one may take (seconds)."""

    def __init__(self, runner: CommandRunner, program: str, *, limit: float, wait: float, pause: float = 5.0) -> None:
        self._runner = runner
        self._program = program
        self._limit = limit
        self._wait = wait
        self._pause = pause

    def run(self, arguments: tuple[str, ...], log: Path, heartbeat: Callable[[float], None] | None = None) -> CommandOutcome:
        """Run once another installation has ended; a busy answer after all patience is given back as it is."""
        argv = (self._program, *arguments, *SUPPRESSED, "/l*v", str(log))

        def attempt() -> CommandOutcome:
            outcome = self._runner.run(argv, limit=self._limit, heartbeat=heartbeat)
            if meaning_of(outcome.status) == "busy":
                raise _BusyError(outcome)
            return outcome

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_BusyError),
            stop=tenacity.stop_after_delay(self._wait),
            wait=tenacity.wait_fixed(self._pause),
            reraise=True,
        )
        try:
            return retrying(attempt)
        except _BusyError as error:
            return error.outcome


def read_log(log: Path) -> str:
    """What the log says, bounded; empty when there is none."""
    try:
        with log.open("rb") as stream:
            return decode_log(stream.read(_LOG_LIMIT))
    except OSError:
        return ""


def failure_of(outcome: CommandOutcome, log: Path, *, title: str, blocking: str | None = None) -> WorkstationError:
    """The failure in words: the exit code's own, with what the log says and the product that is in the way."""
    status = outcome.status
    reason = reason_in_log(read_log(log))
    params = {"product": title, "code": "?" if status is None else str(status), "reason": reason or "—", "log": str(log)}
    evidence = {**params, "seconds": round(outcome.seconds, 1)}
    if outcome.missing:
        return WorkstationError(Problem(ref="windows.installer-missing", params=params, evidence=evidence))
    if status is None:
        params["seconds"] = str(round(outcome.seconds))
        return WorkstationError(Problem(ref="windows.installer-timed-out", params=params, evidence=evidence))
    meaning = meaning_of(status)
    if meaning == "busy":
        return WorkstationError(Problem(ref="windows.installer-busy", params=params, evidence=evidence))
    if meaning == "other-version":
        params["blocking"] = blocking or "?"
        return WorkstationError(Problem(ref="windows.code-taken", params=params, evidence=evidence))
    return WorkstationError(Problem(ref=_REFERENCES.get(status, "windows.installation-failed"), params=params, evidence=evidence))
