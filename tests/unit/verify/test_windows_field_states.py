"""Windows workstations as they were found in practices (autumn 2026): older releases that stayed registered harm and decide nothing.

The states are neutral, as those of the Macs (``test_field_states``): products with their codes (two are partly masked), folders.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from atsam_safe.facts.model import Facts, InstalledProduct, OperatingSystem, PathFact, RegistryFact, SystemState
from atsam_safe.guard import RunState, check
from atsam_safe.packages.model import ComponentPackage, Inspection, InstallerFact, PayloadSummary, SignatureFact
from atsam_safe.verify import assess
from lab.decisions import ROOM, shipped_catalogue

STATES = sorted((Path(__file__).parent / "field_states").glob("win-*.json"))
KEY = r"SOFTWARE\ASIP\Cryptolib CPS"
# What an expert would say of each: GALSS, Cryptolib and SrvSVCNAM; and the Cryptolibs that are only still registered.
EXPECTED: dict[str, tuple[str | None, str, str, set[str]]] = {
    "win-01-before": ("3.45.01", "5.2.2", "5.10.04", set()),
    "win-01-after": ("3.45.01", "5.2.2", "5.10.04", set()),
    "win-02-before": (None, "5.2.2", "5.10.04", set()),
    "win-02-during": (None, "5.2.2", "5.10.04", set()),
    "win-02-after": ("3.45.01", "5.2.2", "5.10.04", set()),
    "win-03-before": (None, "5.2.6", "5.10.04", set()),
    "win-03-after": ("3.45.01", "5.2.6", "5.10.04", set()),
    "win-04": ("3.45.01", "5.2.6", "5.10.04", set()),
    "win-05-before": (None, "5.2.5", "5.10.04", set()),
    "win-05-single-1": ("3.45.01", "5.2.5", "5.10.04", set()),
    "win-05-after": ("3.45.01", "5.2.5", "5.10.04", set()),
    "win-06-before": ("3.45.01", "5.2.2", "5.08.04", {"5.0.16", "5.0.25", "5.0.34", "5.0.42"}),
    "win-06-after": ("3.45.01", "5.2.2", "5.08.04", {"5.0.16", "5.0.25", "5.0.34", "5.0.42"}),
    "win-07-before": (None, "5.2.6", "5.10.04", set()),
    "win-07-after": ("3.45.01", "5.2.6", "5.10.04", set()),
    "win-08": ("3.45.01", "5.2.2", "5.08.04", {"5.0.37", "5.1.7"}),
    "win-09-before": (None, "5.2.6", "5.10.04", {"5.0.42", "5.1.7"}),
    "win-09-after": ("3.45.01", "5.2.6", "5.10.04", {"5.0.42", "5.1.7"}),
    "win-10": ("3.45.01", "5.2.5", "5.10.04", {"5.1.7"}),
}


def load(path: Path) -> tuple[dict[str, Any], Facts]:
    state = msgspec.json.decode(path.read_bytes())
    facts = Facts(
        adapter="windows",
        os=OperatingSystem(family="windows", **state["os"]),
        products=tuple(InstalledProduct(**product) for product in state["products"]),
        paths=tuple(PathFact(path=place, kind="directory", mode=0o755, uid=0, gid=0) for place in state["paths"]),
        space=ROOM,
        system=SystemState(elevated=True),
    )
    return state, facts


def named(identifier: str) -> tuple[dict[str, Any], Facts]:
    return load(next(path for path in STATES if path.stem == identifier))


def code_of(facts: Facts, version: str) -> str:
    return next(product.code for product in facts.products or () if product.version == version and "Cryptographiques" in product.name)


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_the_release_that_serves_is_told_and_the_others_are_no_fault(path: Path) -> None:
    _state, facts = load(path)
    seen = assess(facts, shipped_catalogue())
    galss, cryptolib, srvsvcnam, older = EXPECTED[path.stem]
    assert (seen.installed.get("galss"), seen.installed.get("cryptolib"), seen.installed.get("srvsvcnam")) == (galss, cryptolib, srvsvcnam)
    assert {state.state for state in seen.components} <= {"ok", "absent"}
    several = [finding for finding in seen.findings if finding.ref == "component.several-products"]
    assert {one["version"] for finding in several if finding.component == "cryptolib" for one in finding.evidence["others"]} == older
    assert all(finding.severity == ("notice" if finding.component == "cryptolib" else "info") for finding in several)


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_a_set_with_every_component_is_one_seen_in_the_field(path: Path) -> None:
    """Among them the three with a proven reading, two of which were called damaged."""
    state, facts = load(path)
    seen = assess(facts, shipped_catalogue())
    assert seen.fit is (EXPECTED[path.stem][0] is not None)
    assert seen.fit or not state["reading_proven"]
    assert seen.certainty == ("field" if seen.fit else None), "which SrvSVCNAM belongs to which Cryptolib no publisher has said"


@pytest.mark.parametrize("release", ["Windows 11 Pro", "Windows Server 2019"])
def test_what_the_release_note_says_is_sure_for_what_it_names_alone(release: str) -> None:
    """It names Cryptolib 5.2.2 and GALSS 3.45.01; on a server nobody has seen a SrvSVCNAM beside them."""
    facts = named("win-01-after")[1]
    server = "Server" in release
    system = OperatingSystem(family="windows", name=release, version="10.0.17763" if server else "10.0.26200", hardware="x86_64")
    two = tuple(product for product in facts.products or () if "SrvSvCnam" not in product.name)
    seen = assess(msgspec.structs.replace(facts, os=system, products=two), shipped_catalogue())
    assert (seen.bundle, seen.certainty) == ("set-windows-cryptolib-5.2.2", "confirmed")
    three = assess(msgspec.structs.replace(facts, os=system), shipped_catalogue())
    assert (three.bundle, three.certainty) == ("field-windows-cryptolib-5.2.2", "inferred" if server else "field")


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_who_uses_the_components_is_seen(path: Path) -> None:
    state, facts = load(path)
    names = {dependent.name for dependent in assess(facts, shipped_catalogue()).dependents}
    registered = {product.name for product in facts.products or ()}
    assert {name for name in state["dependents"] if name in registered} <= names


@pytest.mark.parametrize(
    ("identifier", "spoken", "version"),
    [("win-10", "5.2.5", "5.2.5"), ("win-10", "5.1.7", "5.1.7"), ("win-06-after", "5.0.34", "5.0.34")],
)
def test_the_product_whose_code_stands_in_the_registry_speaks(identifier: str, spoken: str, version: str) -> None:
    """The installer writes the key: whoever wrote last is the one whose files lie there, whatever is registered besides."""
    facts = named(identifier)[1]
    key = RegistryFact(key=KEY, view="64", values={"version": spoken, "productcode": code_of(facts, spoken)})
    seen = assess(msgspec.structs.replace(facts, registry=(key,)), shipped_catalogue()).component("cryptolib")
    assert seen is not None
    assert (seen.state, seen.version, [one.kind for one in seen.witnesses]) == ("ok", version, ["product", "registry"])


def test_of_two_keys_the_newer_product_s_counts_and_one_that_tells_another_version_is_still_damage() -> None:
    facts = named("win-10")[1]
    old = RegistryFact(key=KEY, view="32", values={"version": "5.1.7", "productcode": code_of(facts, "5.1.7")})
    new = RegistryFact(key=KEY, view="64", values={"version": "5.2.5", "productcode": code_of(facts, "5.2.5")})
    wrong = msgspec.structs.replace(new, values={**new.values, "version": "5.2.6"})
    for keys, expected in (((old, new), ("ok", "5.2.5")), ((old, wrong), ("damaged", "5.2.5"))):
        seen = assess(msgspec.structs.replace(facts, registry=keys), shipped_catalogue()).component("cryptolib")
        assert seen is not None
        assert (seen.state, seen.version) == expected


@pytest.mark.parametrize("identifier", ["win-06-after", "win-09-after", "win-10"])
def test_one_component_alone_is_judged_with_the_release_that_serves(identifier: str) -> None:
    facts = named(identifier)[1]
    package = Inspection(
        path="/packages/srvsvcnam.msi",
        sha256="0" * 64,
        size=1000,
        format="windows-installer",
        components=(
            ComponentPackage(
                identifier="{306912F2-76F5-4BA3-9260-E9F581C886DD}",
                version="5.10.04",
                component="srvsvcnam",
                known_release=True,
                payload=PayloadSummary(files=1, bytes=10, compression="cabinet"),
            ),
        ),
        signature=SignatureFact(verdict="authenticode", signer="CNAM", team_id="CNAM"),
        installer=InstallerFact(
            product_code="{306912F2-76F5-4BA3-9260-E9F581C886DD}",
            name="Composant SrvSvCnam 5.10.04",
            version="5.10.04",
            architecture="i386",
        ),
    )
    decision = check(facts, shipped_catalogue(), [package], run=RunState())
    assert decision.target["cryptolib"] == EXPECTED[identifier][1]
    assert "bundle.unlisted" not in {rule.ref for rule in decision.reasons}


def test_all_states_are_replayed() -> None:
    assert {path.stem for path in STATES} == set(EXPECTED)
