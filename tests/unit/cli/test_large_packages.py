"""Large packages on the command line: their payload is walked once, while staging, and a bad one still changes nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from atsam_safe.packages import content, extract, inspection
from atsam_safe.words.model import UntrustedPackageError
from lab.atsam import CRYPTOLIB, Sabotage, build_atsam
from lab.authority import Authority
from lab.catalogue import write_test_manifests
from lab.items import file
from lab.packages import flipped

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.packages.content import Content
    from atsam_safe.packages.xar import XarArchive
    from lab.stage import Stage

FILLING = "Library/Application Support/santesocial/CPS/filling.bin"
LARGE = 17 << 20


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound large package, one that has a file less than its bill of materials says, and the catalogue that trusts both."""
    folder = tmp_path_factory.mktemp("large")
    authority = Authority.create()
    filling = (file(FILLING, os.urandom(LARGE)),)
    sound = build_atsam("4.41", authority.signer(), sabotage={CRYPTOLIB: Sabotage(extra=filling)})
    (folder / "sound.pkg").write_bytes(sound)
    (folder / "flipped.pkg").write_bytes(flipped(sound, len(sound) // 2, 5))
    short = Sabotage(extra=(*filling, file(f"{FILLING}.txt", b"x")), unpacked_missing=(f"{FILLING}.txt",))
    (folder / "short.pkg").write_bytes(build_atsam("4.41", authority.signer(), sabotage={CRYPTOLIB: short}))
    write_test_manifests(folder / "catalogue", authority.trust())
    return folder


def seen(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every path of the volume but the program's own state: mode, time and content."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if "atsam-safe" in name:
            continue
        status = path.lstat()
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[name] = (status.st_mode, status.st_mtime_ns if path.is_file() else 0, content)
    return found


@pytest.mark.parametrize("name", ["flipped.pkg", "short.pkg"])
def test_a_bad_payload_ends_12_and_nothing_is_touched(large: Path, stage: Stage, name: str) -> None:
    root = stage.folder / "poste"
    before = seen(root)
    on = ("--manifests", str(large / "catalogue"), "--root", str(root), "--json", "--yes")
    answers = {command: stage.run(*on, command, str(large / name)) for command in ("check", "install", "rehearse")}
    for command, answer in answers.items():
        assert answer.code == 12, command
        assert answer.json["status"] == "untrusted"
        assert {error["ref"] for error in answer.json["errors"]} == {"package.damaged"}
        assert name in answer.json["errors"][0]["what"]
    assert seen(root) == before
    assert not [path for path in root.rglob("*") if path.name in {"staging", "journal.log", "reserve"}]
    assert stage.run("--root", str(root), "--json", "recover").json["status"] == "ok"


def test_a_sound_large_package_is_walked_once(large: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Staging is where it happens: when that fails, nothing of the package has reached the workstation."""
    walked = []
    original = content.walk

    def counted(archive: XarArchive, folder: str, *arguments: Any, **options: Any) -> Content:  # noqa: ANN401 - handed through as they came
        walked.append((folder, archive.entries[f"{folder}Payload"].length > LARGE))
        return original(archive, folder, *arguments, **options)

    for module in (inspection, extract):
        monkeypatch.setattr(module, "walk", counted)
    root = stage.folder / "poste"
    on = ("--manifests", str(large / "catalogue"), "--root", str(root), "--json", "--yes")
    answer = stage.run(*on, "install", str(large / "sound.pkg"))
    assert (answer.code, answer.json["status"]) == (0, "ok")
    assert len({folder for folder, _ in walked}) == 3
    assert [large for _, large in walked].count(True) == 1
    assert (root / FILLING).stat().st_size == LARGE


def test_a_change_between_decision_and_staging_is_noticed(large: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    package = stage.folder / "copy.pkg"
    package.write_bytes((large / "sound.pkg").read_bytes())
    original = content.walk

    def tampering(*arguments: Any, **options: Any) -> Content:  # noqa: ANN401 - handed through as they came
        with package.open("r+b") as stream:
            stream.seek(LARGE // 2)
            stream.write(b"other bytes")
        return original(*arguments, **options)

    monkeypatch.setattr(extract, "walk", tampering)
    root = stage.folder / "poste"
    before = seen(root)
    answer = stage.run("--manifests", str(large / "catalogue"), "--root", str(root), "--json", "--yes", "install", str(package))
    assert answer.code == 12
    assert seen(root) == before
    assert UntrustedPackageError.__name__ not in answer.err
