"""Certificate chains up to an authority pinned in the catalogue.

Python's own path validation refuses Apple's certificates (critical extended key usage, private critical extensions), hence this
short one: names and signatures, dates at the judged instant, constraints, purposes, and an end at a pin.

Imported only when a signature is checked: loading ``cryptography`` costs more than reading a package's table of contents.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import warnings
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

from atsam_safe.packages.errors import PackageError, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from atsam_safe.catalogue.model import Anchor

DEVELOPER_ID_INSTALLER_PURPOSE: Final = "1.2.840.113635.100.4.13"
DEVELOPER_ID_INSTALLER_MARK: Final = "1.2.840.113635.100.6.1.14"
DEVELOPER_ID_AUTHORITY_MARK: Final = "1.2.840.113635.100.6.2.6"
TIMESTAMP_PURPOSE: Final = "1.3.6.1.5.5.7.3.8"
TICKET_MARK: Final = "1.2.840.113635.100.6.1.30"

_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS.dotted_string,
        ExtensionOID.EXTENDED_KEY_USAGE.dotted_string,
        ExtensionOID.KEY_USAGE.dotted_string,
        DEVELOPER_ID_INSTALLER_MARK,
    }
)
_LONGEST_CHAIN: Final = 6
_SMALLEST_RSA: Final = 2048
HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class TrustError(PackageError):
    """The signature is whole, but nothing the catalogue knows vouches for it: verdict ``untrusted`` instead of ``refused``."""


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """What a leaf must be allowed to do, and the private marks Apple puts on leaf and issuer.

    ``sealed``: what the leaf signs has the chain's certificates in it, so that damage to them breaks that signature. A chain that does
    not end at the pinned authority it names is then somebody else's under the same name, and not damaged.
    """

    extended_usage: str | None = None
    leaf_mark: str | None = None
    issuer_mark: str | None = None
    sealed: bool = False


INSTALLER: Final = Purpose(
    extended_usage=DEVELOPER_ID_INSTALLER_PURPOSE, leaf_mark=DEVELOPER_ID_INSTALLER_MARK, issuer_mark=DEVELOPER_ID_AUTHORITY_MARK
)
TIMESTAMP: Final = Purpose(extended_usage=TIMESTAMP_PURPOSE)
TICKET: Final = Purpose(leaf_mark=TICKET_MARK, sealed=True)


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A verified chain: certificates leaf first, and the names up to the pinned authority."""

    certificates: tuple[x509.Certificate, ...]
    names: tuple[str, ...]


def load_certificate(der: bytes) -> x509.Certificate:
    """Parse one certificate; a genuine leaf has a common name of 65 characters, about which the library warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.load_der_x509_certificate(der)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate in hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def common_name(certificate: x509.Certificate) -> str:
    """The subject's common name, or the whole subject when there is none."""
    return _attribute(certificate, NameOID.COMMON_NAME) or printable(certificate.subject.rfc4514_string())


def organizational_unit(certificate: x509.Certificate) -> str | None:
    """The subject's organisational unit: the Team ID of a Developer ID certificate."""
    return _attribute(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME)


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _attribute_of(certificate.subject, oid)


def _attribute_of(name: x509.Name, oid: x509.ObjectIdentifier) -> str | None:
    values = name.get_attributes_for_oid(oid)
    return printable(values[0].value) if values else None


def verify_with_key(key: object, signature: bytes, data: bytes, algorithm: hashes.HashAlgorithm) -> None:
    """Verify a PKCS#1 v1.5 or ECDSA signature; raises ``InvalidSignature``, also for weak or unknown keys."""
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA:
        key.verify(signature, data, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, data, ec.ECDSA(algorithm))
    else:
        raise InvalidSignature


def build_chain(
    leaf: x509.Certificate,
    pool: Sequence[x509.Certificate],
    anchors: Iterable[Anchor],
    *,
    at: dt.datetime,
    purpose: Purpose,
    part: str,
) -> Chain:
    """The chain from ``leaf`` through ``pool`` to one of ``anchors``, everything valid at ``at``; raises ``TrustError``.

    A chain may end at a pinned root, at a pinned intermediate, or be completed by a pinned authority's public key (packages that
    carry only the leaf). ``part`` says which signature is judged (``signature``, ``timestamp``, ``ticket``). Raises ``PackageError`` when
    the chain breaks at a certificate that was changed after its issuer signed it.
    """
    pins = tuple(anchors)
    certificates, last, ended = _climb(leaf, pool, pins)
    if not ended:
        if is_altered(certificates[-1], pool, () if purpose.sealed else pins):
            raise PackageError("package.signature-invalid", part=part, fault="certificate")
        raise TrustError("package.foreign-root", part=part, certificate=common_name(leaf), authority=common_name(certificates[-1]))
    for position, certificate in enumerate(certificates):
        _check_dates(certificate, at, part)
        _check_constraints(certificate, position, part)
    names = [common_name(certificate) for certificate in certificates]
    if last is not None:
        _check_anchor_date(last, at, part)
        names.append(last.name)
    _check_purpose(certificates, purpose, part, completed=last)
    return Chain(certificates=tuple(certificates), names=tuple(names))


