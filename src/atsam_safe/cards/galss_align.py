"""Does ``galss.ini`` agree with the readers, and what would make it agree: one rule for both, so that they can never contradict each other.

What the field taught
- Main names decide (``CPS``, ``Vitale``); ``CPS1`` or ``Vitale1`` on a further slot is normal: only absent and virtual readers count.
- A name is only ever written when the system lists it at this moment, and never a virtual sign-in reader.
- Without enough information nothing is proposed: an emptied or half-guessed file stops software that worked.
- A serial-only file is a real state. It is a finding only beside PC/SC readers, and its protocol section is kept when it is converted.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from atsam_safe.cards.galss_ini import (
    PCSC,
    Channel,
    Document,
    GalssIniError,
    Role,
    channel_sections,
    parse,
    read_model,
)
from atsam_safe.cards.galss_structure import structure_defects
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.cards.galss_ini import GalssModel
    from atsam_safe.cards.model import CardKind, Slot

Family = Literal["macos", "windows", "linux"]

NOTHING: Final = "-"
"""Stands in a sentence for a name that does not exist."""

_PCSC_LIBRARY: Final[dict[Family, str]] = {"macos": "pcscosx.framework", "windows": "PCSCW64.DLL", "linux": "libpcsclux.so"}
_PCSC_OF_SERIAL: Final = (("pssinosx", "pcscosx"), ("pssinw64", "PCSCW64"), ("pssinw32", "PCSCW32"), ("pssinlux", "pcsclux"))
_ALIASES: Final[dict[Role, tuple[str, str]]] = {"cps": ("CPS", "TRANSPA1"), "vitale": ("Vitale", "TRANSPA2")}


def _quoted(slots: Sequence[Slot]) -> str:
    return _named([slot.name for slot in slots])


def _named(names: Sequence[str | None]) -> str:
    """Names as a sentence lists them; the quotes become those of its language (``words.translate``)."""
    return ", ".join(f"“{name}”" for name in names if name) or NOTHING


def alignment(document: Document | None, slots: Sequence[Slot] | None, *, needed: bool) -> tuple[Problem, ...]:
    """Everything in which ``galss.ini`` disagrees with the readers listed right now; empty when it agrees.

    ``document`` is ``None`` when the file is absent: a finding only when installed software needs it (``needed``).
    ``slots`` is ``None`` when the readers are not observable: only the file itself is judged then.
    """
    if document is None:
        return (Problem(ref="galss.missing"),) if needed else ()
    if document.blank:
        return (Problem(ref="galss.empty"),)
    model = read_model(document)
    problems = [
        Problem(
            ref="galss.malformed",
            told=None if defect.channel else "galss.malformed.no-channel",
            params={"code": f"0x{defect.code:04X}", "key": defect.key, "channel": str(defect.channel or NOTHING)},
            evidence={"code": defect.code, "key": defect.key, "channel": defect.channel},
        )
        for defect in structure_defects(document)
    ]
    if slots is None:
        return tuple(problems)
    if model.mode == "serial":
        usable = [slot for slot in slots if slot.kind == "reader"]
        if usable:
            problems.append(Problem(ref="galss.serial-only", params={"readers": _quoted(usable)}))
        return tuple(problems)
    problems.extend(_reader_problems(_declared(model), slots))
    problems.extend(_slot_problems(_declared(model), slots))
    return tuple(problems)


def _declared(model: GalssModel) -> tuple[Channel, ...]:
    """The PC/SC channels GALSS takes into account: those up to ``NbCanaux``."""
    limit = model.declared if model.declared is not None else len(model.channels)
    return tuple(channel for channel in model.channels if channel.number <= limit and channel.kind == PCSC)


def _reader_problems(channels: Sequence[Channel], slots: Sequence[Slot]) -> list[Problem]:
    """Channels that name a reader which is not connected, or which is none."""
    listed = {slot.name: slot for slot in slots}
    problems: list[Problem] = []
    for channel in channels:
        if not channel.reader:
            continue
        slot = listed.get(channel.reader)
        params = {"channel": str(channel.number), "reader": channel.reader, "readers": _quoted(slots)}
        evidence = {"channel": channel.number, "reader": channel.reader}
        if slot is None:
            problems.append(Problem(ref="galss.ghost-channel", params=params, evidence=evidence))
        elif slot.kind in {"virtual", "security-key"}:
            problems.append(Problem(ref="galss.virtual-reader", params=params, evidence=evidence))
    return problems


def _main(channels: Sequence[Channel], role: Role) -> Channel | None:
    return next((channel for channel in channels if channel.serves(role)), None)


def _holding(slots: Sequence[Slot], kind: CardKind) -> list[str]:
    """Names of the contact slots with such a card; the antenna shows the same card a second time and does not count."""
    return [slot.name for slot in slots if slot.kind == "reader" and slot.holds(kind)]


def _slot_problems(channels: Sequence[Channel], slots: Sequence[Slot]) -> list[Problem]:
    """Channels whose reader exists but holds the other card."""
    cps, vitale = _main(channels, "cps"), _main(channels, "vitale")
    cps_slots, vitale_slots = _holding(slots, "cps"), _holding(slots, "vitale")
    if cps is not None and vitale is not None and cps is not vitale and cps.reader == vitale.reader:
        params = {"reader": cps.reader or "", "first": str(cps.number), "second": str(vitale.number)}
        return [Problem(ref="galss.same-slot", params=params)]
    wrong: list[tuple[Channel, str, list[str]]] = []
    for channel, label, here in ((cps, "CPS", cps_slots), (vitale, "Vitale", vitale_slots)):
        if channel is not None and here and channel.reader not in here:
            wrong.append((channel, label, here))
    crossed = (vitale is not None and vitale.reader in cps_slots) or (cps is not None and cps.reader in vitale_slots)
    if wrong and crossed:
        params = {
            "cps_reader": _named([cps.reader] if cps is not None else []),
            "vitale_reader": _named([vitale.reader] if vitale is not None else []),
            "cps_found": _named(cps_slots),
            "vitale_found": _named(vitale_slots),
        }
        return [Problem(ref="galss.swapped", params=params)]
    return [
        Problem(
            ref="galss.wrong-slot",
            params={"channel": str(channel.number), "card": label, "reader": channel.reader or NOTHING, "found": ", ".join(here)},
            evidence={"channel": channel.number, "card": label, "reader": channel.reader, "found": here},
        )
        for channel, label, here in wrong
    ]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a proposal. ``deduced``: no card proves it; it follows from what else is connected."""

    what: Literal["reader", "remove-channel", "add-channel", "count", "protocol"]
    channel: int
    old: str = ""
    new: str = ""
    deduced: bool = False


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A realigned file, not yet written. ``before`` is ``None`` when there was no file; ``readers``: names listed then."""

    before: bytes | None
    after: bytes
    changes: tuple[Change, ...]
    diff: tuple[str, ...]
    readers: tuple[str, ...]


class _Slots(msgspec.Struct, frozen=True):
    """Where each card belongs. ``deduced``: the Vitale slot follows from what else is connected; empty name: there is no second slot."""

    cps: str
    vitale: str
    deduced: bool


def _impossible(reason: str, slots: Sequence[Slot]) -> GalssIniError:
    return GalssIniError(Problem(ref=f"galss.realign-{reason}", params={"readers": _quoted(slots)}))


def _locate(model: GalssModel | None, slots: Sequence[Slot]) -> _Slots:
    """Find the slot of each card. Raises ``GalssIniError`` when the readers do not tell."""
    usable = [slot for slot in slots if slot.kind == "reader" and slot.state != "unavailable" and slot.name.strip()]
    cps = _holding(usable, "cps")
    if len(cps) != 1:
        raise _impossible("needs-cps" if not cps else "two-cps", slots)
    others = [slot for slot in usable if slot.name != cps[0]]
    vitale = _holding(others, "vitale")
    if len(vitale) == 1:
        return _Slots(cps[0], vitale[0], deduced=False)
    if vitale:
        raise _impossible("needs-vitale", slots)
    with_card = [slot.name for slot in others if slot.state in {"card", "mute"}]
    if len(with_card) == 1:
        return _Slots(cps[0], with_card[0], deduced=True)
    present = _main(_declared(model), "vitale") if model is not None else None
    if present is not None and present.reader in {slot.name for slot in others}:
        return _Slots(cps[0], present.reader or "", deduced=True)
    if len(others) == 1:
        return _Slots(cps[0], others[0].name, deduced=True)
    if not others:
        return _Slots(cps[0], "", deduced=True)
    raise _impossible("needs-vitale", slots)


def realign(data: bytes | None, slots: Sequence[Slot], *, family: Family) -> Proposal:
    """What would make the file agree with the readers; nothing is written. An aligned file gives a proposal without changes.

    Raises ``GalssIniError`` when the readers do not tell where the cards belong, or when the result would not pass ``validate``.
    """
    document = parse(data or b"")
    if data is not None and not document.blank and not alignment(document, slots, needed=True):
        return Proposal(before=data, after=data, changes=(), diff=(), readers=tuple(slot.name for slot in slots))
    model = None if document.blank else read_model(document)
    place = _locate(model, slots)
    if model is None or model.mode in {"empty", "serial"}:
        edited, changes = _converted(document, place, family=family)
    else:
        edited, changes = _aligned(document, model, place, slots)
    after = edited.to_bytes()
    validate(after, slots)
    return Proposal(
        before=data,
        after=after,
        changes=tuple(changes),
        diff=_difference(document, edited),
        readers=tuple(slot.name for slot in slots),
    )


def validate(data: bytes, slots: Sequence[Slot]) -> None:
    """Hold a file about to be written against the readers listed right now. Raises ``GalssIniError`` naming what is wrong."""
    document = parse(data)
    model = read_model(document)
    names = {slot.name for slot in slots if slot.kind in {"reader", "contactless"}}
    for channel in model.channels:
        if channel.kind == PCSC and channel.reader not in names:
            raise GalssIniError(Problem(ref="galss.realign-name-unlisted", params={"reader": channel.reader or NOTHING}))
    if model.declared != len(model.channels):
        raise GalssIniError(Problem(ref="galss.realign-refused", params={"reason": "NbCanaux"}))
    if _main(_declared(model), "cps") is None:
        raise GalssIniError(Problem(ref="galss.realign-refused", params={"reason": "CPS"}))
    remaining = alignment(document, slots, needed=True)
    if remaining:
        first = Problem(ref="galss.realign-refused", told="galss.realign-refused.still", evidence={"reason": remaining[0].ref})
        raise GalssIniError(first, *remaining)


def _difference(before: Document, after: Document) -> tuple[str, ...]:
    """The change as a person reads it: unified diff without file headings."""
    old = [line.text for line in before.lines]
    new = [line.text for line in after.lines]
    return tuple(difflib.unified_diff(old, new, lineterm="", n=2))[2:]


def _aligned(document: Document, model: GalssModel, place: _Slots, slots: Sequence[Slot]) -> tuple[Document, list[Change]]:
    """A PC/SC file with its main channels on the right slots, and without channels to readers that are not there."""
    changes: list[Change] = []
    wanted: dict[Role, tuple[str, bool]] = {"cps": (place.cps, False), "vitale": (place.vitale, place.deduced)}
    kept: set[int] = set()
    for role, (name, deduced) in wanted.items():
        channel = _main(_declared(model), role)
        if not name:
            continue
        if channel is None:
            document, number = _with_channel(document, role, name)
            changes.append(Change(what="add-channel", channel=number, new=name, deduced=deduced))
            kept.add(number)
            continue
        kept.add(channel.number)
        if channel.reader != name:
            document = document.with_value(f"CANAL{channel.number}", "Caracteristiques", name)
            changes.append(Change(what="reader", channel=channel.number, old=channel.reader or "", new=name, deduced=deduced))
    listed = {slot.name for slot in slots if slot.kind in {"reader", "contactless"}}
    for channel in reversed(read_model(document).channels):
        ghost = channel.kind == PCSC and channel.reader not in listed
        beyond = model.declared is not None and channel.number > model.declared and channel.number not in kept
        if channel.number not in kept and (ghost or beyond):
            document = _without_channel(document, channel.number)
            changes.append(Change(what="remove-channel", channel=channel.number, old=channel.reader or ""))
    return _counted(document, changes)


def _counted(document: Document, changes: list[Change]) -> tuple[Document, list[Change]]:
    """The document with ``NbCanaux`` and the protocols' lists of channels agreeing with the channels it has."""
    model = read_model(document)
    count = str(len(model.channels))
    old = document.get("CONFIG", "NbCanaux")
    if old != count:
        document = document.with_value("CONFIG", "NbCanaux", count)
        changes.append(Change(what="count", channel=0, old=old or "", new=count))
    for protocol in model.protocols:
        if protocol.channels is None:
            continue
        numbers = tuple(channel.number for channel in model.channels if channel.protocol == protocol.number)
        if numbers != protocol.channels:
            document = document.with_value(f"PROTOCOLE{protocol.number}", "ListeCanaux", ",".join(map(str, numbers)))
    return document, changes


