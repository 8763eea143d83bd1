"""The association ladder: from evidence to rungs. Pure; one rung is one function.

A rung that rests on another one which did not pass is ``not-checked``, never failed: the first broken rung is the one to mend. What a
doctor must do is in the references of ``words/topics/cards.py``; nothing here is prose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atsam_safe.cards.model import Rung
from atsam_safe.cards.reader_kinds import confusable
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atsam_safe.cards.evidence import Evidence, TokenFact
    from atsam_safe.cards.model import CertificateFact, Origin, Outcome, Slot

RUNGS: Final = (
    "service",
    "readers",
    "card",
    "application",
    "middleware",
    "token",
    "certificates",
    "code",
    "configuration",
    "sharing",
    "association",
    "challenge",
)
NOT_RUNNING: Final = "card.not-checkable-offline"
"""What cannot be asked of a volume that does not run."""

_MAXIMUM_MODULE_NAME: Final = 64
_UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"
_HELD: Final = frozenset({"cards.reader-held", "cards.time-limit"})
_GONE: Final = frozenset({"cards.card-removed", "cards.reader-gone", "cards.service-down"})


def _rung(
    identifier: str, outcome: Outcome, *problems: Problem, origin: Origin | None = None, evidence: dict[str, Any] | None = None
) -> Rung:
    return Rung(
        number=RUNGS.index(identifier) + 1, id=identifier, outcome=outcome, problems=problems, origin=origin, evidence=evidence or {}
    )


def _after(identifier: str, lower: Rung) -> Rung:
    """The rung that cannot be judged before ``lower``."""
    problem = Problem(ref="cards.not-reached", params={"number": str(lower.number)}, evidence={"rung": lower.id})
    return _rung(identifier, "not-checked", problem)


def cps_slot(slots: tuple[Slot, ...]) -> Slot | None:
    """The slot that holds the CPS: a contact slot before the antenna, which shows the same card a second time."""
    holding = [slot for slot in slots if slot.kind in {"reader", "contactless"} and slot.holds("cps")]
    return min(holding, key=lambda slot: slot.kind != "reader", default=None)


def same_reader(reader: str, shown: str) -> bool:
    """Whether a slot name of a module means this reader: modules cut long names to 30 characters, three dots, 30 characters.

    A module that passes on names in the system's own code page gives letters that cannot be read as UTF-8: each stands for any letter.
    """
    shown = shown.rstrip(" \0")
    names = {reader.rstrip()}
    if len(reader) > _MAXIMUM_MODULE_NAME:
        names |= {reader[:_MAXIMUM_MODULE_NAME].rstrip(), f"{reader[:30]}...{reader[-30:]}"}
    return any(
        len(name) == len(shown) and all(there in (here, _UNREADABLE) for here, there in zip(name, shown, strict=True)) for name in names
    )


def _service(evidence: Evidence, _: Mapping[str, Rung]) -> Rung:
    problem = evidence.service
    if problem is None:
        return _rung("service", "pass")
    if problem.ref in {"cards.support-missing", NOT_RUNNING}:
        return _rung("service", "not-checked", problem)
    return _rung("service", "fail", problem, origin="reader" if problem.ref == "cards.service-without-reader" else "workstation")


def _readers(evidence: Evidence, below: Mapping[str, Rung]) -> Rung:
    if below["service"].outcome != "pass" or evidence.slots is None:
        return _after("readers", below["service"])
    listed: dict[str, Any] = {
        kind: [slot.name for slot in evidence.slots if slot.kind == kind] for kind in ("reader", "contactless", "virtual")
    }
    if not any(slot.kind in {"reader", "contactless"} for slot in evidence.slots):
        ref = "cards.only-virtual-readers" if evidence.slots else "cards.no-reader"
        params = {"readers": ", ".join(f"“{slot.name}”" for slot in evidence.slots)}
        return _rung("readers", "fail", Problem(ref=ref, params=params), origin="reader", evidence=listed)
    groups = confusable([slot.name for slot in evidence.slots])
    if not groups:
        return _rung("readers", "pass", evidence=listed)
    # one sentence for all: most readers of a practice have two slots, and are told apart by a number
    params = {"readers": ", ".join(f"“{name}”" for group in groups for name in group)}
    alike = Problem(ref="cards.confusable-readers", params=params, evidence={"readers": [list(group) for group in groups]})
    return _rung("readers", "pass", alike, evidence=listed)


def _card(evidence: Evidence, below: Mapping[str, Rung]) -> Rung:
    if below["readers"].outcome != "pass" or evidence.slots is None:
        return _after("card", below["readers"])
    seen: dict[str, Any] = {
        "slots": [{"reader": slot.name, "state": slot.state, "card": slot.card.kind if slot.card else None} for slot in evidence.slots]
    }
    slot = cps_slot(evidence.slots)
    if slot is not None and slot.card is not None:
        seen.update(reader=slot.name, generation=slot.card.generation, interface=slot.card.interface)
        if slot.card.recognised_by_library:
            return _rung("card", "pass", evidence=seen)
        params = {"generation": slot.card.generation, "reader": slot.name}
        return _rung("card", "pass", Problem(ref="cards.generation-old", params=params), evidence=seen)
    problem = _absent(evidence.slots)
    if evidence.person:
        return _rung("card", "fail", problem, origin="card", evidence=seen)
    return _rung(
        "card", "not-checked", Problem(ref="cards.nobody-there"), *([] if problem.ref == "cards.card-absent" else [problem]), evidence=seen
    )


def _absent(slots: tuple[Slot, ...]) -> Problem:
    """Why there is no CPS: another card, a mute one, or none."""
    contact = [slot for slot in slots if slot.kind == "reader"]
    unnamed = ", ".join(slot.name for slot in contact if slot.state == "unavailable" and not slot.name.isascii())
    if unnamed:
        return Problem(ref="cards.reader-name", params={"readers": unnamed}, evidence={"readers": unnamed})
    for slot in contact:
        if slot.holds("unknown") or slot.holds("other"):
            return Problem(ref="cards.card-unknown", params={"reader": slot.name, "atr": slot.atr}, evidence={"atr": slot.atr})
    for slot in contact:
        if slot.state == "mute":
            return Problem(ref="cards.card-mute", params={"reader": slot.name})
    for slot in contact:
        if slot.holds("vitale"):
            return Problem(ref="cards.vitale-only", params={"reader": slot.name})
    return Problem(ref="cards.card-absent", params={"readers": ", ".join(f"“{slot.name}”" for slot in contact) or "-"})


def _application(evidence: Evidence, below: Mapping[str, Rung]) -> Rung:
    if below["card"].outcome != "pass" or evidence.direct is None:
        return _after("application", below["card"])
    problem = evidence.direct.problem
    if problem is None:
        seen = {"certificate_files": evidence.direct.certificates, "application": evidence.direct.application}
        return _rung("application", "pass", evidence=seen)
    if problem.ref in _HELD | _GONE:
        # The card or the reader was not to be had at that moment: that says nothing about the card.
        return _rung("application", "not-checked", problem)
    return _rung("application", "fail", problem, origin="card")


def _middleware(evidence: Evidence, _: Mapping[str, Rung]) -> Rung:
    middleware = evidence.middleware
    if middleware is None:
        return _rung("middleware", "not-applicable", Problem(ref="middleware.none-known"))
    seen = {
        "middleware": middleware.id,
        "path": middleware.path,
        "architectures": list(middleware.architectures),
        "version": middleware.version,
        "package": middleware.package,
    }
    if middleware.problems:
        missing = all(problem.ref == "middleware.support-missing" for problem in middleware.problems)
        outcome: Outcome = "not-checked" if missing else "fail"
        return _rung("middleware", outcome, *middleware.problems, origin=None if missing else "workstation", evidence=seen)
    if not middleware.loaded:
        return _rung("middleware", "not-checked", Problem(ref=NOT_RUNNING), evidence=seen)
    return _rung("middleware", "pass", *middleware.notices, evidence=seen)


def _token_here(evidence: Evidence) -> TokenFact | None:
    """The middleware's token in the reader where PC/SC sees the card."""
    if evidence.middleware is None or evidence.reader is None:
        return None
    here = (token for token in evidence.middleware.tokens if same_reader(evidence.reader or "", token.reader))
    return next((token for token in here if token.usable), None)


