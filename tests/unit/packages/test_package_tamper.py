"""Somebody changed something: always refused, never a traceback."""

from __future__ import annotations

import random
import struct
import zlib
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from atsam_safe.packages.cms import der_length
from atsam_safe.packages.limits import Limits
from atsam_safe.packages.reading import PinnedFile
from atsam_safe.packages.signature import check_signature
from atsam_safe.packages.xar import XarArchive
from lab.atsam import GALSS, build_atsam, build_component
from lab.authority import SIGNED_AT, Signer
from lab.cpio import cpio_archive
from lab.inspecting import NOW
from lab.items import Item, file, with_parents
from lab.packages import Component, component_package, flipped, rewritten
from lab.xar import XarOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.packages.model import Inspection
    from lab.authority import Authority
    from lab.inspecting import InspectBytes


SLOT = 9216
TIMESTAMP_ATTRIBUTE = bytes.fromhex("060b2a864886f70d010910020e")


def refs(inspection: Inspection) -> list[str]:
    return [reason.ref for reason in inspection.signature.reasons]


def fault(inspection: Inspection) -> str | None:
    return inspection.signature.reasons[0].params.get("fault") if inspection.signature.reasons else None


def heap_start(package: bytes) -> int:
    return 28 + int(struct.unpack(">Q", package[8:16])[0])


def test_any_flipped_bit_is_refused(authority: Authority, inspect_bytes: InspectBytes) -> None:
    """Header, table of contents, checksum, RSA signature, every file and the ticket; the seed is in the failure."""
    package = build_component(GALSS, "3.43.02", authority.signer())
    stapled = authority.staple(package)
    heap = heap_start(package)
    cms = range(heap + 20 + 256, heap + 20 + 256 + 9216)
    trailers = {*range(len(stapled) - 4, len(stapled)), *range(len(package) + 12, len(package) + 16)}
    seed = 20260423
    rng = random.Random(seed)  # noqa: S311 - reproducible positions
    positions = [*range(28), *rng.sample([p for p in range(28, len(stapled)) if p not in cms and p not in trailers], 260)]
    positions += [*range(heap, heap + 20), *range(heap + 20, heap + 276, 7)]
    for position in positions:
        verdict = inspect_bytes(flipped(stapled, position, rng.randrange(8))).signature.verdict
        # A flip in the ticket's own magic turns it into unauthenticated bytes after the heap: nothing is claimed then.
        if verdict != "refused":
            inspection = inspect_bytes(flipped(stapled, position, 0))
            assert position >= len(stapled) - 16, (seed, position, refs(inspection))
            assert not inspection.signature.notarized


SMALL = Component(identifier="fr.sesamvitale.galss.pkg", version="3.43.02", items=(file("o/1", b"x"),), scripts={"preinstall": "exit 0"})


@pytest.fixture(scope="module")
def small(authority: Authority) -> bytes:
    """A whole signed package of few bytes: each of them is tried."""
    return component_package(SMALL, authority.signer())


@pytest.mark.parametrize("part", range(4))
def test_every_byte_outside_of_the_cms_is_covered(part: int, small: bytes, inspect_bytes: InspectBytes) -> None:
    """Header, table of contents, checksum, RSA signature, bill, payload, scripts, description; which bit goes round."""
    start = heap_start(small) + 20 + 256
    unnoticed = [
        position
        for position in (*range(part, start, 4), *range(start + SLOT + part, len(small), 4))
        if (found := inspect_bytes(flipped(small, position, position % 8))).signature.verdict != "refused"
        or "package.foreign-root" in refs(found)
    ]
    assert not unnoticed


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("attributes", [True, False], ids=["attributes", "bare"])
def test_every_byte_of_the_cms_is_covered(part: int, attributes: bool, authority: Authority, tmp_path: Path) -> None:  # noqa: FBT001 - parametrised
    """Damage is told as damage wherever it lies: never as another authority, never as no time stamp, never as nothing.

    The form without attributes shares certificates and time stamp with the usual one: there, what differs is tried.
    """
    path = tmp_path / "small.pkg"
    path.write_bytes(component_package(SMALL, authority.signer(attributes=attributes)))
    trust = authority.trust()
    with PinnedFile.open(path, Limits()) as opened:
        archive = XarArchive(opened)
        sound = archive.cms_signature
        assert sound is not None
        assert check_signature(archive, trust, now=NOW).verdict == "developer-id"
        length = der_length(sound.data) or 0
        stamp = sound.data.index(TIMESTAMP_ATTRIBUTE)
        # the padding is one check: its first bytes and its last ones tell
        positions = [*range(part, length, 4), *range(length + part, length + 40, 4), SLOT - 1 - part]
        if not attributes:
            certificates = sound.data.index(authority.certificates["root"].public_bytes(Encoding.DER))
            signer = sound.data.index(authority.leaf().public_bytes(Encoding.DER)) + 900
            positions = [position for position in positions if position < certificates or signer < position < stamp]
        unnoticed = []
        for position in positions:
            archive.cms_signature = msgspec.structs.replace(sound, data=flipped(sound.data, position, position % 8))
            found = check_signature(archive, trust, now=NOW)
            if (found.verdict, {reason.ref for reason in found.reasons}) != ("refused", {"package.signature-invalid"}):
                unnoticed.append((position, found.verdict, found.reasons))
    assert not unnoticed


