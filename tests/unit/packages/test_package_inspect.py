"""Whole packages of every form of the field are read and named rightly."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from lab.atsam import ATSAM_VERSIONS, GALSS, Sabotage, build_atsam, build_component
from lab.cpio import cpio_archive
from lab.items import Item, file, with_parents
from lab.packages import INSTALLATION_CHECK, Component, Product, component_package, product_package
from lab.xar import XarOptions

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.packages.model import Inspection
    from lab.authority import Authority
    from lab.inspecting import InspectBytes


def refs(inspection: Inspection) -> list[str]:
    return [reason.ref for reason in inspection.signature.reasons]


@pytest.mark.parametrize("build", ["4.41", "4.50"])
def test_atsam_build_is_recognised_by_what_is_inside(build: str, authority: Authority, inspect_bytes: InspectBytes) -> None:
    data = build_atsam(build, authority.signer())
    inspection = inspect_bytes(data)
    assert inspection.signature.verdict == "developer-id"
    assert inspection.signature.reasons == ()
    assert inspection.build is not None
    assert inspection.build.id == f"atsam-macos-{build}"
    assert {part.component: part.version for part in inspection.components} == ATSAM_VERSIONS[build]
    assert all(part.known_release for part in inspection.components)
    assert inspection.sha256 == hashlib.sha256(data).hexdigest()
    assert inspection.size == len(data)
    assert inspection.format == "macos-flat-package"


def test_entries_have_destinations_modes_and_checksums(inspect_bytes: InspectBytes) -> None:
    inspection = inspect_bytes(build_component(GALSS, "3.43.02"))
    (part,) = inspection.components
    entries = {entry.path: entry for entry in part.entries or ()}
    assert entries["/Library/Frameworks/galssosx.framework/Versions/Current"].link == "A"
    daemon = entries["/Library/Application Support/Galss/galsvosx"]
    assert (daemon.kind, daemon.mode) == ("file", 0o755)
    process = subprocess.run(["/usr/bin/cksum"], input=b"", capture_output=True, check=True)
    assert process.stdout.split()[0] == b"4294967295"
    assert daemon.checksum is not None
    assert part.payload is not None
    assert part.payload.compression == "gzip"
    assert [script.name for script in part.scripts] == ["postinstall", "preinstall"]
    assert ("./Library/Frameworks/galssosx.framework/Versions/A", "3.43") in [(b.path, b.version) for b in part.bundles]


@pytest.mark.parametrize("compression", ["gzip", "pbzx", "xz", "bzip2", "none"])
@pytest.mark.parametrize("cpio", ["odc", "newc", "crc"])
def test_every_payload_form(compression: str, cpio: str, inspect_bytes: InspectBytes) -> None:
    items = tuple(file(f"opt/x/{number}", bytes([number]) * number) for number in range(40))
    part = Component(identifier="a.b", version="1", items=items, compression=compression, cpio=cpio)  # type: ignore[arg-type]  # parametrised text
    inspection = inspect_bytes(component_package(part))
    assert inspection.signature.verdict == "unsigned"
    payload = inspection.components[0].payload
    assert payload is not None
    assert (payload.compression, payload.bytes) == (compression, sum(range(40)))


@pytest.mark.parametrize(
    "options",
    [
        XarOptions(algorithm="sha256"),
        XarOptions(algorithm="sha512"),
        XarOptions(name_repeat=2),
        XarOptions(name_repeat=3),
        XarOptions(unarchived=True),
        XarOptions(attributes=3),
        XarOptions(stale_tail=b"\x55" * 4095),
    ],
    ids=["sha256", "sha512", "names-2", "names-3", "unarchived", "attributes", "stale-tail"],
)
@pytest.mark.parametrize("form", ["prehashed", "double"])
def test_every_archive_form_is_trusted(options: XarOptions, form: str, authority: Authority, inspect_bytes: InspectBytes) -> None:
    inspection = inspect_bytes(build_atsam("4.41", authority.signer(form=form), options=options))
    assert inspection.signature.verdict == "developer-id", refs(inspection)
    assert inspection.build is not None
    if options.stale_tail:
        assert "trailing-bytes:4095" in inspection.warnings


def test_distribution_facts(inspect_bytes: InspectBytes) -> None:
    part = Component(identifier="a.b", version="1.0", items=(file("opt/a", b"x"),))
    product = Product(
        title="Titre & essai", components=(part,), host_architectures="x86_64,arm64", minimum_os="10.15", checks=INSTALLATION_CHECK
    )
    fact = inspect_bytes(product_package(product)).product
    assert fact is not None
    assert fact.title == "Titre & essai"
    assert fact.host_architectures == ("x86_64", "arm64")
    assert fact.root_volume_only
    assert fact.minimum_os == "10.15"
    assert fact.unknown_checks == ("volume-check: InstallationCheck()",)


def test_package_made_by_another_tool(tmp_path: Path, inspect_bytes: InspectBytes) -> None:
    """A xar by bsdtar around an own PackageInfo: zlib-encoded members, folders of its own making, no bill of materials."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "PackageInfo").write_text('<pkg-info identifier="org.exemple.outil" version="2.5" install-location="/opt"/>')
    payload = cpio_archive(with_parents([file("bin/outil", b"programme")]), "newc")
    (source / "Payload").write_bytes(gzip.compress(payload))
    made = tmp_path / "made.pkg"
    command = ["/usr/bin/bsdtar", "--format", "xar", "-cf", str(made), "-C", str(source), "PackageInfo", "Payload"]
    subprocess.run(command, check=True)
    inspection = inspect_bytes(made.read_bytes())
    assert refs(inspection) == ["package.unsigned"]
    (part,) = inspection.components
    assert (part.identifier, part.version, part.install_location) == ("org.exemple.outil", "2.5", "/opt")
    assert [entry.path for entry in part.entries or ()] == ["/opt/bin", "/opt/bin/outil"]
    assert "bom-missing" in inspection.warnings