def _without_channel(document: Document, number: int) -> Document:
    """The document without one channel; later channels move up, because GALSS counts them from 1 to ``NbCanaux`` without a gap."""
    for section in channel_sections(document, number):
        document = document.without_section(section)
    later = [channel for channel in read_model(document).channels if channel.number > number]
    for channel in later:
        for section in channel_sections(document, channel.number):
            rest = section[len(f"CANAL{channel.number}") :]
            document = document.with_section_renamed(section, f"CANAL{channel.number - 1}{rest}")
        if channel.kind == PCSC and channel.index == channel.number:
            document = document.with_value(f"CANAL{channel.number - 1}", "Index", str(channel.number - 1))
    return document


def _channel_text(number: int, protocol: int, role: Role, reader: str) -> str:
    name, alias = _ALIASES[role]
    return (
        f"\n[CANAL{number}]\nTCanal={PCSC}\nIndex={number}\nProtocole={protocol}\nCaracteristiques={reader}\nNbPAD=1\n"
        f"\n[CANAL{number}.PAD1]\nPAD=0\nNbLAD=1\n"
        f"\n[CANAL{number}.PAD1.LAD1]\nLAD=1\nNomLAD={name}\nNbAlias=1\nNomAlias1={alias}\n"
    )


def _with_channel(document: Document, role: Role, reader: str) -> tuple[Document, int]:
    """The document with one more PC/SC channel, and its number."""
    model = read_model(document)
    number = max((channel.number for channel in model.channels), default=0) + 1
    protocol = next((channel.protocol for channel in model.channels if channel.kind == PCSC and channel.protocol is not None), None)
    if protocol is None:
        raise GalssIniError(Problem(ref="galss.realign-refused", params={"reason": "Protocole"}))
    return document.with_text(_channel_text(number, protocol, role, reader)), number


