"""The Windows practice of a test session: import ``practice`` into a ``conftest.py`` or a test module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.windows import wine
from lab.windows.practice import Practice

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    """One Windows for a whole session (one a worker); call ``reset`` first."""
    with wine.Windows(tmp_path_factory.mktemp("wine")) as windows:
        yield Practice(windows, tmp_path_factory.mktemp("practice"))
