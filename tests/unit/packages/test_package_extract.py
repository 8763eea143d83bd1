"""Unpacking into a staging folder: verified to the last byte, or nothing remains."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from atsam_safe.packages import extract_component, open_packages
from atsam_safe.packages.checksums import cksum
from atsam_safe.words.model import UntrustedPackageError, WorkstationError
from lab.atsam import GALSS, build_atsam, build_component, component_items
from lab.inspecting import NOW
from lab.items import Item, file
from lab.packages import Component, component_package

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from lab.authority import Authority


def test_every_file_is_staged_with_its_digest(tmp_path: Path, authority: Authority, catalogue: Catalogue) -> None:
    path = tmp_path / "a.pkg"
    path.write_bytes(build_atsam("4.41", authority.signer(), compression="pbzx"))
    with open_packages(path, catalogue.trust, catalogue, NOW) as opened:
        for index, part in enumerate(opened.inspections[0].components):
            stage = tmp_path / f"stage-{index}"
            stage.mkdir()
            entries = extract_component(opened, 0, index, stage)
            wanted = {f"/{item.path}": item for item in component_items(str(part.component), part.version)}
            assert {entry.path for entry in entries} >= set(wanted)
            for entry in entries:
                item = wanted.get(entry.path)
                if entry.kind == "file":
                    assert item is not None
                    assert entry.staged_name is not None
                    content = (stage / entry.staged_name).read_bytes()
                    assert content == item.data
                    assert entry.checksum == cksum(content)
                    assert entry.size == len(content)
                elif entry.kind == "symlink":
                    assert item is not None
                    assert entry.link == item.link
            staged = {entry.staged_name for entry in entries if entry.staged_name is not None}
            assert {child.name for child in stage.iterdir()} == staged | {"Bom"}
            assert all(child.stat().st_mode & 0o777 == 0o600 for child in stage.iterdir())


def test_hard_links_become_files_of_their_own(tmp_path: Path, catalogue: Catalogue) -> None:
    items = tuple(Item(path=f"opt/{name}", data=b"shared", hard_link_group=1) for name in "abc")
    path = tmp_path / "a.pkg"
    path.write_bytes(component_package(Component(identifier="a.b", version="1", items=items)))
    with open_packages(path, catalogue.trust, catalogue, NOW) as opened:
        entries = [entry for entry in extract_component(opened, 0, 0, tmp_path) if entry.kind == "file"]
    assert len({entry.staged_name for entry in entries}) == 3
    assert {(tmp_path / str(entry.staged_name)).read_bytes() for entry in entries} == {b"shared"}


def test_change_under_our_feet_is_noticed_and_cleared(tmp_path: Path, authority: Authority, catalogue: Catalogue) -> None:
    """Writing into the checked file itself: the descriptor sees it, and so do the checksums kept from the check."""
    path = tmp_path / "a.pkg"
    data = build_component(GALSS, "3.43.02", authority.signer())
    path.write_bytes(data)
    stage = tmp_path / "stage"
    stage.mkdir()
    with open_packages(path, catalogue.trust, catalogue, NOW) as opened:
        with path.open("r+b") as stream:
            position = data.index(b"\x1f\x8b\x08", 10_000) + 2000
            stream.seek(position)
            stream.write(bytes([data[position] ^ 0x10]))
        with pytest.raises(UntrustedPackageError):
            extract_component(opened, 0, 0, stage)
    assert list(stage.iterdir()) == []


def test_refused_package_is_never_unpacked(tmp_path: Path, catalogue: Catalogue) -> None:
    part = Component(identifier="a.b", version="1", items=(file("opt/a", b"x"),))
    path = tmp_path / "a.pkg"
    path.write_bytes(component_package(dataclasses.replace(part, declared_items=(file("opt/a", b"y"),))))
    with open_packages(path, catalogue.trust, catalogue, NOW) as opened, pytest.raises(UntrustedPackageError):
        extract_component(opened, 0, 0, tmp_path)
    assert [child.name for child in tmp_path.iterdir()] == ["a.pkg"]


def test_existing_names_in_the_staging_folder_are_not_followed(tmp_path: Path, authority: Authority, catalogue: Catalogue) -> None:
    path = tmp_path / "a.pkg"
    path.write_bytes(build_component(GALSS, "3.43.02", authority.signer()))
    victim = tmp_path / "victim"
    victim.write_text("precious")
    stage = tmp_path / "stage"
    stage.mkdir()
    (stage / "000003").symlink_to(victim)
    with open_packages(path, catalogue.trust, catalogue, NOW) as opened, pytest.raises(WorkstationError) as caught:
        extract_component(opened, 0, 0, stage)
    assert caught.value.problems[0].ref == "package.staging-failed"
    assert victim.read_text() == "precious"
    assert [child.name for child in stage.iterdir()] == ["000003"]


def test_script_only_component_stages_nothing(tmp_path: Path, catalogue: Catalogue) -> None:
    part = Component(identifier="a.b", version="1", scripts={"postinstall": "#!/bin/sh\n"}, has_payload=False)
    path = tmp_path / "a.pkg"
    path.write_bytes(component_package(part))
    with open_packages(path, catalogue.trust, catalogue, NOW) as opened:
        assert extract_component(opened, 0, 0, tmp_path) == ()
