"""Signed data (CMS) as Apple puts it into flat packages: one signer, with or without signed attributes."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

import msgspec
from asn1crypto import cms, core
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from atsam_safe.packages.chain import HASHES, load_certificate, verify_with_key
from atsam_safe.packages.errors import PackageError

_SEQUENCE: Final = 0x30
_LONG_FORM: Final = 0x80


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A verified signature: who made it, the certificates that came with it, and the signer's structure for its attributes."""

    signer: x509.Certificate
    signer_sha1: bytes
    certificates: tuple[x509.Certificate, ...]
    info: Any
    has_attributes: bool


def invalid(part: str, fault: str) -> PackageError:
    """The signature does not hold: the package or its signature was changed."""
    return PackageError("package.signature-invalid", part=part, fault=fault)


def load_padded(data: bytes, part: str) -> Any:  # noqa: ANN401 - asn1crypto has no types
    """The signed data in a fixed slot padded with zeros (9216 bytes in genuine packages)."""
    length = der_length(data)
    if length is None or length > len(data):
        raise invalid(part, "malformed")
    if data[length:].strip(b"\0"):
        raise invalid(part, "data-after-structure")
    info = cms.ContentInfo.load(data[:length], strict=True)
    if info["content_type"].native != "signed_data":
        raise invalid(part, "content-type")
    return info["content"]


def der_length(data: bytes) -> int | None:
    """Whole length of the DER sequence that ``data`` begins with, or ``None`` when it does not begin with one."""
    if len(data) < 2 or data[0] != _SEQUENCE:  # noqa: PLR2004 - tag and length
        return None
    first = data[1]
    if first < _LONG_FORM:
        return 2 + first
    count = first - _LONG_FORM
    if not 1 <= count <= 4 or len(data) < 2 + count:  # noqa: PLR2004 - four length bytes are more than any signature needs
        return None
    return 2 + count + int.from_bytes(data[2 : 2 + count], "big")


def attribute(attributes: Any, name: str, part: str) -> Any:  # noqa: ANN401 - asn1crypto has no types
    """The only value of the only attribute ``name``, or ``None``."""
    if isinstance(attributes, core.Void):
        return None
    values = [entry["values"] for entry in attributes if entry["type"].native == name]
    if len(values) > 1 or (values and len(values[0]) != 1):
        raise invalid(part, f"repeated-{name}")
    return values[0][0] if values else None


def verify_signed_data(signed_data: Any, content: bytes, content_type: str, part: str) -> Signed:  # noqa: ANN401 - asn1crypto has no types
    """Verify the one signature over ``content``; raises ``PackageError`` (``package.signature-invalid``)."""
    if len(signed_data["signer_infos"]) != 1:
        raise invalid(part, "signer-count")
    info = signed_data["signer_infos"][0]
    present = [] if isinstance(signed_data["certificates"], core.Void) else list(signed_data["certificates"])
    parsed = [choice.chosen for choice in present if choice.name == "certificate"]
    signer = _find_signer(info["sid"], parsed, part)
    algorithm = info["digest_algorithm"]["algorithm"].native
    if algorithm not in HASHES:
        raise invalid(part, "digest-algorithm")
    certificate = load_certificate(signer.dump())
    attributes = info["signed_attrs"]
    has_attributes = not isinstance(attributes, core.Void) and len(attributes) > 0
    signed = content
    if has_attributes:
        _check_attributes(attributes, content, content_type, algorithm, part)
        # What was signed is the attributes as a SET OF, not under the context tag they are stored with.
        signed = attributes.untag().dump(force=False)
    try:
        verify_with_key(certificate.public_key(), info["signature"].native, signed, HASHES[algorithm]())
    except InvalidSignature:
        raise invalid(part, "signature") from None
    return Signed(
        signer=certificate,
        signer_sha1=signer.sha1,
        certificates=tuple(load_certificate(entry.dump()) for entry in parsed),
        info=info,
        has_attributes=has_attributes,
    )


def _find_signer(identifier: Any, parsed: list[Any], part: str) -> Any:  # noqa: ANN401 - asn1crypto has no types
    for certificate in parsed:
        if identifier.name == "issuer_and_serial_number":
            wanted = identifier.chosen
            if certificate.issuer.dump() == wanted["issuer"].dump() and certificate.serial_number == wanted["serial_number"].native:
                return certificate
        elif certificate.key_identifier is not None and certificate.key_identifier == identifier.chosen.native:
            return certificate
    raise invalid(part, "signer-certificate-missing")


def _check_attributes(attributes: Any, content: bytes, content_type: str, algorithm: str, part: str) -> None:  # noqa: ANN401 - as above
    kind = attribute(attributes, "content_type", part)
    digest = attribute(attributes, "message_digest", part)
    if kind is None or kind.native != content_type:
        raise invalid(part, "content-type")
    if digest is None or not hmac.compare_digest(digest.native, hashlib.new(algorithm, content).digest()):
        raise invalid(part, "message-digest")
