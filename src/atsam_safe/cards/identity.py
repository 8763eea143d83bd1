"""Same card, same holder? Answered with keyed digests, so that neither number nor name is ever written anywhere.

The key is random, made once per workstation and kept in the state folder, readable by its owner only. A plain hash would not do: a serial
number has eight digits and certificates are published in a directory, so both could be found again by trying.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from typing import TYPE_CHECKING, Final

from asn1crypto import x509

from atsam_safe.cards.model import Identity

if TYPE_CHECKING:
    from pathlib import Path

KEY_FILE: Final = "card-key"
_KEY_BYTES: Final = 32
_SHOWN: Final = 32


class IdentityKey:
    """The key. ``kept`` is false when it could not be stored: digests then only compare within this run."""

    def __init__(self, secret: bytes, *, kept: bool) -> None:
        self._secret = secret
        self.kept = kept

    def __repr__(self) -> str:
        return "IdentityKey(<hidden>)"

    def digest(self, purpose: str, value: bytes) -> str:
        """A digest of ``value`` for one purpose: the same value under two purposes gives two digests that cannot be linked."""
        return hmac.new(self._secret, purpose.encode() + b"\0" + value, hashlib.sha256).hexdigest()[:_SHOWN]

    @property
    def name(self) -> str:
        """Which key it is, without giving it away."""
        return self.digest("key", b"")[:8]


def load_key(folder: Path | None) -> IdentityKey:
    """The workstation's key, made on first use. Without a folder, or where it cannot be kept, a key for this run only.

    The folder itself is never made here: looking at a card must not leave the beginning of a state folder on a computer where
    nothing was ever changed.
    """
    if folder is None:
        return IdentityKey(secrets.token_bytes(_KEY_BYTES), kept=False)
    path = folder / KEY_FILE
    stored = _stored(path)
    if stored is not None:
        return stored
    secret = secrets.token_bytes(_KEY_BYTES)
    try:
        beside = path.with_name(f"{KEY_FILE}.{secrets.token_hex(8)}")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(secret)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(beside, path)  # unlike a rename it never replaces the key another run made at this moment
        except FileExistsError:
            return _stored(path) or IdentityKey(secret, kept=False)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink()
    except OSError:
        return IdentityKey(secret, kept=False)
    return IdentityKey(secret, kept=True)


def _stored(path: Path) -> IdentityKey | None:
    """The key in the file, or ``None`` when there is none or it is not whole."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as stream:
        secret = stream.read(_KEY_BYTES + 1)
    return IdentityKey(secret, kept=True) if len(secret) == _KEY_BYTES else None


def holder_of(certificate: bytes) -> bytes | None:
    """What names the holder in a certificate: its whole subject, as encoded; ``None`` when it is no certificate."""
    try:
        subject: bytes = x509.Certificate.load(certificate, strict=False).subject.dump()
    except (ValueError, TypeError, KeyError):
        return None
    return subject


def identify(key: IdentityKey, serial: bytes, certificate: bytes | None) -> Identity:
    """The identity of a card from its serial-number file and, when it shows one, its authentication certificate."""
    subject = holder_of(certificate) if certificate is not None else None
    return Identity(
        key=key.name,
        card=key.digest("card", serial),
        holder=None if subject is None else key.digest("holder", subject),
    )
