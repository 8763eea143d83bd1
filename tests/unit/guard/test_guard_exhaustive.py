"""Every combination of known releases on several systems: only a listed set, known on that system, is ever let through."""

from __future__ import annotations

import itertools
from functools import cache
from typing import TYPE_CHECKING

import pytest

from atsam_safe.guard import RunState, check
from atsam_safe.verify.bundles import best_fit
from lab.decisions import package, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.packages.model import Inspection

CORE = ("galss", "srvsvcnam", "cryptolib")


def releases(component: str) -> list[str | None]:
    known = shipped_catalogue().component(component)
    assert known is not None
    return [None, *(release.version for release in known.releases if release.family == "macos")]


@cache
def one(component: str, version: str) -> Inspection:
    return package({component: version}, team=TEAM[component])


@pytest.mark.parametrize("os_version", ["10.14.6", "10.15.7", "26.6"])
def test_only_listed_sets_go_on(os_version: str) -> None:
    facts = workstation(os_version)
    let_through = 0
    for chosen in itertools.product(*(releases(component) for component in CORE)):
        versions = {component: version for component, version in zip(CORE, chosen, strict=True) if version is not None}
        if not versions:
            continue
        offered = [one(component, version) for component, version in versions.items()]
        decision = check(facts, shipped_catalogue(), offered, run=RunState())
        fit = best_fit(shipped_catalogue(), versions, facts.os)
        good = fit is not None and fit.certainty in {"confirmed", "field"}
        assert decision.accepted == good, (versions, [rule.ref for rule in decision.reasons])
        let_through += decision.accepted
    assert let_through == LET_THROUGH[os_version]


TEAM = {"galss": "5H8W5749XS", "srvsvcnam": "5H8W5749XS", "cryptolib": "Y8WQ8FQ7KH"}
# Counted by hand in manifests/bundles.toml: 4.41 with either SrvSVCNAM; 4.50; Cryptolib 5.2.5 with and without GALSS.
LET_THROUGH = {"10.14.6": 2, "10.15.7": 1, "26.6": 2}
