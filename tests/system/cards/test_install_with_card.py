"""The card as a witness of a whole installation: the real command on a laboratory Mac, a real daemon and a real middleware beside it."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from atsam_safe.cards.probe import PROBE_SECONDS
from atsam_safe.guard import check
from atsam_safe.plan.model import RunInstaller
from lab.card import virtual_card as plastic
from lab.card.modules import OPENSC
from lab.card.requests import cps, middleware_rule, workstation_request
from lab.card.virtual_card import NoApplication
from lab.worlds import MacWorld

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.cards.request import Circumstances, LadderRequest
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.model import Decision
    from atsam_safe.plan.model import Step
    from atsam_safe.workstation.port import Workstation
    from lab.stage import Answer, Stage

    from .conftest import Desk

CPS_READER, VITALE_READER = "Lecteur CPS 00 00", "Lecteur Vitale 00 00"


class Meddling:
    """A workstation on which something happens to the card chain while the vendor's installer runs."""

    def __init__(self, inner: Workstation, happening: Callable[[], object]) -> None:
        self._inner = inner
        self._happening = happening

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the inner one has
        return getattr(self._inner, name)

    def apply(self, step: Step, staging: Path) -> str:
        outcome = self._inner.apply(step, staging)
        if isinstance(step, RunInstaller):
            self._happening()
        return outcome


