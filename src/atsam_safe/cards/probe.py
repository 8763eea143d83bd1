"""Ask a PKCS#11 module what it sees, in a child process with a time limit: whatever the module does becomes a value.

A module is other people's native code. Here it may crash, hang, end its process, print, or be half a file; the program only ever sees a
``ProbeResult``. Nothing of the module's own output is kept.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from atsam_safe.cards.surroundings import surroundings
from atsam_safe.processes import exact_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atsam_safe.cards.surroundings import Surroundings

PROBE_SECONDS: Final = 10.0
CODE_SECONDS: Final = 60.0
"""How long a person has for typing the code at the reader or in the middleware's own window."""

MAXIMUM_ANSWER: Final = 4 * 1024 * 1024
_BLOCK: Final = 65536

Status = Literal["ok", "refused", "failed", "crashed", "hung", "ended", "bad-answer", "support-missing"]
Stage = Literal["begin", "load", "start", "slots", "token", "certificates", "code", "signature"]
Refusal = Literal["executable-stack", "wrong-architecture", "dependency-missing", "damaged", "absent", "not-a-module", "other"]

_REFUSALS: Final[tuple[tuple[Refusal, tuple[str, ...]], ...]] = (
    ("executable-stack", ("executable stack",)),
    (
        "wrong-architecture",
        ("wrong ELF class", "incompatible architecture", "wrong architecture", "no matching architecture", "WinError 193"),
    ),
    ("damaged", ("file too short", "invalid ELF header", "truncated", "cannot read file data", "not a mach-o", "slice is not valid")),
    ("not-a-module", ("undefined symbol: C_GetFunctionList",)),
    (
        "dependency-missing",
        ("undefined symbol", "symbol not found", "Library not loaded", "WinError 126", "WinError 127", "Could not find module"),
    ),
    ("absent", ("cannot open shared object file", "no such file", "image not found")),
)


class TokenAnswer(msgspec.Struct, frozen=True):
    """A token as the module shows it. Label, serial and certificates are personal: ``repr`` hides them all."""

    label: str
    serial: str
    model: str
    manufacturer: str
    certificates: tuple[str, ...]
    initialized: bool
    login_required: bool
    code_count_low: bool
    code_final_try: bool
    code_locked: bool
    protected_path: bool

    def __repr__(self) -> str:
        return "TokenAnswer(<hidden>)"


class SlotAnswer(msgspec.Struct, frozen=True):
    """One slot of the module: the name it gives it (a reader's name), and its token or why there is none."""

    description: str
    present: bool
    token: TokenAnswer | None = None
    error: str = ""


class ChallengeAnswer(msgspec.Struct, frozen=True):
    """What became of a challenge: signatures in hex, or the state that prevented them."""

    state: Literal["signed", "no-protected-path", "no-token"]
    signatures: tuple[str, ...] = ()


class _Answer(msgspec.Struct, frozen=True):
    """The child's answer as it travels."""

    status: Literal["ok", "refused", "failed", "support-missing"]
    detail: str = ""
    manufacturer: str = ""
    description: str = ""
    version: str = ""
    slots: tuple[SlotAnswer, ...] = ()
    challenge: ChallengeAnswer | None = None
    import_seconds: float = 0.0
    module_seconds: float = 0.0


class _Line(msgspec.Struct, frozen=True):
    stage: Stage | None = None
    answer: _Answer | None = None


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of loading one module.

    ``stage`` is how far it came. ``detail`` is a signal's name, a PKCS#11 error's name or an exit code, never text of the module.
    ``refusal`` classifies the loader's answer. ``noise``: it printed something.
    """

    module: str
    status: Status
    stage: Stage = "begin"
    detail: str = ""
    refusal: Refusal | None = None
    noise: bool = False
    manufacturer: str = ""
    description: str = ""
    version: str = ""
    slots: tuple[SlotAnswer, ...] = ()
    challenge: ChallengeAnswer | None = None
    module_seconds: float = 0.0
    total_seconds: float = 0.0


def _binding_folder() -> str | None:
    """Where the child finds the PKCS#11 binding (it looks nowhere else), or ``None`` where it is not installed."""
    try:
        found = importlib.util.find_spec("pkcs11")
    except (ImportError, ValueError):
        return None
    return None if found is None or found.origin is None else str(Path(found.origin).parent.parent)


def _classified(text: str) -> Refusal:
    lowered = text.lower()
    for refusal, texts in _REFUSALS:
        if any(part.lower() in lowered for part in texts):
            return refusal
    return "other"


