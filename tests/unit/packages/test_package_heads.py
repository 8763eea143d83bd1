"""Processors and minimum macOS of the programs in a payload, read while the payload streams past."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from atsam_safe.packages.heads import ImageHead, may_be_image
from lab.atsam import CRYPTOLIB, GALSS, atsam_component, build_component
from lab.items import file
from lab.macho import image
from lab.packages import Component, component_package

if TYPE_CHECKING:
    from atsam_safe.facts.model import BinaryImage
    from lab.inspecting import InspectBytes

UNIVERSAL = image(("x86_64", "arm64"), minimum_os="11.0", filling=b"program" * 20_000)


def read(content: bytes, size: int) -> BinaryImage | None:
    head = ImageHead()
    for start in range(0, len(content), size):
        head.write(memoryview(content)[start : start + size])
    return head.image()


@pytest.mark.parametrize("size", [1, 7, 600, 4096, 100_000, 1 << 20])
@pytest.mark.parametrize("content", [UNIVERSAL, image(("x86_64",), minimum_os="10.9"), image(("i386", "x86_64"), minimum_os="10.6")])
def test_pieces_of_any_size_tell_the_same(content: bytes, size: int) -> None:
    seen = read(content, size)
    assert seen is not None
    assert seen == read(content, len(content))
    assert len(set(seen.minimum_os)) == 1


def test_what_is_known_of_both_forms() -> None:
    seen = read(UNIVERSAL, 5000)
    assert seen is not None
    assert (seen.architectures, seen.minimum_os) == (("x86_64", "arm64"), ("11.0", "11.0"))


def test_only_what_begins_like_a_program_is_looked_at() -> None:
    assert may_be_image(UNIVERSAL[:4])
    assert may_be_image(b"\xcf\xfa")
    assert not may_be_image(b"#!/bin/sh\n")
    # a Java class begins as a universal file does
    assert read(b"\xca\xfe\xba\xbe\x00\x00\x00\x41" + b"\0" * 900, 64) is None


@pytest.mark.parametrize("cut", [5, 12, 40, 4100])
def test_a_head_that_ends_too_early_is_a_program_of_which_nothing_is_known(cut: int) -> None:
    seen = read(UNIVERSAL[:cut], 3)
    assert seen is not None
    assert seen.architectures == ()


def test_only_windows_are_kept_of_a_large_program() -> None:
    head = ImageHead()
    head.write(UNIVERSAL)
    for _ in range(40):
        head.write(b"\0" * (1 << 20))
    assert head.image() is not None
    assert sum(len(kept) for _start, kept in head._windows) <= 3 * (1 << 17)


@pytest.mark.parametrize("compression", ["gzip", "pbzx", "xz", "none"])
def test_a_bare_component_tells_its_processors(compression: str, inspect_bytes: InspectBytes) -> None:
    inspection = inspect_bytes(build_component(CRYPTOLIB, "5.2.1", compression=compression))  # type: ignore[arg-type]  # shorthand of tests
    assert inspection.product is None
    (part,) = inspection.components
    by_path = {entry.path: entry.image for entry in part.entries or () if entry.image is not None}
    assert by_path["/usr/local/lib/libcps3_pkcs11_osx.dylib"].minimum_os == ("10.15", "10.15")
    assert {seen.architectures for seen in part.images} == {("x86_64", "arm64")}
    assert part.minimum_os is None


def test_a_text_beside_a_program_is_none(inspect_bytes: InspectBytes) -> None:
    items = [file("usr/local/bin/a", UNIVERSAL, 0o755), file("usr/local/bin/b", b"not a program", 0o755)]
    inspection = inspect_bytes(component_package(Component(identifier="fr.exemple", version="1", items=tuple(items))))
    (part,) = inspection.components
    assert [entry.image is not None for entry in part.entries or () if entry.kind == "file"] == [True, False]


@pytest.mark.parametrize(("written", "told"), [("12.0", "12.0"), ("10.14.6", "10.14.6"), ("", None), ("true", None), ("12.0;", None)])
def test_what_the_package_itself_declares(written: str, told: str | None, inspect_bytes: InspectBytes) -> None:
    data = component_package(dataclasses.replace(atsam_component(GALSS, "3.42.03"), minimum_os=written))
    assert [one.minimum_os for one in inspect_bytes(data).components] == [told]
