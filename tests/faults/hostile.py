"""Hostile packages as data: each kind is built, signed by the trusted authority wherever its author could have been.

Groups F7 (whom it is from), F8 (what is in the archive) and the structural cases of the flat package format.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
import io
import struct
import unicodedata
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

from lab.atsam import ATSAM_VERSIONS, CRYPTOLIB, GALSS, SRVSVCNAM, Sabotage, atsam_component, build_atsam, component_items
from lab.authority import ANS, SESAM_VITALE, Authority, Signer
from lab.cpio import cpio_archive
from lab.items import Item, directory, file, symlink, with_parents
from lab.macho import image
from lab.packages import Component, Product, flipped, product_package, rewritten
from lab.workstation import FSV
from lab.xar import XarOptions

if TYPE_CHECKING:
    from collections.abc import Callable

BUILD: Final = "4.41"
GALSS_VERSION: Final = ATSAM_VERSIONS[BUILD][GALSS]
COMPOUND_FILE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
TOP: Final = "Library/Application Support/Galss"
CLIENT: Final = "Library/Frameworks/galclosx.framework/Versions/A/galclosx"
LONG: Final = "n" * 300
KEPT: Final = {
    GALSS: (
        "galssosx.framework/Versions/A",
        "galclosx.framework/Versions/A",
        "pcscosx.framework/Versions/A/pcscosx",
        "galsvosx",
        "Library/Preferences/",
    ),
    SRVSVCNAM: ("SrvSVcnam_Lanceur", "LaunchAgents"),
    CRYPTOLIB: ("libcps3", "cps3_pkcs11.conf"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Makers:
    """Who can sign: the authority that the catalogue trusts, and one with the same names that it does not."""

    trusted: Authority
    foreign: Authority


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind. ``codes``: exit codes of ``check`` and ``install``; ``inspect`` reports (0) what can be read at all."""

    group: str
    build: Callable[[Makers], bytes]
    codes: frozenset[int] = frozenset({12})
    suffix: str = ".pkg"


def small(component: str) -> Sabotage:
    """A component cut down to what tells it from others."""
    items = component_items(component, ATSAM_VERSIONS[BUILD][component])
    return Sabotage(missing=tuple(item.path for item in items if not any(part in item.path for part in KEPT[component])))


def product(
    signer: Signer | None,
    *,
    galss: Sabotage | None = None,
    options: XarOptions | None = None,
    versions: dict[str, str] | None = None,
    build: str = BUILD,
) -> bytes:
    """The set of three with ``galss`` added to what is left out of it."""
    sabotage = {component: small(component) for component in ATSAM_VERSIONS[BUILD]}
    if galss is not None:
        sabotage[GALSS] = dataclasses.replace(galss, missing=(*sabotage[GALSS].missing, *galss.missing))
    return build_atsam(build, signer, sabotage=sabotage, versions=versions, options=options)


def whole(makers: Makers) -> bytes:
    """A sound package."""
    return product(makers.trusted.signer())


# --- ways to be wrong -------------------------------------------------------------------------------------------------------------------


def holding(*items: Item) -> Callable[[Makers], bytes]:
    """Sound and signed, with these members in its payload and in its bill."""
    return lambda makers: product(makers.trusted.signer(), galss=Sabotage(extra=items))


def instead_of(path: str, content: bytes) -> Callable[[Makers], bytes]:
    """Signed, with other content for one file of GALSS."""
    return lambda makers: product(makers.trusted.signer(), galss=Sabotage(contents=((path, content),)))


def payload_of(change: Callable[[bytes], bytes]) -> Callable[[Makers], bytes]:
    """Signed, with a payload that its author bent after packing it."""

    def build(makers: Makers) -> bytes:
        part = atsam_component(GALSS, GALSS_VERSION, small(GALSS))
        packed = change(cpio_archive(with_parents(part.items)))
        return _with_galss(makers, dataclasses.replace(part, payload_bytes=gzip.compress(packed, mtime=0)))

    return build


