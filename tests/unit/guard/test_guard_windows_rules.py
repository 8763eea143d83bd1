"""Windows: codes that another product has, packages that are not whole, other uninstallers, and software nobody may touch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.facts.model import Facts, InstalledProduct, OperatingSystem, SystemState
from atsam_safe.guard import RunState, check, check_rollback, check_uninstall
from atsam_safe.packages.model import Inspection, InstallerFact, SignatureFact
from lab.decisions import atsam, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.guard.model import Decision, RuleResult

CODE = "{12345678-1234-1234-1234-123456789012}"
OTHER = "{99999999-1234-1234-1234-123456789012}"
CRYPTOLIB = "{CF3BEBDD-16A0-4AE8-8764-ADDF9A104998}"
ELEVEN = OperatingSystem(family="windows", name="Windows 11 Pro", version="10.0.26100", build="26100", hardware="x86_64")
replace = msgspec.structs.replace


def product(**fields: object) -> InstalledProduct:
    return msgspec.convert({"code": CODE, "name": "mica", "version": "4.01.00", "architecture": "i386", **fields}, InstalledProduct)


def installer(name: str = "mica x64", **fields: object) -> Inspection:
    fact = {"product_code": CODE, "name": name, "version": "4.01.00", "architecture": "x86_64", **fields}
    return Inspection(
        path=f"/packages/folder/{name}.msi",
        sha256="0" * 64,
        size=1,
        format="windows-installer",
        signature=SignatureFact(verdict="authenticode"),
        installer=msgspec.convert(fact, InstallerFact),
    )


def facts(*products: InstalledProduct) -> Facts:
    return Facts(adapter="windows", os=ELEVEN, products=products, system=SystemState(elevated=True))


def rule(decision: Decision, ref: str) -> RuleResult:
    return next(rule for rule in decision.rules if rule.ref == ref)


def installing(seen: Facts, *packages: Inspection, ref: str) -> RuleResult:
    return rule(check(seen, shipped_catalogue(), packages, run=RunState()), ref)


@pytest.mark.parametrize(
    ("there", "offered", "outcome"),
    [
        (product(), installer(), "fail"),
        (product(code=CODE.lower()), installer(), "fail"),
        (product(architecture="x86_64", version="4.00.00"), installer(), "fail"),
        (product(architecture="x86_64", version="4.02.00"), installer(), "fail"),
        (product(architecture=None, version=None), installer(), "fail"),
        (product(architecture="arm64"), installer(), "fail"),
        (product(architecture="x86_64"), installer(), "pass"),
        (product(architecture=None), installer(), "pass"),
        (product(code=OTHER), installer(), "pass"),
        # the run itself removes this one first
        (product(code=CRYPTOLIB, name="Composants Cryptographiques CPS v5.2.6 (x64)"), installer(product_code=CRYPTOLIB), "pass"),
    ],
)
def test_a_product_code_that_another_product_has_stands_in_the_way(there: InstalledProduct, offered: Inspection, outcome: str) -> None:
    found = installing(facts(there), offered, ref="windows.code-shared")
    assert found.outcome == outcome
    if outcome == "fail":
        assert found.params == {"product": "mica x64", "blocking": f"mica {there.version or ''}".strip()}
        assert found.evidence == {"code": there.code, "installed": there.architecture, "offered": "x86_64"}


def test_each_package_is_asked_whose_code_it_has() -> None:
    """A macOS package among them, or one whose code is free, hides nothing that comes after it."""
    free = installer("other", product_code=OTHER)
    for packages in ((installer(), free), (free, installer()), (atsam("4.41"), installer()), (installer(), atsam("4.41"))):
        assert installing(facts(product()), *packages, ref="windows.code-shared").outcome == "fail"
    assert installing(facts(product()), atsam("4.41"), free, ref="windows.code-shared").outcome == "pass"


def test_codes_say_nothing_where_no_products_can_be_seen() -> None:
    assert installing(replace(facts(), products=None), installer(), ref="windows.code-shared").outcome == "not-applicable"


@pytest.mark.parametrize(
    ("cabinets", "outcome"), [((), "pass"), (("data1.cab",), "fail"), (("data1.cab", "data2.cab"), "fail")], ids=["none", "one", "two"]
)
def test_a_package_whose_files_lie_beside_it_is_refused_wherever_it_stands_among_others(cabinets: tuple[str, ...], outcome: str) -> None:
    odd = installer("outer", beside=cabinets)
    for packages in ((odd,), (installer(), odd), (odd, installer()), (atsam("4.41"), odd)):
        found = installing(facts(), *packages, ref="windows.external-cabinet")
        assert found.outcome == outcome
        if cabinets:
            assert found.params == {"package": "outer.msi", "cabinets": ", ".join(cabinets)}
            assert found.evidence == {"cabinets": list(cabinets)}


def test_the_windows_rules_do_not_concern_a_mac() -> None:
    seen = replace(workstation("10.14.6"), products=(product(windows_installer=False),))
    decision = check(seen, shipped_catalogue(), [installer(beside=("data1.cab",))], run=RunState())
    windows = {rule.ref: rule.outcome for rule in decision.rules if rule.ref.startswith("windows.")}
    assert windows
    assert set(windows.values()) == {"not-applicable"}


@pytest.mark.parametrize(
    ("there", "named"),
    [
        (product(code=OTHER, name="GALSS v3.45", version="3.45.01", windows_installer=False), "GALSS v3.45 3.45.01"),
        (product(code=OTHER, name="GALSS v3.45", version=None, windows_installer=False), "GALSS v3.45"),
        (product(code=OTHER, name="GALSS v3.45", version="3.45.01"), None),
        (product(code=OTHER, name="Another program", windows_installer=False), None),
    ],
)
def test_a_component_that_only_another_uninstaller_could_remove_is_refused_either_way(there: InstalledProduct, named: str | None) -> None:
    ref = "windows.other-uninstaller"
    for found in (
        installing(facts(there), installer(), ref=ref),
        rule(check_uninstall(facts(there), shipped_catalogue(), run=RunState()), ref),
    ):
        assert found.outcome == ("pass" if named is None else "fail")
        if named is not None:
            assert found.params == {"products": named}
            assert found.evidence == {"products": [named]}


def test_remote_control_and_records_are_told_and_stop_nothing() -> None:
    ref = "windows.protected-software"
    seen = facts(product(code=OTHER, name="TeamViewer"), product(code="DMPConnect", name="DMP Connect JS2"))
    for found in (installing(seen, installer(), ref=ref), rule(check_uninstall(seen, shipped_catalogue(), run=RunState()), ref)):
        assert (found.outcome, found.notice) == ("pass", True)
        assert found.params == {"software": "TeamViewer"}
        assert found.evidence == {"dependents": ["teamviewer"]}
    silent = installing(facts(product(code="DMPConnect", name="DMP Connect JS2")), installer(), ref=ref)
    assert (silent.outcome, silent.notice) == ("pass", False)


def test_going_back_asks_none_of_the_windows_rules() -> None:
    assert not [rule for rule in check_rollback(facts(), shipped_catalogue(), run=RunState()).rules if rule.ref.startswith("windows.")]
