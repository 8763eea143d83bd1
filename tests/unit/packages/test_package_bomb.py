"""Small packages that would fill the memory or the disk: refused by what they announce, not after everything was taken in."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.packages import inspect_path, open_packages
from atsam_safe.packages.checksums import cksum
from atsam_safe.packages.limits import Limits
from lab.bill import bill_of_materials
from lab.cpio import compress
from lab.inspecting import NOW
from lab.items import file, with_parents
from lab.packages import Component, Product, component_files, component_package, package_info, product_package
from lab.xar import XarFile, XarFolder, XarOptions, xar_archive

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.packages.limits import Depth
    from atsam_safe.packages.model import Inspection
    from lab.cpio import Compression
    from lab.inspecting import InspectBytes

pytestmark = pytest.mark.unmeasured

ZEROS = 64 << 20
LARGEST_ODC = 0o77777777777
LITTLE_MEMORY = 48 << 20
SMALL = component_package(Component(identifier="a.b", version="1", items=(file("o/1", b""),)))


def odc(name: str, size: int, mode: int = 0o100644) -> bytes:
    fields = (0, 1, mode, 0, 0, 1, 0, 0, len(name) + 1, size)
    widths = (6, 6, 6, 6, 6, 6, 6, 11, 6, 11)
    return b"070707" + b"".join(b"%0*o" % (width, value) for width, value in zip(widths, fields, strict=True)) + name.encode() + b"\0"


@pytest.fixture(scope="module")
def zeros() -> bytes:
    """A hundred gibibytes of zeros as gzip members."""
    return gzip.compress(bytes(ZEROS), 9, mtime=0) * ((100 << 30) // ZEROS)


def measured(inspect_bytes: InspectBytes, package: bytes) -> tuple[Inspection, int]:
    """What is said of the package, and the most memory that a process of its own took to say it, in bytes."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with os.fdopen(writing, "wb") as answer:
            inspect_bytes(SMALL)  # what a first inspection loads is no package's fault
            Path("/proc/self/clear_refs").write_text("5")  # the most so far is now
            before = most_memory()
            inspection = inspect_bytes(package)
            pickle.dump((inspection, most_memory() - before), answer)
            answer.flush()
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        told: tuple[Inspection, int] = pickle.load(answer)  # noqa: S301 - our own child's
    os.waitpid(pid, 0)
    return told