def stored_as(payload: bytes) -> Callable[[Makers], bytes]:
    """Signed, with these bytes in the place of the payload."""

    def build(makers: Makers) -> bytes:
        part = atsam_component(GALSS, GALSS_VERSION, small(GALSS))
        return _with_galss(makers, dataclasses.replace(part, payload_bytes=payload))

    return build


def billed(bill: bytes) -> Callable[[Makers], bytes]:
    """Signed, with these bytes in the place of the bill of materials."""

    def build(makers: Makers) -> bytes:
        part = atsam_component(GALSS, GALSS_VERSION, small(GALSS))
        return _with_galss(makers, dataclasses.replace(part, bom_bytes=bill))

    return build


def _with_galss(makers: Makers, galss: Component) -> bytes:
    others = tuple(atsam_component(name, ATSAM_VERSIONS[BUILD][name], small(name)) for name in (SRVSVCNAM, CRYPTOLIB))
    return product_package(Product(title="ATSAM", components=(galss, *others)), makers.trusted.signer())


def listed(old: bytes, new: bytes) -> Callable[[Makers], bytes]:
    """Signed, with a lie in its table of contents."""

    def change(toc: bytes) -> bytes:
        assert old in toc, old
        return toc.replace(old, new, 1)

    return lambda makers: product(makers.trusted.signer(), options=XarOptions(edit_toc=change))


def headed(position: int, content: bytes) -> Callable[[Makers], bytes]:
    """A sound package with other bytes in its header."""

    def build(makers: Makers) -> bytes:
        data = whole(makers)
        changed = rewritten(data, [(position, content)])
        assert changed != data, "the bytes were there already: this package is sound"
        return changed

    return build


def cut(part: float) -> Callable[[Makers], bytes]:
    """Only the first part of a sound package."""
    return lambda makers: whole(makers)[: int(len(whole(makers)) * part)]


def bent(place: float) -> Callable[[Makers], bytes]:
    """One bit turned over: at a part of the content (below 1), or in the byte of that number.

    Not between the two: the signatures' room ends in padding that nothing covers, and how long it is differs from one key to another.
    """

    def build(makers: Makers) -> bytes:
        data = whole(makers)
        content = 28 + int(struct.unpack(">Q", data[8:16])[0]) + 20 + 256 + 9216
        return flipped(data, content + int((len(data) - content) * place) if place < 1 else int(place))

    return build


def constant(data: bytes) -> Callable[[Makers], bytes]:
    """Bytes that are no package."""
    return lambda _makers: data


def zipped(*members: tuple[str, bytes | None]) -> Callable[[Makers], bytes]:
    """A .zip; ``None`` stands for a sound package."""

    def build(makers: Makers) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members:
                archive.writestr(name, whole(makers) if content is None else content)
        return out.getvalue()

    return build


def signed_by(**switches: Any) -> Callable[[Makers], bytes]:  # noqa: ANN401 - the fields of Signer
    """Sound, with another signature; ``cms_by`` and ``tsa_by`` may be ``"foreign"`` or ``"ans"``."""

    def build(makers: Makers) -> bytes:
        given = dict(switches)
        if given.get("cms_by") == "ans":
            given["cms_by"] = makers.trusted.signer(ANS)
        if given.get("tsa_by") == "foreign":
            given["tsa_by"] = makers.foreign
        return product(makers.trusted.signer(**given))

    return build


def unsigned_signature(makers: Makers) -> bytes:
    """The table of contents says it is signed; the signature's bytes are zeros."""
    data = whole(makers)
    start = 28 + int(struct.unpack(">Q", data[8:16])[0]) + 20
    return rewritten(data, [(start, bytes(256)), (start + 256, bytes(9216))])


def transplanted(makers: Makers) -> bytes:
    """The signature of another genuine package."""
    data, other = whole(makers), product(makers.trusted.signer(), versions={GALSS: "3.43.02"})
    start = 28 + int(struct.unpack(">Q", data[8:16])[0]) + 20
    begin = 28 + int(struct.unpack(">Q", other[8:16])[0]) + 20
    return rewritten(data, [(start, other[begin : begin + 256 + 9216])])


def short_payload(makers: Makers) -> bytes:
    """A file that the bill names and the payload does not bring."""
    return product(makers.trusted.signer(), galss=Sabotage(unpacked_missing=(f"{TOP}/galsvosx",)))