def _climb(
    leaf: x509.Certificate, pool: Sequence[x509.Certificate], anchors: tuple[Anchor, ...]
) -> tuple[list[x509.Certificate], Anchor | None, bool]:
    """Certificates from leaf up, the anchor whose key issued the last one when it is not itself pinned, whether they end at an anchor."""
    roots = {anchor.sha256.lower() for anchor in anchors if anchor.role != "intermediate"}
    intermediates = {anchor.sha256.lower() for anchor in anchors if anchor.role == "intermediate"}
    certificates = [leaf]
    seen = {fingerprint(leaf)}
    while len(certificates) <= _LONGEST_CHAIN:
        current = certificates[-1]
        if len(certificates) > 1 and fingerprint(current) in roots:
            return certificates, None, True
        issuer = _issuer_in_pool(current, pool, seen)
        if issuer is not None:
            certificates.append(issuer)
            seen.add(fingerprint(issuer))
            continue
        if len(certificates) > 1 and fingerprint(current) in intermediates:
            return certificates, None, True
        anchor = _issuing_anchor(current, anchors)
        return certificates, anchor, anchor is not None
    return certificates, None, False


def _issuer_in_pool(certificate: x509.Certificate, pool: Sequence[x509.Certificate], seen: set[str]) -> x509.Certificate | None:
    for candidate in pool:
        if not _names_agree(candidate, certificate) or fingerprint(candidate) in seen:
            continue
        # The pinned root is trusted by its fingerprint: its own (SHA-1) signature over itself is never looked at.
        try:
            certificate.verify_directly_issued_by(candidate)
        except (InvalidSignature, ValueError, TypeError):
            continue
        return candidate
    return None


def is_altered(certificate: x509.Certificate, pool: Sequence[x509.Certificate], anchors: Iterable[Anchor] = ()) -> bool:
    """True when these are not the bytes that an issuer signed who is in ``pool``, is ``certificate`` itself, or is pinned with its key.

    False when no issuer is at hand or its signature cannot be judged: that is a matter of trust, not of damage. Whoever is named as
    issuer is asked, by name or by key identifier; and since a changed byte may lie in that very name, so is every key at hand.
    """
    keys = [pinned for anchor in anchors if (pinned := _with_key(anchor)) is not None]
    answers = [_is_signed_by(certificate, candidate) for candidate in (*pool, certificate) if _names_agree(candidate, certificate)]
    answers += [_is_signed_with(key, certificate) for anchor, key in keys if _claims(certificate, anchor, key)]
    if True in answers:
        return False
    made_by = [candidate.public_key() for candidate in (*pool, certificate)] + [key for _, key in keys]
    return False in answers or any(_signed_something_else(key, certificate) for key in made_by)


def _with_key(anchor: Anchor) -> tuple[Anchor, PublicKeyTypes] | None:
    if anchor.public_key is None:
        return None
    try:
        return anchor, serialization.load_der_public_key(bytes.fromhex(anchor.public_key))
    except (UnsupportedAlgorithm, ValueError):
        return None


def _claims(certificate: x509.Certificate, anchor: Anchor, key: PublicKeyTypes) -> bool:
    """True when ``certificate`` says that the pinned key issued it: by key identifier, or without one by name.

    Successive authorities of a publisher share their name: where there is an identifier, the name says nothing.
    """
    extension = _extension(certificate, ExtensionOID.AUTHORITY_KEY_IDENTIFIER.dotted_string)
    named = extension.value.key_identifier if extension is not None and isinstance(extension.value, x509.AuthorityKeyIdentifier) else None
    if named is not None and isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return named == x509.SubjectKeyIdentifier.from_public_key(key).digest
    return _attribute_of(certificate.issuer, NameOID.COMMON_NAME) == anchor.name


def _is_signed_with(key: PublicKeyTypes, certificate: x509.Certificate) -> bool | None:
    """Whether ``key`` signed ``certificate``; ``None`` when the signature is of a kind that cannot be judged."""
    try:
        algorithm = certificate.signature_hash_algorithm
        if algorithm is None:
            return None
        verify_with_key(key, certificate.signature, certificate.tbs_certificate_bytes, algorithm)
    except UnsupportedAlgorithm:
        return None
    except InvalidSignature:
        return False
    return True


def _signed_something_else(key: PublicKeyTypes, certificate: x509.Certificate) -> bool:
    """True when ``key`` made the signature that ``certificate`` carries, but over other bytes than it has now.

    An RSA signature opens to well-formed padding under the key that made it and under no other: whatever was changed in the
    certificate, its issuer's name included, that key still recognises its own work.
    """
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    for name, algorithm in HASHES.items():
        try:
            signed = key.recover_data_from_signature(certificate.signature, padding.PKCS1v15(), algorithm())
        except (InvalidSignature, ValueError):
            continue
        return signed != hashlib.new(name, certificate.tbs_certificate_bytes).digest()
    return False


