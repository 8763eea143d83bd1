"""Certificates of a card: dates, issuer pinned by fingerprint, and whether the card itself holds what the middleware shows.

An issuer is proven in two steps: the authority's certificate is found on the workstation (the components bring it) and accepted by its
SHA-256 fingerprint from the catalogue alone; its key must then verify the card's certificate. A name proves nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from atsam_safe.cards.model import CertificateFact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from atsam_safe.cards.identity import IdentityKey
    from atsam_safe.catalogue.model import CertificateRule

MAXIMUM_CERTIFICATE: Final = 16 * 1024

# What reading other people's certificates may raise, one way or another.
_MALFORMED: Final = (ValueError, TypeError, KeyError, UnsupportedAlgorithm, OverflowError)


class Authority(msgspec.Struct, frozen=True):
    """A pinned authority whose certificate is at hand."""

    name: str
    certificate: x509.Certificate


def pinned_authorities(files: Iterable[bytes], rules: Sequence[CertificateRule]) -> tuple[Authority, ...]:
    """Of the certificate files found on the workstation, those whose fingerprint the catalogue pins (roots and intermediates)."""
    pins = {rule.sha256.lower(): rule for rule in rules if rule.sha256 is not None and rule.role in {"root", "intermediate"}}
    found: dict[str, Authority] = {}
    for content in files:
        data = _der(content)
        rule = pins.get(hashlib.sha256(data).hexdigest()) if len(data) <= MAXIMUM_CERTIFICATE else None
        if rule is None:
            continue
        try:
            certificate = x509.load_der_x509_certificate(data)
            certificate.public_key()
        except _MALFORMED:
            continue
        found[rule.common_name] = Authority(rule.common_name, certificate)
    return tuple(found.values())


def _der(content: bytes) -> bytes:
    """The certificate in a file: as it is, or out of its text form, in which ``.cer`` files come too."""
    if content.lstrip().startswith(b"-----BEGIN") and len(content) <= 2 * MAXIMUM_CERTIFICATE:
        with contextlib.suppress(*_MALFORMED):
            return x509.load_pem_x509_certificate(content).public_bytes(Encoding.DER)
    return content


def _issuer(
    certificate: x509.Certificate, authorities: Sequence[Authority], names: frozenset[str]
) -> tuple[Literal["pinned", "foreign", "unproven"], str | None]:
    for authority in authorities:
        if authority.certificate.subject != certificate.issuer:
            continue
        try:
            certificate.verify_directly_issued_by(authority.certificate)
        except (*_MALFORMED, InvalidSignature):
            return "foreign", None
        return "pinned", authority.name
    common = [str(attribute.value) for attribute in certificate.issuer if attribute.oid.dotted_string == "2.5.4.3"]
    # The name of a pinned authority whose certificate is not on the workstation: neither proven nor refuted.
    return ("unproven" if any(name in names for name in common) else "foreign"), None


def _use(certificate: x509.Certificate) -> Literal["authentication", "signature", "other"]:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, *_MALFORMED):
        return "other"
    if usage.content_commitment:
        return "signature"
    return "authentication" if usage.digital_signature else "other"


def examine(
    data: bytes,
    *,
    key: IdentityKey,
    authorities: Sequence[Authority],
    rules: Sequence[CertificateRule],
    now: datetime,
    on_card: Sequence[bytes] | None,
) -> CertificateFact | None:
    """The facts of one certificate shown by a middleware, or ``None`` when it is no certificate.

    ``on_card`` are the certificate files read from the card itself (``None``: it does not show them). ``now`` carries its time zone.
    """
    if len(data) > MAXIMUM_CERTIFICATE:
        return None
    try:
        certificate = x509.load_der_x509_certificate(data)
        # asn1crypto reads the dates: the attribute names of the other binding changed between the versions in use.
        validity = asn1_x509.Certificate.load(data)["tbs_certificate"]["validity"]
        not_before, not_after = validity["not_before"].native, validity["not_after"].native
        names = frozenset(rule.common_name for rule in rules if rule.sha256 is not None)
        issuer, authority = _issuer(certificate, authorities, names)
    except _MALFORMED:
        return None
    dates: Literal["valid", "expired", "not-yet"] = "not-yet" if now < not_before else "expired" if now > not_after else "valid"
    return CertificateFact(
        use=_use(certificate),
        digest=key.digest("certificate", data),
        not_before=not_before.isoformat(),
        not_after=not_after.isoformat(),
        dates=dates,
        issuer=issuer,
        authority=authority,
        on_card=None if on_card is None else data in on_card,
    )


def authentication_certificate(certificates: Iterable[bytes]) -> bytes | None:
    """The first certificate meant for authentication, else the first of all: the one that names the holder."""
    first: bytes | None = None
    for data in certificates:
        try:
            certificate = x509.load_der_x509_certificate(data)
        except _MALFORMED:
            continue
        if _use(certificate) == "authentication":
            return data
        first = first or data
    return first


def signed_by(certificate: bytes, message: bytes, signature: bytes) -> bool:
    """True when the key of ``certificate`` made ``signature`` over ``message`` (RSA PKCS#1 v1.5, SHA-256)."""
    try:
        public = x509.load_der_x509_certificate(certificate).public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            return False
        public.verify(signature, message, padding.PKCS1v15(), SHA256())
    except (InvalidSignature, *_MALFORMED):
        return False
    return True