def _not_recognised(evidence: Evidence, params: dict[str, str], error: str) -> Problem:
    """A card that the middleware does not know: which release would, and whether there is one for this system, as far as it is known."""
    ref = "middleware.card-not-recognised"
    slot = next((slot for slot in evidence.slots or () if slot.name == evidence.reader), None)
    generation = slot.card.generation if slot is not None and slot.card is not None else ""
    unread = next((entry for entry in evidence.unread if entry.name == generation), None)
    if unread is None or unread.builds is None:
        return Problem(ref=ref, params=params, evidence={"error": error, "generation": generation})
    shown = {
        "card": unread.name,
        "component": unread.component,
        "installed": unread.version,
        "minimum": unread.minimum,
        "os": unread.system,
        "builds": ", ".join(unread.builds),
    }
    told = f"{ref}.too-old" if unread.builds else f"{ref}.no-build"
    seen = {"error": error, "generation": generation, "minimum": unread.minimum, "builds": list(unread.builds)}
    return Problem(ref=ref, told=told, params={**params, **shown}, evidence=seen)


def _token(evidence: Evidence, below: Mapping[str, Rung]) -> Rung:
    for lower in ("card", "middleware"):
        if below[lower].outcome != "pass":
            return _after("token", below[lower])
    middleware, reader = evidence.middleware, evidence.reader
    if middleware is None or reader is None:
        return _after("token", below["card"])
    token = _token_here(evidence)
    seen = {"reader": reader, "slots": [slot.reader for slot in middleware.tokens]}
    params = {"middleware": middleware.name, "reader": reader}
    if token is not None:
        seen.update(generation=token.generation, model=token.model)
        if token.same_card is False:
            return _rung("token", "fail", Problem(ref="middleware.other-card", params=params), origin="workstation", evidence=seen)
        return _rung("token", "pass", evidence=seen)
    elsewhere = [slot.reader for slot in middleware.tokens if slot.usable]
    here = next((slot for slot in middleware.tokens if same_reader(reader, slot.reader)), None)
    if here is not None and here.error == "TokenNotRecognised":
        problem = _not_recognised(evidence, params, here.error)
    elif elsewhere:
        problem = Problem(ref="middleware.token-elsewhere", params={**params, "found": ", ".join(elsewhere)}, evidence={"found": elsewhere})
    elif here is not None:
        problem = Problem(ref="middleware.token-missing", params={**params, "error": here.error or "-"}, evidence={"error": here.error})
    else:
        problem = Problem(ref="middleware.reader-missing", params=params)
    return _rung("token", "fail", problem, origin="workstation", evidence=seen)