def _converted(document: Document, place: _Slots, *, family: Family) -> tuple[Document, list[Change]]:
    """A serial or empty file turned into PC/SC channels; its protocol sections, unknown sections and comments stay."""
    model = read_model(document)
    changes: list[Change] = []
    library = _pcsc_library([protocol.library or "" for protocol in model.protocols], family)
    known = next((protocol for protocol in model.protocols if (protocol.library or "").lower() == library.lower()), None)
    for channel in model.channels:
        for section in channel_sections(document, channel.number):
            document = document.without_section(section)
        changes.append(Change(what="remove-channel", channel=channel.number, old=channel.reader or ""))
    roles: tuple[tuple[Role, str, bool], ...] = (("cps", place.cps, False), ("vitale", place.vitale, place.deduced))
    wanted = [(role, reader, deduced) for role, reader, deduced in roles if reader]
    numbers = ",".join(str(number) for number in range(1, len(wanted) + 1))
    if known is None:
        protocol = max((item.number for item in model.protocols), default=-1) + 1
        document = document.with_text(f"\n[PROTOCOLE{protocol}]\nConfig=0\nNomLib={library}\nListeCanaux={numbers}\n")
        changes.append(Change(what="protocol", channel=0, new=library))
    else:
        protocol = known.number
    if document.get("CONFIG", "NbCanaux") is None:
        document = document.with_text(f"\n[CONFIG]\nNbCanaux={len(wanted)}\n")
    for number, (role, reader, deduced) in enumerate(wanted, start=1):
        document = document.with_text(_channel_text(number, protocol, role, reader))
        changes.append(Change(what="add-channel", channel=number, new=reader, deduced=deduced))
    return _counted(document, changes)


def _pcsc_library(libraries: Sequence[str], family: Family) -> str:
    """Name of the PC/SC protocol library: the sibling of the one the file already uses, else the family's usual one."""
    for library in libraries:
        if any(sibling.lower() in library.lower() for _, sibling in _PCSC_OF_SERIAL):
            return library
    for library in libraries:
        for serial, sibling in _PCSC_OF_SERIAL:
            start = library.lower().find(serial)
            if start >= 0:
                return library[:start] + sibling + library[start + len(serial) :]
    return _PCSC_LIBRARY[family]
