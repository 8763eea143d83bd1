"""Signatures of Windows files (Authenticode), checked by ``signify`` against Microsoft's list of authorities or pinned ones.

No network is used and no revocation list is asked: a leaf that must never be trusted again stands in the catalogue's denied list.
``signify`` is loaded on first use only. One of its dependencies cannot read the version of present OpenSSL releases; it is helped over that
while it is loaded, and nothing of the change remains.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
from typing import TYPE_CHECKING, Any, Final

from atsam_safe.packages.errors import damaged, malformed, printable
from atsam_safe.packages.model import ReasonFact, SignatureFact

if TYPE_CHECKING:
    import datetime as dt

    from atsam_safe.catalogue.model import Trust
    from atsam_safe.packages.reading import PinnedFile

# What oscrypto 1.3.0 looks for in the version text, and what finds the same in « 3.0.19 ».
_TOO_NARROW: Final = r"\b(\d\.\d\.\d[a-z]*)\b"
_WIDE_ENOUGH: Final = r"\b(\d+\.\d+\.\d+[a-z]*)\b"
_TAMPERED: Final = frozenset({"INVALID_DIGEST", "PARSE_ERROR", "INCONSISTENT_DIGEST_ALGORITHM", "INVALID_ADDITIONAL_HASH"})
_MOST_CERTIFICATES: Final = 64


@functools.cache
def _signify() -> Any:  # noqa: ANN401 - the library's module
    """Load ``signify`` (60 ms)."""
    original = re.search

    def search(pattern: Any, text: Any, flags: int = 0) -> Any:  # noqa: ANN401 - stands in for re.search
        return original(_WIDE_ENOUGH if pattern == _TOO_NARROW else pattern, text, flags)

    re.search = search  # type: ignore[assignment]  # one signature of the several it has
    try:
        return importlib.import_module("signify.authenticode")
    finally:
        re.search = original


def check_authenticode(file: PinnedFile, trust: Trust, *, now: dt.datetime) -> SignatureFact:
    """The verdict on the signature of an .msi or .exe: ``authenticode``, ``unsigned``, ``untrusted`` or ``refused``.

    ``now`` (aware) judges signatures without a counter-signature of a time stamp. Never raises for what the file holds.
    """
    library = _signify()
    with os.fdopen(os.dup(file.descriptor), "rb") as stream:
        try:
            stream.seek(0)
            signed = library.AuthenticodeFile.from_stream(stream, file_name="package")
            signatures = list(signed.embedded_signatures)[:_MOST_CERTIFICATES]
        except Exception as error:  # noqa: BLE001 - the library raises whatever its input makes it stumble over
            if type(error).__name__ == "AuthenticodeNotSignedError":
                return _unsigned()
            return SignatureFact(verdict="refused", reasons=(damaged("signature", malformed(error)).reason,))
        if not signatures:
            return _unsigned()
        return _judge(library, signed, signatures[0], trust, now)


def _unsigned() -> SignatureFact:
    return SignatureFact(verdict="unsigned", reasons=(ReasonFact(ref="package.unsigned"),))


def _judge(library: Any, signed: Any, signature: Any, trust: Trust, now: dt.datetime) -> SignatureFact:  # noqa: ANN401 - library objects
    try:
        facts = _describe(signature)
        store = _authorities(library, signature, trust)
        context = {"timestamp": now}
        verdict, fault = signed.explain_verify(
            multi_verify_mode="first", trusted_certificate_store=store, verification_context_kwargs=context
        )
        name = str(verdict.name)
    except Exception as error:  # noqa: BLE001 - see check_authenticode
        return SignatureFact(verdict="refused", reasons=(damaged("signature", malformed(error)).reason,))
    if name == "NOT_SIGNED":
        return _unsigned()
    denied = next((entry for entry in trust.denied if entry.leaf_sha256.casefold() == facts["leaf_sha256"]), None)
    if denied is not None:
        return SignatureFact(
            verdict="untrusted", reasons=(ReasonFact(ref="package.denied-signer", params={"certificate": facts["signer"] or "?"}),), **facts
        )
    if name in _TAMPERED:
        params = {"part": "Authenticode", "fault": name.lower(), "reason": name.lower()}
        return SignatureFact(verdict="refused", reasons=(ReasonFact(ref="package.signature-invalid", params=params),), **facts)
    if name != "OK":
        params = {"certificate": facts["signer"] or "?", "fault": name.lower(), "reason": printable(f"{name.lower()}: {fault}")}
        return SignatureFact(verdict="untrusted", reasons=(ReasonFact(ref="package.foreign-root", params=params),), **facts)
    return SignatureFact(verdict="authenticode", **facts)


def _describe(signature: Any) -> dict[str, Any]:  # noqa: ANN401 - a library object
    info = signature.signer_info
    certificates = list(signature.certificates)[:_MOST_CERTIFICATES]
    leaf = next((one for one in certificates if one.serial_number == info.serial_number and one.issuer == info.issuer), None)
    stamped = info.countersigner
    return {
        "signer": None if leaf is None else printable(_common_name(leaf)),
        "team_id": None if leaf is None else printable(_organisation(leaf)),
        "leaf_sha256": "" if leaf is None else leaf.sha256_fingerprint,
        "signed_at": None if stamped is None else stamped.signing_time.isoformat(),
        "timestamped": stamped is not None,
        "chain": tuple(printable(one.subject.dn) for one in certificates),
    }


def _common_name(certificate: Any) -> str:  # noqa: ANN401 - a library object
    return _part(certificate, "common_name") or str(certificate.subject.dn)


def _organisation(certificate: Any) -> str:  # noqa: ANN401 - a library object
    """Who the authority says stands behind the key: the organisation of the subject, which the catalogue pins."""
    return _part(certificate, "organization_name")


def _part(certificate: Any, kind: str) -> str:  # noqa: ANN401 - a library object
    native = certificate.asn1["tbs_certificate"]["subject"].native
    value = native.get(kind, "")
    return str(value[0] if isinstance(value, list) and value else value or "")


def _authorities(library: Any, signature: Any, trust: Trust) -> Any:  # noqa: ANN401 - library objects
    """Microsoft's list, and those of the signature's own certificates that the catalogue pins as authorities.

    A catalogue that pins authorities of its own for Windows replaces the list: a test authority must not widen it.
    """
    pinned = {anchor.sha256.casefold() for anchor in trust.anchors if anchor.role == "authenticode-root"}
    if not pinned:
        return library.TRUSTED_CERTIFICATE_STORE
    x509 = importlib.import_module("signify.x509")
    own = [one for one in list(signature.certificates)[:_MOST_CERTIFICATES] if one.sha256_fingerprint.casefold() in pinned]
    return x509.CertificateStore(own, trusted=True)
