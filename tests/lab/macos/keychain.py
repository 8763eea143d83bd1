"""The laboratory's ``/usr/bin/security``: keychain, trust settings, the authorisation database, cards."""

from __future__ import annotations

import contextlib
import json
import plistlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lab.macos.state import HASH_OF_BOTH, RIGHT_SEALED_SINCE, WINDOW_SINCE, Answer, Hanging, Lab, plist_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def security(lab: Lab, argv: Sequence[str], stdin: bytes) -> None:
    verb, rest = argv[0], list(argv[1:])
    verbs: dict[str, Callable[[Lab, list[str], bytes], None]] = {
        "find-certificate": _find_certificate,
        "delete-certificate": _delete_certificate,
        "add-certificates": _add_certificate,
        "add-trusted-cert": _add_trusted_certificate,
        "remove-trusted-cert": _remove_trusted_certificate,
        "dump-trust-settings": _dump_trust_settings,
        "verify-cert": _verify_certificate,
        "authorizationdb": _authorizationdb,
        "list-smartcards": _list_smartcards,
    }
    verbs[verb](lab, rest, stdin)


def _find_certificate(lab: Lab, rest: list[str], _stdin: bytes) -> None:
    if lab.wrong("security") == "keychain-locked":
        raise Answer(36, err="security: SecKeychainSearchCopyNext: L’interaction de l’utilisateur n’est pas autorisée.\n")
    out = []
    for one in lab.state["certificates"]:
        if lab.release >= HASH_OF_BOTH:
            out.append(f"SHA-256 hash: {one['sha256']}\n")
        out.append(f"SHA-1 hash: {one['sha1']}\n")
        if "-p" in rest:
            out.append(one["pem"])
            continue
        out.append('keychain: "/Library/Keychains/System.keychain"\nversion: 256\nclass: 0x80001000 \nattributes:\n')
        out.append(f'    "alis"<blob>="{one["label"]}"\n    "labl"<blob>="{one["label"]}"\n')
    raise Answer(out="".join(out))


def _delete_certificate(lab: Lab, rest: list[str], _stdin: bytes) -> None:
    sha1 = rest[rest.index("-Z") + 1]
    kept = [one for one in lab.state["certificates"] if one["sha1"] != sha1]
    if len(kept) == len(lab.state["certificates"]):
        raise Answer(1, err=f'Unable to delete certificate matching "{sha1}"')
    lab.state["certificates"] = kept
    raise Answer


def _add_certificate(lab: Lab, rest: list[str], _stdin: bytes) -> None:
    if lab.wrong("security") == "adding-refused":
        raise Answer(1, err="security: SecCertificateAddToKeychain: Write permissions error.\n")
    add_certificate(lab, Path(rest[-1]).read_text(encoding="ascii"))
    raise Answer


def _add_trusted_certificate(lab: Lab, rest: list[str], stdin: bytes) -> None:
    """Two things in one: into the keychain, which root may do, and into the trust settings, which root alone may not since macOS 11."""
    with contextlib.suppress(Answer):
        _add_certificate(lab, rest, stdin)
    if lab.wrong("security") == "adding-refused":
        raise Answer(1, err="SecCertificateAddToKeychain: Write permissions error.\n")
    _let_trust_be_changed(lab, "SecTrustSettingsSetTrustSettings")
    sha1 = _sha1_in(rest[-1])
    lab.state["trusted"] = [*(one for one in lab.state["trusted"] if one != sha1), sha1]
    raise Answer


def _remove_trusted_certificate(lab: Lab, rest: list[str], _stdin: bytes) -> None:
    _let_trust_be_changed(lab, "SecTrustSettingsRemoveTrustSettings")
    lab.state["trusted"] = [one for one in lab.state["trusted"] if one != _sha1_in(rest[-1])]
    raise Answer


