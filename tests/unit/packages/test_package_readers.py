"""The readers on their own: round trips with the lab's writers and nothing but our own error on garbage."""

from __future__ import annotations

import datetime as dt
import errno
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atsam_safe.catalogue.model import Catalogue, Trust
from atsam_safe.packages.bom import read_bom
from atsam_safe.packages.checksums import Cksum, cksum, gzip_crc
from atsam_safe.packages.errors import PackageError
from atsam_safe.packages.inspection import inspect_file
from atsam_safe.packages.limits import DEFAULT_LIMITS
from atsam_safe.packages.paths import folded, leaves_root
from atsam_safe.packages.payload import CpioReader, decompress
from atsam_safe.packages.reading import PinnedFile
from atsam_safe.packages.streams import Allowance
from atsam_safe.packages.strictxml import parse_xml
from lab.atsam import GALSS, build_component, component_items
from lab.bill import bill_of_materials
from lab.cpio import compress, cpio_archive, pbzx
from lab.inspecting import NOW, small_catalogue
from lab.items import Item, file, with_parents
from lab.packages import Component, component_package, flipped
from lab.xar import XarFile, XarOptions, xar_archive

if TYPE_CHECKING:
    from lab.authority import Authority

FAST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
EMPTY = Catalogue(origin="lab", digest="", components=(), bundles=(), dependents=(), os_releases=(), trust=Trust())


def judged(data: bytes, trust: Trust | None = None) -> str:
    """The verdict on ``data``; any exception is the test's failure."""
    with tempfile.TemporaryFile() as stream:
        stream.write(data)
        stream.flush()
        with PinnedFile(os.dup(stream.fileno()), "sample") as pinned:
            inspection, _ = inspect_file(pinned, "sample", trust or Trust(), EMPTY, NOW)
    return inspection.signature.verdict


@FAST
@given(st.binary(max_size=2000))
def test_cksum_is_posix_cksum(data: bytes) -> None:
    """Against the definition, bit by bit: the fast form must never drift from it."""
    crc = 0
    length = len(data)
    tail = bytearray()
    while length:
        tail.append(length & 0xFF)
        length >>= 8
    for byte in data + tail:
        crc = step(crc, byte)
    assert cksum(data) == crc ^ 0xFFFFFFFF