def _certificate_problems(certificate: CertificateFact) -> list[tuple[Problem, Origin]]:
    """Everything wrong with one certificate, and where the fault lies."""
    params = {"first_day": certificate.not_before[:10], "last_day": certificate.not_after[:10]}
    found: list[tuple[Problem, Origin]] = []
    if certificate.dates == "expired":
        found.append((Problem(ref="cards.certificate-expired", params=params), "card"))
    elif certificate.dates == "not-yet":
        found.append((Problem(ref="cards.certificate-not-yet", params=params), "workstation"))
    if certificate.issuer == "foreign":
        found.append((Problem(ref="cards.certificate-foreign", params=params), "card"))
    elif certificate.issuer == "unproven":
        found.append((Problem(ref="cards.certificate-unproven", params=params), "workstation"))
    if certificate.on_card is False:
        found.append((Problem(ref="cards.certificate-cached", params=params), "workstation"))
    return found


def _certificates(evidence: Evidence, below: Mapping[str, Rung]) -> Rung:
    token = _token_here(evidence)
    if below["token"].outcome != "pass" or token is None:
        return _after("certificates", below["token"])
    if not token.certificates:
        return _rung("certificates", "fail", Problem(ref="cards.certificates-none"), origin="card")
    seen: dict[str, Any] = {
        "certificates": [
            {
                "use": fact.use,
                "not_before": fact.not_before,
                "not_after": fact.not_after,
                "dates": fact.dates,
                "issuer": fact.issuer,
                "authority": fact.authority,
                "on_card": fact.on_card,
                "digest": fact.digest,
            }
            for fact in token.certificates
        ]
    }
    if evidence.cache is not None:
        seen["cache"] = {"files": evidence.cache.files, "cards": len(evidence.cache.cards), "this_card": evidence.cached}
    found = [entry for certificate in token.certificates for entry in _certificate_problems(certificate)]
    if found:
        origins = {origin for _, origin in found}
        origin: Origin = "workstation" if "workstation" in origins else "card"
        return _rung("certificates", "fail", *[problem for problem, _ in found], origin=origin, evidence=seen)
    if any(certificate.on_card is None for certificate in token.certificates):
        return _rung("certificates", "not-checked", Problem(ref="cards.certificates-not-compared"), evidence=seen)
    return _rung("certificates", "pass", evidence=seen)


def _code(evidence: Evidence, below: Mapping[str, Rung]) -> Rung:
    token = _token_here(evidence)
    if below["token"].outcome != "pass" or token is None:
        return _after("code", below["token"])
    seen = {"locked": token.code_locked, "last_try": token.code_final_try, "tries_used": token.code_count_low}
    if token.code_locked:
        return _rung("code", "fail", Problem(ref="cards.code-locked"), origin="card", evidence=seen)
    if token.code_final_try:
        return _rung("code", "pass", Problem(ref="cards.code-last-try"), evidence=seen)
    if token.code_count_low:
        return _rung("code", "pass", Problem(ref="cards.code-tries-used"), evidence=seen)
    return _rung("code", "pass", evidence=seen)


