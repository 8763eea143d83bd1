"""The CPS application of a card: selecting it, its serial number, its own certificate files. No code is presented, nothing is written.

The dialogue is the one the national middleware itself has with the card (absolute paths, T=0 answers fetched with GET RESPONSE).
Everything read here is personal: it is handed to ``identity`` and ``certificates`` as bytes and never becomes part of a report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from asn1crypto import parser

from atsam_safe.cards.model import CardError
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

APPLICATIONS: Final = {
    "ias": bytes.fromhex("E828BD080F8025000001FF0010"),  # CPS3 by contact, and the IAS view of a CPS4
    "ias-contactless": bytes.fromhex("E828BD080F8025000001FF0020"),  # CPS3 by antenna
    "chipdoc": bytes.fromhex("8025000001FF0100"),  # CPS4
}
"""The names under which a card has the CPS application (ANS card-cps3.c and card-cps4.c)."""

ISSUER: Final = bytes.fromhex("8025000001")
"""Issuer number of the agency that makes the cards; the middleware refuses any other."""

MAXIMUM_FILE: Final = 8 * 1024
MAXIMUM_CERTIFICATES: Final = 8

_SERIAL_FILE: Final = "3F00D003"
_DIRECTORY_FILE: Final = "3F002F00"
_USUAL_FOLDER: Final = "3F000001"
_SERIAL_LENGTH: Final = 12
_BLOCK: Final = 0xE7
_MAXIMUM_ROUNDS: Final = 64

_OK: Final = b"\x90\x00"
_TAG_TEMPLATE: Final = 0x61
_TAG_PATH: Final = 0x51
_SEQUENCE: Final = 0x30
_OCTETS: Final = 0x04
_CERTIFICATE_FILES: Final = 0xA4
_VALUE: Final = 0xA1


class Transmitter(Protocol):
    """What this module needs of an open card."""

    def transmit(self, command: bytes) -> bytes:
        """Send one command; the answer ends with its two status bytes."""
        ...


class CardContent(msgspec.Struct, frozen=True):
    """What the card itself says, in clear: for the keyed digests and comparisons only. ``repr`` hides it.

    ``certificates`` is ``None`` when this card does not show its certificate files in the known way. ``application`` is a name of
    ``APPLICATIONS``.
    """

    serial: bytes
    certificates: tuple[bytes, ...] | None
    application: str = ""

    def __repr__(self) -> str:
        return "CardContent(<hidden>)"


def exchange(card: Transmitter, command: bytes) -> tuple[bytes, bytes]:
    """Send a command and gather its whole answer: data and final status bytes.

    ``61 xx`` (T=0: that much to fetch) and ``6C xx`` (ask again for exactly that much) are followed, a bounded number of times.
    """
    data = b""
    for _ in range(_MAXIMUM_ROUNDS):
        answer = card.transmit(command)
        if len(answer) < len(_OK):
            raise CardError(Problem(ref="cards.card-mute"))
        data += answer[:-2]
        status = answer[-2:]
        if status[0] == 0x61:  # noqa: PLR2004 - ISO 7816-3 status byte
            command = bytes((0x00, 0xC0, 0x00, 0x00, status[1]))
        elif status[0] == 0x6C:  # noqa: PLR2004 - ISO 7816-3 status byte
            command = command[:4] + status[1:2]
        else:
            return data, status
        if len(data) > MAXIMUM_FILE:
            break
    raise CardError(Problem(ref="cards.card-mute"))


def _select_path(card: Transmitter, path: str) -> bool:
    """Select a file or folder by its absolute path, without its description."""
    name = bytes.fromhex(path)
    _, status = exchange(card, bytes((0x00, 0xA4, 0x09, 0x0C, len(name))) + name)
    return status == _OK


def read_file(card: Transmitter, path: str) -> bytes | None:
    """Content of a transparent file by absolute path, or ``None`` when the card does not have it or does not show it."""
    if not _select_path(card, path):
        return None
    content = b""
    while len(content) <= MAXIMUM_FILE:
        offset = len(content)
        data, status = exchange(card, bytes((0x00, 0xB0, offset >> 8 & 0x7F, offset & 0xFF, _BLOCK)))
        content += data
        if status not in {_OK, b"\x62\x82"}:
            return content or None
        if len(data) < _BLOCK:
            return content
    return None


def select_application(card: Transmitter) -> str | None:
    """Select the CPS application under any of its names; the one that answered, or ``None``."""
    for kind, name in APPLICATIONS.items():
        _, status = exchange(card, bytes((0x00, 0xA4, 0x04, 0x0C, len(name))) + name)
        if status == _OK:
            return kind
    return None


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags (one byte) and contents of consecutive DER values; stops at the first byte that is none (files are padded)."""
    rest = data
    while rest and rest[0] not in {0x00, 0xFF}:
        try:
            _, _, _, header, content, trailer = parser.parse(rest)
        except ValueError:
            return
        yield header[0], content
        rest = rest[len(header) + len(content) + len(trailer) :]