def toc_bomb(_makers: Makers) -> bytes:
    """A table of contents that is small packed and endless unpacked."""
    packed = zlib.compress(b"<xar>" + b" " * (1 << 25))
    return struct.pack(">4sHHQQI", b"xar!", 28, 1, len(packed), 1 << 40, 1) + packed


def deep_toc(_makers: Makers) -> bytes:
    """Elements in elements."""
    plain = b"<xar>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</xar>"
    packed = zlib.compress(plain)
    return struct.pack(">4sHHQQI", b"xar!", 28, 1, len(packed), len(plain), 1) + packed


def nested_zip(makers: Makers) -> bytes:
    """A .zip in a .zip in a .zip."""
    data = zipped(("a.pkg", None))(makers)
    for level in range(3):
        data = zipped((f"{level}.zip", data))(makers)
    return data


def entity_bomb() -> Callable[[Makers], bytes]:
    """A billion laughs in the table of contents."""
    entities = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    return listed(b"<xar>", f'<!DOCTYPE xar [<!ENTITY a0 "ha">{entities}]><xar>'.encode())


def _doubled(packed: bytes) -> bytes:
    """The first file's record once more, before the trailer."""
    trailer = packed.rindex(b"070707", 0, packed.rindex(b"TRAILER!!!"))
    twin = cpio_archive([file("Library/Preferences/galss.ini", b"another")])
    return packed[:trailer] + twin[: twin.rindex(b"070707", 0, twin.rindex(b"TRAILER!!!"))] + packed[trailer:]


NAME: Final = b"<name>Bom</name>"
REFUSED: Final = frozenset({10})
TAKEN: Final = frozenset({0, 20})
EITHER: Final = frozenset({10, 12})
FULLWIDTH: Final = "caf\u00e9"

