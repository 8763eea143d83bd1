"""The child process in which a PKCS#11 module is loaded: one module, one question, one JSON object per line on a private descriptor.

Run as a file with ``python -I -S``, never imported by the program: a module may crash, hang, end the process or print on its way, and each
of these must hit this process only. Nothing of the program is imported here, and of the binding only what is called (``_binding``): a
person waits for this, and on a busy workstation every import is a wait.

Arguments: the folder of the binding, the module, and for a challenge the slot's name and the digest.

Lines: ``{"stage": …}`` before each step (the parent then knows how far it came), then one ``{"answer": {…}}``. What the module prints
goes to a file of the parent, who looks at its size and not at its content: it may hold personal data. The process ends with ``os._exit``:
no C_Finalize, no destructor of the module runs, because modules crash there too. It ends by itself when the parent is gone.
"""

from __future__ import annotations

import _thread
import ctypes
import json
import os
import sys
import time
from typing import Any, Final

MAXIMUM_SLOTS: Final = 32
MAXIMUM_CERTIFICATES: Final = 16
MAXIMUM_FILE_BYTES: Final = 64 * 1024 * 1024
MAXIMUM_MEMORY: Final = 4 * 1024 * 1024 * 1024
MAXIMUM_CPU_SECONDS: Final = 120

_FLAGS: Final = {
    "initialized": "TOKEN_INITIALIZED",
    "login_required": "LOGIN_REQUIRED",
    "code_count_low": "USER_PIN_COUNT_LOW",
    "code_final_try": "USER_PIN_FINAL_TRY",
    "code_locked": "USER_PIN_LOCKED",
    "protected_path": "PROTECTED_AUTHENTICATION_PATH",
}
_DIGEST_INFO_SHA256: Final = bytes.fromhex("3031300D060960864801650304020105000420")
_UNUSED: Final = ("dh", "dsa", "ec", "rsa", "x509")
"""Parts of the binding that convert keys between formats. Together they load 70 modules, most of the start; the probe converts nothing."""

_PARENT_GONE: Final = 125


class Report:
    """The private descriptors to the parent. The module is left with nothing to read, and with the file of what is printed."""

    def __init__(self) -> None:
        self.parent = os.dup(0)
        self._descriptor = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)

    def send(self, **line: Any) -> None:  # noqa: ANN401 - JSON
        """Send one line."""
        data = json.dumps(line).encode() + b"\n"
        while data:
            data = data[os.write(self._descriptor, data) :]


def _limit_resources() -> None:
    """No core file (it would hold what was read from the card), no endless output, no endless list, no endless work."""
    try:
        import resource  # noqa: PLC0415 - POSIX only
    except ImportError:
        return
    limits = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, MAXIMUM_FILE_BYTES),
        (resource.RLIMIT_AS, MAXIMUM_MEMORY),
        (resource.RLIMIT_CPU, MAXIMUM_CPU_SECONDS),
    )
    for kind, limit in limits:
        try:
            resource.setrlimit(kind, (limit, limit))
        except (OSError, ValueError):
            continue  # a lower limit is in force already, or this system does not have it


def _end_with_parent(descriptor: int) -> None:
    """End when the parent does: it holds the other end, and nobody ever writes there."""
    try:
        os.read(descriptor, 1)
    finally:
        os._exit(_PARENT_GONE)


def _binding(folder: str) -> Any:  # noqa: ANN401 - an untyped module
    """The PKCS#11 binding without the parts that are not used here. Raises ``ImportError`` where it is not installed."""
    sys.path.append(folder)
    for name in _UNUSED:
        sys.modules[f"pkcs11.util.{name}"] = type(sys)(name)
    import pkcs11  # noqa: PLC0415 - measured
    import pkcs11._pkcs11  # noqa: PLC0415 - its load is not the module's

    return pkcs11


def _token(pkcs11: Any, report: Report, slot: Any) -> dict[str, Any]:  # noqa: ANN401 - objects of the binding
    report.send(stage="token")
    token = slot.get_token()
    answer: dict[str, Any] = {
        "label": token.label,
        "serial": bytes(token.serial).hex(),
        "model": token.model,
        "manufacturer": token.manufacturer_id,
        "certificates": [],
    }
    for key, flag in _FLAGS.items():
        answer[key] = bool(token.flags & getattr(pkcs11.TokenFlag, flag))
    if not answer["initialized"]:
        return answer
    report.send(stage="certificates")
    with token.open() as session:
        for number, found in enumerate(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE})):
            if number >= MAXIMUM_CERTIFICATES:
                break
            answer["certificates"].append(bytes(found[pkcs11.Attribute.VALUE]).hex())
    return answer


