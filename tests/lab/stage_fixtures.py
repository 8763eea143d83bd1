"""Fixtures for tests that run whole commands: import ``materials`` and ``stage`` into a ``conftest.py``."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from lab.stage import Stage, build_materials, lay_out_workstation

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signed packages, their catalogue and a workstation, made once; copied for each test."""
    folder = tmp_path_factory.mktemp("materials")
    build_materials(folder)
    lay_out_workstation(folder)
    return folder


@pytest.fixture
def stage(materials: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage of its own for one test; the language is French unless the test says otherwise."""
    folder = tmp_path / "stage"
    shutil.copytree(materials, folder, symlinks=True)
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "logs"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Stage(folder=folder, monkeypatch=monkeypatch)
