"""The trust check of a flat package: two signatures over the table of contents, timestamp, chain, notarisation.

Verdicts

- ``unsigned``: there is no signature;
- ``refused``: a signature, timestamp or ticket is there and does not hold: something was changed after signing;
- ``untrusted``: everything holds but the chain ends elsewhere, was expired, or the certificate is not for installers;
- ``developer-id``: a Developer ID Installer certificate under a pinned authority, valid when it signed.

Anchors and denials come from the catalogue; the clock comes from the caller.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from atsam_safe.packages.chain import (
    HASHES,
    INSTALLER,
    Chain,
    TrustError,
    build_chain,
    common_name,
    fingerprint,
    is_altered,
    load_certificate,
    organizational_unit,
)
from atsam_safe.packages.cms import Signed, attribute, invalid, load_padded, verify_signed_data
from atsam_safe.packages.errors import PackageError, malformed
from atsam_safe.packages.model import ReasonFact, SignatureFact, Verdict
from atsam_safe.packages.ticket import check_ticket
from atsam_safe.packages.timestamp import Timestamp, check_authority, read_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.catalogue.model import Anchor, Trust
    from atsam_safe.packages.xar import XarArchive, XarSignature

_SMALLEST_RSA: Final = 2048
_MOST_CERTIFICATES: Final = 16


class _Findings(msgspec.Struct, kw_only=True):
    """What the check has learnt so far."""

    leaf: x509.Certificate | None = None
    pool: list[x509.Certificate] = []
    claimed: dt.datetime | None = None
    timestamp: Timestamp | None = None
    timestamp_trusted: bool = False
    chain: Chain | None = None
    notarized_at: dt.datetime | None = None
    broken: list[ReasonFact] = []
    distrust: list[ReasonFact] = []


def check_signature(archive: XarArchive, trust: Trust, *, now: dt.datetime) -> SignatureFact:
    """Judge the signatures of ``archive`` at ``now`` (aware). Never raises for bad content: the verdict and reasons tell."""
    found = _Findings()
    if archive.signed:
        _step(found, "signature", lambda: _check_rsa(archive, found))
        _step(found, "signature", lambda: _check_cms(archive, trust, found))
        if not found.broken and found.leaf is not None:
            _step(found, "timestamp", lambda: _check_timestamp(trust, found))
            if not found.broken:  # a damaged time stamp says nothing about the age of the certificate
                _step(found, "signature", lambda: _check_chain(trust, found, now))
            _step(found, "signature", lambda: _check_denied(trust, found))
    if archive.ticket is not None:
        ticket = archive.ticket
        _step(found, "ticket", lambda: _check_ticket(archive, ticket, trust, found))
    return _fact(archive, found)


def _step(found: _Findings, part: str, check: Callable[[], None]) -> None:
    """Run one check; what it raises becomes a reason. The ASN.1 libraries raise nearly anything on garbage."""
    try:
        check()
    except TrustError as error:
        found.distrust.append(error.reason)
    except PackageError as error:
        found.broken.append(error.reason)
    except Exception as error:  # noqa: BLE001 - a flipped byte gives AttributeError, TypeError, InvalidVersion …: all mean "malformed"
        fault = malformed(error)
        found.broken.append(PackageError("package.signature-invalid", part=part, fault=fault).reason)


def _check_rsa(archive: XarArchive, found: _Findings) -> None:
    signature = archive.rsa_signature
    if signature is None:
        return
    if signature.style != "RSA" or not 1 <= len(signature.certificates) <= _MOST_CERTIFICATES:
        raise invalid("signature", "style")
    certificates = [load_certificate(der) for der in signature.certificates]
    found.leaf = certificates[0]
    found.pool += certificates
    digest = archive.toc_digest
    # Two forms are in the field: over the checksum itself, and (2019 to 2020) over the checksum's own digest.
    doubled = hashlib.new(archive.checksum_name, digest).digest()
    if not any(_rsa_holds(found.leaf, signature, candidate, archive.checksum_name) for candidate in (digest, doubled)):
        raise invalid("signature", "rsa")


def _rsa_holds(leaf: x509.Certificate, signature: XarSignature, digest: bytes, algorithm: str) -> bool:
    key = leaf.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _SMALLEST_RSA:
        return False
    try:
        key.verify(signature.data, digest, padding.PKCS1v15(), Prehashed(HASHES[algorithm]()))
    except InvalidSignature:
        return False
    return True


def _check_cms(archive: XarArchive, trust: Trust, found: _Findings) -> None:
    signature = archive.cms_signature
    if signature is None:
        return
    if signature.style != "CMS":
        raise invalid("signature", "style")
    signed_data = load_padded(signature.data, "signature")
    if signed_data["encap_content_info"]["content"].native is not None:
        raise invalid("signature", "not-detached")
    signed: Signed = verify_signed_data(signed_data, archive.toc_digest, "data", "signature")
    # Only the RSA signature is without a timestamp: both must be by one certificate, or the timestamp would vouch for another.
    if found.leaf is not None and fingerprint(signed.signer) != fingerprint(found.leaf):
        raise invalid("signature", "two-signers")
    found.leaf = signed.signer
    listed = {fingerprint(certificate) for certificate in found.pool}
    found.pool += signed.certificates
    # The checksum covers the table's certificates; here only their issuers' signatures do, needed or not for the chain.
    for certificate in signed.certificates:
        if fingerprint(certificate) not in listed and is_altered(certificate, found.pool, trust.anchors):
            raise invalid("signature", "certificate")
    found.claimed = _claimed_time(signed.info)
    found.timestamp = read_timestamp(signed.info)


def _claimed_time(info: Any) -> dt.datetime | None:  # noqa: ANN401 - asn1crypto has no types
    value = attribute(info["signed_attrs"], "signing_time", "signature")
    return value.native if value is not None and isinstance(value.native, dt.datetime) else None


def _check_timestamp(trust: Trust, found: _Findings) -> None:
    if found.timestamp is not None:
        at_hand = [*found.timestamp.signed.certificates, *found.pool]
        if any(is_altered(certificate, at_hand, trust.anchors) for certificate in found.timestamp.signed.certificates):
            raise invalid("timestamp", "certificate")
        check_authority(found.timestamp, _anchors(trust, "timestamp-root", "installer-root"))
        found.timestamp_trusted = True


def _check_chain(trust: Trust, found: _Findings, now: dt.datetime) -> None:
    if found.leaf is None:
        return
    at = found.timestamp.at if found.timestamp is not None and found.timestamp_trusted else now
    anchors = _anchors(trust, "installer-root", "intermediate")
    found.chain = build_chain(found.leaf, found.pool, anchors, at=at, purpose=INSTALLER, part="signature")
    if organizational_unit(found.leaf) is None:
        raise TrustError("package.untrusted", part="signature", certificate=common_name(found.leaf), fault="team-id-missing")


def _check_denied(trust: Trust, found: _Findings) -> None:
    if found.leaf is None:
        return
    seen = fingerprint(found.leaf)
    for denied in trust.denied:
        if denied.leaf_sha256.lower() == seen:
            raise TrustError("package.denied-signer", certificate=common_name(found.leaf), reason=denied.reason)


def _check_ticket(archive: XarArchive, ticket: bytes, trust: Trust, found: _Findings) -> None:
    anchors = _anchors(trust, "ticket-root")
    try:
        found.notarized_at = check_ticket(ticket, checksum_name=archive.checksum_name, toc_digest=archive.toc_digest, anchors=anchors)
    except TrustError:
        # The ticket is whole but its authority is not pinned: it proves nothing, and takes nothing away from the signature.
        archive.warnings.append("ticket-authority-unknown")


def _anchors(trust: Trust, *roles: str) -> tuple[Anchor, ...]:
    return tuple(anchor for anchor in trust.anchors if anchor.role in roles)


def _fact(archive: XarArchive, found: _Findings) -> SignatureFact:
    # Who signed comes first: a person must not be told the name of a timestamp service as if it were the publisher's.
    reasons = (*found.broken, *sorted(found.distrust, key=lambda reason: reason.params.get("part") == "timestamp"))
    verdict: Verdict
    if found.broken:
        verdict = "refused"
    elif not archive.signed:
        verdict = "unsigned"
        reasons = (ReasonFact(ref="package.unsigned"),)
    elif found.distrust or found.chain is None:
        verdict = "untrusted"
    else:
        verdict = "developer-id"
    # Names of a signature that does not hold would be somebody's claim, not a fact.
    leaf = None if found.broken else found.leaf
    moment = found.timestamp.at if found.timestamp is not None and found.timestamp_trusted else found.claimed
    return SignatureFact(
        verdict=verdict,
        signer=None if leaf is None else common_name(leaf),
        team_id=None if leaf is None else organizational_unit(leaf),
        leaf_sha256=None if leaf is None else fingerprint(leaf),
        signed_at=None if leaf is None else _instant(moment),
        timestamped=leaf is not None and found.timestamp_trusted,
        notarized=found.notarized_at is not None and not found.broken,
        notarized_at=None if found.broken else _instant(found.notarized_at),
        chain=() if found.chain is None or found.broken else found.chain.names,
        reasons=reasons,
    )


def _instant(moment: dt.datetime | None) -> str | None:
    if moment is None:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
    return aware.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