def _let_trust_be_changed(lab: Lab, call: str) -> None:
    """Root may up to 10.15, and with an open right. Otherwise a window asks, if there is a screen to show it on and somebody to answer."""
    wrong = lab.wrong("security")
    refused = Answer(1, err=f"{call}: The authorization was denied since no user interaction was possible.\n")
    if wrong == "trust-refused":
        raise refused
    if lab.release < WINDOW_SINCE or lab.state["right"].get("class") == "allow":
        return
    if lab.state["console"] is None:
        raise refused
    seconds = lab.state["window_seconds"]
    if wrong == "window-unanswered" or (lab.limit is not None and lab.limit < seconds):
        raise Hanging
    if lab.limit is None:
        time.sleep(seconds)


def _sha1_in(file: str) -> str:
    sha1: str = json.loads(bytes.fromhex(Path(file).read_text(encoding="ascii").splitlines()[1]))["sha1"]
    return sha1


def _dump_trust_settings(lab: Lab, _rest: list[str], _stdin: bytes) -> None:
    if lab.wrong("security") == "trust-unreadable":
        raise Answer(1, err="SecTrustSettingsCopyCertificates: Une erreur s’est produite.\n")
    # what is not in a keychain any more is not listed, though its setting may stay
    listed = [one["label"] for one in lab.state["certificates"] if one["sha1"] in lab.state["trusted"]]
    if not listed:
        raise Answer(1, err="SecTrustSettingsCopyCertificates: No Trust Settings were found.\n")
    blocks = (f"Cert {number}: {label}\n   Number of trust settings : 0\n" for number, label in enumerate(listed))
    raise Answer(out=f"Number of trusted certs = {len(listed)}\n{''.join(blocks)}")


def _verify_certificate(lab: Lab, rest: list[str], _stdin: bytes) -> None:
    if _sha1_in(rest[-1]) in lab.state["trusted"]:
        raise Answer(out="...certificate verification successful.\n")
    raise Answer(1, err="Cert Verify Result: CSSMERR_TP_NOT_TRUSTED\n")


def add_certificate(lab: Lab, pem: str) -> None:
    """Put a laboratory certificate into the keychain: its text says what it is."""
    body = json.loads(bytes.fromhex(pem.splitlines()[1]))
    if all(one["sha1"] != body["sha1"] for one in lab.state["certificates"]):
        lab.state["certificates"].append({**body, "pem": pem})


def certificate(label: str, sha1: str) -> dict[str, str]:
    """A laboratory certificate: no cryptography, but a text from which the keychain knows it again."""
    body = {"label": label, "sha1": sha1.upper(), "sha256": (sha1.upper() * 2)[:64]}
    text = json.dumps(body).encode().hex()
    return {**body, "pem": f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"}


def _authorizationdb(lab: Lab, rest: list[str], stdin: bytes) -> None:
    verb = rest[0]
    if lab.wrong("security") == "right-denied":
        raise Answer(255, err="NO (-60005)\n")
    if verb == "read":
        raise Answer(out=plist_text(lab.state["right"]), err="YES (0)\n")
    if lab.release >= RIGHT_SEALED_SINCE:
        raise Answer(255, err="NO (-60005)\n")
    if len(rest) > 2:
        lab.state["right"] = {
            "class": "allow" if rest[2] == "allow" else "rule",
            "rule": [rest[2]],
            "created": 1,
            "modified": 9,
            "version": 1,
        }
    else:
        # the service notes by itself when and by which program a definition was written
        own = {"identifier": "com.apple.security", "requirement": 'identifier "com.apple.security" and anchor apple'}
        lab.state["right"] = {**plistlib.loads(stdin), **own, "created": 1, "modified": 9, "version": 1}
    raise Answer(err="YES (0)\n")


def _list_smartcards(lab: Lab, _rest: list[str], _stdin: bytes) -> None:
    tokens = lab.state["tokens"] if lab.asked_by is not None or not lab.state["elevated"] else []
    raise Answer(out="".join(f"{token}\n" for token in tokens)) if tokens else Answer(44, err="No smartcards found.\n")
