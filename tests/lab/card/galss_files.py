"""Build ``galss.ini`` files the way the vendor's and the integrators' tools write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atsam_safe.cards.model import CardType, Slot
from atsam_safe.cards.reader_kinds import reader_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIBRARIES = {"macos": ("pssinosx.framework", "pcscosx.framework"), "windows": ("PSSINW64.DLL", "PCSCW64.DLL")}


def galss_ini(
    channels: Sequence[dict[str, Any]], *, family: str = "macos", line_end: str = "\n", encoding: str = "latin-1", comment: str = "é"
) -> bytes:
    """A complete file: one serial channel with all its resources, or one PC/SC channel per entry."""
    serial, pcsc = _LIBRARIES[family]
    is_serial = any(channel["reader"].split(",")[0].isdigit() for channel in channels)
    lines = [f"; Configuration du lecteur ({comment})", "[PROTOCOLE0]", "Config=1000,20,15000", f"NomLib={serial}", ""]
    if not is_serial:
        numbers = ",".join(str(channel["number"]) for channel in channels)
        lines += ["[PROTOCOLE1]", "Config=0", f"NomLib={pcsc}", f"ListeCanaux={numbers}", ""]
    lines += ["[CONFIG]", f"NbCanaux={len(channels)}", "CleInconnue = gardée telle quelle", ""]
    for channel in channels:
        number = channel["number"]
        lines += [
            f"[CANAL{number}]",
            f"TCanal={1 if is_serial else 3}",
            f"Index={number}",
            f"Protocole={0 if is_serial else 1}",
            f"Caracteristiques={channel['reader']}",
            "NbPAD=1",
            "",
            f"[CANAL{number}.PAD1]",
            f"PAD={2 if is_serial else 0}",
            f"NbLAD={len(channel['resources'])}",
            "",
        ]
        for position, name in enumerate(channel["resources"], start=1):
            alias = {"CPS": "TRANSPA1", "Vitale": "TRANSPA2"}.get(name)
            lines += [f"[CANAL{number}.PAD1.LAD{position}]", f"LAD={position}", f"NomLAD={name}", f"NbAlias={1 if alias else 0}"]
            if alias:
                lines.append(f"NomAlias1={alias}")
            lines.append("")
    return (line_end.join(lines) + line_end).encode(encoding)


def slot(name: str, card: str = "empty") -> Slot:
    """A reader slot with a card of this kind in it (``empty``, ``mute``, ``cps``, ``vitale``, ``other``, ``unknown``)."""
    if card in {"empty", "mute"}:
        return Slot(name=name, kind=reader_kind(name), state="mute" if card == "mute" else "empty")
    kind: Any = card
    return Slot(name=name, kind=reader_kind(name), state="card", card=CardType(kind=kind, generation=card))
