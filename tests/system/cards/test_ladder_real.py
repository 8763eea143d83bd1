from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from atsam_safe.cards.observe import run_ladder
from atsam_safe.cards.rollback_rule import decide
from lab.card import virtual_card as plastic
from lab.card.authority import authority
from lab.card.galss_files import galss_ini
from lab.card.modules import OPENSC, SOFTHSM, compile_module, spoilt
from lab.card.requests import certificates, cps, cps4, middleware_rule, workstation_request
from lab.card.virtual_card import NoApplication

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.cards.model import LadderReport
    from atsam_safe.cards.request import LadderRequest

    from .conftest import Desk

    Requests = Callable[..., LadderRequest]

CPS_READER, VITALE_READER = "Lecteur CPS 00 00", "Lecteur Vitale 00 00"


def outcomes(report: LadderReport) -> dict[str, str]:
    return {rung.id: rung.outcome for rung in report.rungs}


def refs(report: LadderReport, rung: str) -> list[str]:
    return [problem.ref for problem in report.rung(rung).problems]


@pytest.fixture
def request_for(tmp_path: Path) -> Requests:
    def make(**changes: Any) -> LadderRequest:  # noqa: ANN401 - fields of the request
        return workstation_request(tmp_path, cps_reader=CPS_READER, vitale_reader=VITALE_READER, **changes)

    return make


@pytest.fixture
def two_readers(desk: Desk) -> Desk:
    desk.readers("Lecteur CPS", "Lecteur Vitale")
    return desk


def test_a_whole_association(two_readers: Desk, request_for: Requests) -> None:
    two_readers.insert(plastic.ATR_CPS3, cps())
    two_readers.insert(plastic.ATR_VITALE_2, NoApplication(), reader=1)
    report = run_ladder(request_for())
    assert {rung: outcome for rung, outcome in outcomes(report).items() if outcome != "pass"} == {"association": "not-applicable"}
    assert report.verdict == "whole"
    assert report.rung("card").evidence["generation"] == "CPS3"
    assert report.rung("token").evidence["generation"] == "CPS3v1"
    assert {entry["authority"] for entry in report.rung("certificates").evidence["certificates"]} == {"AC LABORATOIRE PERSONNES"}


def test_the_whole_ladder_takes_less_than_a_second_and_a_half(two_readers: Desk, request_for: Requests) -> None:
    two_readers.insert(plastic.ATR_CPS3, cps())
    request = request_for()
    seconds = min(run_ladder(request).seconds for _ in range(3))
    print(f"whole ladder: {seconds * 1000:.0f} ms")  # noqa: T201 - the measurement
    assert seconds < 1.5


def test_nothing_personal_leaves_the_room(two_readers: Desk, request_for: Requests, capfd: pytest.CaptureFixture[str]) -> None:
    two_readers.insert(plastic.ATR_CPS3, cps())
    report = run_ladder(request_for())
    text = json.dumps(msgspec.to_builtins(report)) + repr(report) + "".join(capfd.readouterr())
    der = certificates()[0]
    for secret in ("26000123", "2600012345", "899700000000", "ESSAI", der.hex(), der.hex().upper()):
        assert secret not in text


def test_before_and_after_with_the_same_card(two_readers: Desk, request_for: Requests) -> None:
    card = two_readers.insert(plastic.ATR_CPS3, cps())
    before = run_ladder(request_for())
    after = run_ladder(request_for(before=before, settle_seconds=10))
    assert after.rung("association").outcome == "pass"
    assert not decide(before, after).rollback
    two_readers.remove(card)
    two_readers.insert(plastic.ATR_CPS4_T0, cps(serial="26000999", certificates=certificates(holder="899700000999 AUTRE")))
    other = run_ladder(request_for(before=before))
    assert refs(other, "association") == ["association.other-holder"]
    assert not decide(before, other).rollback


