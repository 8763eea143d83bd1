"""Readers, drivers and tokens as macOS lists them, without a PIN and without a certificate's content.

The text output can hold certificates of people: the JSON form is used and everything about available cards is dropped unread.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from atsam_safe.workstation.macos.probe import Probe

if TYPE_CHECKING:
    from atsam_safe.workstation.commands import CommandOutcome

SYSTEM_PROFILER: Final = "/usr/sbin/system_profiler"
PLUGINKIT: Final = "/usr/bin/pluginkit"
_STATES: Final[dict[str, Literal["on", "off", "unknown"]]] = {"-": "off", "?": "unknown", "=": "unknown"}


class ListedReader(msgspec.Struct, frozen=True, kw_only=True):
    """A reader in the system's order. ``atr`` is upper-case hex, possibly only its beginning (``complete`` says so)."""

    name: str
    card: bool
    atr: str | None = None
    complete: bool = False


class ListedDriver(msgspec.Struct, frozen=True, kw_only=True):
    """A reader driver; id and version are ``None`` when the bundle does not tell (``(null)``)."""

    identifier: str | None
    version: str | None
    path: str


class SmartCardStack(msgspec.Struct, frozen=True, kw_only=True):
    """What the operating system itself sees of the card chain."""

    readers: tuple[ListedReader, ...]
    drivers: tuple[ListedDriver, ...]


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """A registered CryptoTokenKit extension, and whether its person lets it be used."""

    identifier: str
    version: str | None
    state: Literal["on", "off", "unknown"]


def parse_stack(outcome: CommandOutcome) -> SmartCardStack | None:
    """Read ``SPSmartCardsDataType -json`` (10.15+); ``None`` when the report is not there."""
    try:
        report = msgspec.json.decode(outcome.out)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    sections = report.get("SPSmartCardsDataType") if isinstance(report, dict) else None
    if not isinstance(sections, list):
        return None
    by_name = {section.get("_name"): section for section in sections if isinstance(section, dict)}
    return SmartCardStack(
        readers=tuple(_reader(text) for text in _numbered(by_name.get("READERS"))),
        drivers=tuple(driver for text in _numbered(by_name.get("READERS_DRIVERS")) if (driver := _driver(text)) is not None),
    )


def _numbered(section: Any) -> list[str]:  # noqa: ANN401 - a piece of decoded JSON
    """The ``#01``, ``#02`` … strings of a section, in order."""
    if not isinstance(section, dict):
        return []
    keys = sorted(key for key in section if isinstance(key, str) and re.fullmatch(r"#\d+", key))
    return [section[key] for key in keys if isinstance(section[key], str)]


def _reader(text: str) -> ListedReader:
    """Split a reader's name from its card; the two known ATR spellings are read, long ones may be cut by the system."""
    match = re.match(r"(?P<name>.*) \(ATR:(?P<atr>.*)\)$", text)
    if match is None:
        return ListedReader(name=re.sub(r" \([^()]*\)$", "", text), card=False)
    shown = match.group("atr")
    length = re.search(r"length = (\d+)", shown)
    digits = re.search(r"bytes = 0x([0-9a-fA-F ]+)", shown) or re.search(r"<([0-9a-fA-F ]+)", shown)
    atr = digits.group(1).replace(" ", "").upper() if digits else None
    complete = atr is not None and "..." not in shown and (length is None or len(atr) == 2 * int(length.group(1)))
    return ListedReader(name=match.group("name"), card=True, atr=atr, complete=complete)


def _driver(text: str) -> ListedDriver | None:
    """Read ``identifier:version (path)``."""
    match = re.match(r"(.*):([^:]*) \((/.*)\)$", text)
    if match is None:
        return None
    identifier, version, path = match.groups()
    return ListedDriver(
        identifier=None if identifier == "(null)" else identifier, version=None if version == "(null)" else version, path=path
    )


def parse_extensions(outcome: CommandOutcome) -> tuple[Extension, ...] | None:
    """Read ``pluginkit -m -p com.apple.ctk-tokens``: one line each, the first column is the person's choice.

    Nothing there, ``+`` or ``!`` (for its developer): in use. ``-``: switched off. ``?`` and ``=`` (another copy stands for it): unknown.
    """
    if outcome.status != 0:
        return None
    found = []
    for line in outcome.text.splitlines():
        match = re.match(r"([+\-!=? ]?)\s+(\S+?)\(+([^()]*)\)+", line)
        if match is not None:
            choice, identifier, version = match.groups()
            state = _STATES.get(choice, "on")
            found.append(Extension(identifier=identifier, version=None if version == "null" else version, state=state))
    return tuple(found)


STACK: Final = Probe(name="smart-cards", argv=(SYSTEM_PROFILER, "-json", "SPSmartCardsDataType"), parse=parse_stack, limit=60.0)
EXTENSIONS: Final = Probe(name="token-extensions", argv=(PLUGINKIT, "-m", "-p", "com.apple.ctk-tokens"), parse=parse_extensions)