class Practice:
    """The laboratory Mac, two readers with a CPS and a Vitale, and OpenSC in the place of the bundle's middleware."""

    def __init__(self, desk: Desk, stage: Stage, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.readers("Lecteur CPS", "Lecteur Vitale")
        self.desk = desk
        self.card = desk.insert(plastic.ATR_CPS3, cps())
        desk.insert(plastic.ATR_VITALE_2, NoApplication(), reader=1)
        self.world = MacWorld(stage)
        self.folder = stage.folder
        self.probe_seconds = PROBE_SECONDS
        self._stage = stage
        self.module = folder / "middleware.so"
        shutil.copy(OPENSC, self.module)
        self.configuration = folder / "galss.ini"

        def request_of(_session: object, _catalogue: object, circumstances: Circumstances, _facts: object) -> LadderRequest:
            return workstation_request(
                folder,
                cps_reader=CPS_READER,
                vitale_reader=VITALE_READER,
                middleware=middleware_rule(self.module),
                state_folder=circumstances.state_folder,
                before=circumstances.before,
                settle_seconds=circumstances.settle_seconds,
                probe_seconds=self.probe_seconds,
            )

        # Linux is no Mac: what the ladder looks at is laid out here, everything that is looked at is real.
        monkeypatch.setattr("atsam_safe.cli.card_witness.request_of", request_of)
        monkeypatch.setattr("atsam_safe.cli.card_witness.SETTLE_SECONDS", 0.5)

    def install(self, happening: Callable[[], object], form: tuple[str, ...] = ("--json",)) -> Answer:
        """Install the set that is installed already, with something happening meanwhile."""
        stage = dataclasses.replace(self._stage, open_workstation=lambda root: Meddling(self.world.open(root), happening))
        return stage.run("--manifests", str(self.world.catalogue), *form, "--yes", "install", self.world.package("ATSAM-4.41.pkg"))

    def run(self, *arguments: str) -> Answer:
        """Any other command on this workstation."""
        stage = dataclasses.replace(self._stage, open_workstation=self.world.open)
        return stage.run("--manifests", str(self.world.catalogue), *arguments)


@pytest.fixture
def practice(desk: Desk, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Practice:
    return Practice(desk, stage, tmp_path, monkeypatch)


def nothing() -> None:
    """Nothing happens."""


def refs(answer: Answer, key: str) -> list[str]:
    return [entry["ref"] for entry in answer.json[key]]


def test_a_whole_chain_that_stays_whole_is_committed(practice: Practice) -> None:
    answer = practice.install(nothing)
    assert (answer.code, refs(answer, "errors")) == (0, [])
    card = answer.json["data"]["card"]
    assert (card["verdict"], card["broken"]) == ("whole", [])
    assert "26000123" not in answer.out + answer.err


def test_the_guard_is_told_which_cards_are_in_the_readers(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, ...] | None] = []

    def asked(facts: Facts, *arguments: Any, **options: Any) -> Decision:  # noqa: ANN401 - what the guard takes
        told.append(facts.cards)
        return check(facts, *arguments, **options)

    monkeypatch.setattr("atsam_safe.cli.commands.install.check", asked)
    assert practice.install(nothing).code == 0
    assert told
    assert set(told) == {("CPS3",)}


@pytest.mark.parametrize(
    ("what", "expected"),
    [("middleware-cut", "middleware.truncated"), ("middleware-gone", "middleware.absent"), ("configuration", "galss.empty")],
)
def test_what_only_the_installation_can_have_broken_takes_it_back(practice: Practice, what: str, expected: str) -> None:
    happenings: dict[str, Callable[[], object]] = {
        "middleware-cut": lambda: practice.module.write_bytes(OPENSC.read_bytes()[:20_000]),
        "middleware-gone": practice.module.unlink,
        "configuration": lambda: practice.configuration.write_bytes(b""),
    }
    before = practice.world.fingerprint()
    answer = practice.install(happenings[what])
    assert answer.code == 20, answer.out + answer.err
    assert expected in refs(answer, "errors")
    assert answer.json["data"]["digest_before"] == answer.json["data"]["digest_after"]
    assert practice.world.fingerprint() == before
    assert "26000123" not in answer.out + answer.err


def test_a_service_that_does_not_come_back_takes_it_back(practice: Practice) -> None:
    assert practice.desk.pcscd is not None
    answer = practice.install(practice.desk.pcscd.kill)
    assert (answer.code, refs(answer, "errors")) == (20, ["cards.service-down"])


def test_what_was_broken_before_is_only_told(practice: Practice) -> None:
    practice.module.unlink()
    answer = practice.install(nothing)
    assert answer.code == 0, answer.out + answer.err
    assert "middleware.absent" in refs(answer, "notices")
    assert [(entry["rung"], entry["reason"]) for entry in answer.json["data"]["card"]["broken"]] == [("middleware", "broken-before")]
    told = practice.install(nothing, form=()).out
    assert "La carte CPS n’est PAS utilisable par tous vos logiciels." in told
    assert "Bibliothèque de carte des composants" in told


def test_a_card_taken_out_or_exchanged_meanwhile_is_no_reason_to_go_back(practice: Practice) -> None:
    def exchange() -> None:
        practice.desk.remove(practice.card)
        practice.desk.insert(plastic.ATR_CPS3, cps(serial="26000999"))

    answer = practice.install(exchange)
    assert answer.code == 0, answer.out + answer.err
    assert "association.other-card" in refs(answer, "notices")
    assert not any(secret in answer.out + answer.err for secret in ("26000123", "26000999"))


def test_a_card_that_answers_later_than_its_reader_is_waited_for(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an installation the service starts again: the readers are listed at once, the cards in them are powered later."""
    monkeypatch.setattr("atsam_safe.cli.card_witness.SETTLE_SECONDS", 8)
    daemon = practice.desk.pcscd
    assert daemon is not None

    def restart() -> None:
        practice.desk.take_out()
        daemon.kill()
        daemon.start()
        practice.desk.insert(plastic.ATR_CPS3, cps(), wait=False)
        practice.desk.insert(plastic.ATR_VITALE_2, NoApplication(), reader=1, wait=False)

    answer = practice.install(restart)
    assert answer.code == 0, answer.out + answer.err
    rungs = {rung["id"]: rung["outcome"] for rung in answer.json["data"]["card"]["rungs"]}
    assert (rungs["card"], rungs["association"]) == ("pass", "pass")


@pytest.mark.parametrize("how", ["exclusive", "transaction"])
def test_another_program_that_takes_the_reader_is_no_reason_to_go_back(
    practice: Practice, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The middleware then waits for the card or fails: that looks like a broken middleware and is none."""
    from smartcard import scard  # noqa: PLC0415 - the other program

    monkeypatch.setattr("atsam_safe.cards.observe.READING_SECONDS", 0.5)
    practice.probe_seconds = 2
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    held: list[int] = []

    def grab() -> None:
        share = scard.SCARD_SHARE_EXCLUSIVE if how == "exclusive" else scard.SCARD_SHARE_SHARED
        result, handle, _ = scard.SCardConnect(context, CPS_READER, share, scard.SCARD_PROTOCOL_T0)
        assert result == 0
        held.append(handle)
        if how == "transaction":
            scard.SCardBeginTransaction(handle)

    try:
        answer = practice.install(grab)
    finally:
        for handle in held:
            scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)
        scard.SCardReleaseContext(context)
    assert answer.code == 0, answer.out + answer.err
    assert "cards.reader-held" in refs(answer, "notices")
