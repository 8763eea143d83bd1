"""``galss.ini`` of a GALSS that takes it along when it goes and writes another when it comes: really installed, by Wine's ``msiexec``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.windows import installers
from lab.windows.practice import GALSS_INI, INI, Practice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.wine, pytest.mark.system, pytest.mark.slow]

OWN = installers.with_its_own_ini(installers.galss())


@pytest.fixture
def offered(practice: Practice) -> Iterator[Path]:
    """The workstation has such a GALSS and a configuration of its own; the folder of the packages that replace the old set."""
    practice.reset()
    practice.remove(installers.OLD_SET[0])
    practice.add("with-ini", (OWN,))
    assert (practice.drive / INI).read_bytes() == OWN.files[-1].content, "the package writes its own"
    (practice.drive / INI).write_bytes(GALSS_INI)
    yield practice.packages("new-with-ini", (OWN, *installers.NEW_SET[1:]))
    if OWN.code in practice.beyond()["products"]:
        practice.remove(OWN)


def state_of(practice: Practice) -> dict[str, Any]:
    return {**practice.files(), **practice.beyond()}


def test_a_good_installation_keeps_it_and_stays(practice: Practice, offered: Path) -> None:
    """Once every such installation was undone, because the configuration had changed."""
    practice.ask("install", practice.windows.path(offered))
    assert practice.versions()["cryptolib"] == "5.2.6 ok"
    assert (practice.drive / INI).read_bytes() == GALSS_INI


@pytest.mark.usefixtures("offered")
def test_a_removal_keeps_it(practice: Practice) -> None:
    answer = practice.ask("uninstall", "--all")
    assert answer["data"]["plan"]["preserved"] == ["C:\\windows\\galss.ini"]
    assert (practice.drive / INI).read_bytes() == GALSS_INI


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_a_run_ended_just_before_it_is_put_back_is_recovered_to_exactly_before(practice: Practice, offered: Path, command: str) -> None:
    """The last package has come (or gone) and ``galss.ini`` is another (or gone): the snapshot has the right one."""
    before = state_of(practice)
    arguments = ("install", practice.windows.path(offered)) if command == "install" else ("uninstall", "--all")
    practice.windows.killed("STEP", 6 if command == "install" else 3, *practice.arguments("--yes", *arguments))
    place = practice.drive / INI
    assert not place.exists() if command == "uninstall" else place.read_bytes() == OWN.files[-1].content
    practice.ask("recover")
    assert state_of(practice) == before
