"""How deep a large payload is read when its package is opened, and that unpacking makes up for what was left out."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest

from atsam_safe.packages import extract_component, open_packages
from atsam_safe.packages.background import read_ahead
from atsam_safe.packages.errors import PackageError
from atsam_safe.packages.limits import Depth, Limits
from atsam_safe.words.model import UntrustedPackageError
from lab.atsam import build_atsam
from lab.inspecting import NOW
from lab.items import Item, directory, file, symlink
from lab.packages import Component, Product, component_package, flipped, product_package

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.packages.model import ComponentPackage, Inspection
    from lab.authority import Authority

ALL_LARGE = Limits(large_payload=0)
"""Every payload counts as large: what is true of 300 MB must be true of 300 bytes."""

ITEMS = (
    file("opt/tool/program", b"program" * 1000, 0o4755),
    file("opt/tool/._program", b"attributes"),
    file("opt/tool/empty", b""),
    file("etc/tool.conf", b"[a]\r\n", 0o666),
    symlink("opt/tool/current", "program"),
    directory("opt/tool/log", 0o777),
    Item(path="opt/tool/one", data=b"shared", hard_link_group=1),
    Item(path="opt/tool/two", data=b"shared", hard_link_group=1),
)


def part(**changes: Any) -> Component:  # noqa: ANN401 - any field
    return dataclasses.replace(Component(identifier="a.b", version="1", items=ITEMS), **changes)


def inspected(path: Path, catalogue: Catalogue, depth: Depth, limits: Limits = ALL_LARGE) -> Inspection:
    with open_packages(path, catalogue.trust, catalogue, NOW, limits, depth=depth) as opened:
        return opened.inspections[0]


def extracted(path: Path, catalogue: Catalogue, depth: Depth, stage: Path) -> None:
    stage.mkdir()
    with open_packages(path, catalogue.trust, catalogue, NOW, ALL_LARGE, depth=depth) as opened:
        assert opened.inspections[0].readable
        extract_component(opened, 0, 0, stage)


def decided_by(component: ComponentPackage) -> set[tuple[object, ...]]:
    return {(entry.path, entry.kind, entry.mode, entry.uid, entry.gid, entry.size, entry.link) for entry in component.entries or ()}


@pytest.mark.parametrize("compression", ["gzip", "pbzx", "xz", "bzip2", "none"])
def test_a_bill_of_materials_gives_what_the_payload_gives(tmp_path: Path, catalogue: Catalogue, compression: str) -> None:
    path = tmp_path / "a.pkg"
    path.write_bytes(component_package(part(compression=compression)))
    whole = inspected(path, catalogue, "everything")
    declared = inspected(path, catalogue, "archive")
    assert (declared.signature, declared.sha256, declared.warnings) == (whole.signature, whole.sha256, whole.warnings)
    assert declared.components[0].payload == whole.components[0].payload
    assert decided_by(declared.components[0]) == decided_by(whole.components[0])
    assert not declared.components[0].complete
    assert whole.components[0].complete


def test_what_is_unpacked_does_not_depend_on_the_depth(tmp_path: Path, authority: Authority, catalogue: Catalogue) -> None:
    path = tmp_path / "a.pkg"
    path.write_bytes(build_atsam("4.41", authority.signer()))
    results = []
    for depth in get_args(Depth):
        with open_packages(path, catalogue.trust, catalogue, NOW, ALL_LARGE, depth=depth) as opened:
            for index in range(3):
                stage = tmp_path / f"{depth}-{index}"
                stage.mkdir()
                entries = extract_component(opened, 0, index, stage)
                assert all(entry.checksum is not None for entry in entries if entry.kind == "file")
                results.append((depth, index, entries, {child.name: child.read_bytes() for child in stage.iterdir()}))
    for _, index, entries, content in results:
        assert (entries, content) == results[index][2:]


@pytest.mark.parametrize("depth", get_args(Depth))
def test_a_flipped_bit_of_the_payload_is_refused_at_every_depth(tmp_path: Path, catalogue: Catalogue, depth: Depth) -> None:
    data = component_package(part(items=(file("opt/a", os.urandom(5000)),)))
    start = data.rindex(b"\x1f\x8b\x08")
    path = tmp_path / "a.pkg"
    for position in (start, start + 9, start + 700, start + 4000):
        path.write_bytes(flipped(data, position, 3))
        inspection = inspected(path, catalogue, depth)
        assert inspection.signature.verdict == "refused"
        assert inspection.signature.reasons[0].ref == "package.damaged"


LIES: dict[str, tuple[Component, str]] = {
    "content": (part(declared_items=(file("opt/tool/program", b"PROGRAM" * 1000, 0o4755), *ITEMS[1:])), "bom-checksum"),
    "size": (part(declared_items=(file("opt/tool/program", b"program" * 999, 0o4755), *ITEMS[1:])), "bom-checksum"),
    "more in the payload": (part(declared_items=ITEMS[:-1]), "not-in-bom"),
    "less in the payload": (part(items=ITEMS[:-1], declared_items=ITEMS), "missing-from-payload"),
    "kind": (part(declared_items=(*ITEMS[:2], directory("opt/tool/empty"), *ITEMS[3:])), "bom-kind"),
    "link": (part(declared_items=(*ITEMS[:4], symlink("opt/tool/current", "empty"), *ITEMS[5:])), "bom-link"),
    "not a payload": (part(payload_bytes=b"\x1f\x8b\x08\0\0\0\0\0\0\3 nothing of the kind"), "compressed-data"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_payload_unlike_its_bill_is_never_unpacked(tmp_path: Path, catalogue: Catalogue, lie: str) -> None:
    """Publishers' lies, right in every checksum of the archive: found when opened in full, and at the latest while staging."""
    component, fault = LIES[lie]
    path = tmp_path / "a.pkg"
    path.write_bytes(component_package(component))
    whole = inspected(path, catalogue, "everything")
    assert whole.signature.verdict == "refused"
    with pytest.raises(UntrustedPackageError) as caught:
        extracted(path, catalogue, "archive", tmp_path / "stage")
    problem = caught.value.problems[0]
    assert (problem.ref, problem.params["fault"], problem.params["package"]) == ("package.damaged", fault, "a.pkg")
    assert problem.params == whole.signature.reasons[0].params
    assert list((tmp_path / "stage").iterdir()) == []