def _is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool | None:
    """Whether ``issuer`` signed ``certificate``; ``None`` when the signature is of a kind that cannot be judged."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return _is_signed_with_sha1(certificate, issuer)
    return True


def _is_signed_with_sha1(certificate: x509.Certificate, issuer: x509.Certificate) -> bool | None:
    """Apple's root is signed by itself with SHA-1, which the library does not judge: good enough to notice damage, never to trust."""
    try:
        key, algorithm = issuer.public_key(), certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _SMALLEST_RSA or not isinstance(algorithm, hashes.SHA1):
        return None
    return _is_signed_with(key, certificate)


def _names_agree(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """True when ``certificate`` names ``issuer``. A genuine leaf has a name one character too long: nobody shall read a warning of that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return issuer.subject == certificate.issuer


def _issuing_anchor(certificate: x509.Certificate, anchors: tuple[Anchor, ...]) -> Anchor | None:
    algorithm = certificate.signature_hash_algorithm
    if algorithm is None or isinstance(algorithm, hashes.MD5):
        return None
    for anchor in anchors:
        found = _with_key(anchor)
        if found is None:
            continue
        try:
            verify_with_key(found[1], certificate.signature, certificate.tbs_certificate_bytes, algorithm)
        except (InvalidSignature, ValueError, TypeError):
            continue
        return anchor
    return None


def _check_dates(certificate: x509.Certificate, at: dt.datetime, part: str) -> None:
    name = common_name(certificate)
    if at > certificate.not_valid_after_utc:
        end = certificate.not_valid_after_utc
        raise TrustError("package.expired-certificate", part=part, certificate=name, date=f"{end:%Y-%m-%d}", at=f"{at:%Y-%m-%d}")
    if at < certificate.not_valid_before_utc:
        start = certificate.not_valid_before_utc
        raise TrustError("package.certificate-not-yet-valid", part=part, certificate=name, date=f"{start:%Y-%m-%d}", at=f"{at:%Y-%m-%d}")


def _check_anchor_date(anchor: Anchor, at: dt.datetime, part: str) -> None:
    if anchor.valid_until is None:
        return
    end = dt.datetime.fromisoformat(anchor.valid_until)
    if end.tzinfo is None:
        end = end.replace(tzinfo=dt.UTC)
    if at > end:
        raise TrustError("package.expired-certificate", part=part, certificate=anchor.name, date=f"{end:%Y-%m-%d}", at=f"{at:%Y-%m-%d}")


def _extension(certificate: x509.Certificate, oid: str) -> x509.Extension[x509.ExtensionType] | None:
    return next((extension for extension in certificate.extensions if extension.oid.dotted_string == oid), None)


def _check_constraints(certificate: x509.Certificate, position: int, part: str) -> None:
    name = common_name(certificate)

    def refuse(fault: str) -> TrustError:
        return TrustError("package.untrusted", part=part, certificate=name, fault=fault)

    for extension in certificate.extensions:
        if extension.critical and extension.oid.dotted_string not in _UNDERSTOOD:
            raise refuse(f"critical-extension-{extension.oid.dotted_string}")
    basic = _extension(certificate, ExtensionOID.BASIC_CONSTRAINTS.dotted_string)
    usage = _extension(certificate, ExtensionOID.KEY_USAGE.dotted_string)
    authority = basic is not None and isinstance(basic.value, x509.BasicConstraints) and basic.value.ca
    key_usage = usage.value if usage is not None and isinstance(usage.value, x509.KeyUsage) else None
    if position == 0:
        if authority:
            raise refuse("leaf-is-an-authority")
        if key_usage is not None and not key_usage.digital_signature:
            raise refuse("leaf-may-not-sign")
        return
    if not authority:
        raise refuse("not-an-authority")
    if key_usage is not None and not key_usage.key_cert_sign:
        raise refuse("authority-may-not-certify")
    length = basic.value.path_length if basic is not None and isinstance(basic.value, x509.BasicConstraints) else None
    if length is not None and position - 1 > length:
        raise refuse("chain-too-long")


def _check_purpose(certificates: list[x509.Certificate], purpose: Purpose, part: str, *, completed: Anchor | None) -> None:
    leaf = certificates[0]
    name = common_name(leaf)
    if purpose.extended_usage is not None:
        usage = _extension(leaf, ExtensionOID.EXTENDED_KEY_USAGE.dotted_string)
        purposes = (
            [oid.dotted_string for oid in usage.value] if usage is not None and isinstance(usage.value, x509.ExtendedKeyUsage) else []
        )
        if purpose.extended_usage not in purposes:
            raise TrustError("package.untrusted", part=part, certificate=name, fault="purpose")
    if purpose.leaf_mark is not None and _extension(leaf, purpose.leaf_mark) is None:
        raise TrustError("package.untrusted", part=part, certificate=name, fault="leaf-mark")
    if purpose.issuer_mark is None:
        return
    if len(certificates) > 1:
        if _extension(certificates[1], purpose.issuer_mark) is None:
            raise TrustError("package.untrusted", part=part, certificate=common_name(certificates[1]), fault="issuer-mark")
    elif completed is None or completed.role != "intermediate":
        # The leaf was issued by a pinned root's key directly: no Developer ID authority stands between.
        raise TrustError("package.untrusted", part=part, certificate=name, fault="issuer-mark")
