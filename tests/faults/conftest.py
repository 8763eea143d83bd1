"""The scene of the fault matrix, built once per process and put on only while a test module uses it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

import coverage
import pytest

from faults.campaign import prepare_all
from faults.scene import made_scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.scene import Prepared, Scene

UNMEASURED: Final = frozenset({"test_clock", "test_kill_cells", "test_meetings", "test_power_loss", "test_real_disks"})
"""Modules that repeat whole commands hundreds of times: what they reach is measured where it is tested once, at half the price."""


@contextlib.contextmanager
def unmeasured() -> Iterator[None]:
    """No measurement of coverage in the block and in the processes it starts."""
    current = coverage.Coverage.current()
    kept = {name: os.environ.pop(name) for name in tuple(os.environ) if name.startswith("COVERAGE_PROCESS")}
    if current is not None:
        current.stop()
    try:
        yield
    finally:
        if current is not None:
            current.start()
        os.environ.update(kept)


@pytest.fixture(scope="module", autouse=True)
def _measured_elsewhere(request: pytest.FixtureRequest) -> Iterator[None]:
    with unmeasured() if request.path.stem in UNMEASURED else contextlib.nullcontext():
        yield


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
