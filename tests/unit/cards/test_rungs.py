from __future__ import annotations

from typing import Any

import msgspec
import pytest

from atsam_safe.cards.evidence import DesktopCheck, DirectReading, Evidence, GalssFact, MiddlewareFact, TokenFact
from atsam_safe.cards.ladder import RUNGS, climb, same_reader
from atsam_safe.cards.model import CardType, CertificateFact, Identity, LadderReport, Slot, UnreadGeneration
from atsam_safe.cards.rollback_rule import decide
from atsam_safe.words.model import Problem
from atsam_safe.words.registry import find
from atsam_safe.words.translate import explain

CERTIFICATE = CertificateFact(
    use="authentication",
    digest="d",
    not_before="2025-01-01T00:00:00+00:00",
    not_after="2028-01-01T00:00:00+00:00",
    dates="valid",
    issuer="pinned",
    authority="AC",
    on_card=True,
)
CPS = CardType(kind="cps", generation="CPS4", recognised_by_library=True)
SLOT = Slot(name="Lecteur 0", state="card", atr="3B", card=CPS)
TOKEN = TokenFact(reader="Lecteur 0", present=True, generation="CPS4v1", same_card=True, certificates=(CERTIFICATE,))
MIDDLEWARE = MiddlewareFact(id="m", name="M", path="/m", tokens=(TOKEN,))
WHOLE = Evidence(
    slots=(SLOT,),
    reader="Lecteur 0",
    direct=DirectReading(certificates=1),
    middleware=MIDDLEWARE,
    middlewares=("M (/m)",),
    galss=GalssFact(path="/g", state="pcsc"),
    identity=Identity(key="k", card="c", holder="h"),
    before=Identity(key="k", card="c", holder="h"),
)


def replaced(value: Any, **changes: Any) -> Any:  # noqa: ANN401 - any struct
    return msgspec.structs.replace(value, **changes)


def with_token(**changes: Any) -> Evidence:  # noqa: ANN401 - fields of the token
    changed: Evidence = replaced(WHOLE, middleware=replaced(MIDDLEWARE, tokens=(replaced(TOKEN, **changes),)))
    return changed


def with_certificate(**changes: Any) -> Evidence:  # noqa: ANN401 - fields of the certificate
    return with_token(certificates=(replaced(CERTIFICATE, **changes),))


def report(evidence: Evidence) -> LadderReport:
    return LadderReport(rungs=climb(evidence), readers=evidence.slots, identity=evidence.identity)


def test_a_whole_chain() -> None:
    rungs = climb(WHOLE)
    assert [rung.id for rung in rungs] == list(RUNGS[:-1])
    assert [rung.number for rung in rungs] == list(range(1, 12))
    assert {rung.outcome for rung in rungs} == {"pass"}
    assert report(WHOLE).verdict == "whole"