def step(crc: int, byte: int) -> int:
    crc ^= byte << 24
    for _ in range(8):
        crc = (crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1
    return crc & 0xFFFFFFFF


def test_cksum_equals_the_system_tool() -> None:
    data = os.urandom(100_000)
    out = subprocess.run(["/usr/bin/cksum"], input=data, capture_output=True, check=True).stdout.split()
    assert int(out[0]) == cksum(data)


@FAST
@given(st.integers(0, 200_000), st.integers(0, 200_000))
def test_checksums_do_not_depend_on_the_pieces(size: int, cut: int) -> None:
    """Long enough for every way of computing them; any two pieces give what the whole gives."""
    data = (b"one and another " * 12_501)[:size]
    pieces = memoryview(data)[:cut], memoryview(data)[cut:]
    checksum = Cksum()
    crc = 0
    for piece in pieces:
        checksum.update(piece)
        crc = gzip_crc(piece, crc)
    assert checksum.value() == cksum(data)
    assert crc == gzip_crc(data) == zlib.crc32(data)


@pytest.mark.parametrize("count", [0, 1, 509, 510, 511, 2100])
def test_bill_of_any_size(count: int) -> None:
    items = with_parents([file(f"opt/d{number % 7}/f{number}", b"%d" % number) for number in range(count)])
    entries = read_bom(bill_of_materials(items))
    assert {entry.path for entry in entries} == {item.path for item in items}
    contents = {item.path: item.data for item in items if item.kind == "file"}
    assert {entry.path: entry.checksum for entry in entries if entry.kind == "file"} == {
        path: cksum(data) for path, data in contents.items()
    }


def test_bill_keeps_links_modes_and_owners() -> None:
    items = with_parents(
        [Item(path="opt/a", mode=0o640, data=b"x", uid=501, gid=20, mtime=5), Item(path="opt/b", kind="symlink", link="a")]
    )
    by_path = {entry.path: entry for entry in read_bom(bill_of_materials(items))}
    assert by_path["opt/b"].link == "a"
    assert (by_path["opt/a"].mode, by_path["opt/a"].uid, by_path["opt/a"].gid, by_path["opt/a"].mtime) == (0o100640, 501, 20, 5)
    assert by_path["."].kind == "directory"


SOUND_BILL = bill_of_materials(with_parents(component_items(GALSS, "3.43.02")))


@FAST
@given(st.lists(st.tuples(st.integers(0, len(SOUND_BILL) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_bent_bills_give_our_error_or_entries(changes: list[tuple[int, int]]) -> None:
    bent = bytearray(SOUND_BILL)
    for position, value in changes:
        bent[position] = value
    try:
        read_bom(bytes(bent))
    except PackageError as error:
        assert error.ref in {"package.damaged", "package.too-large"}  # noqa: PT017 - both outcomes are right


@FAST
@given(st.binary(max_size=400))
def test_random_bills(data: bytes) -> None:
    with pytest.raises(PackageError):
        read_bom(b"BOMStore" + data)


def test_looping_bill_ends() -> None:
    bent = bytearray(SOUND_BILL)
    position = bent.index(b"tree") + 8
    child = struct.unpack_from(">I", bent, position)[0]
    index = struct.unpack_from(">I", bent, 16)[0]
    leaf = struct.unpack_from(">I", bent, index + 4 + 8 * child)[0]
    struct.pack_into(">I", bent, leaf + 4, child)
    with pytest.raises(PackageError) as caught:
        read_bom(bytes(bent))
    assert caught.value.params["fault"] == "tree-loop"


NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_characters="/\\"), min_size=1, max_size=20).filter(
    lambda name: name not in {".", ".."} and not name.startswith(".")
)


@FAST
@given(
    st.dictionaries(NAMES, st.binary(max_size=600), max_size=8),
    st.sampled_from(["odc", "newc", "crc"]),
    st.sampled_from(["gzip", "pbzx", "xz", "none"]),
)
def test_payload_round_trip(contents: dict[str, bytes], form: str, compression: str) -> None:
    items = [file(f"d/{name}", data) for name, data in contents.items()]
    packed = compress(cpio_archive(items, form), compression)  # type: ignore[arg-type]  # parametrised text
    pieces = iter([packed[start : start + 97] for start in range(0, len(packed), 97)])
    name, source = decompress(pieces, place="p", allowance=Allowance(1 << 20), limits=DEFAULT_LIMITS)
    cpio = CpioReader(source, most=100)
    found = {member.name.decode().removeprefix("./d/"): b"".join(cpio.pieces()) for member in cpio}
    assert (name, found) == (compression, contents)


@pytest.mark.parametrize("chunk", [1, 1000, 65536])
def test_pbzx_with_several_chunks(chunk: int) -> None:
    archive = cpio_archive([file("a", os.urandom(3000) + bytes(3000))]) if chunk > 1 else cpio_archive([file("a", b"x")])
    packed = pbzx(archive, chunk)
    name, source = decompress(iter([packed]), place="p", allowance=Allowance(1 << 20), limits=DEFAULT_LIMITS)
    assert name == "pbzx"
    assert b"".join(source.rest()) == archive


@FAST
@given(st.binary(max_size=300), st.sampled_from([b"\x1f\x8b", b"pbzx", b"\xfd7zXZ\0", b"BZh9", b"070707", b"070701", b"070702", b""]))
def test_random_payloads(data: bytes, magic: bytes) -> None:
    def read() -> None:
        _, source = decompress(iter([magic + data]), place="p", allowance=Allowance(1 << 20), limits=DEFAULT_LIMITS)
        for _ in CpioReader(source, most=100):
            pass

    with pytest.raises(PackageError):
        read()


@FAST
@given(st.integers(0, 1 << 30), st.integers(0, 255), st.sampled_from(["odc", "newc", "crc"]))
def test_bent_cpio(position: int, value: int, form: str) -> None:
    archive = bytearray(cpio_archive(with_parents([file("opt/a", b"content"), Item(path="opt/b", kind="symlink", link="a")]), form))  # type: ignore[arg-type]  # parametrised text
    archive[position % len(archive)] = value
    part = Component(identifier="a.b", version="1", payload_bytes=bytes(archive), bom_bytes=b"")
    assert judged(component_package(part)) in {"unsigned", "refused"}


@FAST
@given(st.integers(0, 1 << 30), st.binary(min_size=1, max_size=6))
def test_bent_tables_of_contents(position: int, content: bytes) -> None:
    """The checksum is made right again: the parser itself meets the garbage."""

    def bend(toc: bytes) -> bytes:
        start = position % len(toc)
        return toc[:start] + content + toc[start + len(content) :]

    part = Component(identifier="a.b", version="1", items=(file("opt/a", b"x"),))
    assert judged(component_package(part, options=XarOptions(edit_toc=bend))) in {"unsigned", "refused"}


@FAST
@given(st.text(max_size=200))
def test_random_package_infos(text: str) -> None:
    for document in (text, f"<pkg-info {text}/>", f'<pkg-info identifier="{text}" version="1"/>'):
        members = [XarFile(name="PackageInfo", data=document.encode("utf-8", "replace"))]
        assert judged(xar_archive(members)) in {"unsigned", "refused"}


@FAST
@given(st.binary(max_size=300))
def test_random_documents(data: bytes) -> None:
    for head in (b"", b"<a>", b'<?xml version="1.0" encoding="utf-16"?>', b'<?xml version="1.0" encoding="big5"?><a>'):
        try:
            parse_xml(head + data, place="p", limits=DEFAULT_LIMITS)
        except PackageError as error:
            assert error.ref == "package.damaged"  # noqa: PT017 - both outcomes are right


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_bent_signatures_never_raise(authority: Authority, data: st.DataObject) -> None:
    package = SIGNED.setdefault("package", authority.staple(build_component(GALSS, "3.43.02", authority.signer())))
    start = 28 + int(struct.unpack(">Q", package[8:16])[0]) + 20
    position = data.draw(st.integers(start, start + 9000))
    bent = package[:position] + data.draw(st.binary(min_size=1, max_size=40)) + package[position + 40 :]
    assert judged(bent, authority.trust()) in {"refused", "untrusted", "developer-id"}
    assert judged(flipped(package, position), authority.trust()) in {"refused", "untrusted", "developer-id"}


SIGNED: dict[str, bytes] = {}


@FAST
@given(st.lists(st.sampled_from(["..", ".", "a", "b"]), max_size=6), st.integers(1, 4))
def test_links_are_judged_like_a_walk(parts: list[str], depth: int) -> None:
    segments = tuple("x" * depth)
    here = depth - 1
    lowest = here
    for part in parts:
        here += {"..": -1, ".": 0}.get(part, 1)
        lowest = min(lowest, here)
    assert leaves_root(segments, "/".join(parts)) == (lowest < 0)
    assert not leaves_root(segments, "/" + "/".join(parts))


@FAST
@given(st.text(st.characters(max_codepoint=0x24F, exclude_categories=["Cs"]), max_size=20))
def test_folding_is_stable(text: str) -> None:
    once = folded((text,))
    assert folded(once) == once
    assert folded((text.swapcase(),)) == folded((text.swapcase().casefold(),))


def test_catalogue_free_reading_needs_no_cryptography() -> None:
    """Listing and checking sums must not pay for the cryptographic libraries."""
    code = "import sys, atsam_safe.packages.opening; sys.exit(any(n.split('.')[0] in ('cryptography', 'asn1crypto') for n in sys.modules))"
    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_small_catalogue_is_for_the_story(authority: Authority) -> None:
    assert [bundle.build for bundle in small_catalogue(authority.trust()).bundles] == [None, "4.41", "4.50"]


@pytest.mark.needs("/proc")
def test_memory_stays_bounded(tmp_path: Path) -> None:
    """A payload far larger than the bound, in a process of its own whose peak is measured."""
    items = tuple(file(f"opt/{number}", os.urandom(1 << 20) + bytes(7 << 20)) for number in range(24))
    path = tmp_path / "large.pkg"
    path.write_bytes(component_package(Component(identifier="a.b", version="1", items=items, level=1, compression="gzip")))
    code = (
        "import datetime as dt, sys; from pathlib import Path\n"
        "from atsam_safe.catalogue.model import Catalogue, Trust\n"
        "from atsam_safe.packages import inspect_path\n"
        "c = Catalogue(origin='', digest='', components=(), bundles=(), dependents=(), os_releases=(), trust=Trust())\n"
        "i = inspect_path(Path(sys.argv[1]), Trust(), c, dt.datetime.now(dt.UTC))[0]\n"
        "assert i.components[0].payload.bytes == 24 << 23\n"
        "print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')))"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    run = subprocess.run([sys.executable, "-c", code, str(path)], env=environment, capture_output=True, check=True)
    assert int(run.stdout) < 80 * 1024


def test_many_zero_bytes_after_gzip_are_padding_and_quick() -> None:
    packed = compress(cpio_archive([file("a", b"x")]), "gzip") + bytes(4 << 20)
    started = dt.datetime.now(dt.UTC)
    _, source = decompress(iter([packed]), place="p", allowance=Allowance(1 << 20), limits=DEFAULT_LIMITS)
    assert len(list(CpioReader(source, most=10))) == 1
    assert dt.datetime.now(dt.UTC) - started < dt.timedelta(seconds=5)


@pytest.mark.needs("/proc")
def test_a_package_whose_status_cannot_be_read_is_said_to_be_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file.pkg").write_bytes(b"xar!")

    def refuse(_descriptor: int) -> os.stat_result:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    opened = len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as patch:
        patch.setattr("atsam_safe.packages.reading.os.fstat", refuse)
        with pytest.raises(PackageError) as caught:
            PinnedFile.open(tmp_path / "file.pkg", DEFAULT_LIMITS)
    assert caught.value.ref == "package.unreadable"
    assert len(list(Path("/proc/self/fd").iterdir())) == opened
