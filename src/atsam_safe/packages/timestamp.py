"""The timestamp of a signature (RFC 3161): proof that the certificate was valid when the package was signed."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

import msgspec
from asn1crypto import tsp

from atsam_safe.packages.chain import HASHES, TIMESTAMP, build_chain
from atsam_safe.packages.cms import Signed, attribute, hides_timestamp, invalid, verify_signed_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.catalogue.model import Anchor

_PART: Final = "timestamp"


class Timestamp(msgspec.Struct, frozen=True, kw_only=True):
    """A whole token for one signature. It is trusted only after ``check_authority``."""

    at: dt.datetime
    signed: Signed


def read_timestamp(info: Any) -> Timestamp | None:  # noqa: ANN401 - asn1crypto has no types
    """The token among the unsigned attributes of a signer, checked to belong to that signature; ``None`` without one.

    Raises ``PackageError`` (``package.signature-invalid``) when the token is broken or belongs to another signature.
    """
    if hides_timestamp(info["unsigned_attrs"]):
        raise invalid(_PART, "envelope")
    token = attribute(info["unsigned_attrs"], "signature_time_stamp_token", _PART)
    if token is None:
        return None
    signed_data = token["content"]
    if signed_data["encap_content_info"]["content_type"].native != "tst_info":
        raise invalid(_PART, "content-type")
    raw = signed_data["encap_content_info"]["content"].parsed.dump()
    signed = verify_signed_data(signed_data, raw, "tst_info", _PART)
    if not signed.has_attributes:
        raise invalid(_PART, "attributes-missing")
    stamp = tsp.TSTInfo.load(raw, strict=True)
    imprint = stamp["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].native
    if algorithm not in HASHES:
        raise invalid(_PART, "digest-algorithm")
    expected = hashlib.new(algorithm, info["signature"].native).digest()
    if not hmac.compare_digest(imprint["hashed_message"].native, expected):
        raise invalid(_PART, "other-signature")
    named = attribute(signed.info["signed_attrs"], "signing_certificate", _PART)
    if named is not None and named["certs"][0]["cert_hash"].native != signed.signer_sha1:
        raise invalid(_PART, "signing-certificate")
    at = stamp["gen_time"].native
    if not isinstance(at, dt.datetime) or at.tzinfo is None:
        raise invalid(_PART, "time")
    return Timestamp(at=at, signed=signed)


def check_authority(timestamp: Timestamp, anchors: Sequence[Anchor]) -> None:
    """The token's signer must be a timestamp authority under a pinned root at the time it states; raises ``TrustError``.

    Apple's timestamp signers live for six weeks: judged now, every older package would be untrusted.
    """
    signed = timestamp.signed
    build_chain(signed.signer, signed.certificates, anchors, at=timestamp.at, purpose=TIMESTAMP, part=_PART)