UNSEEN = replaced(WHOLE, galss=None, desktop=(DesktopCheck(id="crypto-token-kit", outcome="not-checked"),))
CASES: list[tuple[str, Evidence, str, str, list[str], str | None]] = [
    ("no binding", replaced(WHOLE, service=Problem(ref="cards.support-missing")), "service", "not-checked",
     ["cards.support-missing"], None),
    ("another volume", replaced(WHOLE, service=Problem(ref="card.not-checkable-offline"), slots=None), "service", "not-checked",
     ["card.not-checkable-offline"], None),
    ("module not loaded", replaced(WHOLE, middleware=replaced(MIDDLEWARE, loaded=False)), "middleware", "not-checked",
     ["card.not-checkable-offline"], None),
    ("no service", replaced(WHOLE, service=Problem(ref="cards.service-down")), "service", "fail", ["cards.service-down"], "workstation"),
    ("no service on Windows", replaced(WHOLE, service=Problem(ref="cards.service-without-reader")), "service", "fail",
     ["cards.service-without-reader"], "reader"),
    ("no reader", replaced(WHOLE, slots=()), "readers", "fail", ["cards.no-reader"], "reader"),
    ("sign-in only", replaced(WHOLE, slots=(Slot(name="Windows Hello 1", kind="virtual"),)), "readers", "fail",
     ["cards.only-virtual-readers"], "reader"),
    ("old card", replaced(WHOLE, slots=(replaced(SLOT, card=replaced(CPS, recognised_by_library=False)),)), "card", "pass",
     ["cards.generation-old"], None),
    ("mute", replaced(WHOLE, person=True, slots=(Slot(name="L", state="mute"),)), "card", "fail", ["cards.card-mute"], "card"),
    ("mute, nobody", replaced(WHOLE, slots=(Slot(name="L", state="mute"),)), "card", "not-checked",
     ["cards.nobody-there", "cards.card-mute"], None),
    ("mute antenna", replaced(WHOLE, person=True, slots=(Slot(name="L CLESS", kind="contactless", state="mute"),)), "card", "fail",
     ["cards.card-absent"], "card"),
    ("accent in the only reader's name", replaced(WHOLE, person=True, slots=(Slot(name="Lecteur à puce", state="unavailable"),)), "card",
     "fail", ["cards.reader-name"], "card"),
    ("pulled out", replaced(WHOLE, direct=DirectReading(problem=Problem(ref="cards.card-removed"))), "application", "not-checked",
     ["cards.card-removed"], None),
    ("foreign card", replaced(WHOLE, direct=DirectReading(problem=Problem(ref="cards.serial-foreign"))), "application", "fail",
     ["cards.serial-foreign"], "card"),
    ("no middleware known", replaced(WHOLE, middleware=None), "middleware", "not-applicable", ["middleware.none-known"], None),
    ("middleware gone", replaced(WHOLE, middleware=replaced(MIDDLEWARE, problems=(Problem(ref="middleware.absent"),))), "middleware",
     "fail", ["middleware.absent"], "workstation"),
    ("no binding for it", replaced(WHOLE, middleware=replaced(MIDDLEWARE, problems=(Problem(ref="middleware.support-missing"),))),
     "middleware", "not-checked", ["middleware.support-missing"], None),
    ("token elsewhere", with_token(reader="Autre lecteur"), "token", "fail", ["middleware.token-elsewhere"], "workstation"),
    ("token of another card", with_token(same_card=False), "token", "fail", ["middleware.other-card"], "workstation"),
    ("not recognised", with_token(error="TokenNotRecognised"), "token", "fail", ["middleware.card-not-recognised"], "workstation"),
    ("slot without token", with_token(present=False), "token", "fail", ["middleware.token-missing"], "workstation"),
    ("no slot at all", replaced(WHOLE, middleware=replaced(MIDDLEWARE, tokens=())), "token", "fail", ["middleware.reader-missing"],
     "workstation"),
    ("no certificate", with_token(certificates=()), "certificates", "fail", ["cards.certificates-none"], "card"),
    ("expired", with_certificate(dates="expired"), "certificates", "fail", ["cards.certificate-expired"], "card"),
    ("cached", with_certificate(on_card=False), "certificates", "fail", ["cards.certificate-cached"], "workstation"),
    ("not compared", with_certificate(on_card=None), "certificates", "not-checked", ["cards.certificates-not-compared"], None),
    ("everything", with_certificate(dates="expired", issuer="foreign", on_card=False), "certificates", "fail",
     ["cards.certificate-expired", "cards.certificate-foreign", "cards.certificate-cached"], "workstation"),
    ("locked", with_token(code_locked=True), "code", "fail", ["cards.code-locked"], "card"),
    ("last try", with_token(code_final_try=True, code_count_low=True), "code", "pass", ["cards.code-last-try"], None),
    ("one wrong code", with_token(code_count_low=True), "code", "pass", ["cards.code-tries-used"], None),
    ("unseen configuration", UNSEEN, "configuration", "not-checked", ["cards.configuration-unseen"], None),
    ("no configuration on this system", replaced(WHOLE, galss=None), "configuration", "not-applicable", [], None),
    ("two readers of two slots", replaced(WHOLE, slots=(SLOT, *(Slot(name=name) for name in ("Lecteur 1", "B 0", "B 1")))), "readers",
     "pass", ["cards.confusable-readers"], None),
    ("extension off", replaced(WHOLE, desktop=(DesktopCheck(id="crypto-token-kit", outcome="fail",
     problem=Problem(ref="configuration.extension-off")),)), "configuration", "fail", ["configuration.extension-off"], "workstation"),
    ("no firefox", replaced(WHOLE, desktop=(DesktopCheck(id="firefox", outcome="notice",
     problem=Problem(ref="configuration.firefox-missing")),)), "configuration", "pass", ["configuration.firefox-missing"], None),
    ("held", replaced(WHOLE, slots=(replaced(SLOT, exclusive=True),)), "sharing", "fail", ["cards.reader-held"], "other-software"),
    ("held while read", replaced(WHOLE, direct=DirectReading(problem=Problem(ref="cards.time-limit"))), "sharing", "fail",
     ["cards.reader-held"], "other-software"),
    ("two middlewares", replaced(WHOLE, middlewares=("M", "N")), "sharing", "pass", ["middleware.several"], None),
    ("first time", replaced(WHOLE, before=None), "association", "not-applicable", ["association.nothing-before"], None),
    ("other card", replaced(WHOLE, before=Identity(key="k", card="x", holder="h")), "association", "fail",
     ["association.other-card"], "card"),
    ("other holder", replaced(WHOLE, before=Identity(key="k", card="x", holder="y")), "association", "fail",
     ["association.other-holder"], "card"),
    ("other key", replaced(WHOLE, before=Identity(key="z", card="c", holder="h")), "association", "not-checked",
     ["association.other-key"], None),
]  # fmt: skip


