"""Signed data (CMS) as Apple puts it into flat packages: one signer, with or without signed attributes."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any, Final

import msgspec
from asn1crypto import cms, core, parser
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from atsam_safe.packages.chain import HASHES, load_certificate, verify_with_key
from atsam_safe.packages.errors import PackageError

_SEQUENCE: Final = 0x30
_LONG_FORM: Final = 0x80
_NOTHING: Final = b"\x05\0"
# kind, content
_CONTENT: Final = re.compile(rb"\x06\xa0")
# version, digest algorithms, content, certificates, revocations, signers
_SIGNED_DATA: Final = re.compile(rb"\x02\x31\x30\xa0?\xa1?\x31", re.DOTALL)
# version, signer (by name and serial number, or by key), digest algorithm, attributes, signature algorithm, signature, attributes
_SIGNER_INFO: Final = re.compile(rb"\x02[\x30\x80]\x30\xa0?\x30\x04\xa1?", re.DOTALL)
_TIMESTAMP_CONTENT: Final = core.ObjectIdentifier("1.2.840.113549.1.9.16.1.4").dump()


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
    if info["content_type"].native != "signed_data" or not _is_shaped(info, _CONTENT):
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


def hides_timestamp(attributes: Any) -> bool:  # noqa: ANN401 - asn1crypto has no types
    """True when a timestamp is among ``attributes`` under another name than a timestamp's: taken for none, damage would pass for age."""
    if isinstance(attributes, core.Void):
        return False
    return any(entry["type"].native != "signature_time_stamp_token" and _TIMESTAMP_CONTENT in entry.dump() for entry in attributes)


def verify_signed_data(signed_data: Any, content: bytes, content_type: str, part: str) -> Signed:  # noqa: ANN401 - asn1crypto has no types
    """Verify the one signature over ``content``; raises ``PackageError`` (``package.signature-invalid``)."""
    if len(signed_data["signer_infos"]) != 1:
        raise invalid(part, "signer-count")
    info = signed_data["signer_infos"][0]
    _check_envelope(signed_data, info, content_type, part)
    parsed = _certificates(signed_data)
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


def _check_envelope(signed_data: Any, info: Any, content_type: str, part: str) -> None:  # noqa: ANN401 - asn1crypto has no types
    """What stands around the signature and no signature covers must be what the covered part makes of it: else it was changed."""
    by_serial = info["sid"].name == "issuer_and_serial_number"
    own_version = "v1" if by_serial else "v3"
    version = own_version if content_type == "data" else "v3"
    algorithm = info["digest_algorithm"]["algorithm"].native
    kinds = {"rsassa_pkcs1v15", "ecdsa", f"{algorithm}_rsa", f"{algorithm}_ecdsa"}
    identifiers = [info["digest_algorithm"], info["signature_algorithm"], *signed_data["digest_algorithms"]]
    if (
        signed_data["version"].native != version
        or info["version"].native != own_version
        or signed_data["encap_content_info"]["content_type"].native != content_type
        or algorithm not in [listed["algorithm"].native for listed in signed_data["digest_algorithms"]]
        or info["signature_algorithm"]["algorithm"].native not in kinds
        or not all(map(_has_no_parameters, identifiers))
        or not (_is_shaped(signed_data, _SIGNED_DATA) and _is_shaped(info, _SIGNER_INFO))
    ):
        raise invalid(part, "envelope")
    for certificate in _certificates(signed_data):
        # An issuer signs the name of the algorithm too; this copy of it, and how many bits of the signature are none, stand outside.
        named = certificate["signature_algorithm"].dump() == certificate["tbs_certificate"]["signature"].dump()
        if not named or certificate["signature_value"].contents[:1] != b"\0":
            raise invalid(part, "certificate")


def _has_no_parameters(identifier: Any) -> bool:  # noqa: ANN401 - asn1crypto has no types
    """True for an algorithm alone or with the empty value that is usual beside it."""
    return identifier["parameters"].dump() in (b"", _NOTHING)


def _is_shaped(sequence: Any, shape: re.Pattern[bytes]) -> bool:  # noqa: ANN401 - asn1crypto has no types
    """True when ``sequence`` consists of exactly the fields that it may have: the library passes over what it does not know."""
    rest, tags = sequence.contents, b""
    while rest:
        length = parser.peek(rest)
        tags += rest[:1]
        rest = rest[length:]
    return shape.fullmatch(tags) is not None


def _certificates(signed_data: Any) -> list[Any]:  # noqa: ANN401 - asn1crypto has no types
    present = [] if isinstance(signed_data["certificates"], core.Void) else list(signed_data["certificates"])
    return [choice.chosen for choice in present if choice.name == "certificate"]


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
