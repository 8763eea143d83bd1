from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atsam_safe.cards.middleware import (
    ModuleFile,
    inspect_module,
    known_middlewares,
    manufacturer_problem,
    module_problems,
    version_problem,
)
from atsam_safe.catalogue.load import load_catalogue
from lab.card.modules import OPENSC
from lab.card.requests import middleware_rule
from lab.macho import image

if TYPE_CHECKING:
    from pathlib import Path


def windows_library(machine: int, *, content: int = 512) -> bytes:
    """A Windows library of one section."""
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    file_header = struct.pack("<4sHHIIIHH", b"PE\0\0", machine, 1, 0, 0, 0, 0, 0x2000)
    section = struct.pack("<8sIIII16x", b".text", content, 4096, content, 512)
    return (head + file_header + section).ljust(512, b"\0") + bytes(content)


SAMPLES = {
    "universal": (image(["x86_64", "arm64"], dylib_name="/x", dylib_version="3.1"), "mach-o", ("x86_64", "arm64")),
    "intel": (image(["x86_64"]), "mach-o", ("x86_64",)),
    "old intel": (image(["i386"]), "mach-o", ("i386",)),
    "windows 64": (windows_library(0x8664), "pe", ("x86_64",)),
    "windows 32": (windows_library(0x14C), "pe", ("i386",)),
    "linux": (OPENSC.read_bytes(), "elf", ("x86_64",)),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_formats_and_architectures(tmp_path: Path, name: str) -> None:
    data, file_format, architectures = SAMPLES[name]
    path = tmp_path / "module"
    path.write_bytes(data)
    module = inspect_module(path)
    assert (module.format, module.architectures, module.truncated, module.executable_stack) == (file_format, architectures, False, False)


@pytest.mark.parametrize(("name", "left"), [("universal", 0.6), ("windows 64", 0.7), ("linux", 0.5), ("linux", 0.01), ("intel", 0.2)])
def test_a_file_cut_short_is_known_before_it_is_loaded(tmp_path: Path, name: str, left: float) -> None:
    data = SAMPLES[name][0]
    path = tmp_path / "module"
    path.write_bytes(data[: int(len(data) * left)])
    module = inspect_module(path)
    assert module.truncated
    assert [problem.ref for problem in module_problems(module, middleware_rule(path), "x86_64")] == ["middleware.truncated"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(name=st.sampled_from(sorted(SAMPLES)), changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=12))
def test_no_damage_raises(tmp_path: Path, name: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(SAMPLES[name][0][:70_000])
    for place, value in changes:
        if place < len(data):
            data[place] = value
    path = tmp_path / "module"
    path.write_bytes(bytes(data))
    assert inspect_module(path).exists


@given(st.binary(max_size=300))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_some_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "module"
    path.write_bytes(data)
    assert inspect_module(path).regular


def test_a_folder_and_nothing(tmp_path: Path) -> None:
    assert not inspect_module(tmp_path).regular
    assert not inspect_module(tmp_path / "absent").exists


@pytest.mark.parametrize(
    ("architectures", "wanted", "hardware", "refs"),
    [
        (("x86_64",), ("x86_64", "arm64"), "arm64", ["middleware.wrong-architecture"]),
        (("x86_64", "arm64"), ("x86_64", "arm64"), "arm64", []),
        (("x86_64",), ("x86_64",), "arm64", []),
        (("x86_64",), ("x86_64", "arm64"), None, []),
        (("i386",), ("x86_64",), "x86_64", ["middleware.wrong-architecture"]),
    ],
)
def test_the_architecture_has_to_fit(
    architectures: tuple[str, ...], wanted: tuple[str, ...], hardware: str | None, refs: list[str]
) -> None:
    module = ModuleFile(path="/m", exists=True, regular=True, format="mach-o", architectures=architectures)
    assert [problem.ref for problem in module_problems(module, middleware_rule(architectures=wanted), hardware)] == refs


def test_versions_are_held_against_the_release_s_table() -> None:
    rules = {rule.id: rule for rule in load_catalogue().middlewares}
    windows = rules["cryptolib-windows-x64"]
    assert version_problem(windows, "5.2.2", "3.4") is None
    assert version_problem(windows, "5.2.1", "3.03.00") is None
    assert version_problem(windows, None, "9.9") is None
    other = version_problem(windows, "5.2.2", "3.3")
    assert other is not None
    assert (other.ref, other.params["expected"]) == ("middleware.other-version", "3.4")
    unlisted = version_problem(windows, "5.2.6", "3.5")
    assert unlisted is not None
    assert unlisted.ref == "middleware.version-unlisted"


@pytest.mark.parametrize(
    ("rule", "package", "manufacturer", "ref"),
    [
        ("cryptolib-macos", "5.2.1", "ANS", None),
        ("cryptolib-macos", "5.2.1", "OpenSC Project", "middleware.foreign"),
        ("cryptolib-windows-x64", "5.2.6", "OpenSC Project", "middleware.foreign"),
        ("cryptolib-macos", None, "OpenSC Project", "middleware.foreign"),
        ("cryptolib-linux", None, "OpenSC Project", "middleware.foreign"),
        # the agency had another name when these were made, and nobody has seen which one they give
        ("cryptolib-macos", "5.1.5", "ASIP Sante", "middleware.manufacturer-unlisted"),
        ("cryptolib-macos", "5.1.5", "ANS", None),
        ("cryptolib-windows-x86", "5.0.42", "GIP-CPS", "middleware.manufacturer-unlisted"),
    ],
)
def test_the_manufacturer_is_held_against_releases_of_which_it_is_known(
    rule: str, package: str | None, manufacturer: str, ref: str | None
) -> None:
    rules = {rule.id: rule for rule in load_catalogue().middlewares}
    problem = manufacturer_problem(rules[rule], package, manufacturer)
    assert (None if problem is None else problem.ref) == ref


def test_the_bundle_s_middlewares_come_first() -> None:
    names = [rule.component for rule in known_middlewares(load_catalogue().middlewares, "macos")]
    assert None in names
    assert names.index(None) == len(names) - 1