def test_what_inspect_says_of_a_large_package_rests_on_every_check(tmp_path: Path, catalogue: Catalogue) -> None:
    """A file unlike its bill of materials is found whatever the size; opened for an installation, staging finds it."""
    path = tmp_path / "a.pkg"
    path.write_bytes(component_package(LIES["content"][0]))
    for limits in (ALL_LARGE, Limits()):
        assert not inspected(path, catalogue, "everything", limits).readable
    assert inspected(path, catalogue, "archive").readable
    assert not inspected(path, catalogue, "archive", Limits()).readable


@pytest.mark.parametrize(
    ("items", "ref"),
    [
        ((file("../out", b"x"),), "package.unsafe-path"),
        ((file("opt/A", b"x"), file("opt/a", b"x")), "package.path-collision"),
        ((symlink("opt/a", "../../../out"),), "package.unsafe-path"),
        ((Item(path="opt/a", kind="character-device"),), "package.unsafe-path"),
        ((symlink("opt/a", "b"), file("opt/a/c", b"x")), "package.damaged package.path-collision package.unsafe-path"),
    ],
)
def test_path_rules_hold_for_the_bill_too(tmp_path: Path, catalogue: Catalogue, items: tuple[Item, ...], ref: str) -> None:
    path = tmp_path / "a.pkg"
    path.write_bytes(component_package(part(items=items)))
    inspection = inspected(path, catalogue, "archive")
    assert inspection.signature.verdict == "refused"
    assert inspection.signature.reasons[0].ref in ref.split()


def test_without_a_bill_the_payload_itself_is_read(tmp_path: Path, catalogue: Catalogue) -> None:
    path = tmp_path / "a.pkg"
    path.write_bytes(component_package(part(bom_bytes=b"", items=(file("opt/a", b"x"),))))
    inspection = inspected(path, catalogue, "archive")
    assert "bom-missing" in inspection.warnings
    assert [entry.path for entry in inspection.components[0].entries or () if entry.kind == "file"] == ["/opt/a"]
    path.write_bytes(component_package(part(bom_bytes=b"", items=(Item(path="opt/a", kind="fifo"),))))
    assert not inspected(path, catalogue, "archive").readable


