"""Every kind of hostile package through the real ``inspect``, ``check`` and ``install``: refused in words, and nothing touched."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from faults.fingerprint import differences, fingerprint
from faults.hostile import KINDS, ODDITIES, Makers, product
from lab.authority import Authority
from lab.catalogue import write_test_manifests
from lab.stage import Stage
from lab.workstation import fsv, lay_out

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workstation that is never changed, so it serves every kind."""
    folder = tmp_path_factory.mktemp("hostile")
    lay_out(folder / "poste", os_version="10.14.6", users=("docteur",), neighbours=(fsv(),), hardware="x86_64")
    return folder


@pytest.fixture(scope="module")
def makers(place: Path) -> Makers:
    trusted = Authority.create()
    write_test_manifests(place / "catalogue", trusted.trust())
    return Makers(trusted=trusted, foreign=Authority.create())


@pytest.fixture
def stage(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "logs"))
    return Stage(folder=place, monkeypatch=monkeypatch)


def everything(place: Path) -> dict[str, object]:
    """The workstation, the state folder's place included: a refusal does not even make one."""
    assert not (place / "poste/Library/Application Support/atsam-safe").exists()
    return dict(fingerprint(place / "poste"))


def test_the_sound_package_is_accepted(stage: Stage, makers: Makers) -> None:
    """Or the refusals below would prove nothing."""
    (stage.folder / "sound.pkg").write_bytes(product(makers.trusted.signer()))
    assert stage.run("--json", *stage.on, "check", stage.package("sound.pkg")).json["status"] == "ok"


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) >= 60
    assert {kind.group for kind in KINDS.values()} == {"F7", "F8", "structure", "containers"}


@pytest.mark.parametrize("name", KINDS)
def test_a_hostile_package_is_refused_and_touches_nothing(name: str, stage: Stage, makers: Makers, tmp_path: Path) -> None:
    kind = KINDS[name]
    package = tmp_path / f"package{kind.suffix}"
    package.write_bytes(kind.build(makers))
    before = everything(stage.folder)
    outside = sorted(path.name for path in tmp_path.iterdir())
    for command in (("inspect",), ("check",), ("--yes", "install")):
        answer = stage.run("--json", *stage.on, *command, str(package))
        envelope = answer.json
        assert "Traceback" not in answer.err
        assert answer.code in ({0, 12} if command == ("inspect",) else kind.codes), (command, envelope["errors"])
        if command != ("inspect",):
            assert envelope["errors"], command
            assert all(error["what"] and error["why"] and error["next"] for error in envelope["errors"])
        after = everything(stage.folder)
        assert after == before, differences(after, before)  # type: ignore[arg-type]  # both are trees of the same kind
    assert sorted(path.name for path in tmp_path.iterdir()) == outside


@pytest.mark.parametrize("name", ODDITIES)
def test_an_oddity_stays_inside_and_can_be_taken_back(name: str, stage: Stage, makers: Makers, tmp_path: Path) -> None:
    package = tmp_path / "package.pkg"
    package.write_bytes(ODDITIES[name].build(makers))
    poste = tmp_path / "poste"
    subprocess.run(["/bin/cp", "-a", str(stage.folder / "poste"), str(poste)], check=True)
    on = (*stage.on[:2], "--root", str(poste))
    before = fingerprint(poste)
    answer = stage.run("--json", *on, "--yes", "install", str(package))
    assert answer.code in ODDITIES[name].codes, answer.json["errors"]
    assert not (poste / "private/etc/master.passwd").exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "logs") == ["package.pkg", "poste"]
    if answer.code == 0:
        assert stage.run("--json", *on, "--yes", "rollback").code == 0
    assert differences(fingerprint(poste), before) == ()