@pytest.mark.parametrize("role", ["leaf", "developer", "root", "tsa", "timestamp", "timestamp-root"])
def test_a_certificate_that_was_changed_is_damage_and_not_a_matter_of_trust(
    role: str, authority: Authority, inspect_bytes: InspectBytes
) -> None:
    """Every certificate in the CMS is covered by its issuer's signature: in its middle (the key), and in that signature itself."""
    package = build_component(GALSS, "3.43.02", authority.signer())
    start = heap_start(package) + 20 + 256
    certificate = authority.leaf() if role == "leaf" else authority.certificates[role.removeprefix("timestamp-")]
    der = certificate.public_bytes(Encoding.DER)
    found = package.rindex(der) if role == "timestamp-root" else package.index(der, start)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for position in (der.index(key) + 100, len(der) - 20):
        signature = inspect_bytes(flipped(package, found + position)).signature
        assert (signature.verdict, signature.reasons[0].ref) == ("refused", "package.signature-invalid"), (role, position)


@pytest.mark.parametrize("bare_name", [True, False], ids=["named", "identified"])
def test_a_changed_certificate_below_a_pinned_key_is_damage(bare_name: bool, authority: Authority, inspect_bytes: InspectBytes) -> None:  # noqa: FBT001 - parametrised
    """Packages with the leaf alone: its issuer did not come along, but its key is pinned. A stranger's key identifier is no damage."""
    pinned = authority.trust(intermediates=True)
    stranger = x509.AuthorityKeyIdentifier(b"\7" * 20, None, None)
    key_of = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.certificates["developer"].public_key())  # type: ignore[arg-type]  # an RSA key
    subject = authority.leaf().subject
    for identifier, expected in ((None if bare_name else key_of, "refused"), (stranger, "untrusted")):
        leaf = reissued(authority, subject, identifier)
        signer = Signer(authority=authority, certificate=leaf, listed=1, timestamp_at=None)
        der = bytearray(leaf.public_bytes(Encoding.DER))
        der[-20] ^= 1
        signer.certificate = x509.load_der_x509_certificate(bytes(der))
        assert inspect_bytes(component_package(SMALL, signer), trust=pinned, now=SIGNED_AT).signature.verdict == expected


def reissued(authority: Authority, subject: x509.Name, identifier: x509.AuthorityKeyIdentifier | None) -> x509.Certificate:
    """A leaf below the pinned authority; with its issuer's key identifier when there is one."""
    usual = authority.leaf()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(usual.issuer)
        .public_key(usual.public_key())
        .serial_number(7)
        .not_valid_before(usual.not_valid_before_utc)
        .not_valid_after(usual.not_valid_after_utc)
    )
    if identifier is not None:
        builder = builder.add_extension(identifier, critical=False)
    key = authority.keys["developer"]
    return builder.sign(key, hashes.SHA256())


def edited(change: Callable[[bytes], bytes]) -> Callable[[Authority], bytes]:
    """A package whose author himself made the table of contents wrong, signature and checksum being right."""

    def build(authority: Authority) -> bytes:
        return build_component(GALSS, "3.43.02", authority.signer(), options=XarOptions(edit_toc=change))

    return build


