"""What GALSS itself refuses in its ``galss.ini``, whatever readers are connected.

Source of the codes: the vendor's GALSS error list (0x8003 … 0x8011). Nothing else is a defect here: a file that serves the practice must
never be called broken because it looks unusual.

- GALSS counts: ``NbCanaux`` channels, ``NbPAD`` readers each, ``NbLAD`` resources each. There must be as many good ones as are announced;
  what stands beyond is not read, so it is not judged. Without a count, one is expected. A count of nought announces nothing, and no code is
  known for it.
- The same keys are met in sections of their own (``[CANAL1.PAD1.LAD1]``: ``PAD``, ``LAD``) and numbered in the channel's section (``PAD1``,
  ``LAD11``). Under other headings nobody can tell to which channel they belong: nothing is called absent then.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from atsam_safe.cards.galss_ini import CHANNEL_SECTION, MAXIMUM_CHANNELS, Channel, Document, GalssModel, read_model

MAXIMUM_NAME: Final = 8
"""GALSS refuses resource names longer than eight characters (code 0x8011)."""
MAXIMUM_ADDRESS: Final = 255
"""GALSS refuses addresses of readers and of resources outside 0-255 (codes 0x800F and 0x8010)."""

_KEY: Final = re.compile(r"^(NBPAD|PAD|NBLAD|LAD|NOMLAD|NBALIAS|NOMALIAS)\d*$", re.IGNORECASE)
_LEADING: Final = re.compile(r"-?\d{1,9}")


class Defect(msgspec.Struct, frozen=True, kw_only=True):
    """Something GALSS itself refuses: its code (as in the vendor's list), the channel concerned if any, and the key."""

    code: int
    key: str
    channel: int | None = None


def structure_defects(document: Document) -> tuple[Defect, ...]:
    """Everything for which GALSS would refuse the file, in its own order of discovery."""
    model = read_model(document)
    found: list[Defect] = []
    if model.declared is None:
        found.append(Defect(code=0x800D, key="NbCanaux"))
    elif not 0 < model.declared <= MAXIMUM_CHANNELS:
        found.append(Defect(code=0x8003, key="NbCanaux"))
    values, elsewhere = _resource_keys(document)
    for number in range(1, min(model.declared or 0, MAXIMUM_CHANNELS) + 1):
        channel = model.channel(number)
        if channel is None:
            found.append(Defect(code=0x8004, key=f"CANAL{number}", channel=number))
        else:
            found.extend(_channel_defects(model, channel))
            found.extend(_resource_defects(channel, values.get(number, {}), elsewhere))
    return tuple(found)


def _channel_defects(model: GalssModel, channel: Channel) -> list[Defect]:
    number = channel.number
    found: list[Defect] = []
    if channel.protocol is None:
        found.append(Defect(code=0x8004, key="Protocole", channel=number))
    else:
        protocol = next((item for item in model.protocols if item.number == channel.protocol), None)
        if protocol is None:
            found.append(Defect(code=0x8005, key="Protocole", channel=number))
        elif not protocol.library:
            found.append(Defect(code=0x8006, key="NomLib", channel=number))
    if channel.kind is None or channel.index is None:
        found.append(Defect(code=0x8007, key="TCanal" if channel.kind is None else "Index", channel=number))
    if not channel.reader:
        found.append(Defect(code=0x8008, key="Caracteristiques", channel=number))
    return found


_Values = dict[str, list[str]]
"""The values of one channel under each kind of key, in capitals and without its number, in the order of the file."""


def _resource_keys(document: Document) -> tuple[dict[int, _Values], frozenset[str]]:
    """The keys of readers and resources of each channel, and those that stand under headings which name no channel."""
    found: dict[int, _Values] = {}
    elsewhere: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for line in document.lines:
        kind = _KEY.match(line.key) if line.kind == "key" else None
        place = (line.section.upper(), line.key.upper())
        if kind is None or place in seen:
            continue  # GALSS takes the first value of a key
        seen.add(place)
        owner = CHANNEL_SECTION.match(line.section)
        name = kind[1].upper()
        if owner is None:
            elsewhere.add(name)
        else:
            found.setdefault(int(owner[1]), {}).setdefault(name, []).append(line.value)
    return found, frozenset(elsewhere)


def _resource_defects(channel: Channel, values: _Values, elsewhere: frozenset[str]) -> list[Defect]:
    """Readers (PAD) and resources (LAD) of one channel. Where the thing itself is missing, what goes with it is not asked for."""
    found: list[Defect] = []
    pads, lads, labels = values.get("PAD", []), values.get("LAD", []), values.get("NOMLAD", [])
    readers = _announced(values.get("NBPAD", []), len(pads))
    resources = _announced(values.get("NBLAD", [])[:readers], max(len(lads), len(labels))) if readers else 0
    aliases = sum(_leading(text) or 0 for text in values.get("NBALIAS", [])[:resources])
    names = [name for resource in channel.resources for name in (resource.name, *resource.aliases)]

    checks = (
        (0x800F, "PAD", _addresses(pads), len(pads), readers),
        (0x8010, "LAD", _addresses(lads), len(lads), resources if pads else 0),
        (0x8011, "NomLAD", len(labels), len(labels), resources if lads or labels else 0),
        (0x8011, "NomAlias", len(values.get("NOMALIAS", [])), 0, aliases),
    )
    for code, key, good, there, wanted in checks:
        if good < (min(there, wanted) if elsewhere else wanted):
            found.append(Defect(code=code, key=key, channel=channel.number))
    if any(not name or len(name) > MAXIMUM_NAME for name in names):
        found.append(Defect(code=0x8011, key="NomLAD", channel=channel.number))
    return found


def _announced(counts: list[str], there: int) -> int:
    """How many GALSS looks for; without a readable count, those that stand there, and at least one."""
    numbers = [number for number in map(_leading, counts) if number is not None]
    return sum(numbers) if numbers else max(1, there)


def _addresses(values: list[str]) -> int:
    """How many of them GALSS takes for an address."""
    return sum(0 <= number <= MAXIMUM_ADDRESS for number in map(_leading, values) if number is not None)


def _leading(text: str) -> int | None:
    """The number a value begins with, as readers of ``.ini`` files take it; ``None`` when it begins with none."""
    match = _LEADING.match(text)
    return None if match is None else int(match[0])
