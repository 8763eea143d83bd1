"""``cards doctor|watch|realign|clear-cache``: the CPS card, from the reader to the certificates. No code is ever asked here."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.cards.model import UnreadGeneration
from atsam_safe.cards.observe import generations, run_ladder
from atsam_safe.cards.request import GALSS, Circumstances, Installed, LadderRequest, ladder_request
from atsam_safe.cards.titles import RUNG_TITLES
from atsam_safe.catalogue.names import bundle_text, component_text
from atsam_safe.cli.card_changes import Realigning, clear_caches, inside_of
from atsam_safe.cli.card_live import follow, follow_ladder
from atsam_safe.cli.kept_files import snapshot_with, way_back
from atsam_safe.cli.observing import facts_of
from atsam_safe.cli.world import catalogue_of
from atsam_safe.report.json_form import problem_value
from atsam_safe.report.result import OK, UNFIT, CommandResult, origin_of
from atsam_safe.snapshot.state import open_state
from atsam_safe.verify.assessment import assess, os_text
from atsam_safe.verify.bundles import os_family_text, sets_reading
from atsam_safe.versions import is_before
from atsam_safe.words.model import AtsamSafeError, Problem, UsageError
from atsam_safe.words.translate import explain, phrase

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.cards.galss_align import Family
    from atsam_safe.cards.model import LadderReport, Rung, Slot
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.cli.session import Session
    from atsam_safe.facts.model import Facts
    from atsam_safe.words.model import Language

_FAMILIES: Final[dict[str, Family]] = {"Darwin": "macos", "Windows": "windows", "Linux": "linux"}
_HARDWARE: Final = {"x86_64": "x86_64", "AMD64": "x86_64", "arm64": "arm64", "ARM64": "arm64", "aarch64": "arm64", "x86": "i386"}


def run(session: Session, *, action: str, **arguments: Any) -> CommandResult:  # noqa: ANN401 - the options of one of the actions
    """Carry out one of the four actions."""
    catalogue = catalogue_of(session)
    actions: dict[str, Callable[..., CommandResult]] = {
        "doctor": _doctor,
        "watch": _watch,
        "realign": _realign,
        "clear-cache": _clear_cache,
    }
    return actions[action](session, catalogue, **arguments)


def installed_on(facts: Facts, catalogue: Catalogue) -> Installed:
    """What the card has to do with, as ``status`` recognises it: a component by every sign of it, other software by more than a receipt.

    Software that needs GALSS with serial readers only (``serial_only``) does not miss its configuration where there is no GALSS.
    """
    assessment = assess(facts, catalogue)
    users = {dependent.id for dependent in catalogue.dependents if GALSS in dependent.uses and GALSS not in dependent.serial_only}
    versions = {state.component: state.version for state in assessment.components if state.state != "absent"}
    return Installed(
        versions=versions,
        unread=_unread(facts, catalogue, versions),
        galss_users=tuple(state.dependent for state in assessment.dependents if state.dependent in users),
    )


def _unread(facts: Facts, catalogue: Catalogue, versions: dict[str, str | None]) -> tuple[UnreadGeneration, ...]:
    found: list[UnreadGeneration] = []
    for generation in catalogue.card_generations:
        version = versions.get(generation.component)
        if version is None or not is_before(version, generation.minimum):
            continue
        sets = None if os_family_text(facts.os) is None else sets_reading(catalogue, generation, facts.os)
        found.append(
            UnreadGeneration(
                name=generation.name,
                component=component_text(catalogue, generation.component),
                version=version,
                minimum=generation.minimum,
                system=os_text(facts),
                builds=None if sets is None else tuple(bundle_text(catalogue, bundle) for bundle in sets),
            )
        )
    return tuple(found)


def request_of(session: Session, catalogue: Catalogue, circumstances: Circumstances, facts: Facts | None = None) -> LadderRequest:
    """The ladder request for the workstation that the options name: this computer, or the volume given with ``--root``."""
    if session.options.facts is not None:
        raise UsageError(Problem(ref="usage.facts-read-only", params={"command": "cards"}))
    root = None if session.options.root is None else Path(session.options.root).absolute()
    family: Family = "macos" if root is not None else _FAMILIES.get(platform.system(), "linux")
    hardware = None if root is not None else _HARDWARE.get(platform.machine())
    installed = None if facts is None else installed_on(facts, catalogue)
    request = ladder_request(catalogue, family, circumstances, facts=facts, installed=installed, hardware=hardware, root=root)
    if request.galss_ini is None:
        return request
    kept = snapshot_with(session, request.galss_ini, inside_of(request.galss_ini, request.root))
    return msgspec.structs.replace(request, galss_kept=kept, galss_back=way_back(session, kept))


def state_folder_of(session: Session) -> Path | None:
    """Where the key for comparing cards is kept: the state folder if there is one, never made for this; else it lives for one run."""
    state_dir = None if session.options.state_dir is None else Path(session.options.state_dir).absolute()
    try:
        with open_state(Path(session.options.root or os.sep).absolute(), state_dir, create=False) as state:
            return state.path
    except AtsamSafeError:
        # No state folder, or not ours to write to: looking at a card is no reason to refuse, or to leave a trace.
        return None


def rung_value(rung: Rung, language: Language) -> dict[str, Any]:
    """One rung in JSON, with its words."""
    return {
        "number": rung.number,
        "id": rung.id,
        "title": phrase(RUNG_TITLES[rung.id], language),
        "outcome": rung.outcome,
        "origin": rung.origin,
        "problems": [problem_value(problem, language) for problem in rung.problems],
        "evidence": rung.evidence,
    }


def ladder_value(report: LadderReport, language: Language) -> dict[str, Any]:
    """``data.card``: the verdict and every rung. Nothing personal is in it: cards and holders are compared by keyed digests only."""
    return {
        "verdict": report.verdict,
        "seconds": report.seconds,
        "rungs": [rung_value(rung, language) for rung in report.rungs],
    }


def ladder_problems(report: LadderReport) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Problems of failed rungs, and what is worth saying on the others (a rung that only waits for another one says nothing)."""
    failed = tuple(problem for rung in report.failed for problem in rung.problems)
    said = tuple(
        problem
        for rung in report.rungs
        if rung.outcome != "fail"
        for problem in rung.problems
        if problem.ref not in {"cards.not-reached", "association.nothing-before"}
    )
    return failed, said


