"""Writer of xar archives as Apple's tools of several generations make them."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import struct
import zlib
from typing import TYPE_CHECKING, Final, Protocol
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ALGORITHMS: Final = {"sha1": 1, "sha256": 3, "sha512": 4}
RSA_SLOT: Final = 256
CMS_SLOT: Final = 9216


@dataclasses.dataclass(frozen=True, kw_only=True)
class XarFile:
    """A file of the archive. ``compress``: stored as ``application/x-gzip``, as small members usually are."""

    name: str
    data: bytes
    compress: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class XarFolder:
    """A folder of the archive."""

    name: str
    children: tuple[XarFile | XarFolder, ...] = ()


class TocSigner(Protocol):
    """Signs a table of contents' digest in the two ways of a flat package."""

    @property
    def listed_certificates(self) -> Sequence[bytes]:
        """DER certificates to list, leaf first."""

    def rsa(self, digest: bytes, algorithm: str) -> bytes | None:
        """The RSA signature value (256 bytes), or ``None`` to leave the element out."""

    def cms(self, digest: bytes, algorithm: str) -> bytes | None:
        """The CMS structure, or ``None`` to leave the element out."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class XarOptions:
    """The forms found in the field.

    ``name_repeat``: equal ``<name>`` elements per file. ``unarchived``: the alias of OS X 10.10. ``attributes``: extended
    attributes with misplaced heap regions, as productsign leaves them. ``stale_tail``: bytes after the heap.
    ``edit_toc``: last change of the XML before it is compressed and signed (sabotage by somebody who can sign).
    """

    algorithm: str = "sha1"
    name_repeat: int = 1
    unarchived: bool = False
    attributes: int = 0
    stale_tail: bytes = b""
    creation: str = "2019-09-12T15:42:46"
    edit_toc: Callable[[bytes], bytes] | None = None


class _Writer:
    def __init__(self, options: XarOptions, heap_start: int) -> None:
        self._options = options
        self._identifier = 0
        self._offset = heap_start
        self.heap: list[bytes] = []

    def _digest(self, data: bytes) -> str:
        return hashlib.new(self._options.algorithm, data).hexdigest()

    def members(self, members: Sequence[XarFile | XarFolder], depth: int) -> str:
        return "".join(self._member(member, " " * depth) for member in members)

    def _member(self, member: XarFile | XarFolder, pad: str) -> str:
        self._identifier += 1
        name = f"{pad} <name>{escape(member.name)}</name>\n" * self._options.name_repeat
        opening = f'{pad}<file id="{self._identifier}">\n'
        if isinstance(member, XarFolder):
            inside = self.members(member.children, len(pad) + 1)
            return f"{opening}{pad} <mode>0700</mode>\n{pad} <type>directory</type>\n{name}{inside}{pad}</file>\n"
        stored = zlib.compress(member.data, 9) if member.compress else member.data
        encoding = "application/x-gzip" if member.compress else "application/octet-stream"
        extracted = "unarchived-checksum" if self._options.unarchived else "extracted-checksum"
        style = self._options.algorithm
        data = (
            f"{pad} <data>\n{pad}  <length>{len(stored)}</length>\n{pad}  <offset>{self._offset}</offset>\n"
            f'{pad}  <size>{len(member.data)}</size>\n{pad}  <encoding style="{encoding}"/>\n'
            f'{pad}  <{extracted} style="{style}">{self._digest(member.data)}</{extracted}>\n'
            f'{pad}  <archived-checksum style="{style}">{self._digest(stored)}</archived-checksum>\n{pad} </data>\n'
        )
        self.heap.append(stored)
        attributes = self._attributes(pad)
        self._offset += len(stored)
        return f"{opening}{data}{attributes}{pad} <type>file</type>\n{name}{pad}</file>\n"

    def _attributes(self, pad: str) -> str:
        # Every attribute claims the first bytes of the file's own region: the wrong relocation seen in genuine packages.
        return "".join(
            f'{pad} <ea id="{number}">\n{pad}  <length>4</length>\n{pad}  <offset>{self._offset}</offset>\n{pad}  <size>4</size>\n'
            f'{pad}  <encoding style="application/octet-stream"/>\n{pad}  <name>com.apple.test{number}</name>\n{pad} </ea>\n'
            for number in range(self._options.attributes)
        )


def _key_info(certificates: Sequence[bytes]) -> str:
    listed = "".join(
        f"     <X509Certificate>{base64.encodebytes(certificate).decode().strip()}</X509Certificate>\n" for certificate in certificates
    )
    return f'   <KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#">\n    <X509Data>\n{listed}    </X509Data>\n   </KeyInfo>\n'


def xar_archive(
    members: Sequence[XarFile | XarFolder],
    signer: TocSigner | None = None,
    options: XarOptions | None = None,
) -> bytes:
    """A whole archive. Heap order: checksum, RSA signature, CMS slot of 9216 bytes, files."""
    chosen = options or XarOptions()
    checksum_size = hashlib.new(chosen.algorithm).digest_size
    offset = checksum_size
    signatures = ""
    slots: list[tuple[str, int]] = []
    if signer is not None:
        probe = b"\0" * checksum_size
        for tag, style, slot, present in (
            ("signature", "RSA", RSA_SLOT, signer.rsa(probe, chosen.algorithm)),
            ("x-signature", "CMS", CMS_SLOT, signer.cms(probe, chosen.algorithm)),
        ):
            if present is None:
                continue
            signatures += (
                f'  <{tag} style="{style}">\n   <offset>{offset}</offset>\n   <size>{slot}</size>\n'
                f"{_key_info(signer.listed_certificates)}  </{tag}>\n"
            )
            slots.append((style, slot))
            offset += slot
    writer = _Writer(chosen, offset)
    files = writer.members(members, 2)
    toc = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<xar>\n <toc>\n  <creation-time>{chosen.creation}</creation-time>\n'
        f'  <checksum style="{chosen.algorithm}">\n   <offset>0</offset>\n   <size>{checksum_size}</size>\n  </checksum>\n'
        f"{signatures}{files} </toc>\n</xar>\n"
    ).encode()
    if chosen.edit_toc is not None:
        toc = chosen.edit_toc(toc)
    compressed = zlib.compress(toc, 9)
    digest = hashlib.new(chosen.algorithm, compressed).digest()
    out = struct.pack(">4sHHQQI", b"xar!", 28, 1, len(compressed), len(toc), _ALGORITHMS[chosen.algorithm]) + compressed + digest
    for style, slot in slots:
        assert signer is not None
        value = signer.rsa(digest, chosen.algorithm) if style == "RSA" else signer.cms(digest, chosen.algorithm)
        assert value is not None
        assert len(value) <= slot
        out += value.ljust(slot, b"\0")
    return out + b"".join(writer.heap) + chosen.stale_tail
