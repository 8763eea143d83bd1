from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from lab.offline_steps import story_package
from lab.small_catalogue import small_catalogue
from lab.workstation import lay_out_mojave

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story's workstation, laid out once; tests that change something take ``mojave``."""
    return lay_out_mojave(tmp_path_factory.mktemp("story") / "volume")


@pytest.fixture
def mojave(story: Path, tmp_path: Path) -> Path:
    """A private copy of the story's workstation."""
    return shutil.copytree(story, tmp_path / "volume", symlinks=True)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return small_catalogue()


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return story_package(tmp_path_factory.mktemp("packages") / "atsam.pkg")