def test_a_renewed_card_of_the_same_holder_is_said_to_be_another_card(two_readers: Desk, request_for: Requests) -> None:
    card = two_readers.insert(plastic.ATR_CPS3, cps())
    before = run_ladder(request_for())
    two_readers.remove(card)
    two_readers.insert(plastic.ATR_CPS4_T0, cps(serial="26000777"))
    assert refs(run_ladder(request_for(before=before)), "association") == ["association.other-card"]


def test_a_middleware_too_old_for_the_card(two_readers: Desk, request_for: Requests) -> None:
    two_readers.insert(plastic.ATR_CPS4_T0, cps(directories=False))
    report = run_ladder(request_for())
    assert report.rung("card").evidence["generation"] == "CPS4"
    assert report.rung("application").outcome == "pass"
    assert refs(report, "token") == ["middleware.card-not-recognised"]
    assert outcomes(report)["certificates"] == "not-checked"


def test_cards_swapped_against_galss_ini(two_readers: Desk, request_for: Requests) -> None:
    two_readers.insert(plastic.ATR_VITALE_2, NoApplication())
    two_readers.insert(plastic.ATR_CPS3, cps(), reader=1)
    report = run_ladder(request_for())
    assert refs(report, "configuration") == ["galss.swapped"]
    assert report.rung("token").outcome == "pass"


def test_a_ghost_channel_a_serial_file_an_empty_file_and_none(two_readers: Desk, request_for: Requests, tmp_path: Path) -> None:
    two_readers.insert(plastic.ATR_CPS3, cps())
    path = tmp_path / "galss.ini"
    cases = {
        "galss.ghost-channel": galss_ini(
            [
                {"number": 1, "reader": CPS_READER, "resources": ["CPS"]},
                {"number": 2, "reader": VITALE_READER, "resources": ["Vitale"]},
                {"number": 3, "reader": "Ancien lecteur 0", "resources": ["CPS1"]},
            ]
        ),
        "galss.serial-only": galss_ini([{"number": 1, "reader": "9600", "resources": ["CPS", "Vitale"]}]),
        "galss.empty": b"",
    }
    request = request_for(middleware=None)
    for ref, data in cases.items():
        path.write_bytes(data)
        assert refs(run_ladder(request), "configuration") == [ref]
    path.unlink()
    assert refs(run_ladder(request), "configuration") == ["galss.missing"]


def test_nobody_there_and_no_card_is_not_a_failure(two_readers: Desk, request_for: Requests) -> None:
    two_readers.insert(plastic.ATR_VITALE_1, NoApplication(), reader=1)
    report = run_ladder(request_for())
    assert report.verdict == "not-proven"
    assert refs(report, "card") == ["cards.nobody-there", "cards.vitale-only"]
    assert {outcomes(report)[rung] for rung in ("card", "application", "token", "certificates", "code")} == {"not-checked"}


@pytest.mark.parametrize(
    ("atr", "ref"), [(plastic.ATR_VITALE_2, "cards.vitale-only"), (plastic.ATR_OTHER, "cards.card-unknown"), (None, "cards.card-absent")]
)
def test_a_person_is_asked_for_the_card_and_waited_for(two_readers: Desk, request_for: Requests, atr: bytes | None, ref: str) -> None:
    if atr is not None:
        two_readers.insert(atr, NoApplication())
    told: list[str] = []
    report = run_ladder(request_for(person=True, insertion_seconds=0.5, middleware=None), lambda problem: told.append(problem.ref))
    assert told == ["cards.insert"]
    assert outcomes(report)["card"] == "fail"
    assert refs(report, "card") == [ref]


