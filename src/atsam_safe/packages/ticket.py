"""The stapled notarisation ticket: Apple's statement about exactly this table of contents, verified without a network."""

from __future__ import annotations

import datetime as dt
import struct
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes

from atsam_safe.packages.chain import TICKET, build_chain, load_certificate, verify_with_key
from atsam_safe.packages.cms import der_length, invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from atsam_safe.catalogue.model import Anchor

_PART: Final = "ticket"
_HEADER: Final = struct.Struct("<4sIII")
_PAYLOAD: Final = struct.Struct("<4sHHIIQ")
_DIGEST: Final = 20
_ALGORITHMS: Final = {"sha1": 1, "sha256": 2}
_MOST_CERTIFICATES: Final = 8


def check_ticket(ticket: bytes, *, checksum_name: str, toc_digest: bytes, anchors: Sequence[Anchor]) -> dt.datetime:
    """When Apple notarised this package.

    Raises ``PackageError`` (``package.signature-invalid``) for a broken ticket or one of another package, ``TrustError`` when its
    chain does not end at a pinned ticket authority.
    """
    certificates, payload, signed, signature = _parts(ticket)
    try:
        verify_with_key(certificates[0].public_key(), signature, signed, hashes.SHA256())
    except InvalidSignature:
        raise invalid(_PART, "signature") from None
    magic, version, size, count, _, seconds = _PAYLOAD.unpack_from(payload)
    if (magic, version, size) != (b"g8tk", 2, _DIGEST) or len(payload) != _PAYLOAD.size + (1 + _DIGEST) * count:
        raise invalid(_PART, "payload")
    rows = [payload[start : start + 1 + _DIGEST] for start in range(_PAYLOAD.size, len(payload), 1 + _DIGEST)]
    if bytes([_ALGORITHMS.get(checksum_name, 0)]) + toc_digest[:_DIGEST] not in rows:
        raise invalid(_PART, "other-package")
    try:
        at = dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (OverflowError, ValueError, OSError):
        raise invalid(_PART, "time") from None
    build_chain(certificates[0], certificates, anchors, at=at, purpose=TICKET, part=_PART)
    return at


def _parts(ticket: bytes) -> tuple[list[x509.Certificate], bytes, bytes, bytes]:
    """Certificates, payload, signed bytes, signature (ECDSA in a slot of 72 bytes, zero padded)."""
    if len(ticket) < _HEADER.size:
        raise invalid(_PART, "header")
    magic, version, certificates_length, payload_length = _HEADER.unpack_from(ticket)
    end = _HEADER.size + certificates_length
    if magic != b"s8ch" or version != 1 or end + payload_length >= len(ticket) or payload_length < _PAYLOAD.size:
        raise invalid(_PART, "header")
    slot = ticket[end + payload_length :]
    length = der_length(slot)
    if length is None or length > len(slot) or slot[length:].strip(b"\0"):
        raise invalid(_PART, "signature-slot")
    certificates = _certificates(ticket[_HEADER.size : end])
    return certificates, ticket[end : end + payload_length], ticket[: end + payload_length], slot[:length]


def _certificates(sequence: bytes) -> list[x509.Certificate]:
    whole = der_length(sequence)
    if whole != len(sequence):
        raise invalid(_PART, "certificates")
    first = sequence[1]
    rest = sequence[2 if first < 0x80 else 2 + first - 0x80 :]  # noqa: PLR2004 - short and long form of a DER length
    found: list[x509.Certificate] = []
    while rest:
        length = der_length(rest)
        if length is None or length > len(rest) or len(found) >= _MOST_CERTIFICATES:
            raise invalid(_PART, "certificates")
        found.append(load_certificate(rest[:length]))
        rest = rest[length:]
    if not found:
        raise invalid(_PART, "certificates")
    return found