KINDS: Final[dict[str, Kind]] = {
    # --- F7: whom it is from ---------------------------------------------------------------------------------------------------------
    "unsigned": Kind(group="F7", build=lambda _: product(None)),
    "signed by an authority with the same names": Kind(group="F7", build=lambda makers: product(makers.foreign.signer())),
    "signed by another team": Kind(group="F7", build=lambda makers: product(makers.trusted.signer(("Somebody Else", "ABCDE12345")))),
    "same display name, another team": Kind(
        group="F7", build=lambda makers: product(makers.trusted.signer(("GIE SESAM-Vitale", "ZZZZZ99999")))
    ),
    "expired, not time-stamped": Kind(group="F7", build=signed_by(timestamp_at=None)),
    "time stamp after the end of the certificate": Kind(group="F7", build=signed_by(timestamp_at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC))),
    "time stamp before the certificate": Kind(group="F7", build=signed_by(timestamp_at=dt.datetime(2017, 1, 1, tzinfo=dt.UTC))),
    "time stamp by a stranger": Kind(group="F7", build=signed_by(tsa_by="foreign")),
    "time stamp of another signature": Kind(group="F7", build=signed_by(imprint=b"\x11" * 20)),
    "two signers": Kind(group="F7", build=signed_by(cms_by="ans")),
    "chain of the leaf alone": Kind(group="F7", build=signed_by(listed=1)),
    "certificate for applications": Kind(
        group="F7", build=lambda makers: product(Signer(authority=makers.trusted, certificate=makers.trusted.leaf(application=True)))
    ),
    "signature of zeros": Kind(group="F7", build=unsigned_signature),
    "signature of another package": Kind(group="F7", build=transplanted),
    "genuine, for another release of the system": Kind(group="F7", build=lambda m: build_atsam("4.50", m.trusted.signer()), codes=REFUSED),
    "parts of two sets mixed": Kind(
        group="F7", build=lambda makers: product(makers.trusted.signer(), versions={GALSS: "3.43.02"}), codes=EITHER
    ),
    "a release that nobody knows": Kind(
        group="F7", build=lambda makers: product(makers.trusted.signer(), versions={GALSS: "9.99.99"}), codes=EITHER
    ),
    "one component that is none of ours": Kind(
        group="F7", build=lambda makers: product(makers.trusted.signer(), galss=Sabotage(identifier="com.example.other")), codes=EITHER
    ),
    "login page saved as a package": Kind(group="F7", build=constant(b"<!DOCTYPE html><html><title>Connexion</title></html>")),
    "empty file": Kind(group="F7", build=constant(b"")),
    "download cut at a tenth": Kind(group="F7", build=cut(0.1)),
    "download cut at a half": Kind(group="F7", build=cut(0.5)),
    "download cut at the last byte": Kind(group="F7", build=lambda makers: whole(makers)[:-1]),
    # --- F8: what is in the archive --------------------------------------------------------------------------------------------------
    "member that climbs": Kind(group="F8", build=holding(file("../../evil", b"x"))),
    "member that climbs from inside": Kind(group="F8", build=holding(file("Library/../../evil", b"x"))),
    "absolute member": Kind(group="F8", build=holding(file("/private/etc/evil", b"x"))),
    "link, then a member below it": Kind(group="F8", build=holding(symlink(f"{TOP}/out", "/private/etc"), file(f"{TOP}/out/evil", b"x"))),
    "link that climbs, then a member below it": Kind(
        group="F8", build=holding(symlink(f"{TOP}/out", "../../../../etc"), file(f"{TOP}/out/evil", b"x"))
    ),
    "hard links of one inode with other data": Kind(group="F8", build=payload_of(lambda packed: packed.replace(b"000002", b"000003", 40))),
    "character device": Kind(group="F8", build=holding(Item(path=f"{TOP}/device", kind="character-device"))),
    "block device": Kind(group="F8", build=holding(Item(path=f"{TOP}/device", kind="block-device"))),
    "named pipe": Kind(group="F8", build=holding(Item(path=f"{TOP}/pipe", kind="fifo"))),
    "socket": Kind(group="F8", build=holding(Item(path=f"{TOP}/socket", kind="socket"))),
    "the same name twice": Kind(group="F8", build=payload_of(_doubled)),
    "names that differ by case": Kind(group="F8", build=holding(file(f"{TOP}/readme", b"a"), file(f"{TOP}/README", b"b"))),
    "names that differ by composition": Kind(
        group="F8", build=holding(file(f"{TOP}/{FULLWIDTH}", b"a"), file(f"{TOP}/{unicodedata.normalize('NFD', FULLWIDTH)}", b"b"))
    ),
    "name of 300 bytes": Kind(group="F8", build=holding(file(f"{TOP}/{LONG}", b"x"))),
    "path of 5,000 characters": Kind(group="F8", build=holding(file("/".join([TOP, *(["n" * 99] * 50)]), b"x"))),
    "newline in a name": Kind(group="F8", build=holding(file(f"{TOP}/two\nlines", b"x"))),
    "escape sequence in a name": Kind(group="F8", build=holding(file(f"{TOP}/\x1b[2Jcleared", b"x"))),
    "name that is no text": Kind(group="F8", build=holding(file(f"{TOP}/\udcff\udcfe", b"x"))),
    "payload that unpacks to much more than it says": Kind(group="F8", build=stored_as(gzip.compress(bytes(64 << 20), mtime=0))),
    "payload of random bytes": Kind(group="F8", build=stored_as(bytes(range(256)) * 40)),
    "payload that is no archive": Kind(group="F8", build=stored_as(gzip.compress(b"hello", mtime=0))),
    "payload with bytes after the trailer": Kind(group="F8", build=payload_of(lambda packed: packed + b"more")),
    "payload cut short": Kind(group="F8", build=payload_of(lambda packed: packed[: len(packed) // 2])),
    "payload without its trailer": Kind(group="F8", build=payload_of(lambda packed: packed.replace(b"TRAILER!!!", b"TRAILER!!?"))),
    "cpio header that is no number": Kind(group="F8", build=payload_of(lambda packed: packed.replace(b"070707", b"07070x", 1))),
    "cpio size beyond the end": Kind(group="F8", build=payload_of(lambda packed: packed[:65] + b"77777777777" + packed[76:])),
    "payload with a wrong gzip checksum": Kind(group="F8", build=stored_as(gzip.compress(bytes(100), mtime=0)[:-8] + bytes(8))),
    "encrypted payload": Kind(group="F8", build=stored_as(b"pbze" + bytes(64))),
    "pbzx chunk that lies": Kind(group="F8", build=stored_as(b"pbzx" + struct.pack(">QQQ", 1 << 24, 1 << 24, 1 << 60))),
    "bill of another payload": Kind(group="F8", build=short_payload),
    "bill that is no bill": Kind(group="F8", build=billed(b"BOMStore" + bytes(100))),
    # --- structure -------------------------------------------------------------------------------------------------------------------
    "two names for one member": Kind(group="structure", build=listed(NAME, NAME + b"<name>Bom2</name>")),
    "archive name that climbs": Kind(group="structure", build=listed(NAME, b"<name>..</name>")),
    "archive name with a slash": Kind(group="structure", build=listed(NAME, b"<name>a/b</name>")),
    "archive member without a name": Kind(group="structure", build=listed(NAME, b"")),
    "one archive member twice": Kind(group="structure", build=listed(NAME, b"<name>Payload</name>")),
    "entity bomb": Kind(group="structure", build=entity_bomb()),
    "external entity": Kind(group="structure", build=listed(b"<xar>", b"<!DOCTYPE xar SYSTEM 'file:///etc/passwd'><xar>")),
    "table that is no XML": Kind(group="structure", build=listed(b"</toc>", b"</tac>")),
    "offset in another base": Kind(group="structure", build=listed(b"<offset>0</offset>", b"<offset>0x0</offset>")),
    "negative offset": Kind(group="structure", build=listed(b"<offset>0</offset>", b"<offset>-1</offset>")),
    "offset that wraps": Kind(group="structure", build=listed(b"<offset>0</offset>", b"<offset>4294967296</offset>")),
    "offset beyond every disk": Kind(group="structure", build=listed(b"<offset>0</offset>", b"<offset>9223372036854775808</offset>")),
    "checksum of a member removed": Kind(group="structure", build=listed(b"archived-checksum", b"other-checksum")),
    "checksum that anybody can forge": Kind(
        group="structure", build=listed(b'<archived-checksum style="sha1">', b'<archived-checksum style="md5">')
    ),
    "unknown encoding": Kind(group="structure", build=listed(b'style="application/x-gzip"', b'style="application/x-secret"')),
    "member of an odd type": Kind(group="structure", build=listed(b"<type>file</type>", b"<type>fifo</type>")),
    "header of another size": Kind(group="structure", build=headed(4, struct.pack(">H", 64))),
    "header of another version": Kind(group="structure", build=headed(6, struct.pack(">H", 2))),
    "no checksum of the table": Kind(group="structure", build=headed(24, struct.pack(">I", 0))),
    "table shorter than it says": Kind(group="structure", build=headed(16, struct.pack(">Q", 100))),
    "table bomb": Kind(group="structure", build=toc_bomb),
    "table too deep": Kind(group="structure", build=deep_toc),
    "bit flipped in the table": Kind(group="structure", build=bent(100)),
    "bit flipped in the middle": Kind(group="structure", build=bent(0.5)),
    "bit flipped near the end": Kind(group="structure", build=bent(0.97)),
    # --- containers ------------------------------------------------------------------------------------------------------------------
    ".zip that climbs": Kind(group="containers", build=zipped(("../evil.pkg", None)), suffix=".zip"),
    ".zip with an absolute name": Kind(group="containers", build=zipped(("/evil.pkg", None)), suffix=".zip"),
    ".zip in .zip in .zip": Kind(group="containers", build=nested_zip, suffix=".zip"),
    ".zip of nothing": Kind(group="containers", build=zipped(), suffix=".zip"),
    ".zip with a package and a damaged one": Kind(group="containers", build=zipped(("a.pkg", None), ("b.pkg", b"xar!")), suffix=".zip"),
    "disk image of random bytes": Kind(group="containers", build=constant(b"koly" * 400), suffix=".dmg"),
    ".zip bomb": Kind(group="containers", build=zipped(("a.pkg", bytes(24 << 20))), suffix=".zip"),
    "bomb in a bomb": Kind(group="F8", build=stored_as(gzip.compress(gzip.compress(bytes(256 << 20), mtime=0), mtime=0))),
    # sound in every way, listed and signed: only its size is none that a publisher would have
    "signed file of zeros": Kind(group="F8", build=holding(file(f"{TOP}/zeros", bytes(128 << 20)))),
    "installer with a table that lies": Kind(group="F8", build=constant(COMPOUND_FILE[:512] + b"\xff" * 8192), suffix=".msi", codes=EITHER),
    "hard link to a place outside": Kind(
        group="F8", build=payload_of(lambda packed: packed.replace(b"./Library/Preferences/galss.ini", b"./../../../../etc/master.passwd"))
    ),
    "a component without one of its programs": Kind(
        group="F8", build=lambda makers: product(makers.trusted.signer(), galss=Sabotage(missing=(CLIENT,))), codes=REFUSED
    ),
    "folder in the place of a program": Kind(group="F8", build=holding(directory(f"{TOP}/galsvosx")), codes=REFUSED),
    "empty library": Kind(group="F8", build=instead_of(CLIENT, b""), codes=REFUSED),
    "text in the place of a library": Kind(group="F8", build=instead_of(CLIENT, b"#!/bin/sh\nexit 0\n"), codes=REFUSED),
    "library for another processor": Kind(group="F8", build=instead_of(CLIENT, image(("arm64",), minimum_os="13.0")), codes=REFUSED),
    "library for a later system": Kind(group="F8", build=instead_of(CLIENT, image(("x86_64",), minimum_os="10.15")), codes=REFUSED),
    "bill missing": Kind(group="F8", build=billed(b""), codes=REFUSED),
    "payload over a file of another product": Kind(group="F8", build=holding(file(f"{FSV}/ssv/libssv.dylib", b"x")), codes=REFUSED),
    "program where the system starts it": Kind(
        group="F8", build=holding(file("Library/LaunchDaemons/com.evil.plist", b"<plist/>")), codes=REFUSED
    ),
    "drive letter at the root": Kind(group="F8", build=holding(file("C:\\Windows\\evil.dll", b"x"))),
    "network path at the root": Kind(group="F8", build=holding(file("\\\\server\\share\\evil", b"x"))),
    "file at the root": Kind(group="F8", build=holding(file("x", b"x"))),
    "folder at the root": Kind(group="F8", build=holding(directory("x"))),
    "file in a folder of the system": Kind(group="F8", build=holding(file("System/Library/evil", b"x"))),
    "installer of another system": Kind(group="containers", build=constant(COMPOUND_FILE), suffix=".msi", codes=EITHER),
}

# strange, and no danger: on macOS these are names like others, and no link is followed; 20: found out and brought back
ODDITIES: Final[dict[str, Kind]] = {
    "drive letter": Kind(group="F8", codes=TAKEN, build=holding(file(f"{TOP}/C:\\Windows\\evil.dll", b"x"))),
    "network path": Kind(group="F8", codes=TAKEN, build=holding(file(f"{TOP}/\\\\server\\share\\evil", b"x"))),
    "link to an absolute place": Kind(group="F8", codes=TAKEN, build=holding(symlink(f"{TOP}/passwd", "/private/etc/master.passwd"))),
    "folder in the place of a file": Kind(group="F8", codes=TAKEN, build=holding(directory(f"{TOP}/uninstall.sh"))),
    "set-uid program": Kind(group="F8", codes=TAKEN, build=holding(file(f"{TOP}/galsvosx2", b"x", 0o4755))),
    "name of a device of Windows": Kind(group="F8", codes=TAKEN, build=holding(file(f"{TOP}/CON", b"x"), file(f"{TOP}/nul.txt", b"x"))),
    "name that ends with a dot": Kind(group="F8", codes=TAKEN, build=holding(file(f"{TOP}/dot.", b"x"), file(f"{TOP}/space ", b"x"))),
    "the same team under another name": Kind(
        group="F7", codes=TAKEN, build=lambda makers: product(makers.trusted.signer(("Renamed Publisher", SESAM_VITALE[1])))
    ),
}