def most_memory() -> int:
    """The most that this process ever held, in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize(
    ("head", "ref", "fault"),
    [
        (odc("./opt", 0, 0o40755) + odc("./opt/huge", LARGEST_ODC), "package.too-large", None),
        (odc("./opt", 0, 0o40755) + odc("TRAILER!!!", 0), "package.damaged", "data-after-cpio"),
    ],
    ids=["one huge file", "zeros behind the end"],
)
def test_a_bomb_is_refused_before_it_goes_off(zeros: bytes, inspect_bytes: InspectBytes, head: bytes, ref: str, fault: str | None) -> None:
    payload = gzip.compress(head, mtime=0) + zeros
    package = component_package(Component(identifier="fr.sesamvitale.galss.pkg", version="3.42.03", payload_bytes=payload, bom_bytes=b""))
    inspection, peak = measured(inspect_bytes, package)
    assert inspection.signature.verdict == "refused"
    assert inspection.signature.reasons[0].ref == ref
    assert fault is None or inspection.signature.reasons[0].params["fault"] == fault
    assert peak < LITTLE_MEMORY


FOLDERS = "/".join(f"d{number:03}" for number in range(180))


def bare(identifier: str, *names: str) -> Component:
    members = b"".join(odc(name, 0) for name in names)
    payload = gzip.compress(members + odc("TRAILER!!!", 0), 1, mtime=0)
    return Component(identifier=identifier, version="1", payload_bytes=payload, bom_bytes=b"")


def listed(edit: bytes) -> bytes:
    """A package with something more in its table of contents."""
    options = XarOptions(edit_toc=lambda toc: toc.replace(b"</toc>", edit + b"</toc>"))
    return xar_archive([XarFile(name="PackageInfo", data=b"<a/>")], None, options)


DESCRIPTION = XarFile(name="PackageInfo", data=b'<pkg-info identifier="a" version="1"><!--' + b" " * (1 << 19) + b"--></pkg-info>")
# what is kept of each → how it was made
HOARDS: dict[str, Callable[[], bytes]] = {
    "members": lambda: component_package(bare("a.b", *(f"./f{number}" for number in range(120_000)))),
    # each brings a hundred and eighty folders that no other has: thirteen gigabytes, of seventy kilobytes
    "folders that members imply": lambda: component_package(bare("a.b", *(f"./x{number}/{FOLDERS}/f" for number in range(10_000)))),
    "long paths": lambda: component_package(bare("a.b", *(f"./{FOLDERS}/f{number}" for number in range(15_000)))),
    "members of many components": lambda: product_package(
        Product(title="t", components=tuple(bare(f"a.b{part}", *(f"./{part}/f{number}" for number in range(15_000))) for part in range(8))),
        None,
    ),
    "lines of a bill": lambda: component_package(
        Component(identifier="a.b", version="1", items=tuple(file(f"o/{number}", b"") for number in range(25_000)))
    ),
    "one attribute": lambda: listed(b'<x a="' + b"y" * (60 << 20) + b'"/>'),
    "elements": lambda: listed(b"<x/>" * 400_000),
    "attributes": lambda: listed(b"<x " + b" ".join(b'a%d=""' % number for number in range(120_000)) + b"/>"),
    "files of a table": lambda: listed(b"".join(b'<file id="%d"><name>%d</name></file>' % (n, n) for n in range(20_000))),
    "a description": lambda: xar_archive([XarFile(name="PackageInfo", data=b"<a>" + b"<x/>" * 2_000_000 + b"</a>")], None),
    "descriptions": lambda: xar_archive([XarFolder(name=str(part), children=(DESCRIPTION,)) for part in range(9)], None),
}


@pytest.mark.parametrize("name", HOARDS)
def test_what_is_kept_of_a_package_is_bounded(inspect_bytes: InspectBytes, name: str) -> None:
    inspection, peak = measured(inspect_bytes, HOARDS[name]())
    assert inspection.signature.verdict == "refused"
    told = {(reason.ref, reason.params.get("fault")) for reason in inspection.signature.reasons}
    assert told & {("package.too-large", None), ("package.damaged", "xml-too-large")}, told
    assert peak < LITTLE_MEMORY


def test_a_package_several_times_the_largest_genuine_one_is_read_within_bounds(inspect_bytes: InspectBytes) -> None:
    """The largest known has 2,009 files."""
    items = tuple(file(f"Applications/A.app/Contents/Resources/some/folder/of/it/{number % 40}/{number}", b"") for number in range(8_000))
    inspection, peak = measured(inspect_bytes, component_package(Component(identifier="a.b", version="1", items=items)))
    assert inspection.signature.verdict == "unsigned"
    assert peak < LITTLE_MEMORY


MANY = 100 << 20  # more than the floor, less than any absolute bound
DIRECTORY = odc("./o", 0, 0o40755)
LIAR = file("o/zeros", b"x")


def zeros_of(compression: Compression, size: int = MANY) -> bytes:
    """A sound payload with one file of zeros."""
    return compress(DIRECTORY + odc("./o/zeros", size) + bytes(size) + odc("TRAILER!!!", 0), compression, 9)


def part_of(payload: bytes, name: str = "a.b") -> Component:
    return Component(identifier=name, version="1", payload_bytes=payload, bom_bytes=b"")


def announcing(kilobytes: int) -> bytes:
    """A small payload whose own description announces more."""
    said = package_info(Component(identifier="a.b", version="1", items=(LIAR,))).replace(
        b'installKBytes="1"', b'installKBytes="%d"' % kilobytes
    )
    kept = tuple(one for one in component_files(Component(identifier="a.b", version="1", items=(LIAR,))) if one.name != "PackageInfo")
    return xar_archive([*kept, XarFile(name="PackageInfo", data=said, compress=True)], None)


def zipped(*members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(members):
            archive.writestr(f"{number}.pkg", data)
    return target.getvalue()


def product_of(*payloads: bytes) -> bytes:
    parts = tuple(part_of(payload, f"a.b{number}") for number, payload in enumerate(payloads))
    return product_package(Product(title="t", components=parts), None)


# what unpacks to more than its stored size can hold → how it was made, and where that is noticed
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    **{
        kind: (lambda kind=kind: component_package(part_of(zeros_of(kind))), "Payload")  # type: ignore[misc]  # bound now
        for kind in ("gzip", "bzip2", "xz", "pbzx")
    },
    "many parts below the floor each": (lambda: product_of(*[zeros_of("gzip", 30 << 20)] * 4), "a.b2.pkg/Payload"),
    "many parts that are damaged at their end": (lambda: product_of(*[zeros_of("gzip", 30 << 20)[:-8] + bytes(8)] * 4), "a.b2.pkg/Payload"),
    "a member of the archive": (
        lambda: xar_archive(
            [*component_files(Component(identifier="a.b", version="1")), XarFile(name="x", data=bytes(MANY), compress=True)], None
        ),
        "x",
    ),
    "members of the archive": (
        lambda: xar_archive([XarFile(name=f"x{number}", data=bytes(30 << 20), compress=True) for number in range(4)], None),
        "table of contents",
    ),
    "scripts": (lambda: scripted(gzip.compress(odc("./preinstall", MANY) + bytes(MANY) + odc("TRAILER!!!", 0), 9, mtime=0)), "Scripts"),
    "a bill of materials": (
        lambda: component_package(Component(identifier="a.b", version="1", items=(LIAR,), bom_bytes=bill(MANY))),
        "Bom",
    ),
    "a description": (lambda: announcing(MANY // 1024), "PackageInfo"),
    "a member of a .zip": (lambda: zipped(b"xar!" + bytes(MANY)), "sample.pkg/0.pkg"),
}


def scripted(data: bytes) -> bytes:
    return xar_archive([*component_files(Component(identifier="a.b", version="1")), XarFile(name="Scripts", data=data)], None)


def bill(size: int) -> bytes:
    """A bill of materials that lists the one file with another size."""
    honest = bill_of_materials(with_parents([LIAR]))
    record = struct.pack(">IB", 1, 1) + struct.pack(">I", cksum(b"x"))
    assert honest.count(record) == 1
    return honest.replace(record, struct.pack(">IB", size, 1) + struct.pack(">I", cksum(b"x")))


@pytest.mark.parametrize("name", BOMBS)
def test_what_unpacks_to_a_hundred_times_itself_is_refused_while_it_is_read(inspect_bytes: InspectBytes, name: str) -> None:
    build, place = BOMBS[name]
    package = build()
    assert len(package) < 1 << 20
    told = [reason for reason in inspect_bytes(package).signature.reasons if reason.ref == "package.too-large"]
    assert told[0].params["place"].endswith(place), told


def test_many_members_of_a_zip_below_the_floor_each_are_bounded_together(tmp_path: Path, catalogue: Catalogue) -> None:
    path = tmp_path / "lot.zip"
    path.write_bytes(zipped(*[b"xar!" + bytes(30 << 20)] * 4))
    *earlier, last = inspect_path(path, catalogue.trust, catalogue, NOW)
    assert len(earlier) == 2
    assert [reason.ref for reason in last.signature.reasons] == ["package.too-large"]


@pytest.mark.parametrize("depth", ["everything", "archive"])
def test_a_large_payload_is_bounded_before_it_is_unpacked_too(depth: Depth, tmp_path: Path, catalogue: Catalogue) -> None:
    """A payload that is walked only when it is staged: its bill is held against its stored size, and staging against both."""
    package = tmp_path / "large.pkg"
    package.write_bytes(component_package(Component(identifier="a.b", version="1", items=(file("o/zeros", bytes(MANY)),))))
    limits = Limits(large_payload=1)
    with open_packages(package, catalogue.trust, catalogue, NOW, limits, depth=depth) as opened:
        (inspection,) = opened.inspections
        assert inspection.signature.reasons[0].ref == "package.too-large"


def test_what_shrinks_as_well_as_anything_genuine_is_read(inspect_bytes: InspectBytes) -> None:
    """Text that shrinks more than programs do, and a part that is nothing but zeros and small enough to harm nobody."""
    text = b"".join(b"%08d;carte;lecteur;certificat\r\n" % number for number in range(600_000))
    items = (file("o/text", text), file("o/zeros", bytes(30 << 20)))
    package = component_package(Component(identifier="a.b", version="1", items=items))
    assert inspect_bytes(package).signature.verdict == "unsigned"