def substituted(old: bytes, new: bytes, count: int = 1) -> Callable[[Authority], bytes]:
    def change(toc: bytes) -> bytes:
        assert old in toc
        return toc.replace(old, new, count)

    return edited(change)


STRUCTURAL: dict[str, tuple[Callable[[Authority], bytes], str]] = {
    "differing-names": (substituted(b"<name>Bom</name>", b"<name>Bom</name><name>Bom2</name>"), "differing-names"),
    "foreign-file": (
        substituted(b"</toc>", b'<a:file xmlns:a="urn:a" id="99"><name>Payload2</name><type>file</type></a:file></toc>'),
        "file-of-a-namespace",
    ),
    "parent-name": (substituted(b"<name>Bom</name>", b"<name>..</name>"), "archive-name"),
    "slash-name": (substituted(b"<name>Bom</name>", b"<name>a/b</name>"), "archive-name"),
    "no-name": (substituted(b"<name>Bom</name>", b""), "missing-name"),
    "same-member-twice": (substituted(b"<name>Bom</name>", b"<name>Payload</name>"), "repeated-member"),
    "document-type": (substituted(b"<xar>", b"<!DOCTYPE xar [<!ENTITY a 'b'>]><xar>"), "xml-document-type"),
    "external-entity": (substituted(b"<xar>", b"<!DOCTYPE xar SYSTEM 'file:///etc/passwd'><xar>"), "xml-document-type"),
    "other-encoding": (substituted(b'encoding="UTF-8"', b'encoding="ISO-8859-1"'), "xml-encoding"),
    "not-xml": (substituted(b"</toc>", b"</tac>"), "xml-malformed"),
    "hex-offset": (substituted(b"<offset>0</offset>", b"<offset>0x0</offset>"), "integer-offset"),
    "signed-offset": (substituted(b"<offset>0</offset>", b"<offset>-0</offset>"), "integer-offset"),
    "leading-zero": (substituted(b"<offset>0</offset>", b"<offset>00</offset>"), "integer-offset"),
    "wrapped-offset": (substituted(b"<offset>0</offset>", b"<offset>4294967296</offset>"), "past-end-of-file"),
    "huge-offset": (substituted(b"<offset>0</offset>", b"<offset>9223372036854775808</offset>"), "integer-offset"),
    "checksum-moved": (substituted(b"<offset>0</offset>", b"<offset>20</offset>"), "toc-checksum"),
    "checksum-size": (substituted(b"<size>20</size>", b"<size>19</size>"), "checksum-size"),
    "checksum-style": (substituted(b'<checksum style="sha1">', b'<checksum style="sha256">'), "checksum-style"),
    "two-checksums": (
        substituted(b"  <checksum", b'  <checksum style="sha1"><offset>0</offset><size>20</size></checksum><checksum'),
        "repeated-checksum",
    ),
    "md5-file": (substituted(b'<archived-checksum style="sha1">', b'<archived-checksum style="md5">'), "checksum-algorithm"),
    "none-file": (substituted(b'<extracted-checksum style="sha1">', b'<extracted-checksum style="none">'), "checksum-algorithm"),
    "unknown-encoding": (substituted(b'style="application/x-gzip"', b'style="application/x-secret"'), "encoding"),
    "wrong-encoding": (substituted(b'style="application/x-gzip"', b'style="application/x-bzip2"'), "compressed-data"),
    "folder-with-data": (substituted(b"<type>file</type>", b"<type>directory</type>"), "directory-with-data"),
    "odd-type": (substituted(b"<type>file</type>", b"<type>fifo</type>"), "member-type"),
}


@pytest.mark.parametrize("case", STRUCTURAL)
def test_structural_lies_are_refused_even_when_signed(case: str, authority: Authority, inspect_bytes: InspectBytes) -> None:
    build, expected = STRUCTURAL[case]
    inspection = inspect_bytes(build(authority))
    assert inspection.signature.verdict == "refused"
    assert fault(inspection) == expected


def test_missing_checksum_is_refused(authority: Authority, inspect_bytes: InspectBytes) -> None:
    def drop(toc: bytes) -> bytes:
        start = toc.index(b"<archived-checksum")
        end = toc.index(b"</archived-checksum>") + len(b"</archived-checksum>")
        return toc[:start] + toc[end:]

    inspection = inspect_bytes(edited(drop)(authority))
    assert fault(inspection) == "missing-archived-checksum"


