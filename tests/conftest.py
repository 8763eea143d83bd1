"""What holds for every test: where it lies says how it is marked."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from atsam_safe.catalogue import load
from atsam_safe.catalogue.parse import parse_catalogue
from atsam_safe.volume.state_place import default_state_path
from atsam_safe.workstation import place
from lab.conditions import missing
from lab.heard_signals import hear_signals
from lab.measuring import unmeasured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from _pytest.terminal import TerminalReporter

    from atsam_safe.catalogue.model import Catalogue

SYSTEM = Path(__file__).parent / "system"
WHOLE = tuple(Path(__file__).parent / name for name in ("contract_suite", "faults"))
ABOUT_THE_PLACE = "test_macos_place"

# A machine that does other work at the same time makes no test wrong; what hangs ends by pytest's own limit.
settings.register_profile("anywhere", settings(), deadline=None)
settings.load_profile("anywhere")
hear_signals()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies below ``tests/system`` as system tests, so that ``./scripts/test --fast`` leaves it out; and what Wine needs.

    They come first: whoever waits for other processes shall not be what a whole run waits for at its end.
    """
    for item in items:
        if item.path.is_relative_to(SYSTEM):
            item.add_marker(pytest.mark.system)
        if item.get_closest_marker("wine"):
            item.add_marker(pytest.mark.needs("Wine", "installer tools"))
    items.sort(key=lambda item: item.get_closest_marker("system") is None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that needs what is not here fails where everything must run, and is skipped, named and counted elsewhere."""
    for mark in item.iter_markers("needs"):
        found = missing(mark.args)
        if found is None:
            continue
        words, is_failure = found
        if is_failure:
            pytest.fail(f"{words}: scripts/setup installs it", pytrace=False)
        pytest.skip(words)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """What did not run on this machine, and why: at the end of every run, in its own words."""
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", []))
    for words, count in sorted(reasons.items()):
        terminalreporter.write_line(f"NOT RUN HERE: {count} test(s): {words}")


@pytest.fixture(scope="session", autouse=True)
def _real_root_untouched() -> Iterator[None]:
    """Once a look at a card left the beginning of a state folder on the computer the tests ran on: no test may leave one."""
    ours = default_state_path(Path("/"))
    before = sorted(ours.iterdir()) if ours.is_dir() else None
    yield
    after = sorted(ours.iterdir()) if ours.is_dir() else None
    assert after == before, f"a test wrote to {ours}, the state folder of this very computer"


@pytest.fixture(scope="session", autouse=True)
def _same_manifests_understood_once() -> Iterator[None]:
    """The same files mean the same catalogue: they are read in every run, and understood by the real parser once in each process.

    Thousands of runs of the program share a process here and a few catalogues; a tenth of all tests' time went there.
    """
    understood: dict[tuple[object, ...], Catalogue] = {}

    def once(files: Mapping[str, bytes], origin: str, *, compiled: Mapping[str, str] | None = None) -> Catalogue:
        key = (origin, *sorted(files.items()), None if compiled is None else frozenset(compiled))
        if key not in understood:
            understood[key] = parse_catalogue(files, origin, compiled=compiled)
        return understood[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "parse_catalogue", once)
        yield


@pytest.fixture(scope="module", autouse=True)
def _measured_where_it_counts(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whole programs run over and over, here and in the modules marked so, reach nothing that the tests of the rooms do not reach."""
    is_whole = any(request.path.is_relative_to(folder) for folder in WHOLE)
    with unmeasured() if is_whole or request.node.get_closest_marker("unmeasured") else contextlib.nullcontext():
        yield


@pytest.fixture(autouse=True)
def _program_at_home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout may lie in a temporary folder, from where the program rightly refuses to change a running system."""
    if not request.node.nodeid.split("::")[0].endswith(f"{ABOUT_THE_PLACE}.py"):
        monkeypatch.setattr(place, "unsafe_place", lambda _module: None)
