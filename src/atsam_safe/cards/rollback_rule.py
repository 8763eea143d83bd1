"""Does a broken rung call for going back? Pure.

Only when the rung was whole before the change, is broken after it, rests on what the change touched, and nothing else can have broken it:
the same readers, the same card, no other program in the way, no date that passed. Everything else is reported with its origin. Going back
for a card someone took out, or a certificate that expired, would undo a good installation and cure nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.cards.model import Origin

if TYPE_CHECKING:
    from atsam_safe.cards.model import LadderReport, Rung

# What a change of the components can break, and the references under which other causes hide.
_OURS: Final = frozenset({"service", "middleware", "token", "certificates", "configuration"})
_NEVER_OURS: Final = frozenset(
    {
        "cards.certificate-expired",
        "cards.certificate-not-yet",
        "cards.certificate-foreign",
        "cards.code-locked",
        "cards.card-removed",
    }
)
# Windows ends its service with the last reader: then it cannot be told from a reader that somebody unplugged.
_NO_READER_LEFT: Final = frozenset({"cards.service-without-reader"})
# What a module runs into while another program keeps the card to itself.
_HELD_UP: Final = frozenset({"middleware.hung", "middleware.failed"})
_CARDS_MOVED: Final = frozenset({"galss.wrong-slot", "galss.swapped"})
_NEED_THE_CARD: Final = frozenset({"token", "certificates"})
_NEED_A_RESTART: Final = frozenset({"service", "middleware", "token", "certificates"})
_NEED_THE_READERS: Final = frozenset({"configuration", "token", "certificates"})


class BrokenRung(msgspec.Struct, frozen=True, kw_only=True):
    """One rung that is broken after the change. ``ours``: our change is the only open cause; else ``reason`` speaks against it."""

    rung: str
    ours: bool
    origin: Origin | None
    reason: str = ""


class RollbackVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """``rollback`` is true when at least one rung was broken by our change alone."""

    rollback: bool
    broken: tuple[BrokenRung, ...] = ()


def _same_card(before: LadderReport, after: LadderReport) -> bool:
    """True when it is proven that the very card of before is in now."""
    first, second = before.identity, after.identity
    return first is not None and second is not None and first.key == second.key and first.card == second.card


def _same_readers(before: LadderReport, after: LadderReport) -> bool:
    if before.readers is None or after.readers is None:
        return False
    return {slot.name for slot in before.readers} == {slot.name for slot in after.readers}


def _same_places(before: LadderReport, after: LadderReport) -> bool:
    """True when every card is in the slot it was in before."""
    places = [{slot.name: slot.card.kind for slot in report.readers or () if slot.card is not None} for report in (before, after)]
    return places[0] == places[1]


def _against(rung: Rung, before: LadderReport, after: LadderReport, *, restart_needed: bool) -> str:
    """What speaks against our change as the only cause; empty when nothing does."""
    earlier = next((other.outcome for other in before.rungs if other.id == rung.id), "not-checked")
    held = any(other.id == "sharing" and other.outcome == "fail" for other in after.rungs)
    refs = {problem.ref for problem in rung.problems}
    checks = (
        (earlier == "fail", "broken-before"),
        (earlier != "pass", "not-proven-before"),
        (rung.id not in _OURS, "not-touched"),
        (restart_needed and rung.id in _NEED_A_RESTART, "restart-first"),
        (rung.id in _NEED_THE_READERS and not _same_readers(before, after), "other-readers"),
        (rung.id in _NEED_THE_CARD and not _same_card(before, after), "other-card"),
        (bool(refs) and refs <= _NO_READER_LEFT, "other-readers"),
        (held and (rung.id in _NEED_THE_CARD or (bool(refs) and refs <= _HELD_UP)), "held"),
        (bool(refs) and refs <= _CARDS_MOVED and not _same_places(before, after), "cards-moved"),
        (bool(refs) and refs <= _NEVER_OURS, "time-or-card"),
    )
    return next((reason for applies, reason in checks if applies), "")


def decide(before: LadderReport | None, after: LadderReport, *, restart_needed: bool = False) -> RollbackVerdict:
    """Hold the ladder after a change against the one before it. Without a ladder before, nothing can be our fault for certain.

    ``restart_needed``: the vendor asks for a restart before the card can be used; until then only the configuration can be judged.
    """
    broken: list[BrokenRung] = []
    for rung in after.failed:
        reason = "not-proven-before" if before is None else _against(rung, before, after, restart_needed=restart_needed)
        broken.append(BrokenRung(rung=rung.id, ours=not reason, origin="workstation" if not reason else rung.origin, reason=reason))
    return RollbackVerdict(rollback=any(entry.ours for entry in broken), broken=tuple(broken))