def test_declared_sizes_are_bounded(tmp_path: Path, catalogue: Catalogue) -> None:
    path = tmp_path / "a.pkg"
    path.write_bytes(component_package(part(items=(file("opt/a", bytes(5000)),))))
    inspection = inspected(path, catalogue, "archive", msgspec.structs.replace(ALL_LARGE, payload=4999))
    assert inspection.signature.reasons[0].ref == "package.too-large"


def test_small_packages_start_no_thread(tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pkg"
    path.write_bytes(component_package(part(items=(file("opt/a", os.urandom(100_000)),))))
    started: list[str] = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread.name))
    for depth in get_args(Depth):
        extracted(path, catalogue, depth, tmp_path / depth)
    assert started == []


def two_large_parts() -> bytes:
    """Two payloads above the size from which threads read ahead, each an archive member of its own."""
    parts = tuple(Component(identifier=name, version="1", items=(file(f"opt/{name}", os.urandom(5 << 20)),)) for name in ("a.b", "a.c"))
    return product_package(Product(title="two", components=parts))


@pytest.mark.parametrize("depth", get_args(Depth))
def test_a_large_package_is_read_once_and_its_digest_is_that_of_the_file(
    tmp_path: Path, catalogue: Catalogue, depth: Depth, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = two_large_parts()
    path = tmp_path / "a.pkg"
    path.write_bytes(data)
    asked: list[int] = []
    real = os.pread

    def counted(descriptor: int, length: int, offset: int) -> bytes:
        asked.append(length)
        return real(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", counted)
    assert inspected(path, catalogue, depth, Limits(large_payload=1)).sha256 == hashlib.sha256(data).hexdigest()
    assert len(data) <= sum(asked) < len(data) + (1 << 18)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("package-")]


def test_the_digest_of_a_damaged_package_is_that_of_the_file_too(tmp_path: Path, catalogue: Catalogue) -> None:
    data = flipped(two_large_parts(), 3 << 20, 1)
    path = tmp_path / "a.pkg"
    path.write_bytes(data)
    inspection = inspected(path, catalogue, "everything", Limits())
    assert (inspection.signature.verdict, inspection.sha256) == ("refused", hashlib.sha256(data).hexdigest())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("package-")]


def test_reading_ahead_hands_on_everything_errors_included() -> None:
    def chunks(count: int) -> Iterator[bytes]:
        for number in range(count):
            yield b"%d" % number
        raise PackageError("package.damaged", place="x", fault="y")

    stream = read_ahead(chunks(50))
    assert [next(stream) for _ in range(50)] == [b"%d" % number for number in range(50)]
    with pytest.raises(PackageError):
        next(stream)
    stream = read_ahead(chunks(50))
    assert [next(stream), next(stream)] == [b"0", b"1"]
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "package-reader"]


@pytest.mark.needs("/proc")
def test_memory_of_an_installation_stays_bounded(tmp_path: Path) -> None:
    """Opened lightly and unpacked, in a process of its own whose peak is measured."""
    items = tuple(file(f"opt/{number}", os.urandom(1 << 20) + bytes(7 << 20)) for number in range(24))
    path = tmp_path / "large.pkg"
    path.write_bytes(component_package(Component(identifier="a.b", version="1", items=items, level=1, compression="gzip")))
    stage = tmp_path / "stage"
    stage.mkdir()
    code = (
        "import datetime as dt, sys; from pathlib import Path\n"
        "from atsam_safe.catalogue.model import Catalogue, Trust\n"
        "from atsam_safe.packages import extract_component, open_packages\n"
        "c = Catalogue(origin='', digest='', components=(), bundles=(), dependents=(), os_releases=(), trust=Trust())\n"
        "with open_packages(Path(sys.argv[1]), Trust(), c, dt.datetime.now(dt.UTC), depth='archive') as opened:\n"
        "    assert not opened.inspections[0].components[0].complete\n"
        "    entries = extract_component(opened, 0, 0, Path(sys.argv[2]))\n"
        "assert sum(e.size for e in entries if e.kind == 'file') == 24 << 23\n"
        "print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')))"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    run = subprocess.run([sys.executable, "-c", code, str(path), str(stage)], env=environment, capture_output=True, check=True)
    assert int(run.stdout) < 80 * 1024
