"""Workstations as they were found in practices (autumn 2026), reduced to what decides: our judgement must make sense of them.

The states are neutral: releases, receipts, a few paths. ``files: false`` marks a receipt whose files were reported missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from atsam_safe.facts.model import ConfigFact, Facts, OperatingSystem, PathFact, Receipt, SystemState
from atsam_safe.guard import RunState, check
from atsam_safe.verify import assess
from lab.decisions import RECEIPTS, ROOM, atsam, shipped_catalogue

STATES = sorted((Path(__file__).parent / "field_states").glob("mac-*.json"))
# What an expert would say of each: GALSS, Cryptolib, and whether galss.ini deserves a remark.
EXPECTED: dict[str, tuple[str | None, str | None, set[str]]] = {
    "mac-01-before": (None, "5.2.2", {"config.ini-pair-broken"}),
    "mac-01-after": ("3.43.02", "5.2.2", {"config.ini-pair-broken"}),
    "mac-02-before": ("3.43.02", "5.2.5", {"config.ini-pair-broken"}),
    "mac-02-after": ("3.43.02", "5.2.5", {"config.ini-pair-broken"}),
    "mac-02-before-2": ("3.43.02", None, {"config.ini-pair-broken"}),
    "mac-02-after-2": ("3.43.02", None, {"config.ini-pair-broken"}),
    "mac-03-before": (None, "5.2.5", {"config.ini-pair-broken"}),
    "mac-03-after": (None, "5.2.5", {"config.ini-pair-broken", "config.empty"}),
}


def load(path: Path) -> tuple[dict[str, Any], Facts]:
    state = msgspec.json.decode(path.read_bytes())
    ini = state["galss_ini"]
    configs = (
        ()
        if ini is None
        else (ConfigFact(path="/Library/Preferences/galss.ini", sha256="ab" * 32, size=ini["size"], line_ends="lf", encoding="ascii"),)
    )
    facts = Facts(
        adapter="macos",
        os=OperatingSystem(family="macos", name="macOS", **state["os"]),
        receipts=tuple(
            Receipt(identifier=entry["identifier"], version=entry["version"], store=f"{RECEIPTS}/{entry['identifier']}.plist")
            for entry in state["receipts"]
        ),
        paths=tuple(PathFact(path=place, kind="directory", mode=0o755, uid=0, gid=0) for place in state["paths"]),
        configs=configs,
        space=ROOM,
        system=SystemState(gatekeeper=state["gatekeeper"], elevated=True),
    )
    return state, facts


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_components_and_configuration_are_seen(path: Path) -> None:
    state, facts = load(path)
    seen = assess(facts, shipped_catalogue())
    galss, cryptolib, remarks = EXPECTED[state["id"]]
    assert (seen.installed.get("galss"), seen.installed.get("cryptolib")) == (galss, cryptolib)
    assert "srvsvcnam" not in seen.installed
    assert remarks <= {finding.ref for finding in seen.findings}


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_who_uses_the_components_is_seen(path: Path) -> None:
    state, facts = load(path)
    names = " ".join(dependent.name for dependent in assess(facts, shipped_catalogue()).dependents).casefold()
    for word in ("dmp connect", "juxtalink"):
        recognisable = any(
            word.replace(" ", "") in place.casefold() for place in (*state["paths"], *(entry["identifier"] for entry in state["receipts"]))
        )
        assert (word in names) == (recognisable or word in names)
        if any(word in name.casefold() for name in state["dependents"]) and recognisable:
            assert word in names


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_never_called_a_known_good_atsam_build(path: Path) -> None:
    """No published ATSAM build is known for macOS 26: at most the set was seen in the field."""
    seen = assess(load(path)[1], shipped_catalogue())
    bundle = shipped_catalogue().bundle(seen.bundle) if seen.bundle is not None else None
    assert bundle is None or bundle.build is None
    assert seen.certainty != "confirmed"


@pytest.mark.parametrize("build", ["4.41", "4.50"])
@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_no_old_build_goes_on_any_of_them(path: Path, build: str) -> None:
    decision = check(load(path)[1], shipped_catalogue(), [atsam(build)], run=RunState())
    assert "os.too-new" in {rule.ref for rule in decision.reasons}


def test_an_orphan_receipt_of_another_vendor_is_no_fault_of_ours() -> None:
    _, facts = load(next(path for path in STATES if path.stem == "mac-03-after"))
    assert all("omnidoc" not in str(finding.evidence) for finding in assess(facts, shipped_catalogue()).findings)


def test_all_states_are_replayed() -> None:
    assert {path.stem for path in STATES} == set(EXPECTED)