@pytest.mark.parametrize(("evidence", "rung", "outcome", "refs", "origin"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_way_a_rung_can_end(evidence: Evidence, rung: str, outcome: str, refs: list[str], origin: str | None) -> None:
    found = report(evidence).rung(rung)
    assert (found.outcome, [problem.ref for problem in found.problems], found.origin) == (outcome, refs, origin)
    for problem in found.problems:
        reference = find(problem.ref)
        assert reference is not None
        for text in (reference.what, reference.why, reference.next):
            wanted = {part.split("}")[0] for part in text.split("{")[1:]}
            given = set(problem.params) if problem.params else wanted
            assert wanted <= given, f"{problem.ref} misses {wanted - given}"


def test_what_rests_on_a_broken_rung_is_not_checked() -> None:
    rungs = {rung.id: rung for rung in climb(replaced(WHOLE, service=Problem(ref="cards.service-down")))}
    assert {identifier for identifier, rung in rungs.items() if rung.outcome == "not-checked"} == {
        "readers",
        "card",
        "application",
        "token",
        "certificates",
        "code",
        "sharing",
    }
    assert rungs["readers"].problems[0].params == {"number": "1"}


@pytest.mark.parametrize(
    ("reader", "shown", "same"),
    [
        ("Lecteur 0", "Lecteur 0", True),
        ("Lecteur 0", "Lecteur 1", False),
        ("L" * 40 + "M" * 40, "L" * 30 + "..." + "M" * 30, True),
        ("L" * 40 + "M" * 40, ("L" * 40 + "M" * 40)[:64], True),
        ("L" * 40 + "M" * 40, "L" * 30 + "..." + "N" * 30, False),
        ("Lecteur 0", "Lect...ur 0", False),
        ("Lecteur à puce 0", "Lecteur \N{REPLACEMENT CHARACTER} puce 0", True),
        ("Lecteur à puce 0", "Lecteur \N{REPLACEMENT CHARACTER} puce 1", False),
    ],
)
def test_modules_cut_long_reader_names(reader: str, shown: str, same: bool) -> None:  # noqa: FBT001 - a case
    assert same_reader(reader, shown) is same


BEFORE = report(WHOLE)
OTHER_READER = replaced(SLOT, name="Nouveau lecteur")

ROLLBACKS: list[tuple[str, LadderReport | None, Evidence, bool, list[str]]] = [
    ("nothing broken", BEFORE, WHOLE, False, []),
    ("middleware broken by us", BEFORE, replaced(WHOLE, middleware=replaced(MIDDLEWARE, problems=(Problem(ref="middleware.crashed"),))),
     True, [""]),
    ("no ladder before", None, replaced(WHOLE, middleware=replaced(MIDDLEWARE, problems=(Problem(ref="middleware.crashed"),))),
     False, ["not-proven-before"]),
    ("broken before too", report(replaced(WHOLE, middleware=replaced(MIDDLEWARE, problems=(Problem(ref="middleware.absent"),)))),
     replaced(WHOLE, middleware=replaced(MIDDLEWARE, problems=(Problem(ref="middleware.crashed"),))), False, ["broken-before"]),
    ("not checked before", report(UNSEEN),
     replaced(WHOLE, galss=GalssFact(path="/g", state="empty", problems=(Problem(ref="galss.empty"),))), False, ["not-proven-before"]),
    ("galss.ini lost by us", BEFORE, replaced(WHOLE, galss=GalssFact(path="/g", state="absent", problems=(Problem(ref="galss.missing"),))),
     True, [""]),
    ("reader replaced meanwhile", BEFORE, replaced(WHOLE, slots=(OTHER_READER,), reader="Nouveau lecteur",
     galss=GalssFact(path="/g", state="pcsc", problems=(Problem(ref="galss.ghost-channel"),))), False, ["other-readers", "other-readers"]),
    ("card expired meanwhile", BEFORE, with_certificate(dates="expired"), False, ["time-or-card"]),
    ("certificates gone by us", BEFORE, with_token(certificates=()), True, [""]),
    ("card pulled out", BEFORE, replaced(WHOLE, person=True, slots=(Slot(name="Lecteur 0"),), direct=None, identity=None), False,
     ["not-touched"]),
    ("another card", BEFORE, replaced(with_token(error="TokenNotRecognised"), identity=Identity(key="k", card="x", holder="y")), False,
     ["other-card", "not-touched"]),
    ("held by others", BEFORE, replaced(with_token(present=False), slots=(replaced(SLOT, exclusive=True),)), False,
     ["held", "not-touched"]),
    ("code locked by the user", BEFORE, with_token(code_locked=True), False, ["not-touched"]),
    ("service down", BEFORE, replaced(WHOLE, service=Problem(ref="cards.service-down"), slots=None), True, [""]),
    ("last reader unplugged on Windows", BEFORE, replaced(WHOLE, service=Problem(ref="cards.service-without-reader"), slots=None),
     False, ["other-readers"]),
    ("module waits for a card that others hold", BEFORE, replaced(WHOLE, slots=(replaced(SLOT, exclusive=True),),
     middleware=replaced(MIDDLEWARE, problems=(Problem(ref="middleware.hung"),))), False, ["held", "not-touched"]),
    ("module lost while others hold the card", BEFORE, replaced(WHOLE, slots=(replaced(SLOT, exclusive=True),),
     middleware=replaced(MIDDLEWARE, problems=(Problem(ref="middleware.truncated"),))), True, ["", "not-touched"]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "rollback", "reasons"), [case[1:] for case in ROLLBACKS], ids=[case[0] for case in ROLLBACKS])
def test_rollback_only_for_what_we_broke(before: LadderReport | None, after: Evidence, rollback: bool, reasons: list[str]) -> None:  # noqa: FBT001 - a case
    verdict = decide(before, report(after))
    assert verdict.rollback is rollback
    assert [entry.reason for entry in verdict.broken] == reasons
    assert all(entry.ours or entry.origin is not None for entry in verdict.broken)


def test_what_needs_a_restart_is_not_held_against_us() -> None:
    broken = report(with_token(present=False))
    assert decide(BEFORE, broken).rollback
    verdict = decide(BEFORE, broken, restart_needed=True)
    assert [(entry.ours, entry.reason) for entry in verdict.broken] == [(False, "restart-first")]
    emptied = report(replaced(WHOLE, galss=GalssFact(path="/g", state="empty", problems=(Problem(ref="galss.empty"),))))
    assert decide(BEFORE, emptied, restart_needed=True).rollback


def test_moved_cards_are_not_our_fault() -> None:
    twin = Slot(name="Lecteur 1")
    before = report(replaced(WHOLE, slots=(SLOT, twin)))
    after = replaced(
        WHOLE,
        slots=(Slot(name="Lecteur 0"), replaced(SLOT, name="Lecteur 1")),
        reader="Lecteur 1",
        middleware=replaced(MIDDLEWARE, tokens=(replaced(TOKEN, reader="Lecteur 1"),)),
        galss=GalssFact(path="/g", state="pcsc", problems=(Problem(ref="galss.wrong-slot"),)),
    )
    verdict = decide(before, report(after))
    assert [(entry.rung, entry.reason) for entry in verdict.broken] == [("configuration", "cards-moved")]


UNREAD = UnreadGeneration(name="CPS4", component="Cryptolib CPS", version="5.1.8", minimum="5.2", system="macOS 10.15.7", builds=())


@pytest.mark.parametrize(
    ("unread", "generation", "told"),
    [
        (UNREAD, "CPS4", "no-build"),
        (replaced(UNREAD, builds=("ATSAM 9",)), "CPS4", "too-old"),
        # the system is not known, the card is another one, the release reads it: nothing is claimed
        (replaced(UNREAD, builds=None), "CPS4", None),
        (UNREAD, "CPS3", None),
        (None, "CPS4", None),
    ],
)
def test_a_card_that_is_not_recognised_is_told_what_would_read_it(
    unread: UnreadGeneration | None, generation: str, told: str | None
) -> None:
    slot = replaced(SLOT, card=replaced(CPS, generation=generation))
    evidence = replaced(with_token(error="TokenNotRecognised"), slots=(slot,), unread=() if unread is None else (unread,))
    (problem,) = report(evidence).rung("token").problems
    assert problem.ref == "middleware.card-not-recognised"
    assert problem.told == (None if told is None else f"middleware.card-not-recognised.{told}")
    explained = explain(problem, "en")
    assert "{" not in explained.what + explained.why + explained.next
    assert ("Install the components again" in explained.next or "install the components again" in explained.next) == (told is None)
    assert ("ATSAM 9" in explained.next) == (told == "too-old")
