from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.stage_fixtures import materials, stage
from lab.windows.fixtures import practice
from lab.worlds import WORLDS, WindowsWorld

if TYPE_CHECKING:
    from lab.worlds import World

__all__ = ["materials", "practice", "stage"]
_EVERY = [*sorted(WORLDS), pytest.param("windows", marks=[pytest.mark.wine, pytest.mark.system, pytest.mark.slow])]


@pytest.fixture(params=_EVERY)
def world(request: pytest.FixtureRequest) -> World:
    """Every world in turn."""
    if request.param == "windows":
        return WindowsWorld(request.getfixturevalue("practice"))
    return WORLDS[request.param](request.getfixturevalue("stage"))