@pytest.mark.parametrize("wrong", [b"<offset>99999999</offset>", b"<offset>-1</offset>", b""])
def test_attributes_are_never_a_reason(wrong: bytes, authority: Authority, inspect_bytes: InspectBytes) -> None:
    """Genuine tools misplace extended attributes; nobody reads them, so nobody fails on them."""

    def misplace(toc: bytes) -> bytes:
        start = toc.index(b"<offset>", toc.index(b"<ea"))
        return toc[:start] + wrong + toc[toc.index(b"</offset>", start) + 9 :]

    package = build_component(GALSS, "3.43.02", authority.signer(), options=XarOptions(edit_toc=misplace, attributes=2))
    assert inspect_bytes(package).signature.verdict == "developer-id"


def test_overlapping_regions(authority: Authority, inspect_bytes: InspectBytes) -> None:
    def overlap(toc: bytes) -> bytes:
        first = toc.index(b"<offset>", toc.index(b"<file"))
        second = toc.index(b"<offset>", first + 1)
        number = int(toc[first + 8 : toc.index(b"<", first + 8)])
        end = toc.index(b"<", second + 8)
        return toc[: second + 8] + str(number + 1).encode() + toc[end:]

    assert fault(inspect_bytes(edited(overlap)(authority))) == "overlapping-regions"


