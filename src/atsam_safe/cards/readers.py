"""The readers and cards the system sees right now, through PC/SC.

Rules
- pyscard's low-level calls only: its observers are process-wide singletons that outlive what they observe, and print from their own thread.
- Cards are shared, never taken for us alone, and left as they are on the way out: billing software goes on working beside us.
- What PC/SC answers is translated into references here; no error code travels further.
- Nothing in this module is imported by a command that was not asked to look at a card.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final, Self

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from atsam_safe.cards.model import CardError, Slot
from atsam_safe.cards.reader_kinds import reader_kind
from atsam_safe.cards.recognise import recognise
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from atsam_safe.catalogue.model import CardRule

MAXIMUM_READERS: Final = 32
SETTLE_SECONDS: Final = 10.0
"""How long a reader may take to come back after an installation touched its driver or its service."""

_RETRY_EVERY: Final = 0.2
_LISTINGS: Final = 5
_STATE_PRESENT: Final = 0x20
_STATE_EXCLUSIVE: Final = 0x80
_STATE_IN_USE: Final = 0x100
_STATE_MUTE: Final = 0x200
_STATE_UNAVAILABLE: Final = 0x08 | 0x04

_SUCCESS: Final = 0
_NO_READERS: Final = 0x8010002E
_REFS: Final = {
    0x8010001D: "cards.service-down",
    0x8010001E: "cards.service-down",
    0x80100013: "cards.service-down",
    0x8010000B: "cards.reader-held",
    0x8010000C: "cards.card-removed",
    0x80100069: "cards.card-removed",
    0x80100017: "cards.reader-gone",
    0x80100009: "cards.reader-gone",
    # Nothing came through, or nothing yet: a card that was just taken out looks like this too, and is asked for again (observe).
    0x80100016: "cards.card-mute",
    0x80100010: "cards.card-mute",
    0x8010002F: "cards.card-mute",
    0x80100066: "cards.card-mute",
    0x80100067: "cards.card-mute",
    0x8010000F: "cards.card-mute",
    0x8010000A: "cards.time-limit",
    0x80100002: "cards.time-limit",
}
_RESET: Final = 0x80100068


def pcsc() -> Any:  # noqa: ANN401 - an untyped module, possibly absent
    """The PC/SC binding. Raises ``CardError`` (``cards.support-missing``) where it is not installed."""
    try:
        from smartcard import scard  # noqa: PLC0415 - only commands that look at a card pay for it
    except ImportError as error:
        raise CardError(Problem(ref="cards.support-missing", params={"library": "pyscard"})) from error
    return scard


def pcsc_error(result: int, *, reader: str = "") -> CardError:
    """The error for a PC/SC result that is not success."""
    code = result & 0xFFFFFFFF
    ref = _REFS.get(code, "cards.pcsc-error")
    params = {"code": f"0x{code:08X}", "reader": reader, "programs": "-", "subject": reader, "seconds": "0"}
    return CardError(Problem(ref=ref, params=params, evidence={"code": f"0x{code:08X}"}))


class Channel:
    """One open card, shared with other programs; commands go to it one at a time under a transaction."""

    def __init__(self, scard: Any, handle: Any, protocol: int, reader: str) -> None:  # noqa: ANN401 - opaque values of the binding
        self._scard = scard
        self._handle = handle
        self._reader = reader
        self._header = scard.SCARD_PCI_T1 if protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0

    def transmit(self, command: bytes) -> bytes:
        """Send one command and return the answer with its status words. Raises ``CardError``."""
        result, answer = self._scard.SCardTransmit(self._handle, self._header, list(command))
        if result != _SUCCESS:
            raise pcsc_error(result, reader=self._reader)
        return bytes(byte & 0xFF for byte in answer)


class SmartCardService:
    """One connection to the system's smart-card service (a context manager). Raises ``CardError`` when the service is not there."""

    def __init__(self, rules: Sequence[CardRule]) -> None:
        self._rules = tuple(rules)
        self._scard = pcsc()
        self._context: Any = None

    def __enter__(self) -> Self:
        result, context = self._scard.SCardEstablishContext(self._scard.SCARD_SCOPE_USER)
        if result != _SUCCESS:
            raise pcsc_error(result)
        self._context = context
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._scard.SCardReleaseContext(self._context)

    def cancel(self) -> None:
        """Make a waiting call of another thread return at once."""
        self._scard.SCardCancel(self._context)

    def names(self) -> tuple[str, ...]:
        """Names of all readers, in the system's order; empty when there is none."""
        try:
            result, names = self._scard.SCardListReaders(self._context, [])
        except (UnicodeError, SystemError) as error:
            raise CardError(Problem(ref="cards.reader-name", params={"readers": "?"})) from error
        if result & 0xFFFFFFFF == _NO_READERS:
            return ()
        if result != _SUCCESS:
            raise pcsc_error(result)
        return tuple(str(name) for name in names[:MAXIMUM_READERS])

    def slots(self) -> tuple[Slot, ...]:
        """Every reader slot with what is in it. A reader that goes away between two calls is simply not listed."""
        for _ in range(_LISTINGS):
            names = self.names()
            slots = self.states(dict.fromkeys(names, 0), timeout_ms=0)[0] if names else ()
            if slots or not names:
                return slots
        return ()

    def states(self, known: dict[str, int], *, timeout_ms: int) -> tuple[tuple[Slot, ...], dict[str, int]]:
        """Slots of the readers in ``known`` (name to last raw state), after a change or ``timeout_ms``; also the new raw states.

        Both are empty when one of these readers is no longer listed: the list has to be read again.
        """
        # The binding takes ASCII only and damages its own memory over anything else: one reader with an accent in its name would end the
        # program. Such a reader is listed and never asked for.
        asked = {name: state for name, state in known.items() if name.isascii()}
        if asked:
            result, states = self._scard.SCardGetStatusChange(self._context, timeout_ms, list(asked.items()))
        else:
            time.sleep(timeout_ms / 1000)
            result, states = _SUCCESS, []
        code = result & 0xFFFFFFFF
        if code not in {_SUCCESS, 0x8010000A}:
            if _REFS.get(code) == "cards.reader-gone":
                return (), {}
            raise pcsc_error(result)
        slots = {name: self._slot(name, state, bytes(byte & 0xFF for byte in atr)) for name, state, atr in states}
        slots |= {name: Slot(name=name, kind=reader_kind(name), state="unavailable") for name in known if name not in asked}
        raw = known | {name: state & ~self._scard.SCARD_STATE_CHANGED for name, state, _ in states}
        return tuple(slots[name] for name in known), raw

    def _slot(self, name: str, state: int, atr: bytes) -> Slot:
        kind = reader_kind(name)
        exclusive = bool(state & _STATE_EXCLUSIVE)
        in_use = bool(state & _STATE_IN_USE)
        if state & _STATE_UNAVAILABLE:
            return Slot(name=name, kind=kind, state="unavailable", exclusive=exclusive, in_use=in_use)
        if not state & _STATE_PRESENT:
            return Slot(name=name, kind=kind, exclusive=exclusive, in_use=in_use)
        if state & _STATE_MUTE or not atr:
            return Slot(name=name, kind=kind, state="mute", exclusive=exclusive, in_use=in_use)
        card = recognise(atr, self._rules)
        if kind == "reader" and card.interface == "contactless":
            kind = "contactless"
        return Slot(name=name, kind=kind, state="card", atr=atr.hex().upper(), card=card, exclusive=exclusive, in_use=in_use)

    @contextlib.contextmanager
    def channel(self, reader: str) -> Iterator[Channel]:
        """The card in ``reader``, shared, with a transaction held; it is neither reset nor ejected afterwards."""
        scard = self._scard
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        result, handle, protocol = scard.SCardConnect(self._context, reader, scard.SCARD_SHARE_SHARED, protocols)
        if result != _SUCCESS:
            raise pcsc_error(result, reader=reader)
        try:
            result = scard.SCardBeginTransaction(handle)
            if result & 0xFFFFFFFF == _RESET:
                # Another program reset the card since we connected: that is told once, then the card is usable again.
                result, protocol = scard.SCardReconnect(handle, scard.SCARD_SHARE_SHARED, protocols, scard.SCARD_LEAVE_CARD)
                result = scard.SCardBeginTransaction(handle) if result == _SUCCESS else result
            if result != _SUCCESS:
                raise pcsc_error(result, reader=reader)
            try:
                yield Channel(scard, handle, protocol, reader)
            finally:
                scard.SCardEndTransaction(handle, scard.SCARD_LEAVE_CARD)
        finally:
            scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)


