"""An installed GALSS without a usable galss.ini is not right, and each way of having none is called by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.catalogue.model import Anchor, Trust
from atsam_safe.verify import assess
from atsam_safe.workstation.offline import OfflineWorkstation
from lab import damage
from lab.atsam import DEFAULT_GALSS_INI, DEFAULT_IO_COMM_INI
from lab.catalogue import write_test_manifests
from lab.workstation import lay_out, lay_out_mojave

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.verify.model import Assessment

PREFERENCES = "Library/Preferences"
INI, IO_COMM = f"{PREFERENCES}/galss.ini", f"{PREFERENCES}/io_comm.ini"
COPIES = f"{PREFERENCES}/santesocial/galssV3"
ANCHOR = Anchor(name="Lab", sha256="ab" * 32, role="installer-root", source="LAB", certainty="confirmed")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load_catalogue(write_test_manifests(tmp_path_factory.mktemp("manifests"), Trust(anchors=(ANCHOR,))))


def look(root: Path, catalogue: Catalogue) -> Assessment:
    return assess(OfflineWorkstation(root).observe(catalogue, ownership=False), catalogue)


def about_configuration(seen: Assessment) -> dict[str, str]:
    return {finding.ref: finding.severity for finding in seen.findings if finding.ref.startswith("config.")}


def both_gone(root: Path) -> None:
    (root / INI).unlink()
    (root / IO_COMM).unlink()


def map_gone(root: Path) -> None:
    (root / INI).unlink()


def folder(root: Path) -> None:
    (root / INI).unlink()
    (root / INI).mkdir()


def huge(root: Path) -> None:
    (root / INI).write_bytes(b"[A]\n" + b"x=1\n" * 300_000)


def serial_without_ports(root: Path) -> None:
    (root / INI).write_bytes(DEFAULT_GALSS_INI)
    (root / IO_COMM).unlink()


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (both_gone, {"config.missing": "blocking"}),
        (map_gone, {"config.missing": "blocking", "config.ini-pair-broken.map-lost": "notice"}),
        (folder, {"config.no-file": "blocking"}),
        (huge, {"config.too-large": "blocking"}),
        (damage.empty_ini, {"config.empty": "blocking"}),
        (serial_without_ports, {"config.missing.ports": "blocking", "config.ini-pair-broken": "notice"}),
    ],
)
def test_a_workstation_without_a_usable_reader_map_is_not_right(
    tmp_path: Path, catalogue: Catalogue, broken: Callable[[Path], None], told: dict[str, str]
) -> None:
    lay_out_mojave(tmp_path)
    broken(tmp_path)
    seen = look(tmp_path, catalogue)
    assert about_configuration(seen) == told
    assert not seen.fit


def test_ports_are_of_no_use_to_readers_on_usb(tmp_path: Path, catalogue: Catalogue) -> None:
    """io_comm.ini says where serial ports are; the story's workstation has a PC/SC reader."""
    lay_out_mojave(tmp_path)
    damage.half_ini_pair(tmp_path)
    seen = look(tmp_path, catalogue)
    assert about_configuration(seen) == {"config.ini-pair-broken": "notice"}
    assert seen.fit


@pytest.mark.parametrize("broken", [both_gone, map_gone, folder, huge, damage.empty_ini])
def test_without_galss_nobody_needs_its_map(tmp_path: Path, catalogue: Catalogue, broken: Callable[[Path], None]) -> None:
    lay_out(tmp_path, os_version="10.14.6", components={"cryptolib": "5.1.5"}, hardware="x86_64")
    for name in (INI, IO_COMM):
        (tmp_path / name).write_bytes(DEFAULT_GALSS_INI)
    assert look(tmp_path, catalogue).installed == {"cryptolib": "5.1.5"}
    broken(tmp_path)
    assert "blocking" not in about_configuration(look(tmp_path, catalogue)).values()


def test_a_link_in_its_place_is_followed_by_whoever_reads_it(tmp_path: Path, catalogue: Catalogue) -> None:
    lay_out_mojave(tmp_path)
    (tmp_path / INI).rename(tmp_path / f"{PREFERENCES}/lecteurs.ini")
    (tmp_path / INI).symlink_to("lecteurs.ini")
    assert about_configuration(look(tmp_path, catalogue)) == {}


def test_the_newest_copy_is_named_by_its_date_not_by_its_name(tmp_path: Path, catalogue: Catalogue) -> None:
    lay_out_mojave(tmp_path)
    for day, content in (("28-11-2019-09h00m00", b"[CONFIG]\n"), ("03-01-2020-10h00m00", b"[CONFIG]\n"), ("04-02-2021-10h00m00", b"")):
        copy = tmp_path / COPIES / f"backup-{day}" / "galss.ini"
        copy.parent.mkdir(parents=True)
        copy.write_bytes(content)
    (tmp_path / f"{PREFERENCES}/bckgalss.ini").write_bytes(b"[CONFIG]\n")
    assert about_configuration(look(tmp_path, catalogue)) == {}
    map_gone(tmp_path)
    seen = look(tmp_path, catalogue)
    (lost,) = (finding for finding in seen.findings if finding.ref == "config.missing.backup")
    assert (lost.params["backup"], lost.params["count"]) == (f"/{COPIES}/backup-03-01-2020-10h00m00/galss.ini", "3")
    assert lost.evidence["copies"][-1] == f"/{PREFERENCES}/bckgalss.ini"


def test_the_map_that_an_installation_brings_is_enough(tmp_path: Path, catalogue: Catalogue) -> None:
    """A first installation leaves the publisher's default: not a fault, and told as before."""
    lay_out(
        tmp_path, os_version="10.14.6", components={"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}, hardware="x86_64"
    )
    (tmp_path / INI).write_bytes(DEFAULT_GALSS_INI)
    (tmp_path / IO_COMM).write_bytes(DEFAULT_IO_COMM_INI)
    seen = look(tmp_path, catalogue)
    assert about_configuration(seen) == {}
    assert seen.fit