def _configuration(evidence: Evidence, _: Mapping[str, Rung]) -> Rung:
    galss = evidence.galss
    applied = [check for check in evidence.desktop if check.outcome not in {"not-applicable", "not-checked"}]
    seen: dict[str, Any] = {check.id: check.outcome for check in evidence.desktop}
    if galss is not None:
        seen["galss_ini"] = {"path": galss.path, "state": galss.state, "line_ends": galss.line_ends, "encoding": galss.encoding}
    failures = [*(galss.problems if galss is not None else ())]
    failures += [check.problem for check in applied if check.outcome == "fail" and check.problem is not None]
    notices = [check.problem for check in applied if check.outcome == "notice" and check.problem is not None]
    if failures:
        return _rung("configuration", "fail", *failures, *notices, origin="workstation", evidence=seen)
    if galss is None and not applied:
        if any(check.outcome == "not-checked" for check in evidence.desktop):
            return _rung("configuration", "not-checked", Problem(ref="cards.configuration-unseen"), evidence=seen)
        return _rung("configuration", "not-applicable", evidence=seen)
    return _rung("configuration", "pass", *notices, evidence=seen)


def _sharing(evidence: Evidence, below: Mapping[str, Rung]) -> Rung:
    if below["readers"].outcome != "pass" or evidence.slots is None:
        return _after("sharing", below["readers"])
    held = [slot.name for slot in evidence.slots if slot.exclusive and slot.kind in {"reader", "contactless"}]
    reading = evidence.direct.problem if evidence.direct is not None else None
    if reading is not None and reading.ref in _HELD and evidence.reader is not None and evidence.reader not in held:
        held.append(evidence.reader)
    seen = {"held": held, "programs": list(evidence.held_by), "middlewares": list(evidence.middlewares)}
    if held:
        params = {"reader": ", ".join(held), "programs": ", ".join(evidence.held_by) or "-"}
        return _rung("sharing", "fail", Problem(ref="cards.reader-held", params=params), origin="other-software", evidence=seen)
    if len(evidence.middlewares) > 1:
        several = Problem(ref="middleware.several", params={"middlewares": ", ".join(evidence.middlewares)})
        return _rung("sharing", "pass", several, evidence=seen)
    return _rung("sharing", "pass", evidence=seen)


def _association(evidence: Evidence, below: Mapping[str, Rung]) -> Rung:
    before, now = evidence.before, evidence.identity
    if before is None:
        return _rung("association", "not-applicable", Problem(ref="association.nothing-before"))
    if now is None:
        return _after("association", below["application"])
    if before.key != now.key:
        return _rung("association", "not-checked", Problem(ref="association.other-key"))
    seen = {"card": now.card == before.card, "holder": None if None in (now.holder, before.holder) else now.holder == before.holder}
    if now.card != before.card:
        ref = "association.other-holder" if seen["holder"] is False else "association.other-card"
        return _rung("association", "fail", Problem(ref=ref), origin="card", evidence=seen)
    if seen["holder"] is False:
        return _rung("association", "fail", Problem(ref="association.other-holder"), origin="card", evidence=seen)
    return _rung("association", "pass", evidence=seen)


def _challenge(evidence: Evidence, _: Mapping[str, Rung]) -> Rung:
    challenge = evidence.challenge
    if challenge is None:
        return _rung("challenge", "not-applicable")
    seen = {"challenge": challenge.outcome}
    if challenge.outcome == "signed":
        return _rung("challenge", "pass", evidence=seen)
    problem = Problem(ref=f"cards.challenge-{challenge.outcome}")
    if challenge.outcome in {"no-protected-path", "given-up"}:
        return _rung("challenge", "not-checked", problem, evidence=seen)
    return _rung("challenge", "fail", problem, origin="card", evidence=seen)


_JUDGES: Final[tuple[Callable[[Evidence, Mapping[str, Rung]], Rung], ...]] = (
    _service,
    _readers,
    _card,
    _application,
    _middleware,
    _token,
    _certificates,
    _code,
    _configuration,
    _sharing,
    _association,
    _challenge,
)


def climb(evidence: Evidence) -> tuple[Rung, ...]:
    """Every rung in order; the optional challenge only when it was asked for."""
    below: dict[str, Rung] = {}
    for judge in _JUDGES:
        rung = judge(evidence, below)
        below[rung.id] = rung
    if evidence.challenge is None:
        del below["challenge"]
    return tuple(below.values())