def _first_path(content: bytes, depth: int = 0) -> str | None:
    """The first PKCS#15 path (a SEQUENCE that starts with an OCTET STRING) inside ``content``."""
    for tag, value in _items(content):
        if tag != _SEQUENCE:
            continue
        inner = next(_items(value), None)
        if inner is not None and inner[0] == _OCTETS and 1 < len(inner[1]) <= 16:  # noqa: PLR2004 - longest path the standard allows
            return inner[1].hex().upper()
        if depth < 4:  # noqa: PLR2004 - a path never lies deeper
            found = _first_path(value, depth + 1)
            if found is not None:
                return found
    return None


def _absolute(path: str, folder: str) -> str:
    return path if path.startswith("3F00") else folder + path


def application_folder(card: Transmitter) -> str:
    """Absolute path of the application's folder, from the card's own directory file."""
    directory = read_file(card, _DIRECTORY_FILE) or b""
    for tag, template in _items(directory):
        if tag == _TAG_TEMPLATE:
            for inner, value in _items(template):
                if inner == _TAG_PATH and 2 <= len(value) <= 16:  # noqa: PLR2004 - a path of one to eight files
                    return value.hex().upper()
    return _USUAL_FOLDER


def read_certificates(card: Transmitter) -> tuple[bytes, ...] | None:
    """The certificate files on the card itself, in the card's order; ``None`` when it does not show them in the PKCS#15 way."""
    folder = application_folder(card)
    directory = read_file(card, folder + "5031")
    if directory is None:
        return None
    listing = next((_first_path(value) for tag, value in _items(directory) if tag == _CERTIFICATE_FILES), None)
    if listing is None:
        return None
    entries = read_file(card, _absolute(listing, folder))
    if entries is None:
        return None
    found: list[bytes] = []
    for tag, entry in _items(entries):
        path = next((_first_path(value) for inner, value in _items(entry) if inner == _VALUE), None) if tag == _SEQUENCE else None
        content = read_file(card, _absolute(path, folder)) if path is not None else None
        first = next(_items(content or b""), None)
        if content is None or first is None:
            return None
        # A file may be longer than what is in it: only the certificate itself is compared.
        _, _, _, header, value, _ = parser.parse(content)
        found.append(header + value)
        if len(found) >= MAXIMUM_CERTIFICATES:
            break
    return tuple(found)


def read_card(card: Transmitter) -> CardContent:
    """Select the application and read serial number and certificate files.

    Raises ``CardError``: ``cards.application-missing``, ``cards.serial-unreadable``, ``cards.serial-foreign``.
    """
    application = select_application(card)
    if application is None:
        raise CardError(Problem(ref="cards.application-missing"))
    content = read_file(card, _SERIAL_FILE)
    if content is None or len(content) != _SERIAL_LENGTH or content[:2] != b"\x5a\x0a":
        raise CardError(Problem(ref="cards.serial-unreadable"))
    if content[2:7] != ISSUER:
        raise CardError(Problem(ref="cards.serial-foreign"))
    return CardContent(serial=content[2:], certificates=read_certificates(card), application=application)