def _look(pkcs11: Any, report: Report, library: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - objects of the binding
    """Every slot, with its token and its certificates when it has one. No code is presented."""
    report.send(stage="slots")
    slots: list[dict[str, Any]] = []
    for slot in library.get_slots()[:MAXIMUM_SLOTS]:
        present = bool(slot.flags & pkcs11.SlotFlag.TOKEN_PRESENT)
        entry: dict[str, Any] = {"description": slot.slot_description, "present": present, "token": None, "error": ""}
        if present:
            try:
                entry["token"] = _token(pkcs11, report, slot)
            except pkcs11.PKCS11Error as error:
                entry["error"] = type(error).__name__
        slots.append(entry)
    return slots


def _challenge(pkcs11: Any, report: Report, library: Any, description: str, digest: str) -> dict[str, Any]:  # noqa: ANN401 - objects of the binding
    """Signatures of a SHA-256 digest by every private key of the token; the code is typed at the reader or in the module's own window.

    ``PROTECTED_AUTH`` passes no code at all: this process never has one to lose.
    """
    for slot in library.get_slots()[:MAXIMUM_SLOTS]:
        if slot.slot_description != description or not slot.flags & pkcs11.SlotFlag.TOKEN_PRESENT:
            continue
        token = slot.get_token()
        if not token.flags & pkcs11.TokenFlag.PROTECTED_AUTHENTICATION_PATH:
            return {"state": "no-protected-path"}
        report.send(stage="code")
        with token.open(user_pin=pkcs11.PROTECTED_AUTH) as session:
            report.send(stage="signature")
            signatures = []
            for key in session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}):
                try:
                    signed = key.sign(_DIGEST_INFO_SHA256 + bytes.fromhex(digest), mechanism=pkcs11.Mechanism.RSA_PKCS)
                except pkcs11.PKCS11Error:
                    continue
                signatures.append(bytes(signed).hex())
            return {"state": "signed", "signatures": signatures}
    return {"state": "no-token"}


def _open(path: str) -> str:
    """Load the file and keep it loaded; the reason when the system refuses it, in the words of the loader."""
    try:
        ctypes.CDLL(path)
    except OSError as error:
        return str(error)
    return ""


def answer_for(report: Report, arguments: list[str]) -> dict[str, Any]:
    """The answer of one module."""
    folder, path, *challenge = arguments
    started = time.perf_counter()
    try:
        pkcs11 = _binding(folder)
    except ImportError:
        return {"status": "support-missing"}
    imported = time.perf_counter()
    report.send(stage="load")
    refused = _open(path)
    if refused:
        return {"status": "refused", "detail": refused}
    report.send(stage="start")
    try:
        library = pkcs11.lib(path)
    except pkcs11.PKCS11Error as error:
        return {"status": "failed", "detail": type(error).__name__}
    answer: dict[str, Any] = {
        "status": "ok",
        "manufacturer": library.manufacturer_id,
        "description": library.library_description,
        "version": ".".join(str(part) for part in library.library_version),
    }
    try:
        if challenge:
            answer["challenge"] = _challenge(pkcs11, report, library, *challenge)
        else:
            answer["slots"] = _look(pkcs11, report, library)
    except pkcs11.PKCS11Error as error:
        answer.update(status="failed", detail=type(error).__name__)
    answer["import_seconds"] = imported - started
    answer["module_seconds"] = time.perf_counter() - imported
    return answer


def main(arguments: list[str]) -> None:
    """Answer and end, without giving the module another chance."""
    report = Report()
    _limit_resources()
    _thread.start_new_thread(_end_with_parent, (report.parent,))
    try:
        answer = answer_for(report, arguments)
    except Exception as error:  # noqa: BLE001 - whatever the binding stumbles over is an answer too
        answer = {"status": "failed", "detail": type(error).__name__}
    try:
        report.send(answer=answer)
    except OSError:
        os._exit(1)  # the module closed the way to the parent
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