def card_part(
    session: Session, catalogue: Catalogue, facts: Facts
) -> tuple[dict[str, Any] | None, tuple[Problem, ...], tuple[Problem, ...]]:
    """What ``--card`` adds to ``status`` and ``verify``: data, problems of failed rungs, what is worth saying besides.

    A card cannot be in the reader of a volume that does not run: then there is no data, and that is said.
    """
    report = card_report(session, catalogue, facts)
    if report is None:
        return None, (), (Problem(ref="card.not-checkable-offline"),)
    return ladder_value(report, session.language), *ladder_problems(report)


def card_report(session: Session, catalogue: Catalogue, facts: Facts) -> LadderReport | None:
    """The ladder for an option ``--card``; ``None`` where no card can be."""
    if session.options.root is not None or session.options.facts is not None:
        return None
    person = session.can_ask and not session.options.yes
    circumstances = Circumstances(state_folder=state_folder_of(session), person=person)
    request = request_of(session, catalogue, circumstances, facts)
    return run_ladder(request, lambda problem: session.notify(explain(problem, session.language).what))


def with_card(
    session: Session, catalogue: Catalogue, facts: Facts
) -> tuple[Facts, dict[str, Any] | None, tuple[Problem, ...], tuple[Problem, ...]]:
    """``card_part`` and the facts with the generations of the cards: whoever is mailed them can judge a package for these cards, too."""
    report = card_report(session, catalogue, facts)
    if report is None:
        return facts, None, (), (Problem(ref="card.not-checkable-offline"),)
    seen = msgspec.structs.replace(facts, cards=generations(report.readers))
    return seen, ladder_value(report, session.language), *ladder_problems(report)


def _facts(session: Session, catalogue: Catalogue) -> Facts | None:
    """What is installed, where the workstation can be observed; a card can be looked at without (on Linux there is no observer)."""
    try:
        return facts_of(session, catalogue)
    except UsageError:
        return None


def _doctor(
    session: Session,
    catalogue: Catalogue,
    *,
    challenge: bool = False,
    wait: float = 60.0,
    settle: float = 0.0,
    watch: bool = False,
    seconds: float | None = None,
) -> CommandResult:
    """The whole ladder: 0 when no rung failed, 11 when one did. ``watch``: again after each change, and the last one counts."""
    if watch and challenge:
        raise UsageError(Problem(ref="cards.watch-and-challenge"))
    if watch and session.options.root is not None:
        raise UsageError(Problem(ref="cards.watch-and-root"))
    person = session.can_ask and not session.options.yes and wait > 0
    circumstances = Circumstances(
        state_folder=state_folder_of(session),
        person=person,
        # whoever watches puts the card in when it suits them
        insertion_seconds=0.0 if watch else wait,
        settle_seconds=settle,
        challenge=challenge and person,
    )
    request = request_of(session, catalogue, circumstances, _facts(session, catalogue))
    data: dict[str, Any] = {}
    if watch and request.live:
        data["changes"], report = follow_ladder(session, request, seconds)
    else:
        report = run_ladder(request, lambda problem: session.notify(explain(problem, session.language).what))
    problems, notices = ladder_problems(report)
    return CommandResult(
        command="cards doctor",
        exit_code=UNFIT if problems else OK,
        data={"card": ladder_value(report, session.language), **data},
        problems=problems,
        notices=notices,
        catalogue=origin_of(catalogue),
    )


def _slot_value(slot: Slot) -> dict[str, Any]:
    card = slot.card
    return {
        "reader": slot.name,
        "kind": slot.kind,
        "state": slot.state,
        "card": None if card is None else {"kind": card.kind, "generation": card.generation},
        "exclusive": slot.exclusive,
    }


def _watch(session: Session, catalogue: Catalogue, *, seconds: float | None = None) -> CommandResult:
    """Say every change until the time is over or Ctrl+C; the result lists what was seen last."""
    changes, last = follow(session, catalogue.cards, seconds)
    return CommandResult(
        command="cards watch",
        exit_code=OK,
        data={"changes": changes, "readers": None if last is None else [_slot_value(slot) for slot in last]},
        catalogue=origin_of(catalogue),
    )


def _realign(session: Session, catalogue: Catalogue, *, apply: bool = False, file: str | None = None) -> CommandResult:
    """Show what would make ``galss.ini`` agree with the readers; write it only with ``--apply``, the former files kept in a snapshot."""
    realigning = Realigning(
        session, catalogue, request_of(session, catalogue, Circumstances()), None if file is None else Path(file).absolute()
    )
    return realigning.apply() if apply else realigning.show()


def _clear_cache(session: Session, catalogue: Catalogue) -> CommandResult:
    """Remove the middleware's cached card files; it makes them again at the next use."""
    return clear_caches(session, request_of(session, catalogue, Circumstances()))
