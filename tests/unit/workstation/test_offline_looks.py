from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atsam_safe.facts.codec import decode_facts, encode_facts
from atsam_safe.guard.overwriting import PayloadPaths
from atsam_safe.volume import primitives
from atsam_safe.volume.volume import Volume
from atsam_safe.words.model import WorkstationError
from atsam_safe.workstation.offline import OfflineWorkstation
from atsam_safe.workstation.offline_observe import observe_volume
from lab.atsam import GALSS, IDENTIFIERS
from lab.items import file
from lab.workstation import FSV, FSV_MARKER, FSV_WORK, SYSTEM_VERSION, add_receipt, lay_out, other_vendor, put

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts

GALSS_INI = "/Library/Preferences/galss.ini"
GALSS_RECEIPT = IDENTIFIERS[GALSS]


def observe(root: Path, catalogue: Catalogue, *, ownership: bool = False) -> Facts:
    return OfflineWorkstation(root).observe(catalogue, ownership=ownership)


def failing(monkeypatch: pytest.MonkeyPatch, function: str, name: str, number: int) -> None:
    """Let the system refuse ``function`` for everything called ``name``."""
    real = getattr(primitives, function)

    def call(called: str, dir_fd: int) -> object:
        if called == name:
            raise OSError(number, os.strerror(number))
        return real(called, dir_fd)

    monkeypatch.setattr(primitives, function, call)


@pytest.mark.parametrize(
    ("function", "name", "number", "ref"),
    [
        ("open_directory", "Preferences", errno.EPERM, "volume.not-permitted"),
        ("lstat", "galss.ini", errno.EACCES, "volume.not-permitted"),
        ("open_directory", "receipts", errno.EIO, "volume.io-error"),
        ("lstat", "galsvosx", errno.ENAMETOOLONG, "volume.unusable-path"),
    ],
)
def test_what_the_system_refuses_to_show_is_noted(
    mojave: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, function: str, name: str, number: int, ref: str
) -> None:
    failing(monkeypatch, function, name, number)
    notes = observe(mojave, catalogue, ownership=True).notes
    assert [note for note in notes if ref in note and name in note]