def test_bill_and_payload_must_agree(inspect_bytes: InspectBytes) -> None:
    items = (file("opt/a", b"one"), file("opt/b", b"two"))
    sound = Component(identifier="a.b", version="1", items=items)
    wrong = {
        "missing-from-payload": dataclasses.replace(sound, declared_items=(*items, file("opt/c", b""))),
        "not-in-bom": dataclasses.replace(sound, declared_items=items[:1]),
        "bom-checksum": dataclasses.replace(sound, declared_items=(items[0], file("opt/b", b"tw0"))),
        "bom-kind": dataclasses.replace(sound, declared_items=(items[0], Item(path="opt/b", kind="directory"))),
    }
    assert inspect_bytes(component_package(sound)).readable
    for fault, part in wrong.items():
        inspection = inspect_bytes(component_package(part))
        assert refs(inspection) == ["package.damaged"]
        assert inspection.signature.reasons[0].params["fault"] == fault
        assert inspection.components[0].entries is None


def test_apple_double_is_checked_and_left_out(inspect_bytes: InspectBytes) -> None:
    part = Component(identifier="a.b", version="1", items=(file("opt/a", b"one"), file("opt/._a", b"attributes")))
    inspection = inspect_bytes(component_package(part))
    assert inspection.readable
    assert [entry.path for entry in inspection.components[0].entries or ()] == ["/opt", "/opt/a"]


@pytest.mark.parametrize("cpio", ["odc", "newc"])
def test_hard_links(cpio: str, inspect_bytes: InspectBytes) -> None:
    items = (
        Item(path="opt/a", data=b"shared", hard_link_group=1),
        Item(path="opt/b", data=b"shared", hard_link_group=1),
        Item(path="opt/c", data=b"shared", hard_link_group=1),
    )
    inspection = inspect_bytes(component_package(Component(identifier="a.b", version="1", items=items, cpio=cpio)))  # type: ignore[arg-type]  # parametrised text
    assert refs(inspection) == ["package.unsigned"]
    sizes = {entry.path: entry.size for entry in inspection.components[0].entries or () if entry.kind == "file"}
    assert sizes == {"/opt/a": 6, "/opt/b": 6, "/opt/c": 6}


def test_set_id_is_removed_and_said(inspect_bytes: InspectBytes) -> None:
    part = Component(identifier="a.b", version="1", items=(Item(path="opt/a", data=b"x", mode=0o6777),))
    inspection = inspect_bytes(component_package(part))
    assert (inspection.components[0].entries or ())[-1].mode == 0o777
    assert "set-id-removed:/opt/a" in inspection.warnings
    assert "world-writable:1" in inspection.warnings


def test_sabotage_is_visible(authority: Authority, inspect_bytes: InspectBytes) -> None:
    short = Sabotage(unpacked_missing=("Library/Application Support/Galss/galsvosx",))
    inspection = inspect_bytes(build_atsam("4.41", authority.signer(), sabotage={GALSS: short}))
    assert inspection.signature.verdict == "refused"
    renamed = Sabotage(identifier="fr.exemple.autre")
    assert inspect_bytes(build_atsam("4.41", authority.signer(), sabotage={GALSS: renamed})).build is None
    mixed = inspect_bytes(build_atsam("4.41", authority.signer(), versions={GALSS: "3.43.02"}))
    assert mixed.build is None
    assert all(part.known_release for part in mixed.components)


def test_product_that_refers_to_nothing(inspect_bytes: InspectBytes) -> None:
    part = Component(identifier="a.b", version="1", items=(file("opt/a", b"x"),))

    def rename(toc: bytes) -> bytes:
        return toc.replace(b"<name>a.b.pkg</name>", b"<name>other.pkg</name>")

    inspection = inspect_bytes(product_package(Product(title="t", components=(part,)), options=XarOptions(edit_toc=rename)))
    assert refs(inspection) == ["package.damaged"]
    assert "component-not-referenced:other.pkg" in inspection.warnings


def test_script_only_package(inspect_bytes: InspectBytes) -> None:
    part = Component(identifier="a.b", version="1", scripts={"postinstall": "#!/bin/sh\n"}, has_payload=False)
    inspection = inspect_bytes(component_package(part))
    assert inspection.readable
    assert inspection.components[0].payload is None
    assert inspection.components[0].scripts[0].sha256 == hashlib.sha256(b"#!/bin/sh\n").hexdigest()