class _Child:
    """One child process, what arrives from it, and whether its module printed something.

    The child ends when this process does (``lifeline``), and everything it started in its session ends with it. A process that left the
    session may keep the other end of our pipe: reading therefore ends at a mark of our own, never at the end of the pipe.
    """

    def __init__(self, arguments: tuple[str, ...], around: Surroundings) -> None:
        from plumbum import local  # noqa: PLC0415 - only runs that start commands pay it

        self._received: list[bytes] = []
        self._mark = secrets.token_bytes(32)
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        arriving, self._sending = os.pipe()
        alive, self._lifeline = os.pipe()
        try:
            with exact_environment(around.environment):
                command = local[sys.executable]["-I", "-S", str(Path(__file__).with_name("probe_child.py")), *arguments]
                process: Any = command.popen(
                    stdin=alive, stdout=self._sending, stderr=self._printed, cwd=around.folder, start_new_session=True
                )
        except BaseException:
            for descriptor in (arriving, self._sending, self._lifeline):
                os.close(descriptor)
            self._printed.close()
            raise
        finally:
            os.close(alive)
        self._process = process
        self._pid: int = process.pid
        self._waiter: threading.Thread | None = None
        self._reader = threading.Thread(target=self._receive, args=(arriving,), daemon=True)
        self._reader.start()

    def wait(self, seconds: float) -> bool:
        """True when it ended within ``seconds``. It is not reaped yet: until then its number cannot be another process's."""
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()
        self._waiter.join(seconds)
        return not self._waiter.is_alive()

    def _wait(self) -> None:
        if hasattr(os, "waitid"):
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        else:
            self._process.wait()

    def end(self) -> tuple[int, bytes, bool]:
        """End it and everything in its session: exit status, what arrived (hardly more than ``MAXIMUM_ANSWER``), whether it printed."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._pid, signal.SIGKILL)
            else:
                self._process.kill()
        status: int = self._process.wait()
        os.close(self._lifeline)
        with contextlib.suppress(OSError):  # the reader has had enough
            os.write(self._sending, self._mark)
        os.close(self._sending)
        self._reader.join()
        if self._waiter is not None:  # the process is gone, so it ends by itself; unjoined, a busy machine leaves it with us for a while
            self._waiter.join()
        noise = os.fstat(self._printed.fileno()).st_size > 0
        self._printed.close()
        return status, b"".join(self._received).partition(self._mark)[0], noise

    def _receive(self, descriptor: int) -> None:
        """Read until our mark, the end, or more than an answer can be."""
        left = MAXIMUM_ANSWER + 1
        tail = b""
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            while left > 0 and (part := stream.read(min(left, _BLOCK))):
                self._received.append(part)
                left -= len(part)
                tail = (tail + part)[-len(self._mark) - len(part) :]
                if self._mark in tail:
                    return


def _run(arguments: tuple[str, ...], seconds: float, around: Surroundings) -> tuple[int | None, bytes, bool]:
    """Exit status (``None``: the limit was reached), what arrived on the private descriptor, and whether the module printed."""
    child = _Child(arguments, around)
    ended = False
    try:
        ended = child.wait(seconds)
    finally:
        status, data, noise = child.end()
    return status if ended else None, data, noise


def _decoded(data: bytes) -> tuple[Stage, _Answer | None] | None:
    """The last stage and the answer; ``None`` when the lines are not what the child writes."""
    if len(data) > MAXIMUM_ANSWER:
        return None
    stage: Stage = "begin"
    for raw in data.splitlines():
        try:
            line = msgspec.json.decode(raw, type=_Line)
        except msgspec.MsgspecError:
            return None
        stage = line.stage or stage
        if line.answer is not None:
            return stage, line.answer
    return stage, None


def probe(
    module: str,
    *,
    seconds: float = PROBE_SECONDS,
    challenge: tuple[str, bytes] | None = None,
    environment: Mapping[str, str] | None = None,
    libraries: Sequence[str] = (),
) -> ProbeResult:
    """Load ``module`` in a child process and return what it shows; never raises for anything the module does.

    ``challenge`` is a slot's name and a SHA-256 digest to be signed there, after a person agreed: the code is then asked for by the
    middleware itself or typed on the reader, within ``seconds``. ``environment`` adds variables for the module;
    on Windows it finds further libraries in the folders ``libraries``.
    """
    started = time.perf_counter()
    folder = _binding_folder()
    if folder is None:
        return ProbeResult(module=module, status="support-missing")
    asked = (challenge[0], challenge[1].hex()) if challenge is not None else ()
    status, data, noise = _run((folder, module, *asked), seconds, surroundings(environment or {}, libraries))
    total = time.perf_counter() - started
    decoded = _decoded(data)
    if decoded is None:
        return ProbeResult(module=module, status="bad-answer", noise=noise, total_seconds=total)
    stage, answer = decoded
    if answer is None or status:
        return ProbeResult(module=module, stage=stage, noise=noise, total_seconds=total, **_ended(status))
    return ProbeResult(
        module=module,
        status=answer.status,
        stage=stage,
        detail="" if answer.status == "refused" else answer.detail,
        refusal=_classified(answer.detail) if answer.status == "refused" else None,
        noise=noise,
        manufacturer=answer.manufacturer.strip(),
        description=answer.description.strip(),
        version=answer.version,
        slots=answer.slots,
        challenge=answer.challenge,
        module_seconds=answer.module_seconds,
        total_seconds=total,
    )


def _ended(status: int | None) -> dict[str, Any]:
    """How a child ended that gave no answer."""
    if status is None:
        return {"status": "hung"}
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = str(-status)
        return {"status": "crashed", "detail": name}
    # Windows gives crashes as a status of the kernel (0xC0000005 and its relatives).
    if status & 0xFFFFFFFF >= 0xC0000000:  # noqa: PLR2004 - NTSTATUS severity "error"
        return {"status": "crashed", "detail": f"0x{status & 0xFFFFFFFF:08X}"}
    return {"status": "ended", "detail": str(status)}
