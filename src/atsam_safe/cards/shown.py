"""What the middleware shows, as facts: its file, what loading it gave, its tokens held against the card itself, a signed challenge.

What it shows in clear (serial number, certificates) is turned into keyed digests here and goes nowhere else.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from tenacity import Retrying, retry_if_result, stop_after_attempt, stop_after_delay, stop_all, wait_fixed

from atsam_safe.cards import certificates as certificate_facts
from atsam_safe.cards.evidence import ChallengeFact, MiddlewareFact, TokenFact
from atsam_safe.cards.ladder import same_reader
from atsam_safe.cards.middleware import inspect_module, manufacturer_problem, module_problems, version_problem
from atsam_safe.cards.probe import CODE_SECONDS, ProbeResult, SlotAnswer, probe
from atsam_safe.cards.request import windows_place
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.cards.application import CardContent
    from atsam_safe.cards.identity import IdentityKey
    from atsam_safe.cards.request import LadderRequest
    from atsam_safe.catalogue.model import MiddlewareRule

_GENERATION: Final = re.compile(r"^(CPS[0-9A-Za-z]{0,4}v\d)-\d+")
_SERIAL: Final = re.compile(r"[0-9A-F]{8,20}")
_MAXIMUM_AUTHORITY_FILES: Final = 200
_AGAIN_SECONDS: Final = 0.5
_FAILURES: Final = {
    "failed": "middleware.failed",
    "crashed": "middleware.crashed",
    "hung": "middleware.hung",
    "ended": "middleware.ended",
    "bad-answer": "middleware.bad-answer",
    "support-missing": "middleware.support-missing",
}
# What a module says of itself that proves it to be another one; anything else it says is only told.
_NOT_OURS: Final = frozenset({"middleware.other-version", "middleware.foreign"})
_REFUSALS: Final = {
    "executable-stack": "middleware.executable-stack",
    "wrong-architecture": "middleware.wrong-architecture",
    "dependency-missing": "middleware.dependency-missing",
    "damaged": "middleware.truncated",
    "absent": "middleware.absent",
    "not-a-module": "middleware.no-library",
    "other": "middleware.refused",
}


def _authorities(request: LadderRequest) -> tuple[certificate_facts.Authority, ...]:
    files: list[bytes] = []
    for folder in request.authority_folders:
        try:
            names = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".cer", ".crt", ".der"})
        except OSError:
            continue
        for path in names[:_MAXIMUM_AUTHORITY_FILES]:
            try:
                with path.open("rb") as handle:
                    files.append(handle.read(2 * certificate_facts.MAXIMUM_CERTIFICATE + 1))
            except OSError:
                continue
    return certificate_facts.pinned_authorities(files, request.pins)


def _same_card(answer: SlotAnswer, content: CardContent | None) -> bool | None:
    """Whether the token's serial number is the card's; modules print different parts of it, so a part of eight digits is enough."""
    if content is None or answer.token is None:
        return None
    shown = bytes.fromhex(answer.token.serial).decode("ascii", errors="replace").strip("\0 ").upper()
    # A module that gives tokens names of its own making, or none, proves nothing either way.
    return shown in content.serial.hex().upper() if _SERIAL.fullmatch(shown) and shown.strip("0") else None


def _token(answer: SlotAnswer, request: LadderRequest, key: IdentityKey, content: CardContent | None, now: datetime) -> TokenFact:
    token = answer.token
    if token is None or not token.initialized:
        return TokenFact(reader=answer.description, present=answer.present and token is None, error=answer.error)
    generation = _GENERATION.match(token.label)
    authorities = _authorities(request)
    facts = [
        certificate_facts.examine(
            bytes.fromhex(data),
            key=key,
            authorities=authorities,
            rules=request.pins,
            now=now,
            on_card=None if content is None else content.certificates,
        )
        for data in token.certificates
    ]
    return TokenFact(
        reader=answer.description,
        present=True,
        generation=generation[1] if generation else "",
        model=token.model[:16],
        same_card=_same_card(answer, content),
        code_locked=token.code_locked,
        code_final_try=token.code_final_try,
        code_count_low=token.code_count_low,
        protected_path=token.protected_path,
        certificates=tuple(fact for fact in facts if fact is not None),
    )


def probe_problem(result: ProbeResult, rule: MiddlewareRule) -> Problem | None:
    """What loading the module ran into, or ``None``."""
    params = {"middleware": rule.name, "path": result.module, "stage": result.stage, "detail": result.detail or "-"}
    params |= {"library": "python-pkcs11", "found": "-", "hardware": "-"}
    evidence = {"status": result.status, "stage": result.stage, "detail": result.detail, "refusal": result.refusal}
    if result.status == "ok":
        return None
    ref = _REFUSALS[result.refusal or "other"] if result.status == "refused" else _FAILURES[result.status]
    return Problem(ref=ref, params=params, evidence=evidence)


def module_path(request: LadderRequest, rule: MiddlewareRule) -> Path:
    """Where the module lies on this workstation; the catalogue names Windows folders by their variables."""
    if rule.path.startswith("/"):
        return request.root / rule.path.lstrip("/")
    return Path(windows_place(rule.path, request.system_folders) or rule.path)


def _settled(result: ProbeResult, reader: str | None) -> bool:
    """Whether asking again could give nothing else: an answer with the card that is in, or a file that the system refuses."""
    if result.status != "ok":
        return result.status in {"refused", "support-missing"}
    here = [answer for answer in result.slots if reader is not None and same_reader(reader, answer.description)]
    return reader is None or any(answer.token is not None or answer.error == "TokenNotRecognised" for answer in here)


def _probed(request: LadderRequest, path: Path, reader: str | None) -> ProbeResult:
    """What the module shows; asked again for ``settle_seconds``, and at least once more, after a change.

    A library that was just installed is examined by the system when it is loaded for the first time, which may take longer than a probe
    may; and a service that was just started again may show it no reader yet. Neither is broken.
    """

    def ask() -> ProbeResult:
        return probe(str(path), seconds=request.probe_seconds, libraries=request.libraries)

    if not request.settle_seconds:
        return ask()
    asking = Retrying(
        retry=retry_if_result(lambda result: not _settled(result, reader)),
        stop=stop_all(stop_after_attempt(2), stop_after_delay(request.settle_seconds)),
        wait=wait_fixed(_AGAIN_SECONDS),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome is not None else None,
    )
    result: ProbeResult = asking(ask)
    return result


def middleware_fact(request: LadderRequest, key: IdentityKey, reader: str | None, content: CardContent | None) -> MiddlewareFact | None:
    """The bundle's middleware: its file first, then what it shows. A file that is cut or made for another machine is never loaded."""
    rule = request.middleware
    if rule is None:
        return None
    path = module_path(request, rule)
    module = inspect_module(path)
    fact = MiddlewareFact(id=rule.id, name=rule.name, path=rule.path, architectures=module.architectures, package=request.package)
    problems = module_problems(module, rule, request.hardware)
    if problems or not request.live:
        return msgspec.structs.replace(fact, problems=problems, loaded=False)
    result = _probed(request, path, reader)
    refused = probe_problem(result, rule)
    if refused is not None:
        return msgspec.structs.replace(fact, problems=(refused,), seconds=result.total_seconds)
    told = (
        version_problem(rule, request.package, result.version),
        manufacturer_problem(rule, request.package, result.manufacturer),
    )
    problems = tuple(problem for problem in told if problem is not None and problem.ref in _NOT_OURS)
    notices = [problem for problem in told if problem is not None and problem.ref not in _NOT_OURS]
    params = {"middleware": rule.name, "path": rule.path}
    if module.executable_stack:
        notices.append(Problem(ref="middleware.executable-stack-asked", params=params))
    if result.noise:
        notices.append(Problem(ref="middleware.noise", params=params))
    now = datetime.now(UTC)
    tokens = tuple(
        _token(answer, request, key, content if reader is not None and same_reader(reader, answer.description) else None, now)
        for answer in result.slots
    )
    return msgspec.structs.replace(
        fact, version=result.version, problems=problems, notices=tuple(notices), tokens=tokens, seconds=result.total_seconds
    )


