"""A test authority and test certificates; no link with any real one."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

TODAY: Final = dt.datetime.now(dt.UTC).replace(hour=12, minute=0, second=0, microsecond=0)


class TestAuthority(msgspec.Struct, frozen=True):
    """An authority: its key and its certificate."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        """The certificate as it stands in a ``.cer`` file."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def sha256(self) -> str:
        """The fingerprint under which a catalogue pins it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """One RSA key per name and process: making them is slow."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@cache
def authority(common_name: str = "AC LABORATOIRE PERSONNES") -> TestAuthority:
    """An authority that signs itself."""
    private = key(f"authority {common_name}")
    name = _name(common_name)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(TODAY - dt.timedelta(days=3000))
        .not_valid_after(TODAY + dt.timedelta(days=3000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    return TestAuthority(private, certificate)


@cache
def certificate(
    holder: str = "899700000000 ESSAI",
    *,
    use: str = "authentication",
    first_day: int = -100,
    last_day: int = 900,
    issuer: str = "AC LABORATOIRE PERSONNES",
    forged: bool = False,
) -> bytes:
    """A holder's certificate in DER; days count from ``TODAY``. ``forged``: it names the issuer but another key signed it."""
    signer = authority(issuer)
    signing_key = key("forger") if forged else signer.key
    usage = x509.KeyUsage(
        digital_signature=use == "authentication",
        content_commitment=use == "signature",
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(holder))
        .issuer_name(signer.certificate.subject)
        .public_key(key(use).public_key())
        .serial_number(7)
        .not_valid_before(TODAY + dt.timedelta(days=first_day))
        .not_valid_after(TODAY + dt.timedelta(days=last_day))
        .add_extension(usage, critical=True)
        .sign(signing_key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)
