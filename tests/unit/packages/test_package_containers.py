"""Folders, archives and odd files given in place of a package."""

from __future__ import annotations

import datetime as dt
import os
import stat
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.packages import diskimage, inspect_path, open_packages
from atsam_safe.packages.limits import Limits
from atsam_safe.words.model import UsageError
from lab.atsam import ATSAM_VERSIONS, GALSS, build_component
from lab.diskimage import disk_image, fat_volume
from lab.inspecting import NOW

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.packages.model import Inspection
    from lab.authority import Authority


def inspected(path: Path, catalogue: Catalogue, limits: Limits | None = None) -> tuple[Inspection, ...]:
    return inspect_path(path, catalogue.trust, catalogue, NOW, limits or Limits())


def refs(inspection: Inspection) -> list[str]:
    return [reason.ref for reason in inspection.signature.reasons]


@pytest.fixture(scope="module")
def parts(authority: Authority) -> dict[str, bytes]:
    return {
        f"{component}.pkg": build_component(component, version, authority.signer()) for component, version in ATSAM_VERSIONS["4.41"].items()
    }


def test_folder_of_packages(tmp_path: Path, parts: dict[str, bytes], catalogue: Catalogue) -> None:
    for name, data in parts.items():
        (tmp_path / name.replace(".pkg", ".bin")).write_bytes(data)
    (tmp_path / "lisez-moi.txt").write_text("bonjour")
    (tmp_path / "._galss.pkg").write_bytes(b"attributes")
    (tmp_path / "link.pkg").symlink_to("/etc/passwd")
    found = inspected(tmp_path, catalogue)
    assert sorted(str(part.component) for inspection in found for part in inspection.components) == ["cryptolib", "galss", "srvsvcnam"]
    assert {inspection.signature.verdict for inspection in found} == {"developer-id"}


def test_damaged_package_in_a_folder_is_not_passed_over(tmp_path: Path, parts: dict[str, bytes], catalogue: Catalogue) -> None:
    (tmp_path / "a.pkg").write_bytes(parts["galss.pkg"])
    (tmp_path / "b.pkg").write_bytes(b"")
    (tmp_path / "c.pkg").write_bytes(b"<html>")
    found = inspected(tmp_path, catalogue)
    assert [refs(inspection) for inspection in found] == [[], ["package.empty"], ["package.not-a-package"]]


def test_folder_without_packages(tmp_path: Path, catalogue: Catalogue) -> None:
    (tmp_path / "readme").write_text("x")
    (inspection,) = inspected(tmp_path, catalogue)
    assert refs(inspection) == ["package.not-a-package"]


def test_zip_of_packages_under_any_name(tmp_path: Path, parts: dict[str, bytes], catalogue: Catalogue) -> None:
    path = tmp_path / "lot.pkg"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(f"dossier/{name}", data)
        archive.writestr("__MACOSX/dossier/._galss.pkg", b"attributes")
        archive.writestr("notice.txt", b"bonjour")
    found = inspected(path, catalogue)
    assert len(found) == 3
    assert found[0].path == f"{path}/dossier/galss.pkg"
    assert all(inspection.signature.verdict == "developer-id" for inspection in found)


@pytest.mark.parametrize("name", ["../evil.pkg", "/abs.pkg", "a/../../evil.pkg", "..\\evil.pkg"])
def test_zip_that_climbs(name: str, tmp_path: Path, parts: dict[str, bytes], catalogue: Catalogue) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    path = folder / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, parts["galss.pkg"])
    assert refs(inspected(path, catalogue)[-1]) == ["package.unsafe-path"]
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["inner", "x.zip"]


def test_zip_bomb_and_crowd(tmp_path: Path, catalogue: Catalogue) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.pkg", b"xar!" + bytes(20 << 20))
    assert refs(inspected(bomb, catalogue, Limits(container=1 << 20))[-1]) == ["package.too-large"]
    crowd = tmp_path / "crowd.zip"
    with zipfile.ZipFile(crowd, "w") as archive:
        for number in range(40):
            archive.writestr(f"{number}.pkg", b"xar!")
    assert refs(inspected(crowd, catalogue, Limits(packages=5))[-1]) == ["package.too-large"]
    assert refs(inspected(crowd, catalogue, Limits(container_members=5))[-1]) == ["package.too-large"]


def test_zip_with_damaged_member_or_directory(tmp_path: Path, parts: dict[str, bytes], catalogue: Catalogue) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.pkg", parts["galss.pkg"])
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)
    assert refs(inspected(path, catalogue)[-1]) == ["package.damaged"]
    path.write_bytes(bytes(data[:-30]))
    assert refs(inspected(path, catalogue)[-1]) == ["package.damaged"]


