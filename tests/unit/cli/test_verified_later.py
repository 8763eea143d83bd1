"""Weeks after an installation, without a plan and without the look before it: what ``verify`` finds of what has been done since."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from lab.stage import Stage, lay_out_workstation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GALSS = "Library/Application Support/Galss"
SERVER = f"{GALSS}/galsvosx"
P11 = "usr/local/lib/libcps3_pkcs11_osx.dylib"
INI = "Library/Preferences/galss.ini"
SRVSVCNAM = "Library/Application Support/santesocial/SrvSVCNAM"


@pytest.fixture(scope="module")
def installed(materials: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workstation on which 4.41 was installed; copied for each test."""
    folder = tmp_path_factory.mktemp("installed")
    for path in materials.iterdir():
        if path.name != "poste":  # the workstation of every other test: this one has its own
            (folder / path.name).symlink_to(path)
    lay_out_workstation(folder)
    with pytest.MonkeyPatch.context() as patch:
        whole = Stage(folder=folder, monkeypatch=patch)
        assert whole.run(*whole.on, "--yes", "install", whole.package("ATSAM-4.41.pkg")).code == 0
    return folder / "poste"


@pytest.fixture
def later(stage: Stage, installed: Path) -> Stage:
    """The stage with that workstation."""
    shutil.rmtree(stage.folder / "poste")
    shutil.copytree(installed, stage.folder / "poste", symlinks=True)
    return stage


def one_byte(path: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        data = bytearray((root / path).read_bytes())
        data[len(data) // 2] ^= 1
        mode = (root / path).stat().st_mode
        (root / path).chmod(0o644)
        (root / path).write_bytes(data)
        (root / path).chmod(mode)

    return change


def mode(path: str, bits: int) -> Callable[[Path], None]:
    return lambda root: (root / path).chmod(bits)


def made(path: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"of an older release")

    return change


def removed(*paths: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        for path in paths:
            if (root / path).is_dir():
                shutil.rmtree(root / path)
            else:
                (root / path).unlink(missing_ok=True)

    return change


def appended(path: str, text: bytes) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        with (root / path).open("ab") as stream:
            stream.write(text)

    return change


BROKEN = [
    pytest.param(one_byte(SERVER), "component.changed", id="a byte of the server, same size"),
    pytest.param(one_byte(P11), "component.changed", id="a byte of the Cryptolib's library"),
    pytest.param(mode(SERVER, 0o644), "component.rights-missing", id="a server that nobody can start"),
    pytest.param(mode(P11, 0o000), "component.rights-missing", id="a library that nobody can read"),
    pytest.param(mode(INI, 0o600), "component.rights-missing", id="a configuration that users cannot read"),
    pytest.param(mode(GALSS, 0o700), "component.rights-missing", id="a folder that users cannot enter"),
]
TOLD = [
    pytest.param(made("Library/Frameworks/cpsosx.framework/cpsosx"), "verify.older-remains", id="a library of an older Cryptolib"),
    pytest.param(appended(INI, b"\r\n; a second reader\r\n"), "verify.configuration-since", id="a configuration that somebody changed"),
    pytest.param(
        removed("Applications/DmpConnectJS2.app", "usr/local/dmpconnectjs2"),
        "verify.dependent-incomplete",
        id="a dependent without its program",
    ),
]


def refs(later: Stage, severity: str) -> list[str]:
    answer = later.run(*later.on, "--json", "verify").json
    return [finding["ref"] for finding in answer["data"]["findings"] if finding["severity"] == severity]


def test_right_after_an_installation_there_is_nothing_to_say(later: Stage) -> None:
    assert later.run(*later.on, "verify").code == 0
    assert refs(later, "blocking") == []
    assert not {"verify.older-remains", "verify.dependent-incomplete", "verify.configuration-since"} & set(refs(later, "notice"))


@pytest.mark.parametrize(("change", "ref"), BROKEN)
def test_what_was_changed_since_makes_the_workstation_wrong(later: Stage, change: Callable[[Path], None], ref: str) -> None:
    change(later.folder / "poste")
    assert refs(later, "blocking") == [ref]
    assert later.run(*later.on, "verify").code == 11


@pytest.mark.parametrize(("change", "ref"), TOLD)
def test_what_may_be_harmless_is_told(later: Stage, change: Callable[[Path], None], ref: str) -> None:
    change(later.folder / "poste")
    assert ref in refs(later, "notice")
    assert later.run(*later.on, "verify").code == 0


def test_more_rights_than_installed_are_no_fault(later: Stage) -> None:
    mode(SERVER, 0o777)(later.folder / "poste")
    assert later.run(*later.on, "verify").code == 0


def test_that_the_card_was_not_looked_at_is_said_in_words(later: Stage) -> None:
    assert "La carte CPS ne peut pas être contrôlée" in " ".join(later.run(*later.on, "--lang", "fr", "verify").out.split())
    again = later.run(*later.on, "--lang", "fr", "--yes", "install", later.package("ATSAM-4.41.pkg"))
    assert "La carte CPS ne peut pas être contrôlée" in " ".join(again.out.split())
