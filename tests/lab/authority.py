"""A test authority in the shape of Apple's: root, Developer ID authority, timestamp authority, ticket authority.

Everything can be kept in a folder and loaded again, so that a demonstration's packages stay trusted by its own catalogue.
``Signer`` is what the package builder wants; its fields are the switches for the forms and faults of the field.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import struct
import warnings
from typing import TYPE_CHECKING, Any, Final, Literal

from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import NameOID, ObjectIdentifier

from atsam_safe.catalogue.model import Anchor, DeniedSigner, Trust

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

INSTALLER_PURPOSE: Final = "1.2.840.113635.100.4.13"
INSTALLER_MARK: Final = "1.2.840.113635.100.6.1.14"
APPLICATION_PURPOSE: Final = "1.3.6.1.5.5.7.3.3"
APPLICATION_MARK: Final = "1.2.840.113635.100.6.1.13"
AUTHORITY_MARK: Final = "1.2.840.113635.100.6.2.6"
TIMESTAMP_PURPOSE: Final = "1.3.6.1.5.5.7.3.8"
TICKET_MARK: Final = "1.2.840.113635.100.6.1.30"

FIRST_DAY: Final = dt.datetime(2010, 1, 1, tzinfo=dt.UTC)
LAST_DAY: Final = dt.datetime(2045, 1, 1, tzinfo=dt.UTC)
LEAF_FROM: Final = dt.datetime(2018, 6, 13, tzinfo=dt.UTC)
LEAF_UNTIL: Final = dt.datetime(2023, 6, 14, tzinfo=dt.UTC)
SIGNED_AT: Final = dt.datetime(2019, 9, 12, 15, 42, 46, tzinfo=dt.UTC)
SESAM_VITALE: Final = ("GIE SESAM-Vitale", "5H8W5749XS")
ANS: Final = ("AGENCE DU NUMERIQUE EN SANTE", "Y8WQ8FQ7KH")
_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha512": hashes.SHA512}
_ROLES: Final = ("root", "developer", "timestamp", "tsa", "ticket_root", "ticket_authority", "ticket_leaf", "leaf")
_ORGANISATION: Final = "Autorité d'essai"


def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _name(common_name: str, unit: str | None = None, organisation: str = _ORGANISATION, user: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.USER_ID, user)] if user else []
    with warnings.catch_warnings():
        # A genuine leaf has a common name of 65 characters, one more than the standard allows; the lab makes the same.
        warnings.simplefilter("ignore")
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name, _validate=False))
    if unit:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    attributes += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), x509.NameAttribute(NameOID.COUNTRY_NAME, "FR")]
    return x509.Name(attributes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extras:
    """Extensions beyond the basic ones. ``marks`` are Apple's private ones, each with whether it is critical."""

    purpose: str | None = None
    marks: tuple[tuple[str, bool], ...] = ()
    path_length: int | None = None