def test_links_inside_a_zip_are_no_packages(tmp_path: Path, catalogue: Catalogue) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("a.pkg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, b"/etc/passwd")
    assert refs(inspected(path, catalogue)[-1]) == ["package.not-a-package"]


def test_missing_path_is_the_callers_mistake(tmp_path: Path, catalogue: Catalogue) -> None:
    with pytest.raises(UsageError) as caught:
        inspected(tmp_path / "absent.pkg", catalogue)
    assert caught.value.problems[0].ref == "package.path-missing"


def test_special_files(tmp_path: Path, catalogue: Catalogue) -> None:
    pipe = tmp_path / "a.pkg"
    os.mkfifo(pipe)
    assert refs(inspected(pipe, catalogue)[0]) == ["package.not-a-package"]
    dangling = tmp_path / "b.pkg"
    dangling.symlink_to("nowhere")
    assert refs(inspected(dangling, catalogue)[0]) == ["package.unreadable"]


@pytest.mark.parametrize(("magic", "expected"), [(b"\xd0\xcf\x11\xe0", "windows-installer"), (b"\xed\xab\xee\xdb", "rpm")])
def test_other_formats_are_named(magic: bytes, expected: str, tmp_path: Path, catalogue: Catalogue) -> None:
    path = tmp_path / "galss.pkg"
    path.write_bytes(magic + bytes(600))
    (inspection,) = inspected(path, catalogue)
    assert inspection.format == expected
    assert inspection.signature.verdict == "refused"


def test_swapping_the_file_after_the_check_changes_nothing(tmp_path: Path, parts: dict[str, bytes], catalogue: Catalogue) -> None:
    path = tmp_path / "galss.pkg"
    path.write_bytes(parts["galss.pkg"])
    with open_packages(path, catalogue.trust, catalogue, NOW) as opened:
        replacement = tmp_path / "other"
        replacement.write_bytes(b"something else")
        replacement.rename(path)
        copy = tmp_path / "copy.pkg"
        with copy.open("wb") as target:
            opened.copy(0, target.fileno())
        assert copy.read_bytes() == parts["galss.pkg"]


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_descriptors_are_closed(tmp_path: Path, parts: dict[str, bytes], catalogue: Catalogue) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.pkg", parts["galss.pkg"])
        archive.writestr("b.pkg", b"broken")
    (tmp_path / "c.pkg").write_bytes(parts["galss.pkg"])
    before = open_descriptors()
    for path in (tmp_path / "x.zip", tmp_path / "c.pkg", tmp_path):
        inspected(path, catalogue)
    assert open_descriptors() == before


def test_judged_at_the_callers_time(tmp_path: Path, authority: Authority, catalogue: Catalogue) -> None:
    path = tmp_path / "a.pkg"
    path.write_bytes(build_component(GALSS, "3.43.02", authority.signer(timestamp_at=None)))
    early = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)
    assert inspect_path(path, catalogue.trust, catalogue, early)[0].signature.verdict == "developer-id"
    assert inspected(path, catalogue)[0].signature.verdict == "untrusted"


def test_disk_image(tmp_path: Path, parts: dict[str, bytes], catalogue: Catalogue) -> None:
    path = tmp_path / "lot.bin"
    path.write_bytes(
        disk_image(fat_volume({"GALSS.PKG": parts["galss.pkg"], "LISEZ.TXT": b"bonjour", "CRYPTO.BIN": parts["cryptolib.pkg"]}))
    )
    found = inspected(path, catalogue)
    assert [part.component for inspection in found for part in inspection.components] == ["galss", "cryptolib"]
    assert found[0].path == f"{path}/GALSS.PKG"
    assert {inspection.signature.verdict for inspection in found} == {"developer-id"}


def test_disk_image_without_an_opener(tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diskimage, "_OPENERS", ("/nonexistent/7z",))
    path = tmp_path / "lot.dmg"
    path.write_bytes(disk_image(fat_volume({"A.TXT": b"x"})))
    (inspection,) = inspected(path, catalogue)
    assert refs(inspection) == ["package.opener-missing"]
    assert inspection.format == "macos-disk-image"


STAND_IN = """#!/bin/sh
# stands for the tool that mounts images: "mounts" a prepared folder below the one it was given
echo "$*" >> "{log}"
case "$1" in
attach)
    mkdir "$7/dmg.1"
    cp -P "{volume}"/* "$7/dmg.1/"
    cat <<END
<?xml version="1.0"?><plist version="1.0"><dict><key>system-entities</key><array>
<dict><key>dev-entry</key><string>/dev/disk9</string></dict>
<dict><key>dev-entry</key><string>/dev/disk9s1</string><key>mount-point</key><string>$7/dmg.1</string></dict>
</array></dict></plist>
END
    ;;
esac
"""


def test_disk_image_mounted_by_the_system(
    tmp_path: Path, parts: dict[str, bytes], catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "Galss.pkg").write_bytes(parts["galss.pkg"])
    (volume / "Applications").symlink_to("/etc/passwd")
    (volume / "evil.pkg").symlink_to("/etc/passwd")
    log = tmp_path / "log"
    tool = tmp_path / "hdiutil"
    tool.write_text(STAND_IN.format(log=log, volume=volume))
    tool.chmod(0o755)
    monkeypatch.setattr(diskimage, "_MOUNTER", str(tool))
    path = tmp_path / "lot.dmg"
    path.write_bytes(disk_image(fat_volume({"A.TXT": b"x"})))
    found = inspected(path, catalogue)
    assert [part.component for inspection in found for part in inspection.components] == ["galss"]
    calls = log.read_text().splitlines()
    assert calls[0].startswith("attach -readonly -nobrowse -noautoopen")
    assert calls[-1] == "detach /dev/disk9 -force"
    tool.write_text("#!/bin/sh\nread answer\necho 'agree? Y/N'\nexit 1\n")
    assert [refs(inspection) for inspection in inspected(path, catalogue)] == [["package.unreadable"]]


def test_broken_disk_image(tmp_path: Path, catalogue: Catalogue) -> None:
    path = tmp_path / "x.dmg"
    path.write_bytes(bytes(2000) + b"koly" + bytes(508))
    (inspection,) = inspected(path, catalogue)
    assert inspection.signature.verdict == "refused"