def challenge_fact(request: LadderRequest, reader: str, shown: str, certificates: Iterable[bytes]) -> ChallengeFact:
    """Have the card sign a challenge made here and now, and verify it with a certificate read from the card itself."""
    rule = request.middleware
    if rule is None:
        return ChallengeFact(outcome="failed")
    message = b"atsam-safe association challenge " + secrets.token_bytes(32)
    asked = (shown or reader, hashlib.sha256(message).digest())
    result = probe(str(module_path(request, rule)), seconds=CODE_SECONDS, challenge=asked, libraries=request.libraries)
    return ChallengeFact(outcome=_challenge_outcome(result, message, tuple(certificates)))


def _challenge_outcome(
    result: ProbeResult, message: bytes, on_card: tuple[bytes, ...]
) -> Literal["signed", "wrong-signature", "no-protected-path", "refused", "given-up", "failed"]:
    """What the child's answer means."""
    if result.status == "hung":
        return "given-up"
    if result.status == "failed" and result.stage == "code":
        return "refused"
    answer = result.challenge
    if result.status != "ok" or answer is None or answer.state == "no-token":
        return "failed"
    if answer.state == "no-protected-path":
        return "no-protected-path"
    signatures = [bytes.fromhex(signature) for signature in answer.signatures]
    proven = any(certificate_facts.signed_by(certificate, message, signature) for signature in signatures for certificate in on_card)
    return "signed" if proven else "wrong-signature"


def present_middlewares(request: LadderRequest) -> tuple[str, ...]:
    """Names of all known middlewares whose file is there."""
    rules = [rule for rule in (request.middleware, *request.others) if rule is not None]
    found: dict[str, None] = {}
    for rule in rules:
        if module_path(request, rule).exists():
            found.setdefault(f"{rule.name} ({rule.path})")
    return tuple(found)
