"""A test authority for Windows files, and osslsigncode to sign with it."""

from __future__ import annotations

import datetime as dt
import functools
import subprocess
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from atsam_safe.catalogue.model import Anchor

if TYPE_CHECKING:
    from pathlib import Path

TOOL: Final = "osslsigncode"
_DAY: Final = dt.timedelta(days=1)


def _name(organisation: str, common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


class SigningAuthority:
    """A root and, per organisation, a certificate that may sign code."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._now = dt.datetime.now(dt.UTC)
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = _name("Laboratory", "Laboratory Code Signing Root")
        self.root = self._certificate(subject, subject, self._key, authority=True)

    @property
    def anchor(self) -> Anchor:
        """What a catalogue writes to trust this authority, and nobody else, for Windows files."""
        digest = self.root.fingerprint(hashes.SHA256()).hex()
        return Anchor(
            name="Laboratory Code Signing Root", sha256=digest, role="authenticode-root", source="LAB test authority", certainty="confirmed"
        )

    def _certificate(self, subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, *, authority: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _DAY)
            .not_valid_after(self._now + 365 * _DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        usage = dict.fromkeys(_USAGES, False) | ({"key_cert_sign": True, "crl_sign": True} if authority else {"digital_signature": True})
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
        if not authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    @functools.cache  # noqa: B019 - one authority a test session
    def _leaf(self, organisation: str) -> tuple[Path, Path]:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        leaf = self._certificate(_name(organisation, f"{organisation} (laboratory)"), self.root.subject, key, authority=False)
        number = leaf.serial_number
        chain, secret = self._folder / f"{number}.pem", self._folder / f"{number}.key"
        chain.write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (leaf, self.root)))
        plain = serialization.NoEncryption()
        secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        return chain, secret

    def sign(self, source: Path, target: Path, organisation: str, *, extended: bool = False) -> Path:
        """Sign ``source`` as ``target`` in the name of ``organisation``."""
        chain, secret = self._leaf(organisation)
        more = ["-add-msi-dse"] if extended else []
        command: list[str | Path] = [TOOL, "sign", "-certs", chain, "-key", secret, "-h", "sha256", *more, "-in", source, "-out", target]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-400:] + done.stdout[-400:])
        return target


_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