HEADERS: dict[str, tuple[int, bytes, str]] = {
    "header-64": (4, struct.pack(">H", 64), "header-size"),
    "version-2": (6, struct.pack(">H", 2), "version"),
    "checksum-none": (24, struct.pack(">I", 0), "checksum-algorithm"),
    "checksum-md5": (24, struct.pack(">I", 2), "checksum-algorithm"),
    "checksum-other": (24, struct.pack(">I", 3), "checksum-style"),
    "toc-shorter": (16, struct.pack(">Q", 100), "length"),
    "toc-longer": (16, struct.pack(">Q", 1_000_000), "length"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_header_lies(case: str, authority: Authority, inspect_bytes: InspectBytes) -> None:
    position, content, expected = HEADERS[case]
    package = build_component(GALSS, "3.43.02", authority.signer())
    assert fault(inspect_bytes(rewritten(package, [(position, content)]))) == expected


def test_toc_bomb_is_bounded(inspect_bytes: InspectBytes) -> None:
    compressed = zlib.compress(b"<xar>" + b" " * (1 << 24))
    package = struct.pack(">4sHHQQI", b"xar!", 28, 1, len(compressed), 1 << 40, 1) + compressed
    assert refs(inspect_bytes(package)) == ["package.too-large"]
    claimed = rewritten(package, [(16, struct.pack(">Q", 60_000_000))])
    assert refs(inspect_bytes(claimed)) == ["package.too-large"]
    deep = b"<xar>" + b"<a>" * 200 + b"</a>" * 200 + b"</xar>"
    package = struct.pack(">4sHHQQI", b"xar!", 28, 1, len(zlib.compress(deep)), len(deep), 1) + zlib.compress(deep)
    assert fault(inspect_bytes(package)) == "xml-too-large"


def test_signature_removed_or_moved(authority: Authority, inspect_bytes: InspectBytes) -> None:
    """Taking the signature away leaves an unsigned package; taking one from another package is tampering."""
    signed = build_component(GALSS, "3.43.02", authority.signer())
    other = build_component(GALSS, "3.42.03", authority.signer())
    start, other_start = heap_start(signed) + 20, heap_start(other) + 20
    assert inspect_bytes(rewritten(signed, [(start, other[other_start : other_start + 256])])).signature.verdict == "refused"
    moved_cms = rewritten(signed, [(start + 256, other[other_start + 256 : other_start + 256 + 9216])])
    assert inspect_bytes(moved_cms).signature.verdict == "refused"
    zeroed = rewritten(signed, [(start + 256, b"\0" * 9216)])
    assert inspect_bytes(zeroed).signature.verdict == "refused"
    padded = rewritten(signed, [(start + 256 + 9215, b"\1")])
    assert fault(inspect_bytes(padded)) == "data-after-structure"


@pytest.mark.parametrize("length", [0, 1, 3, 4, 10, 27, 28, 29, 100, 1000, 5000])
def test_truncated(length: int, authority: Authority, inspect_bytes: InspectBytes) -> None:
    package = build_component(GALSS, "3.43.02", authority.signer())
    inspection = inspect_bytes(package[:length])
    assert inspection.signature.verdict == "refused"
    expected = "package.empty" if length == 0 else "package.not-a-package" if length < 4 else "package.damaged"
    assert refs(inspection)[0] == expected


def test_last_byte_missing(authority: Authority, inspect_bytes: InspectBytes) -> None:
    assert inspect_bytes(build_atsam("4.41", authority.signer())[:-1]).signature.verdict == "refused"


@pytest.mark.parametrize("content", [b"<html>proxy login</html>" * 40, b"\x7fELF" + b"\0" * 400, b"\0" * 4096])
def test_something_else_under_the_name_of_a_package(content: bytes, inspect_bytes: InspectBytes) -> None:
    inspection = inspect_bytes(content)
    assert refs(inspection) == ["package.not-a-package"]
    assert inspection.format == "unknown"
    assert inspection.sha256 is not None


HOSTILE_PATHS: dict[str, tuple[tuple[Item, ...], str]] = {
    "parent": ((file("../etc/passwd", b"x"),), "package.unsafe-path"),
    "parent-inside": ((file("opt/../../x", b"x"),), "package.unsafe-path"),
    "absolute": ((file("/etc/passwd", b"x"),), "package.unsafe-path"),
    "newline": ((file("opt/a\nb", b"x"),), "package.unsafe-path"),
    "escape": ((file("opt/\x1b[2J", b"x"),), "package.unsafe-path"),
    "not-utf-8": ((file("opt/\udcff", b"x"),), "package.unsafe-path"),
    "long-name": ((file("opt/" + "n" * 256, b"x"),), "package.unsafe-path"),
    "long-path": ((file("/".join(["n" * 200] * 6), b"x"),), "package.unsafe-path"),
    "character-device": ((Item(path="opt/null", kind="character-device"),), "package.unsafe-path"),
    "block-device": ((Item(path="opt/disk", kind="block-device"),), "package.unsafe-path"),
    "fifo": ((Item(path="opt/pipe", kind="fifo"),), "package.unsafe-path"),
    "socket": ((Item(path="opt/socket", kind="socket"),), "package.unsafe-path"),
    "below-own-link": ((Item(path="opt/a", kind="symlink", link="/etc"), file("opt/a/b", b"x")), "package.unsafe-path"),
    "below-own-file": ((file("opt/a", b"x"), file("opt/a/b", b"x")), "package.unsafe-path"),
    "link-after-content": ((file("opt/A/b", b"x"), Item(path="opt/a", kind="symlink", link="/etc")), "package.path-collision"),
    "link-leaves-root": ((Item(path="opt/a", kind="symlink", link="../../etc"),), "package.unsafe-path"),
    "link-climbs-first": ((Item(path="opt/a", kind="symlink", link="../../opt/b"),), "package.unsafe-path"),
    "empty-link": ((Item(path="opt/a", kind="symlink", link=""),), "package.unsafe-path"),
    "control-in-link": ((Item(path="opt/a", kind="symlink", link="b\nc"),), "package.unsafe-path"),
    "system-link-replaced": ((Item(path="etc", kind="symlink", link="opt"),), "package.unsafe-path"),
    "system-link-other-case": ((file("ETC/hosts", b"x"),), "package.unsafe-path"),
    "case": ((file("opt/a", b"x"), file("opt/A", b"y")), "package.path-collision"),
    "case-of-folder": ((file("opt/a", b"x"), file("Opt/b", b"y")), "package.path-collision"),
    "unicode": ((file("opt/\u00e9", b"x"), file("opt/e\u0301", b"y")), "package.path-collision"),
    "sharp-s": ((file("opt/stra\u00dfe", b"x"), file("opt/STRASSE", b"y")), "package.path-collision"),
}


@pytest.mark.parametrize("case", HOSTILE_PATHS)
def test_hostile_paths_are_refused_at_inspection(case: str, authority: Authority, inspect_bytes: InspectBytes) -> None:
    items, expected = HOSTILE_PATHS[case]
    payload = cpio_archive(items)
    part = Component(identifier="a.b", version="1", payload_bytes=payload, bom_bytes=b"")
    inspection = inspect_bytes(component_package(part, authority.signer()))
    assert inspection.signature.verdict == "refused"
    assert refs(inspection) == [expected]
    assert all(value.isprintable() for value in inspection.signature.reasons[0].params.values())


@pytest.mark.parametrize(
    ("items", "paths"),
    [
        ((file("etc/conf", b"x"),), ["/private/etc/conf"]),
        ((file("opt/Icon\r", b"x"),), ["/opt/Icon\r"]),
        ((Item(path="opt/a", kind="symlink", link="/etc/hosts"), Item(path="opt/b", kind="symlink", link="../usr")), ["/opt/a", "/opt/b"]),
    ],
)
def test_unusual_but_honest_paths(items: tuple[Item, ...], paths: list[str], inspect_bytes: InspectBytes) -> None:
    payload = cpio_archive(items)
    inspection = inspect_bytes(component_package(Component(identifier="a.b", version="1", payload_bytes=payload, bom_bytes=b"")))
    assert [entry.path for entry in inspection.components[0].entries or ()] == paths


def test_unsafe_install_location(inspect_bytes: InspectBytes) -> None:
    part = Component(identifier="a.b", version="1", items=(file("a", b"x"),), install_location="/opt/../../x")
    assert refs(inspect_bytes(component_package(part))) == ["package.unsafe-path"]


def test_bombs_are_stopped(inspect_bytes: InspectBytes) -> None:
    part = Component(identifier="a.b", version="1", items=(file("opt/zeros", bytes(8 << 20)),))
    package = component_package(part)
    assert len(package) < 100_000
    assert refs(inspect_bytes(package, limits=Limits(payload=1 << 20))) == ["package.too-large"]
    many = component_package(Component(identifier="a.b", version="1", items=tuple(file(f"o/{n}", b"") for n in range(50))))
    assert refs(inspect_bytes(many, limits=Limits(payload_members=20))) == ["package.too-large"]
    assert refs(inspect_bytes(many, limits=Limits(package=1000))) == ["package.too-large"]
    assert refs(inspect_bytes(many, limits=Limits(archive_members=2))) == ["package.too-large"]


SOUND_PAYLOAD = cpio_archive(with_parents([file("opt/a", b"content")]))
BAD_PAYLOADS: dict[str, tuple[bytes, str, str]] = {
    "garbage": (b"garbage garbage", "package.damaged", "payload-format"),
    "apple-archive": (b"AA01" + b"\0" * 30, "package.unreadable", "compression-AA01"),
    "pbze": (b"pbze" + b"\0" * 30, "package.unreadable", "compression-pbze"),
    "data-after-trailer": (SOUND_PAYLOAD + b"\0x", "package.damaged", "data-after-cpio"),
    "no-trailer": (SOUND_PAYLOAD[: SOUND_PAYLOAD.index(b"TRAILER") - 76], "package.damaged", "cut-short"),
    "cut-header": (SOUND_PAYLOAD[:40], "package.damaged", "cut-short"),
    "bad-octal": (SOUND_PAYLOAD[:10] + b"9" + SOUND_PAYLOAD[11:], "package.damaged", "cpio-header"),
    "bad-magic": (SOUND_PAYLOAD[:76] + b"." + SOUND_PAYLOAD[77:79] + b"123456" + SOUND_PAYLOAD[85:], "package.damaged", "cpio-magic"),
    "pbzx-chunk": (b"pbzx" + struct.pack(">Q", 1 << 60), "package.damaged", "pbzx-chunk-size"),
    "pbzx-short": (b"pbzx" + struct.pack(">QQQ", 1 << 20, 50, 40) + b"x", "package.damaged", "cut-short"),
    "empty": (b"", "package.damaged", "payload-format"),
}


@pytest.mark.parametrize("case", BAD_PAYLOADS)
def test_bad_payloads(case: str, inspect_bytes: InspectBytes) -> None:
    payload, ref, expected = BAD_PAYLOADS[case]
    inspection = inspect_bytes(component_package(Component(identifier="a.b", version="1", payload_bytes=payload, bom_bytes=b"")))
    assert (refs(inspection), fault(inspection)) == ([ref], expected)
