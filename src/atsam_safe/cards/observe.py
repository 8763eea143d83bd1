"""Collect the evidence of the ladder: service, readers, the card itself, middleware, configuration. Everything with a limit.

What is read in clear (serial number, certificates) lives in local variables of this module, is turned into keyed digests here, and goes
nowhere else: not into a value that is returned, not into an error, not into a log.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.cards import certificates as certificate_facts
from atsam_safe.cards.application import CardContent, read_card
from atsam_safe.cards.cache import CacheFact, cached_serial, digits_of, inspect_cache
from atsam_safe.cards.desktop import desktop_checks
from atsam_safe.cards.evidence import DirectReading, Evidence, GalssFact
from atsam_safe.cards.galss_align import alignment
from atsam_safe.cards.galss_apply import read_galss_ini, volume_of, with_way_back
from atsam_safe.cards.galss_ini import parse, read_model
from atsam_safe.cards.identity import IdentityKey, identify, load_key
from atsam_safe.cards.ladder import NOT_RUNNING, climb, cps_slot, same_reader
from atsam_safe.cards.limits import within
from atsam_safe.cards.model import CardError, Identity, LadderReport, Slot
from atsam_safe.cards.readers import SmartCardService, list_slots
from atsam_safe.cards.shown import challenge_fact, middleware_fact, present_middlewares
from atsam_safe.cards.watch import wait_for
from atsam_safe.words.model import AtsamSafeError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atsam_safe.cards.request import LadderRequest
    from atsam_safe.catalogue.model import CardRule

READING_SECONDS: Final = 8.0
LISTING_SECONDS: Final = 5.0

_OFFLINE: Final = Problem(ref=NOT_RUNNING)
_NOTICED_SECONDS: Final = 0.8
"""Services look at a reader twice a second or more often."""


class _Card(msgspec.Struct, frozen=True):
    """The card in clear, for this module only."""

    reading: DirectReading
    content: CardContent | None = None


def _problem(error: CardError) -> Problem:
    return error.problems[0]


def _list(request: LadderRequest) -> tuple[Slot, ...]:
    before = (request.before.readers or ()) if request.before is not None else ()
    names = {slot.name for slot in before}
    with_card = cps_slot(before) is not None

    def back(slots: tuple[Slot, ...]) -> bool:
        """Every reader of before is listed again, and a card that was in is there again: it answers later than its reader."""
        return bool(slots) and names <= {slot.name for slot in slots} and (not with_card or cps_slot(slots) is not None)

    limit = LISTING_SECONDS + request.settle_seconds
    return within(limit, lambda: list_slots(request.rules, settle_seconds=request.settle_seconds, expected=back), subject="PC/SC")


def generations(slots: Sequence[Slot] | None) -> tuple[str, ...] | None:
    """Generations of the CPS cards in the readers, as the facts keep them; ``None`` when the readers could not be listed."""
    if slots is None:
        return None
    return tuple(sorted({slot.card.generation for slot in slots if slot.card is not None and slot.card.kind == "cps"}))


def cards_seen(rules: Sequence[CardRule]) -> tuple[str, ...] | None:
    """The same for what is in the readers right now; no card is spoken to."""
    try:
        return generations(within(LISTING_SECONDS, lambda: list_slots(rules), subject="PC/SC"))
    except CardError:
        return None


def _slots(request: LadderRequest, notify: Callable[[Problem], None]) -> tuple[Problem | None, tuple[Slot, ...] | None]:
    """The readers; a missing CPS is waited for when somebody is there to put it in."""
    try:
        slots = _list(request)
        usable = any(slot.kind in {"reader", "contactless"} for slot in slots)
        if request.person and usable and cps_slot(slots) is None:
            notify(Problem(ref="cards.insert", params={"seconds": f"{request.insertion_seconds:g}"}))
            wait_for(request.rules, lambda seen: cps_slot(seen) is not None, seconds=request.insertion_seconds)
            slots = _list(request)
    except CardError as error:
        problem = _problem(error)
        if request.family == "windows" and problem.ref == "cards.service-down":
            # Windows starts this service for the first reader and ends it with the last one.
            problem = Problem(ref="cards.service-without-reader", evidence=problem.evidence)
        return problem, None
    return None, slots


def _read(request: LadderRequest, reader: str) -> _Card:
    """Read the card itself, within a limit."""

    def read() -> CardContent:
        with SmartCardService(request.rules) as service, service.channel(reader) as channel:
            return read_card(channel)

    try:
        content = within(READING_SECONDS, read, subject=reader)
    except CardError as error:
        problem = _explained(request, reader, _problem(error))
        return _Card(DirectReading(problem=msgspec.structs.replace(problem, params={"reader": reader, **problem.params})))
    shown = None if content.certificates is None else len(content.certificates)
    return _Card(DirectReading(certificates=shown, application=content.application), content)


def _explained(request: LadderRequest, reader: str, problem: Problem) -> Problem:
    """The problem of a reading that failed. A card pulled out in the middle looks like anything until the service notices."""

    def gone(slots: tuple[Slot, ...]) -> bool:
        return not any(slot.name == reader and slot.state == "card" for slot in slots)

    if problem.ref in {"cards.reader-held", "cards.time-limit"}:
        return problem
    try:
        if wait_for(request.rules, gone, seconds=_NOTICED_SECONDS):
            return Problem(ref="cards.card-removed", params={"reader": reader})
    except CardError as error:
        return _problem(error)
    return problem


def _galss(request: LadderRequest, slots: Sequence[Slot] | None) -> GalssFact | None:
    if request.galss_ini is None:
        return None
    path = str(request.galss_ini)
    try:
        volume, inside = volume_of(request.galss_ini, request.root)
        with volume:
            data = read_galss_ini(volume, inside)
        document = None if data is None else parse(data)
    except AtsamSafeError as error:
        return GalssFact(path=path, state="unreadable", problems=with_way_back(error.problems, request.galss_kept, request.galss_back))
    problems = with_way_back(alignment(document, slots, needed=request.galss_needed), request.galss_kept, request.galss_back)
    if document is None:
        return GalssFact(path=path, state="absent", problems=problems)
    return GalssFact(
        path=path, state=read_model(document).mode, line_ends=document.line_ends, encoding=document.encoding, problems=problems
    )


def _cached(key: IdentityKey, cache: CacheFact | None, content: CardContent | None) -> bool | None:
    """Whether the cache holds files of the inserted card."""
    if cache is None or content is None:
        return None
    return any(cached_serial(key, digits) in cache.cards for digits in digits_of(content.serial))


def _identity(key: IdentityKey, content: CardContent | None) -> Identity | None:
    if content is None:
        return None
    return identify(key, content.serial, certificate_facts.authentication_certificate(content.certificates or ()))


def _silent(_: Problem) -> None:
    """Nobody is told anything."""


def collect(request: LadderRequest, notify: Callable[[Problem], None] = _silent) -> Evidence:
    """Everything that can be observed now; never raises for the state of the chain."""
    key = load_key(request.state_folder)
    service, slots = _slots(request, notify) if request.live else (_OFFLINE, None)
    found = cps_slot(slots) if slots is not None else None
    reader = found.name if found is not None else None
    card = _read(request, reader) if reader is not None else None
    content = card.content if card is not None else None
    middleware = middleware_fact(request, key, reader, content)
    module = request.middleware.path if request.middleware is not None else ""
    registry = None
    if request.live and request.family == "windows":
        from atsam_safe.cards.windows_registry import LocalMachine  # noqa: PLC0415 - exists on Windows only

        registry = LocalMachine()
    challenge = None
    if request.challenge and reader is not None and middleware is not None and content is not None:
        shown = next((token.reader for token in middleware.tokens if token.usable and same_reader(reader, token.reader)), "")
        challenge = challenge_fact(request, reader, shown, content.certificates or ())
    cache = next((fact for fact in (inspect_cache(folder, key) for folder in request.caches) if fact.exists), None)
    return Evidence(
        service=service,
        slots=slots,
        person=request.person,
        reader=reader,
        direct=card.reading if card is not None else None,
        middleware=middleware,
        middlewares=present_middlewares(request),
        unread=request.unread,
        held_by=request.programs,
        galss=_galss(request, slots),
        desktop=desktop_checks(
            request.family,
            root=request.root,
            module=module,
            homes=request.homes,
            extension_installed=request.extension_installed,
            extensions=request.extensions,
            live=request.live,
            registry=registry,
        ),
        identity=_identity(key, content),
        before=request.before.identity if request.before is not None else None,
        cache=cache,
        cached=_cached(key, cache, content),
        challenge=challenge,
    )


def run_ladder(request: LadderRequest, notify: Callable[[Problem], None] = _silent) -> LadderReport:
    """Climb the whole ladder once. ``notify`` is told what a person should do meanwhile (``cards.insert``)."""
    started = time.monotonic()
    evidence = collect(request, notify)
    return LadderReport(
        rungs=climb(evidence), readers=evidence.slots, identity=evidence.identity, seconds=round(time.monotonic() - started, 3)
    )


__all__ = ["cards_seen", "collect", "generations", "run_ladder"]