class _NotBackError(Exception):
    """Not everything that is expected is there yet."""


def _passing(error: BaseException) -> bool:
    """True for what the field cures by waiting: the service restarting, readers coming back one after the other."""
    if isinstance(error, _NotBackError):
        return True
    return isinstance(error, CardError) and error.problems[0].ref in {"cards.service-down", "cards.reader-gone"}


def _any(slots: tuple[Slot, ...]) -> bool:
    return bool(slots)


def list_slots(
    rules: Sequence[CardRule], *, settle_seconds: float = 0.0, expected: Callable[[tuple[Slot, ...]], bool] = _any
) -> tuple[Slot, ...]:
    """Every slot right now.

    ``settle_seconds`` is how long to wait for a service that restarts, for readers that come back one after the other and for cards that
    are powered again (``expected`` tells whether all is back; without it, any reader is enough). Afterwards what is there is returned, even
    if it is less. Raises ``CardError`` when the service is not there or not installed.
    """
    seen: tuple[Slot, ...] = ()

    def look() -> tuple[Slot, ...]:
        nonlocal seen
        with SmartCardService(rules) as service:
            seen = service.slots()
        if settle_seconds and not expected(seen):
            raise _NotBackError
        return seen

    retrying = Retrying(
        retry=retry_if_exception(_passing), stop=stop_after_delay(settle_seconds), wait=wait_fixed(_RETRY_EVERY), reraise=True
    )
    try:
        return retrying(look)
    except _NotBackError:
        return seen
