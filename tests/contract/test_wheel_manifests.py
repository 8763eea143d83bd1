"""The wheel carries the manifests, byte for byte, and their compiled form."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import zipfile
from pathlib import Path

from plumbum import local

from atsam_safe.catalogue.load import embedded_folder, read_manifests

ROOT = Path(__file__).resolve().parents[2]
BUILT_FROM = ("pyproject.toml", "hatch_build.py", "LICENSE", "NOTICE", "manifests", "src")


def test_the_wheel_contains_every_manifest_and_the_compiled_catalogue(tmp_path: Path) -> None:
    # Built from a copy: the build writes compiled files beside the sources, and tests run side by side.
    source = tmp_path / "source"
    source.mkdir()
    for name in BUILT_FROM:
        origin = ROOT / name
        if origin.is_dir():
            shutil.copytree(origin, source / name, ignore=shutil.ignore_patterns("__pycache__", "_build", "*.mo"))
        elif origin.exists():
            shutil.copy(origin, source / name)
    (source / "README.md").touch()
    local[sys.executable]["-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")].with_cwd(str(source))(timeout=120)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    manifests = read_manifests(embedded_folder())
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert {f"atsam_safe/manifests/{name}" for name in manifests} == {
            name for name in names if name.startswith("atsam_safe/manifests/")
        }
        assert all(archive.read(f"atsam_safe/manifests/{name}") == content for name, content in manifests.items())
        compiled = json.loads(archive.read("atsam_safe/_build/catalogue.json"))
    assert set(compiled["twins"]) == {hashlib.sha256(content).hexdigest() for content in manifests.values()}
