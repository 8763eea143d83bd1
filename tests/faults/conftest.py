"""The scene of the fault matrix, built once per process and put on only while a test module uses it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from faults.campaign import prepare_all
from faults.scene import made_scene
from lab.measuring import unmeasured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.scene import Prepared, Scene


@pytest.fixture(scope="session")
def built_scene() -> Iterator[tuple[Scene, dict[str, Prepared]]]:
    """Packages, templates and what each scenario may end in: half a minute of work, shared by all modules."""
    with contextlib.ExitStack() as stack:
        with unmeasured():
            made = stack.enter_context(made_scene())
            prepared = prepare_all(made)
            made.take_off()
        yield made, prepared


@pytest.fixture(scope="module")
def scene(built_scene: tuple[Scene, dict[str, Prepared]]) -> Iterator[Scene]:
    """The scene, its stand-ins for loading and for threads in place; other modules of tests never meet them."""
    built_scene[0].put_on()
    yield built_scene[0]
    built_scene[0].take_off()


@pytest.fixture(scope="module")
def prepared(built_scene: tuple[Scene, dict[str, Prepared]]) -> dict[str, Prepared]:
    """Every scenario by its name."""
    return built_scene[1]