def issue(
    subject: x509.Name,
    key: PrivateKey,
    issuer: x509.Name,
    issuer_key: PrivateKey,
    *,
    authority: bool,
    valid: tuple[dt.datetime, dt.datetime] = (FIRST_DAY, LAST_DAY),
    extras: Extras | None = None,
) -> x509.Certificate:
    """One certificate."""
    more = extras or Extras()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=authority, path_length=more.path_length), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=authority,
                crl_sign=authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if more.purpose:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ObjectIdentifier(more.purpose)]), critical=True)
    for mark, critical in more.marks:
        builder = builder.add_extension(x509.UnrecognizedExtension(ObjectIdentifier(mark), b"\x05\x00"), critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


class Authority:
    """The whole test authority. ``create`` makes one (and keeps it in a folder when given), ``load`` reads it again."""

    def __init__(self, keys: dict[str, PrivateKey], certificates: dict[str, x509.Certificate]) -> None:
        """``keys`` and ``certificates`` by role; ``leaf`` is a key only (leaves are issued on demand)."""
        self.keys = keys
        self.certificates = certificates
        self._leaves: dict[tuple[object, ...], x509.Certificate] = {}

    @classmethod
    def create(cls, folder: Path | None = None) -> Authority:
        """A new authority; with ``folder`` its keys and certificates are kept there as PEM files."""
        keys: dict[str, PrivateKey] = {role: _rsa_key() for role in ("root", "developer", "timestamp", "tsa", "leaf")}
        keys["ticket_root"] = ec.generate_private_key(ec.SECP384R1())
        keys["ticket_authority"] = ec.generate_private_key(ec.SECP256R1())
        keys["ticket_leaf"] = ec.generate_private_key(ec.SECP256R1())
        made = cls(keys, {})
        made._issue_all()
        if folder is not None:
            made.save(folder)
        return made

    def _issue_all(self) -> None:
        root = self._issue("root", "root", "Racine d'essai", authority=True)
        del root
        self._issue("developer", "root", "Developer ID d'essai", authority=True, extras=Extras(marks=((AUTHORITY_MARK, False),)))
        self._issue("timestamp", "root", "Horodatage d'essai", authority=True)
        self._issue("tsa", "timestamp", "Timestamp Signer T1", authority=False, extras=Extras(purpose=TIMESTAMP_PURPOSE))
        self._issue("ticket_root", "ticket_root", "Racine d'essai G3", authority=True)
        self._issue("ticket_authority", "ticket_root", "Intégration d'essai", authority=True)
        self._issue(
            "ticket_leaf", "ticket_authority", "Software Ticket Signing", authority=False, extras=Extras(marks=((TICKET_MARK, False),))
        )

    def _issue(self, role: str, issuer_role: str, name: str, *, authority: bool, extras: Extras | None = None) -> x509.Certificate:
        subject = _name(name, "Autorité")
        issuer = subject if role == issuer_role else self.certificates[issuer_role].subject
        certificate = issue(subject, self.keys[role], issuer, self.keys[issuer_role], authority=authority, extras=extras)
        self.certificates[role] = certificate
        return certificate

    def save(self, folder: Path) -> None:
        """Keep keys and certificates in ``folder`` (mode 0700)."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for role, key in self.keys.items():
            pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            (folder / f"{role}.key.pem").write_bytes(pem)
        for role, certificate in self.certificates.items():
            (folder / f"{role}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    @classmethod
    def load(cls, folder: Path) -> Authority:
        """The authority kept in ``folder``."""
        keys: dict[str, PrivateKey] = {}
        certificates = {}
        for role in _ROLES:
            key = serialization.load_pem_private_key((folder / f"{role}.key.pem").read_bytes(), None)
            assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
            keys[role] = key
            if role != "leaf":
                certificates[role] = x509.load_pem_x509_certificate((folder / f"{role}.pem").read_bytes())
        return cls(keys, certificates)

    def trust(self, *, intermediates: bool = False, denied: Sequence[str] = ()) -> Trust:
        """The trust a catalogue would carry for this authority. ``intermediates``: pin the Developer ID authority with its key."""
        anchors = [
            self.anchor("root", "installer-root"),
            self.anchor("root", "timestamp-root"),
            self.anchor("ticket_root", "ticket-root", with_key=True),
        ]
        if intermediates:
            anchors.append(self.anchor("developer", "intermediate", with_key=True))
        refused = tuple(DeniedSigner(leaf_sha256=leaf, reason="essai", source="lab", certainty="confirmed") for leaf in denied)
        return Trust(anchors=tuple(anchors), denied=refused)

    def anchor(
        self, role: str, as_role: Literal["installer-root", "timestamp-root", "ticket-root", "intermediate"], *, with_key: bool = False
    ) -> Anchor:
        """One certificate of this authority as an anchor of a catalogue."""
        certificate = self.certificates[role]
        key = certificate.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return Anchor(
            name=str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value),
            sha256=certificate.fingerprint(hashes.SHA256()).hex(),
            role=as_role,
            public_key=key.hex() if with_key else None,
            valid_until=f"{certificate.not_valid_after_utc:%Y-%m-%d}",
            source="lab",
            certainty="confirmed",
        )

    def leaf(
        self,
        signer: tuple[str, str] = SESAM_VITALE,
        *,
        valid: tuple[dt.datetime, dt.datetime] = (LEAF_FROM, LEAF_UNTIL),
        application: bool = False,
        extras: Extras | None = None,
    ) -> x509.Certificate:
        """A Developer ID leaf for (organisation, team id); the same one for the same request."""
        request = (signer, valid, application, extras)
        if request not in self._leaves:
            organisation, team = signer
            kind = "Application" if application else "Installer"
            usual = Extras(
                purpose=APPLICATION_PURPOSE if application else INSTALLER_PURPOSE,
                marks=((APPLICATION_MARK if application else INSTALLER_MARK, True),),
            )
            subject = _name(f"Developer ID {kind}: {organisation} ({team})", team, organisation, team)
            self._leaves[request] = issue(
                subject,
                self.keys["leaf"],
                self.certificates["developer"].subject,
                self.keys["developer"],
                authority=False,
                valid=valid,
                extras=extras or usual,
            )
        return self._leaves[request]

    def signer(self, signer: tuple[str, str] = SESAM_VITALE, **switches: Any) -> Signer:  # noqa: ANN401 - the fields of Signer
        """A signer with this organisation's leaf; ``switches`` are fields of ``Signer``."""
        return Signer(authority=self, certificate=self.leaf(signer), **switches)

    def staple(self, package: bytes, *, at: dt.datetime = SIGNED_AT, other_digest: bytes | None = None, with_root: bool = False) -> bytes:
        """``package`` with a notarisation ticket for its table of contents (or for ``other_digest``) stapled to its end."""
        length = struct.unpack(">Q", package[8:16])[0]
        algorithm = {1: "sha1", 3: "sha256", 4: "sha512"}[struct.unpack(">I", package[24:28])[0]]
        digest = other_digest or hashlib.new(algorithm, package[28 : 28 + length]).digest()
        rows = [(1 if algorithm == "sha1" else 2, digest[:20]), (2, hashlib.sha256(b"code").digest()[:20])]
        payload = struct.pack("<4sHHIIQ", b"g8tk", 2, 20, len(rows), 0, int(at.timestamp()))
        payload += b"".join(bytes([kind]) + content for kind, content in rows)
        roles = ["ticket_leaf", "ticket_authority", *(["ticket_root"] if with_root else [])]
        listed = b"".join(_der(self.certificates[role]) for role in roles)
        sequence = b"\x30\x82" + struct.pack(">H", len(listed)) + listed
        signed = struct.pack("<4sIII", b"s8ch", 1, len(sequence), len(payload)) + sequence + payload
        key = self.keys["ticket_leaf"]
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        ticket = signed + key.sign(signed, ec.ECDSA(hashes.SHA256())).ljust(72, b"\0")
        return package + struct.pack("<4sHHII", b"t8lr", 1, 1, 0, 0) + ticket + struct.pack("<4sHHII", b"t8lr", 1, 2, len(ticket), 0)


@dataclasses.dataclass(kw_only=True)
class Signer:
    """Signs tables of contents as the field's packages were signed, rightly or wrongly.

    ``form``: RSA over the checksum (``prehashed``) or over its digest (``double``). ``attributes``: CMS with signed attributes.
    ``timestamp_at`` ``None``: no timestamp. ``imprint``: what the timestamp vouches for instead of the signature.
    ``listed``: how many certificates of the chain are listed (1 = leaf only). ``cms_by`` / ``tsa_by``: another authority does it.
    """

    authority: Authority
    certificate: x509.Certificate
    form: Literal["prehashed", "double"] = "prehashed"
    attributes: bool = True
    timestamp_at: dt.datetime | None = SIGNED_AT
    imprint: bytes | None = None
    listed: int = 3
    with_rsa: bool = True
    with_cms: bool = True
    cms_by: Signer | None = None
    tsa_by: Authority | None = None
    tsa_certificate: x509.Certificate | None = None

    @property
    def chain(self) -> list[bytes]:
        """Leaf, intermediate, root."""
        certificates = self.authority.certificates
        return [_der(self.certificate), _der(certificates["developer"]), _der(certificates["root"])][: self.listed]

    @property
    def listed_certificates(self) -> Sequence[bytes]:
        """See ``lab.xar.TocSigner``."""
        return self.chain

    @property
    def leaf_sha256(self) -> str:
        """Fingerprint of the leaf."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def rsa(self, digest: bytes, algorithm: str) -> bytes | None:
        """See ``lab.xar.TocSigner``."""
        if not self.with_rsa:
            return None
        signed = hashlib.new(algorithm, digest).digest() if self.form == "double" else digest
        key = self.authority.keys["leaf"]
        assert isinstance(key, rsa.RSAPrivateKey)
        return key.sign(signed, padding.PKCS1v15(), Prehashed(_HASHES[algorithm]()))

    def cms(self, digest: bytes, algorithm: str) -> bytes | None:
        """See ``lab.xar.TocSigner``."""
        if not self.with_cms:
            return None
        if self.cms_by is not None:
            return self.cms_by.cms(digest, algorithm)
        key = self.authority.keys["leaf"]
        listed, info, content = _signer_info(digest, "data", None, key, self.chain, algorithm, attributes=self.attributes)
        if self.timestamp_at is not None:
            token = self._token(info["signature"])
            info["unsigned_attrs"] = cms.CMSAttributes([cms.CMSAttribute({"type": "signature_time_stamp_token", "values": [token]})])
        return _signed_data("v1", algorithm, content, listed, info).dump()  # type: ignore[no-any-return]  # asn1crypto has no types

    def _token(self, signature: bytes) -> Any:  # noqa: ANN401 - asn1crypto has no types
        assert self.timestamp_at is not None
        authority = self.tsa_by or self.authority
        stamp = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": "1.2.3.4.5.6",
                "message_imprint": {
                    "hash_algorithm": {"algorithm": "sha1"},
                    "hashed_message": hashlib.sha1(signature).digest() if self.imprint is None else self.imprint,  # noqa: S324 - as Apple does
                },
                "serial_number": 1234567,
                "gen_time": self.timestamp_at,
                "accuracy": {"seconds": 1},
            }
        )
        signer = self.tsa_certificate or authority.certificates["tsa"]
        chain = [_der(signer), _der(authority.certificates["timestamp"]), _der(authority.certificates["root"])]
        embedded = core.ParsableOctetString(stamp.dump())
        listed, info, content = _signer_info(stamp.dump(), "tst_info", embedded, authority.keys["tsa"], chain, "sha1", attributes=True)
        return _signed_data("v3", "sha1", content, listed, info)


def _signer_info(
    content: bytes,
    content_type: str,
    embedded: Any,  # noqa: ANN401 - asn1crypto has no types
    key: PrivateKey,
    chain: list[bytes],
    algorithm: str,
    *,
    attributes: bool,
) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    listed = [asn1_x509.Certificate.load(der) for der in chain]
    identity = cms.IssuerAndSerialNumber({"issuer": listed[0].issuer, "serial_number": listed[0].serial_number})
    info: dict[str, Any] = {
        "version": "v1",
        "sid": cms.SignerIdentifier("issuer_and_serial_number", identity),
        "digest_algorithm": {"algorithm": algorithm},
        "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
    }
    signed = content
    if attributes:
        values = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": [content_type]}),
                cms.CMSAttribute({"type": "signing_time", "values": [cms.Time("utc_time", SIGNED_AT)]}),
                cms.CMSAttribute({"type": "message_digest", "values": [hashlib.new(algorithm, content).digest()]}),
            ]
        )
        info["signed_attrs"] = values
        signed = values.dump()
    assert isinstance(key, rsa.RSAPrivateKey)
    info["signature"] = key.sign(signed, padding.PKCS1v15(), _HASHES[algorithm]())
    encapsulated: dict[str, Any] = {"content_type": content_type}
    if embedded is not None:
        encapsulated["content"] = embedded
    return listed, info, encapsulated


def _signed_data(version: str, algorithm: str, content: dict[str, Any], listed: list[Any], info: dict[str, Any]) -> Any:  # noqa: ANN401 - asn1crypto has no types
    data = cms.SignedData(
        {
            "version": version,
            "digest_algorithms": [{"algorithm": algorithm}],
            "encap_content_info": content,
            "certificates": listed,
            "signer_infos": [info],
        }
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": data})
