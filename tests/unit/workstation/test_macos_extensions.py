"""The ladder judges the card extension by what is registered for the person at the screen, also when the administrator asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atsam_safe.cards.desktop import desktop_checks
from atsam_safe.cards.request import Circumstances, ladder_request
from atsam_safe.catalogue.load import load_catalogue
from lab.stage_fixtures import materials, stage
from lab.worlds import MacWorld

if TYPE_CHECKING:
    from atsam_safe.cards.evidence import DesktopCheck
    from lab.stage import Stage

pytestmark = pytest.mark.unmeasured

__all__ = ["materials", "stage"]

EXTENSION = "fr.asip.esante.cpsgestion.dev.cpstoken"


def check_of(mac: MacWorld) -> DesktopCheck:
    """What rung 9 says of the extension on this Mac, where CPS Gestion is installed."""
    catalogue = load_catalogue()
    facts = mac.open(None).observe(catalogue)
    request = ladder_request(catalogue, "macos", Circumstances(), facts=facts)
    checks = desktop_checks(
        "macos",
        root=mac.root,
        module="",
        homes=request.homes,
        extension_installed=True,
        extensions=request.extensions,
        live=True,
        registry=None,
    )
    return next(check for check in checks if check.id == "crypto-token-kit")


@pytest.mark.parametrize("elevated", [False, True], ids=["as-the-person", "as-administrator"])
@pytest.mark.parametrize(
    ("mark", "outcome", "ref"),
    [
        ("+", "pass", None),
        (" ", "pass", None),
        ("-", "fail", "configuration.extension-off"),
        ("?", "not-checked", None),
        (None, "notice", "configuration.extension-missing"),
    ],
    ids=["chosen", "nothing-chosen", "switched-off", "not-known", "not-registered"],
)
@pytest.mark.parametrize("executables", [False, True], ids=["in-process", "through-executables"])
def test_the_extension_is_seen_whoever_asks(
    stage: Stage, *, executables: bool, mark: str | None, outcome: str, ref: str | None, elevated: bool
) -> None:
    mac = MacWorld(stage, elevated=elevated, executables=executables)
    listed = [(" ", "com.apple.CryptoTokenKit.pivtoken", "1.0")]
    mac.mac.lab.set(extensions=listed if mark is None else [*listed, (mark, EXTENSION, "1.7.1")])
    found = check_of(mac)
    assert found.outcome == outcome
    assert (found.problem.ref if found.problem is not None else None) == ref


def test_with_nobody_at_the_screen_nothing_is_called_missing(stage: Stage) -> None:
    mac = MacWorld(stage)
    mac.mac.lab.set(extensions=[("+", EXTENSION, "1.7.1")], console=None)
    assert check_of(mac).outcome == "not-checked"


def test_when_that_session_does_not_answer_nothing_is_called_missing(stage: Stage) -> None:
    mac = MacWorld(stage)
    mac.mac.lab.set(extensions=[("+", EXTENSION, "1.7.1")], misbehave={"/bin/launchctl": "hang"})
    assert check_of(mac).outcome == "not-checked"
