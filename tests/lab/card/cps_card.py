"""A virtual CPS: the file system and the commands two independent middlewares need to see a token, with keys and holders of our own.

Genuine are the identifiers and the dialogue (application, serial-number file, PKCS#15 directory files); everything personal is invented.
The card is usually T=0: a command that carries data never answers data, it says how much there is to fetch.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

AID_CPS: Final = bytes.fromhex("E828BD080F8025000001FF0010")
AID_IAS: Final = bytes.fromhex("8025000001FF0100")
ISSUER: Final = "8025000001"
FOLDER: Final = "3F000001"

_SEQUENCE: Final = 0x30
_OCTETS: Final = 0x04
_BITS: Final = 0x03
_INTEGER: Final = 0x02
_TEXT: Final = 0x0C
_ENUMERATED: Final = 0x0A
_SHA256: Final = bytes.fromhex("3031300D060960864801650304020105000420")


def tlv(tag: int, *values: bytes) -> bytes:
    """One tag-length-value; ``tag`` may have up to three bytes."""
    value = b"".join(values)
    length = len(value)
    if length < 0x80:
        size = bytes([length])
    elif length < 0x100:
        size = bytes([0x81, length])
    else:
        size = bytes([0x82, *length.to_bytes(2, "big")])
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big") + size + value


def _path(hexadecimal: str) -> bytes:
    return tlv(_SEQUENCE, tlv(_OCTETS, bytes.fromhex(hexadecimal)))


class CpsSpecification(msgspec.Struct, frozen=True, kw_only=True):
    """What distinguishes one virtual CPS from another. ``certificates`` are DER: authentication first, then signature.

    ``directories``: without them the card is a CPS to whoever knows its own commands, and nothing to a generic middleware.
    ``chipdoc``: it behaves as a CPS4 as far as that is known: one application name of its own (``ias_view``: the CPS3's as well), a logical
    channel, neither INTERNAL AUTHENTICATE nor GET DATA.
    """

    serial: str = "26000123"
    label: str = "CPS3v1-2600012345"
    issuer: str = ISSUER
    certificates: tuple[bytes, ...] = ()
    tries_left: int = 3
    direct_answers: bool = False
    directories: bool = True
    chipdoc: bool = False
    ias_view: bool = True


def _algorithm(reference: int, mechanism: int, operations: bytes, algorithm: int) -> bytes:
    number = mechanism.to_bytes((mechanism.bit_length() + 8) // 8, "big")
    return tlv(
        _SEQUENCE,
        tlv(_INTEGER, bytes([reference])),
        tlv(_INTEGER, number),
        tlv(0x05),
        tlv(_BITS, operations),
        tlv(0x06, b"\x2a\x03"),
        tlv(_INTEGER, bytes([algorithm])),
    )


def card_files(specification: CpsSpecification) -> dict[str, bytes]:
    """Every file of the card by its absolute path."""
    files = {
        "3F00D003": tlv(0x5A, bytes.fromhex(specification.issuer + specification.serial + "5F")),
        "3F002F00": tlv(0x61, tlv(0x4F, AID_CPS), tlv(0x50, b"CPS3"), tlv(0x51, bytes.fromhex(FOLDER))),
        "3F002F01": tlv(0x43, b"\xb8")
        + tlv(0x46, bytes(4))
        + tlv(0x47, b"\x94\x01\x80")
        + tlv(0x4F, AID_IAS)
        + tlv(0xE0, *[tlv(_INTEGER, b"\x00\xe7")] * 4)
        + tlv(0x82, b"\x90\x00"),
        "3F00D010": tlv(0xEC, tlv(0x81, bytes.fromhex("20240101120000")), tlv(0x82, bytes.fromhex("20270101120000"))),
    }
    directories = ((0xA8, "7001"), (0xA0, "7002"), (0xA4, "7004"), (0xA7, "7005"))
    files[FOLDER + "5031"] = b"".join(tlv(tag, _path(FOLDER + name)) for tag, name in directories)
    digests, signs = b"\x01\x02", b"\x06\x40"
    algorithms = tlv(
        0xA2,
        _algorithm(1, 0x220, digests, 0x10),
        _algorithm(2, 0x250, digests, 0x40),
        _algorithm(3, 0x1, signs, 0x02),
        _algorithm(4, 0x6, signs, 0x12),
        _algorithm(5, 0x40, signs, 0x42),
    )
    files[FOLDER + "5032"] = tlv(
        _SEQUENCE,
        tlv(_INTEGER, b"\x00"),
        tlv(_TEXT, b"LABORATOIRE"),
        tlv(0x80, specification.label.encode()),
        tlv(_BITS, b"\x05\x20"),
        algorithms,
    )
    four = tlv(_INTEGER, b"\x04")
    files[FOLDER + "7001"] = tlv(
        _SEQUENCE,
        tlv(_SEQUENCE, tlv(_TEXT, b"Code porteur"), tlv(_BITS, b"\x06\xc0")),
        tlv(_SEQUENCE, tlv(_OCTETS, b"\x01")),
        tlv(
            0xA1,
            tlv(
                _SEQUENCE,
                tlv(_BITS, b"\x04\x10"),
                tlv(_ENUMERATED, b"\x01"),
                four,
                four,
                four,
                tlv(0x80, b"\x01"),
                tlv(_OCTETS, b"\xff"),
                _path("3F00"),
            ),
        ),
    )
    files.update(_key_files(specification.certificates))
    if not specification.directories:
        for name in ("3F002F00", FOLDER + "5031", FOLDER + "5032"):
            del files[name]
    return files


def _key_files(certificates: Sequence[bytes]) -> dict[str, bytes]:
    """Directories of keys and certificates, and the certificates themselves."""
    files = {FOLDER + "7005": b"\x00\x00"}
    keys = b""
    listed = b""
    for number, der in enumerate(certificates):
        name = f"{0xD101 + number:04X}"
        identifier = bytes([number + 1])
        files[FOLDER + name] = der
        label = "Certificat d'Authentification CPS" if number == 0 else "Certificat de Signature CPS"
        usage = b"\x05\x20" if number == 0 else b"\x06\x00\x40"
        listed += tlv(
            _SEQUENCE,
            tlv(_SEQUENCE, tlv(_TEXT, label.encode()), tlv(_BITS, b"\x06\x40")),
            tlv(_SEQUENCE, tlv(_OCTETS, identifier)),
            tlv(0xA1, tlv(_SEQUENCE, _path(FOLDER + name))),
        )
        keys += tlv(
            _SEQUENCE,
            tlv(_SEQUENCE, tlv(_TEXT, b"CPS_PRIV_" + (b"AUT" if number == 0 else b"SIG")), tlv(_BITS, b"\x07\x80"), tlv(_OCTETS, b"\x01")),
            tlv(_SEQUENCE, tlv(_OCTETS, identifier), tlv(_BITS, usage), tlv(_BITS, b"\x03\xb8"), tlv(_INTEGER, bytes([2 + number]))),
            tlv(0xA1, tlv(_SEQUENCE, _path(FOLDER), tlv(_INTEGER, b"\x08\x00"))),
        )
    files[FOLDER + "7002"] = keys or b"\x00\x00"
    files[FOLDER + "7004"] = listed or b"\x00\x00"
    return files


class CpsCard:
    """The card as a command handler. ``keys`` belong to the certificates in order; the code is 1234."""

    CODE: Final = b"1234"
    MAXIMUM_TRIES: Final = 3

    def __init__(self, specification: CpsSpecification, keys: Sequence[RSAPrivateKey] = ()) -> None:
        self.commands: list[bytes] = []
        self.before_command: Callable[[bytes], None] | None = None
        self._files = card_files(specification)
        self._direct = specification.direct_answers
        self._chipdoc = specification.chipdoc
        self._applications = [(AID_IAS, "3F00")]
        if specification.ias_view or not specification.chipdoc:
            self._applications.insert(0, (AID_CPS, FOLDER))
        self._left = specification.tries_left
        self._keys = [key.private_numbers() for key in keys]
        self._folders = {"3F00", FOLDER} | {name[:-4] for name in self._files}
        self.reset()

    def reset(self) -> None:
        """Power on: nothing selected, code not presented."""
        self._folder = "3F00"
        self._file: str | None = None
        self._pending = b""
        self._verified = False
        self._environment: dict[int, bytes] = {}
        self._hash: bytes | None = None

    def command(self, apdu: bytes) -> bytes:
        """Answer one command."""
        self.commands.append(apdu)
        if self.before_command is not None:
            self.before_command(apdu)
        if len(apdu) < 4 or apdu[0] > self._chipdoc:
            return b"\x6e\x00"
        handlers = {
            0xA4: self._select,
            0xB0: self._read,
            0xC0: self._fetch,
            0xCB: self._object,
            0x20: self._verify,
            0x22: self._prepare,
            0x88: self._authenticate,
            0x2A: self._operate,
        }
        handler = handlers.get(apdu[1])
        return b"\x6d\x00" if handler is None else handler(apdu)

    def _answer(self, data: bytes) -> bytes:
        if self._direct:
            return data + b"\x90\x00"
        self._pending = data
        return bytes([0x61, len(data) & 0xFF])

    def _fetch(self, apdu: bytes) -> bytes:
        length = apdu[4] or 256
        data, self._pending = self._pending[:length], self._pending[length:]
        return data + (bytes([0x61, min(len(self._pending), 0xFF)]) if self._pending else b"\x90\x00")

    def _description(self, name: str) -> bytes:
        identifier = tlv(0x83, bytes.fromhex(name[-4:]))
        if name in self._files:
            size = tlv(0x80, len(self._files[name]).to_bytes(2, "big"))
            rules = tlv(0xA1, tlv(0x8C, bytes.fromhex("7BFFFFFFFFFF00")))
            return tlv(0x62, size, tlv(0x82, b"\x01"), identifier, tlv(0x8A, b"\x05"), rules)
        return tlv(0x62, tlv(0x82, b"\x38"), identifier, tlv(0x8A, b"\x05"), tlv(0xA1, tlv(0x8C, b"\x02\x00")))

    def _resolve(self, how: int, data: bytes) -> str | None:
        name = data.hex().upper()
        if how == 0x04:
            return next((folder for aid, folder in self._applications if data and aid.startswith(data)), None)
        if how in {0x08, 0x09}:
            candidates = [name if name.startswith("3F00") else "3F00" + name, self._folder + name]
        elif how == 0x03:
            candidates = [self._folder[:-4] or "3F00"]
        else:
            candidates = [name, self._folder + name, self._folder[:-4] + name] if name else ["3F00"]
        return next((candidate for candidate in candidates if candidate in self._files or candidate in self._folders), None)

    def _select(self, apdu: bytes) -> bytes:
        data = apdu[5 : 5 + apdu[4]] if len(apdu) > 4 else b""
        name = self._resolve(apdu[2], data)
        if name is None:
            return b"\x6a\x82"
        self._file, self._folder = (name, name[:-4]) if name in self._files else (None, name)
        return b"\x90\x00" if apdu[3] & 0x0C == 0x0C else self._answer(self._description(name))

    def _read(self, apdu: bytes) -> bytes:
        first, second = apdu[2], apdu[3]
        if first & 0x80:
            name = {0x1C: "3F00D003", 0x1E: "3F002F00", 0x1D: "3F002F01"}.get(first & 0x1F)
            if name is None:
                return b"\x6a\x82"
            self._file, first = name, 0
        if self._file is None:
            return b"\x69\x86"
        content = self._files[self._file]
        offset, length = first << 8 | second, (apdu[4] if len(apdu) > 4 else 0) or 256
        if offset > len(content):
            return b"\x6b\x00"
        chunk = content[offset : offset + length]
        return chunk + (b"\x90\x00" if chunk and (len(chunk) == length or offset + len(chunk) == len(content)) else b"\x62\x82")

    def _object(self, apdu: bytes) -> bytes:
        if self._chipdoc:
            return b"\x6d\x00"  # the state of its code is asked for with an empty VERIFY
        data = apdu[5:]
        kind, reference = (data[5], data[6]) if len(data) > 6 else (0x81, 0)
        rules = tlv(0xA1, tlv(0x8C, b"\x7f" + bytes(7)))
        if kind & 0x7F == 0x01:
            tries = tlv(0x9A, bytes([self.MAXIMUM_TRIES])) + tlv(0x9B, bytes([self._left]))
            value = tlv(0xA0, tries, rules) + tlv(0x7F41, tlv(0x80, b"\x04"))
        elif kind & 0x7F == 0x10:
            value = tlv(0xA0, tlv(0x80, b"\x01\x00"), rules)
        else:
            return b"\x6a\x88"
        # The tag of a security object has three bytes: BF, its class, its reference.
        return self._answer(tlv(0x70, tlv(0xBF0000 | (kind | 0x80) << 8 | reference & 0x3F, value)))

    def _verify(self, apdu: bytes) -> bytes:
        data = apdu[5 : 5 + apdu[4]] if len(apdu) > 4 else b""
        if self._left == 0:
            return b"\x69\x83"
        if data.rstrip(b"\xff\x00") == self.CODE:
            self._left, self._verified = self.MAXIMUM_TRIES, True
            return b"\x90\x00"
        if data:
            self._left, self._verified = self._left - 1, False
        return bytes([0x63, 0xC0 | self._left])

    def _prepare(self, apdu: bytes) -> bytes:
        self._environment[apdu[3]] = apdu[5 : 5 + apdu[4]]
        return b"\x90\x00"

    def _authenticate(self, apdu: bytes) -> bytes:
        return b"\x6d\x00" if self._chipdoc else self._signed(apdu[5 : 5 + apdu[4]], self._environment.get(0xA4, b""))

    def _operate(self, apdu: bytes) -> bytes:
        data = apdu[5 : 5 + apdu[4]] if len(apdu) > 4 else b""
        if (apdu[2], apdu[3]) == (0x90, 0xA0):
            rest = data[2 + data[1] :]
            self._hash = rest[2 : 2 + rest[1]] if data[1] == 0 else None
            return b"\x90\x00" if self._hash is not None else b"\x6a\x80"
        if (apdu[2], apdu[3]) != (0x9E, 0x9A):
            return b"\x6a\x86"
        if not data:
            data = hashlib.sha256(self._hash or b"").digest()
        return self._signed(_SHA256 + data if len(data) == 32 else data, self._environment.get(0xB6, b""))

    def _signed(self, message: bytes, environment: bytes) -> bytes:
        if not self._verified:
            return b"\x69\x82"
        start = environment.find(b"\x84\x01")
        number = (environment[start + 2] & 0x7F) - 2 if start >= 0 else 0
        key = self._keys[number if 0 <= number < len(self._keys) else 0]
        modulus = key.public_numbers.n
        size = (modulus.bit_length() + 7) // 8
        padded = b"\x00\x01" + b"\xff" * (size - 3 - len(message)) + b"\x00" + message
        return self._answer(pow(int.from_bytes(padded, "big"), key.d, modulus).to_bytes(size, "big"))
