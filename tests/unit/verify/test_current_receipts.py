"""A component with two current identifiers: either receipt tells the version, and of two that differ the one installed last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from atsam_safe.guard import RunState, check
from atsam_safe.verify.assessment import assess
from lab.decisions import package, part, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.facts.model import Facts, Receipt
    from atsam_safe.verify.model import ComponentState

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
BARE, INSTALL = "org.cnamts.SrvSVcnam", "org.cnamts.SrvSVcnam_Install.pkg"
OLD, NEW = "2019-06-03T08:15:00Z", "2019-12-01T08:15:00Z"


def mac(*receipts: tuple[str, str | None, str | None]) -> Facts:
    """The story's Mac, its SrvSVCNAM known by these receipts (identifier, version, date)."""
    whole = workstation("10.14.6", STORY)
    (own,) = [one for one in whole.receipts if one.identifier == BARE]
    others = [one for one in whole.receipts if one.identifier != BARE]
    return replace(whole, receipts=(*others, *(named(own, *one) for one in receipts)))


def named(own: Receipt, identifier: str, version: str | None, installed_at: str | None) -> Receipt:
    store = f"/private/var/db/receipts/{identifier}.plist"
    return replace(own, identifier=identifier, version=version, installed_at=installed_at, store=store)


def state_of(facts: Facts) -> ComponentState:
    return next(state for state in assess(facts, shipped_catalogue()).components if state.component == "srvsvcnam")


def test_the_second_identifier_alone_tells_the_version() -> None:
    facts = mac((INSTALL, "3.40.02", OLD))
    assert (state_of(facts).version, state_of(facts).state) == ("3.40.02", "ok")
    assessment = assess(facts, shipped_catalogue())
    assert (assessment.bundle, assessment.fit) == ("atsam-macos-4.41", True)


@pytest.mark.parametrize(
    ("receipts", "version", "state"),
    [
        ([(BARE, "3.40.02", OLD), (INSTALL, "3.40.02", OLD)], "3.40.02", "ok"),
        ([(BARE, "3.40.02", None), (INSTALL, "3.40.02", None)], "3.40.02", "ok"),
        # an update under the other identifier leaves the receipt of the release before
        ([(BARE, "3.40.02", OLD), (INSTALL, "3.42.02", NEW)], "3.42.02", "ok"),
        ([(INSTALL, "3.42.02", NEW), (BARE, "3.40.02", OLD)], "3.42.02", "ok"),
        ([(INSTALL, "3.40.02", OLD), (BARE, "3.42.02", NEW)], "3.42.02", "ok"),
        # nothing says which came last: a contradiction stays one
        ([(BARE, "3.40.02", OLD), (INSTALL, "3.42.02", OLD)], None, "damaged"),
        ([(BARE, "3.40.02", None), (INSTALL, "3.42.02", NEW)], None, "damaged"),
        # a receipt without a readable version says nothing, and hides nobody
        ([(BARE, "3.40.02", OLD), (INSTALL, "nonsense", NEW)], "3.40.02", "ok"),
        ([(BARE, "3.40.02", OLD), (INSTALL, None, NEW)], "3.40.02", "ok"),
        # the old ones never say what is installed now
        ([(BARE, "3.40.02", OLD), ("org.cnamts.SrvSVcnam_3.21", "3.21.04", NEW)], "3.40.02", "ok"),
        ([("org.cnamts.SrvSVcnam_3.21", "3.21.04", NEW)], None, "ok"),
    ],
)
def test_of_two_receipts_that_differ_the_one_installed_last_speaks(
    receipts: list[tuple[str, str | None, str | None]], version: str | None, state: str
) -> None:
    found = state_of(mac(*receipts))
    assert found.state == state
    if state == "ok":
        assert found.version == version


def test_a_package_with_the_second_identifier_is_the_component() -> None:
    whole = package({component: version for component, version in STORY.items() if component != "srvsvcnam"})
    offered = package(
        {component: version for component, version in STORY.items() if component != "srvsvcnam"},
        extra=[part("srvsvcnam", "3.40.02", identifier=INSTALL)],
    )
    assert whole.build is None
    assert offered.build is not None
    assert check(workstation("10.14.6"), shipped_catalogue(), [offered], run=RunState()).bundle == "atsam-macos-4.41"