def test_the_card_put_in_while_waiting_is_taken(two_readers: Desk, request_for: Requests) -> None:
    threads: list[threading.Thread] = []

    def insert(_: object) -> None:
        thread = threading.Timer(0.3, lambda: two_readers.insert(plastic.ATR_CPS3, cps(), wait=False))
        threads.append(thread)
        thread.start()

    started = time.monotonic()
    report = run_ladder(request_for(person=True, insertion_seconds=20), insert)
    threads[0].join()
    assert report.rung("card").outcome == "pass"
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("changes", "rung", "expected"),
    [
        ({"issuer": "8025000002"}, "application", ["cards.serial-foreign"]),
        ({"certificates": certificates(last_day=-1)}, "certificates", ["cards.certificate-expired", "cards.certificate-expired"]),
        ({"certificates": certificates(first_day=10)}, "certificates", ["cards.certificate-not-yet", "cards.certificate-not-yet"]),
        ({"certificates": certificates(issuer="AC INCONNUE")}, "certificates", ["cards.certificate-foreign", "cards.certificate-foreign"]),
        ({"certificates": certificates(forged=True)}, "certificates", ["cards.certificate-foreign", "cards.certificate-foreign"]),
        ({"certificates": ()}, "certificates", ["cards.certificates-none"]),
        ({"tries_left": 0}, "code", ["cards.code-locked"]),
        ({"tries_left": 1}, "code", ["cards.code-last-try"]),
    ],
)
def test_what_can_be_wrong_with_a_card(
    two_readers: Desk, request_for: Requests, changes: dict[str, Any], rung: str, expected: list[str]
) -> None:
    two_readers.insert(plastic.ATR_CPS3, cps(**changes))
    assert refs(run_ladder(request_for()), rung) == expected


@pytest.mark.parametrize(
    ("atr", "changes", "application", "known"),
    [
        (plastic.ATR_CPS4_T1, {"direct_answers": True}, "ias", False),
        (plastic.ATR_CPS4_T1, {"direct_answers": True, "ias_view": False}, "chipdoc", False),
        # OpenSC looks into any card that it does not know for the directories of PKCS#15, by T=0 with success.
        (plastic.ATR_CPS4_T0, {"ias_view": False}, "chipdoc", True),
        (plastic.ATR_CPS4_UNLISTED, {"ias_view": False}, "chipdoc", True),
    ],
    ids=["t1", "t1-chipdoc", "t0", "unlisted"],
)
def test_a_card_newer_than_the_middleware(
    two_readers: Desk,
    request_for: Requests,
    atr: bytes,
    changes: dict[str, Any],
    application: str,
    known: bool,  # noqa: FBT001 - a parameter of the case
) -> None:
    """Before Cryptolib 5.2 a CPS4 was to it what it is to the lab's middleware: the card is right, and read directly all the same."""
    two_readers.insert(atr, cps4(**changes))
    report = run_ladder(request_for())
    assert report.rung("card").evidence["generation"] == "CPS4"
    assert report.rung("application").evidence == {"certificate_files": 2, "application": application}
    assert refs(report, "token") == ([] if known else ["middleware.card-not-recognised"])
    again = run_ladder(request_for(before=report))
    assert again.rung("association").evidence == {"card": True, "holder": True}
    assert not decide(report, again).rollback


def test_authorities_missing_from_the_workstation_prove_nothing(two_readers: Desk, request_for: Requests) -> None:
    two_readers.insert(plastic.ATR_CPS3, cps())
    report = run_ladder(request_for(authority_folders=()))
    assert set(refs(report, "certificates")) == {"cards.certificate-unproven"}
    assert report.rung("certificates").origin == "workstation"


def test_a_forged_authority_file_is_not_believed(two_readers: Desk, request_for: Requests, tmp_path: Path) -> None:
    two_readers.insert(plastic.ATR_CPS3, cps())
    request = request_for()
    (tmp_path / "coffre" / "AC_LABORATOIRE.cer").write_bytes(authority().der[:-1] + b"\0")
    assert set(refs(run_ladder(request), "certificates")) == {"cards.certificate-unproven"}