def test_a_file_that_cannot_be_read_is_a_problem_of_its_fact(mojave: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("galss.ini", "galssosx", f"{GALSS_RECEIPT}.plist", "com.icanopee.dmpcjs2.plist", "SystemVersion.plist"):
        failing(monkeypatch, "open_read", name, errno.EIO)
    facts = observe(mojave, catalogue, ownership=True)
    receipt, binary = facts.receipt(GALSS_RECEIPT), facts.path("/Library/Frameworks/galssosx.framework/Versions/A/galssosx")
    assert receipt is not None
    assert binary is not None
    assert "volume.io-error" in (receipt.problem or "")
    assert "volume.io-error" in (binary.problem or "")
    assert facts.os.problem == "volume.io-error"
    assert [service.problem for service in facts.services if service.label == "com.icanopee.dmpcjs2"] == ["volume.io-error"]
    assert [config.problem for config in facts.configs if config.path == GALSS_INI] == ["volume.io-error"]


@pytest.mark.needs("/proc")
def test_a_file_whose_status_cannot_be_read_is_a_problem_of_its_fact(
    mojave: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look at an open file stood outside the guard: one fault of the disk ended in « an error of the program's own »."""
    with Volume(mojave) as volume:
        opened = len(list(Path("/proc/self/fd").iterdir()))

        def refuse(_descriptor: int) -> os.stat_result:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(primitives, "fstat", refuse)
        facts = observe_volume(volume, catalogue, ownership=True)
        assert facts.os.problem == "volume.io-error"
        with pytest.raises(WorkstationError) as caught:
            volume.open_read(GALSS_INI)
        assert caught.value.problems[0].ref == "volume.io-error"
        assert len(list(Path("/proc/self/fd").iterdir())) == opened


@pytest.mark.needs("/proc")
def test_descriptors_are_all_given_back(story: Path, catalogue: Catalogue) -> None:
    descriptors = Path("/proc/self/fd")
    workstation = OfflineWorkstation(story)
    before = len(list(descriptors.iterdir()))
    for _ in range(3):
        workstation.observe(catalogue, ownership=True)
    assert len(list(descriptors.iterdir())) == before
    workstation.close()


class Looks:
    """Every name that observation looks at, opens or lists, recorded below the volume's own functions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[str] = []
        self.listed = 0
        self.calls = 0
        real_read, real_list, real_lstat = primitives.open_read, primitives.list_names, primitives.lstat
        real_directory = primitives.open_directory

        def open_read(name: str, dir_fd: int) -> int:
            self.opened.append(name)
            self.calls += 1
            return real_read(name, dir_fd)

        def list_names(dir_fd: int) -> list[str]:
            self.listed += 1
            return real_list(dir_fd)

        def lstat(name: str, dir_fd: int) -> os.stat_result:
            self.calls += 1
            return real_lstat(name, dir_fd)

        def open_directory(name: str, dir_fd: int) -> int:
            self.opened.append(name)
            self.calls += 1
            return real_directory(name, dir_fd)

        for function in (open_read, list_names, lstat, open_directory):
            monkeypatch.setattr(primitives, function.__name__, function)


def test_private_folders_are_never_opened_nor_listed(mojave: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (mojave / FSV_MARKER).stat().st_atime_ns
    looks = Looks(monkeypatch)
    facts = observe(mojave, catalogue, ownership=True)
    assert "travail" not in looks.opened
    assert "ASSURE-0001.dat" not in looks.opened
    assert not [fact.path for fact in facts.paths if "travail" in fact.path]
    assert b"ASSURE" not in encode_facts(facts)
    assert (mojave / FSV_MARKER).stat().st_atime_ns == before


def test_a_configuration_beside_patient_data_is_read_alone(mojave: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    configs = {config.path: config for config in observe(mojave, catalogue).configs}
    assert configs[f"/{FSV}/conf/sesam.ini"].sections["COMMUN"]["RepertoireTravail"] == f"/{FSV}/travail"
    assert "log4crc.xml" not in [name for name in looks.opened if name == f"{FSV}/conf/log4crc.xml"]


def test_a_status_opens_few_files_and_lists_few_folders(mojave: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    put(mojave, [file(f"Library/Frameworks/galssosx.framework/extra/{number}", b"") for number in range(300)])
    put(mojave, [file(f"Users/docteur/Documents/{number}.txt", b"") for number in range(300)])
    for number in range(200):
        add_receipt(mojave, f"com.example.product{number}", "1", [file("Applications/x", b"")])
    looks = Looks(monkeypatch)
    observe(mojave, catalogue)
    files = [name for name in looks.opened if name.startswith("com.example.product")]
    assert files == []
    assert "Documents" not in looks.opened
    assert looks.listed <= 25
    assert looks.calls <= 3000


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small volume of its own, whose files a property test overwrites one at a time."""
    return lay_out(
        tmp_path_factory.mktemp("scratch") / "v", components={GALSS: "3.42.03"}, users=("docteur",), neighbours=(other_vendor(),)
    )


READ_FILES = (
    SYSTEM_VERSION,
    f"private/var/db/receipts/{GALSS_RECEIPT}.plist",
    f"private/var/db/receipts/{GALSS_RECEIPT}.bom",
    "private/var/db/receipts/fr.exemple.teleservice.plist",
    "private/var/db/receipts/fr.exemple.teleservice.bom",
    "Library/Preferences/galss.ini",
    "Library/Frameworks/galssosx.framework/Versions/A/Resources/Info.plist",
    "Library/Frameworks/galssosx.framework/Versions/A/galssosx",
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.sampled_from(READ_FILES), garbage=st.binary(max_size=120), position=st.integers(0, 8000), whole=st.booleans())
def test_garbage_in_any_file_that_is_read_is_told_not_raised(
    scratch: Path, catalogue: Catalogue, place: str, garbage: bytes, position: int, *, whole: bool
) -> None:
    target = scratch / place
    genuine = target.read_bytes()
    start = position % max(len(genuine), 1)
    target.write_bytes(garbage if whole else genuine[:start] + garbage + genuine[start + len(garbage) :])
    try:
        facts = observe(scratch, catalogue, ownership=True)
        assert decode_facts(encode_facts(facts)) == facts
    finally:
        target.write_bytes(genuine)


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ("Library/Application Support/Foo/README", "/Library/Application Support/Foo/readme"),
        ("Library/Application Support/FOO/README", "/Library/Application Support/Foo/readme"),
        ("Library/Application Support/Foo/e\u0301", "/Library/Application Support/Foo/\u00e9"),
    ],
)
def test_what_lies_there_under_another_spelling_is_seen_too(mojave: Path, catalogue: Catalogue, there: str, asked: str) -> None:
    """On the Mac's own disk it is the same file; on a copy it was taken for absent, and the payload laid beside it."""
    put(mojave, [file(there, b"mine")])
    payload = PayloadPaths(core=frozenset({asked, "/Library/Application Support/Foo/other"}))
    facts = OfflineWorkstation(mojave).observe(catalogue, ownership=True, payload=payload)
    assert [fact.path for fact in facts.paths if "Foo" in fact.path or "FOO" in fact.path] == [f"/{there}"]


def test_no_other_spelling_is_looked_for_in_what_is_private(mojave: Path, catalogue: Catalogue) -> None:
    asked: set[str] = set()
    payload = PayloadPaths(core=frozenset({f"/{FSV_MARKER}".upper(), f"/{FSV_WORK}/OTHER"}))
    with Volume(mojave) as volume:
        facts = observe_volume(volume, catalogue, ownership=True, payload=payload, asked=asked)
    assert not [path for path in (*asked, *(fact.path for fact in facts.paths)) if path.startswith(f"/{FSV_WORK}/")]