def test_a_cached_certificate_proves_nothing(
    two_readers: Desk, request_for: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The middleware keeps card files; a card of the same number with other certificates then shows the old ones."""
    configuration = tmp_path / "opensc.conf"
    cache = tmp_path / "opensc-cache"
    configuration.write_text(
        f"app default {{ framework pkcs15 {{ use_file_caching = yes; file_cache_dir = {cache}; }} }}\n", encoding="utf-8"
    )
    monkeypatch.setenv("OPENSC_CONF", str(configuration))
    first = two_readers.insert(plastic.ATR_CPS3, cps())
    assert run_ladder(request_for()).verdict == "whole"
    assert any(path.is_file() for path in cache.rglob("*")), "the middleware did not keep anything: the test would prove nothing"
    two_readers.remove(first)
    two_readers.insert(plastic.ATR_CPS3, cps(certificates=certificates(last_day=700)))
    report = run_ladder(request_for())
    assert set(refs(report, "certificates")) == {"cards.certificate-cached"}


def test_the_card_taken_out_while_it_is_read(two_readers: Desk, request_for: Requests) -> None:
    handler = cps()
    card = two_readers.insert(plastic.ATR_CPS3, handler)
    handler.before_command = lambda _: card.remove() if len(handler.commands) > 10 else None
    report = run_ladder(request_for())
    assert report.rung("application").outcome == "not-checked"
    assert report.verdict != "whole"
    assert "fail" not in {report.rung(rung).outcome for rung in ("application", "certificates", "code")}


def test_two_cards_at_once_and_a_middleware_that_sees_another_reader(two_readers: Desk, request_for: Requests) -> None:
    two_readers.insert(plastic.ATR_CPS3, cps())
    two_readers.insert(plastic.ATR_CPS3, cps(serial="26000555", label="CPS3v1-2600055555"), reader=1)
    report = run_ladder(request_for())
    assert report.rung("token").outcome == "pass"
    assert report.rung("card").evidence["reader"] == CPS_READER


def test_no_daemon_and_a_daemon_that_dies(desk: Desk, request_for: Requests) -> None:
    report = run_ladder(request_for())
    assert (outcomes(report)["service"], refs(report, "service")) == ("fail", ["cards.service-down"])
    assert outcomes(report)["readers"] == "not-checked"
    daemon = desk.readers("Lecteur CPS", "Lecteur Vitale")
    desk.insert(plastic.ATR_CPS3, cps())
    before = run_ladder(request_for())
    daemon.kill()
    after = run_ladder(request_for(before=before, settle_seconds=0.5))
    verdict = decide(before, after)
    assert verdict.rollback
    assert [entry.rung for entry in verdict.broken if entry.ours] == ["service"]


def test_no_reader(desk: Desk, request_for: Requests) -> None:
    desk.readers()
    report = run_ladder(request_for())
    assert refs(report, "readers") == ["cards.no-reader"]
    assert report.rung("readers").origin == "reader"


def test_another_program_holds_the_reader(two_readers: Desk, request_for: Requests) -> None:
    from smartcard import scard  # noqa: PLC0415 - the other program

    two_readers.insert(plastic.ATR_CPS3, cps())
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    _, handle, _ = scard.SCardConnect(context, CPS_READER, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T0)
    try:
        report = run_ladder(request_for(programs=("jfse",)))
    finally:
        scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)
        scard.SCardReleaseContext(context)
    sharing = report.rung("sharing")
    assert (sharing.outcome, sharing.origin) == ("fail", "other-software")
    assert sharing.evidence["programs"] == ["jfse"]
    assert report.rung("application").outcome == "not-checked"


@pytest.mark.parametrize(
    ("behaviour", "ref"),
    [
        ("CRASH_ON_START", "middleware.crashed"),
        ("truncated", "middleware.truncated"),
        ("other-class", "middleware.wrong-architecture"),
        ("other-machine", "middleware.wrong-architecture"),
        ("text", "middleware.no-library"),
        ("absent", "middleware.absent"),
    ],
)
def test_a_module_that_cannot_be_used_breaks_its_rung(
    request_for: Requests, build: Callable[..., Path], tmp_path: Path, behaviour: str, ref: str
) -> None:
    if behaviour == "absent":
        module = tmp_path / "absent.so"
    elif behaviour.isupper():
        module = build(behaviour)
    else:
        module = spoilt(tmp_path, behaviour)
    report = run_ladder(request_for(middleware=middleware_rule(module), probe_seconds=1))
    rung = report.rung("middleware")
    assert (rung.outcome, [problem.ref for problem in rung.problems]) == ("fail", [ref])


@pytest.mark.parametrize(("behaviour", "ref"), [("FAILS_THE_FIRST_TIME", "middleware.failed"), ("HANGS_THE_FIRST_TIME", "middleware.hung")])
def test_a_module_that_needs_a_second_time_after_a_change_is_not_broken(
    request_for: Requests, tmp_path: Path, behaviour: str, ref: str
) -> None:
    """The first load of a library that was just installed is slow or fails: the system examines it, the service is starting."""
    request = request_for(middleware=middleware_rule(compile_module(tmp_path, behaviour), manufacturers=(), releases=()), probe_seconds=1)
    assert refs(run_ladder(request), "middleware") == [ref]
    mark = tmp_path / f"{behaviour.lower()}.so.seen"
    mark.unlink()
    report = run_ladder(msgspec.structs.replace(request, settle_seconds=0.1))
    assert (report.rung("middleware").outcome, mark.exists()) == ("pass", True)


def test_a_noisy_module_and_one_that_asks_for_an_executable_stack_are_told(request_for: Requests, tmp_path: Path) -> None:
    module = compile_module(tmp_path, "NOISE", flags=("-z", "execstack"))
    report = run_ladder(request_for(middleware=middleware_rule(module, manufacturers=(), releases=())))
    assert report.rung("middleware").outcome == "pass"
    assert refs(report, "middleware") == ["middleware.executable-stack-asked", "middleware.noise"]


def test_another_module_than_the_bundle_s_is_named(request_for: Requests) -> None:
    report = run_ladder(request_for(middleware=middleware_rule(SOFTHSM), others=(middleware_rule(OPENSC, id="opensc"),)))
    assert set(refs(report, "middleware")) == {"middleware.other-version", "middleware.foreign"}


class TestChallenge:
    def _module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr("atsam_safe.cards.surroundings.PASSED_ON", (*_passed_on(), "DELEGATE", "PROMPTED_CODE"))
        monkeypatch.setenv("DELEGATE", str(OPENSC))
        return compile_module(tmp_path, "CODE_PROMPT", source="code_prompt.c", flags=("-ldl",))

    @pytest.mark.parametrize(("code", "outcome", "ref"), [("1234", "pass", None), ("0000", "fail", "cards.challenge-refused")])
    def test_the_middleware_asks_for_the_code(
        self,
        two_readers: Desk,
        request_for: Requests,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        code: str,
        outcome: str,
        ref: str | None,
    ) -> None:
        monkeypatch.setenv("PROMPTED_CODE", code)
        rule = middleware_rule(self._module(tmp_path, monkeypatch))
        two_readers.insert(plastic.ATR_CPS3, cps())
        report = run_ladder(request_for(middleware=rule, challenge=True))
        assert report.rung("challenge").outcome == outcome
        assert refs(report, "challenge") == ([ref] if ref else [])

    def test_keys_that_are_not_the_certificate_s(
        self, two_readers: Desk, request_for: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PROMPTED_CODE", "1234")
        rule = middleware_rule(self._module(tmp_path, monkeypatch))
        card = cps()
        card._keys = list(reversed(card._keys))
        card._keys = [card._keys[0], card._keys[0]]
        two_readers.insert(plastic.ATR_CPS3, card)
        single = certificates()[0]
        card._files["3F000001D102"] = single
        report = run_ladder(request_for(middleware=rule, challenge=True))
        assert report.rung("challenge").outcome == "fail"

    def test_without_a_prompt_of_its_own_no_code_is_asked(self, two_readers: Desk, request_for: Requests) -> None:
        two_readers.insert(plastic.ATR_CPS3, cps())
        report = run_ladder(request_for(challenge=True))
        assert report.rung("challenge").outcome == "not-checked"
        assert refs(report, "challenge") == ["cards.challenge-no-protected-path"]


def _passed_on() -> tuple[str, ...]:
    from atsam_safe.cards import surroundings  # noqa: PLC0415 - the value before it is changed

    return surroundings.PASSED_ON
