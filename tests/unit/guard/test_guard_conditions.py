"""What a Windows package asks of a computer, property by property, and what is said of several packages and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.facts.model import Facts, InstalledProduct, OperatingSystem, SystemState
from atsam_safe.guard import RunState, check
from atsam_safe.packages.model import GivenProperty, Inspection, InstallerFact, LaunchCondition, SignatureFact
from lab.decisions import atsam, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.guard.model import RuleResult

CODE = "{12345678-1234-1234-1234-123456789012}"
TEN = OperatingSystem(family="windows", name="Windows 10 Pro", version="10.0.19045", build="19045", hardware="x86_64")
NARROW = msgspec.structs.replace(TEN, hardware="i386")
ARM = msgspec.structs.replace(TEN, hardware="arm64")
UNTOLD = msgspec.structs.replace(TEN, hardware=None)
TRUE, FALSE, UNKNOWN = "true", "false", "unknown"
replace = msgspec.structs.replace


def windows(version: str | None, build: str | None = None, name: str = "Windows") -> OperatingSystem:
    return OperatingSystem(family="windows", name=name, version=version, build=build, hardware="x86_64")


def msi(*conditions: str, message: str = "", **fields: object) -> Inspection:
    told = tuple(LaunchCondition(condition=one, message=message) for one in conditions)
    fact = {"product_code": CODE, "name": "Program", "version": "1.0", "publisher": "Somebody", **fields}
    return Inspection(
        path="/p/x.msi",
        sha256="0" * 64,
        size=1,
        format="windows-installer",
        signature=SignatureFact(verdict="authenticode"),
        installer=replace(msgspec.convert(fact, InstallerFact), conditions=told),
    )


def asked(*packages: Inspection, system: OperatingSystem = TEN, products: tuple[InstalledProduct, ...] | None = ()) -> RuleResult:
    facts = Facts(adapter="windows", os=system, products=products, system=SystemState(elevated=True))
    rules = check(facts, shipped_catalogue(), packages, run=RunState()).rules
    return next(rule for rule in rules if rule.ref == "package.launch-condition")


def answer(found: RuleResult) -> str:
    return UNKNOWN if found.notice else {"pass": TRUE, "fail": FALSE}[found.outcome]


@pytest.mark.parametrize(
    ("system", "nt", "build", "pack"),
    [
        (windows("10.0.19045", "19045"), 603, 9600, 0),
        (windows("10"), 603, 9600, 0),
        (windows("11.0"), 603, 9600, 0),
        (windows("6.3.9600", "9600"), 603, 9600, 0),
        (windows("6.3.9600"), 603, None, 0),
        (windows("6.2.9200", "9200"), 602, 9200, 0),
        (windows("6.2.9200"), 602, None, 0),
        (windows("6.1.7601", "7601"), 601, 7601, 1),
        (windows("6.1.7600", "7600"), 601, 7600, 0),
        (windows("6.1.7602", "7602"), 601, 7602, None),
        (windows("6.1"), 601, None, None),
        (windows("6.0.6002", "6002"), None, None, None),
        (windows("7.0"), None, None, None),
        (windows("9.9"), None, None, None),
        (windows("5.1.2600", "2600"), None, None, None),
        (windows("6"), None, None, None),
        (windows("ten"), None, None, None),
        (windows("ten.0.19045"), None, None, None),
        (windows("10.0.x"), 603, 9600, 0),
        (windows(None, "9600"), None, None, None),
    ],
)
def test_each_windows_is_what_windows_installer_says_it_is(
    system: OperatingSystem, nt: int | None, build: int | None, pack: int | None
) -> None:
    for name, value in (("VersionNT", nt), ("VersionNT64", nt), ("WindowsBuild", build), ("ServicePackLevel", pack)):
        for written, expected in ((value, TRUE), (1 if value is None else value + 1, FALSE)):
            found = asked(msi(f"{name} = {written if written is not None else 7}"), system=system)
            assert answer(found) == (UNKNOWN if value is None else expected), name
    assert answer(asked(msi('VersionMsi >= "5.00"'), system=system)) == (UNKNOWN if nt is None else TRUE)
    assert answer(asked(msi('VersionMsi > "5.00"'), system=system)) == (UNKNOWN if nt is None else FALSE)


@pytest.mark.parametrize(
    ("condition", "wide", "narrow", "untold"),
    [
        ("VersionNT64", TRUE, FALSE, UNKNOWN),
        ("Msix64", TRUE, FALSE, UNKNOWN),
        ("MsiAMD64", TRUE, FALSE, UNKNOWN),
        ("Intel", TRUE, TRUE, UNKNOWN),
        ("Intel64", FALSE, FALSE, UNKNOWN),
        # which processor exactly is known to a running installation only
        ("Intel = 6", UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_the_processor_is_told_where_it_is_known(condition: str, wide: str, narrow: str, untold: str) -> None:
    for system, expected in ((TEN, wide), (NARROW, narrow), (ARM, untold), (UNTOLD, untold)):
        assert answer(asked(msi(condition), system=system)) == expected


@pytest.mark.parametrize(
    ("name", "condition", "expected"),
    [
        ("Windows 10 Pro", "MsiNTProductType = 1", TRUE),
        ("Windows 10 Pro", "MsiNTProductType = 3", FALSE),
        ("Windows Server 2019", "MsiNTProductType", TRUE),
        ("WINDOWS SERVER 2019", "MsiNTProductType = 3", UNKNOWN),
        ("", "MsiNTProductType", UNKNOWN),
    ],
)
def test_a_server_is_no_workstation(name: str, condition: str, expected: str) -> None:
    assert answer(asked(msi(condition), system=windows("10.0.17763", name=name))) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("UILevel = 2", TRUE),
        ('ACTION = "INSTALL"', TRUE),
        ('REBOOT = "ReallySuppress"', TRUE),
        ("Privileged AND AdminUser", TRUE),
        ("REMOVE OR REINSTALL OR PATCH OR RESUME OR Preselected", FALSE),
        ("UPGRADINGPRODUCTCODE OR TRANSFORMS OR Version9X OR AFTERREBOOT", FALSE),
        ('ProductName = "Program"', TRUE),
        ('ProductVersion = "1.0"', TRUE),
        (f'ProductCode = "{CODE}"', TRUE),
        ('Manufacturer = "Somebody"', TRUE),
        ("ComputerName", UNKNOWN),
        ("SourceDir", UNKNOWN),
        ("SomeFolder", UNKNOWN),
        ("SomeFolders", FALSE),
        ("GIVEN", TRUE),
        ('GIVEN = "7"', TRUE),
        ("LATER", UNKNOWN),
        ("OTHER", FALSE),
        # what the system or this program decides, no package overrules
        ("VersionNT = 603", TRUE),
        ("NOT REMOVE", TRUE),
        ("(", UNKNOWN),
    ],
)
def test_a_property_is_what_a_silent_first_installation_would_have(condition: str, expected: str) -> None:
    given = tuple(GivenProperty(name=name, value="7") for name in ("GIVEN", "LATER", "ComputerName", "SomeFolder", "VersionNT", "REMOVE"))
    found = asked(msi(condition, properties=given, undecided=("LATER",)))
    assert answer(found) == expected


def test_a_package_that_sets_anything_itself_leaves_open_what_it_does_not_give() -> None:
    given = (GivenProperty(name="GIVEN", value="7"),)
    for condition, expected in (("GIVEN", TRUE), ("OTHER", UNKNOWN), ("NOT REMOVE", TRUE)):
        assert answer(asked(msi(condition, properties=given, undecided=("*",)))) == expected


def product(**fields: object) -> InstalledProduct:
    return msgspec.convert({"code": CODE, "name": "Program", "version": "1.0", **fields}, InstalledProduct)


@pytest.mark.parametrize(
    ("products", "expected"),
    [
        (None, UNKNOWN),
        ((), FALSE),
        ((product(),), TRUE),
        ((product(code=CODE.lower()),), TRUE),
        ((product(code="{99999999-1234-1234-1234-123456789012}"),), FALSE),
        ((product(windows_installer=False),), FALSE),
        # of ours: this run removes it first
        ((product(name="GALSS v3.45 x64"),), FALSE),
        ((product(name="GALSS v3.45 x64", windows_installer=False),), FALSE),
    ],
)
def test_the_same_product_counts_as_installed_unless_this_run_removes_it(
    products: tuple[InstalledProduct, ...] | None, expected: str
) -> None:
    assert answer(asked(msi("Installed"), products=products)) == expected


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("", "VersionNT < 603"),
        (" [ProductName] [ProductVersion] ", "Program 1.0"),
        ("[VersionNT] [NONE]!", "603 !"),
        # what only a running installation knows keeps its mark
        ("[ComputerName] [Msix64] [~] [1]", "[ComputerName] [Msix64] [~] [1]"),
        ("[NONE]", "VersionNT < 603"),
    ],
)
def test_the_publishers_sentence_or_else_the_condition_is_told(message: str, told: str) -> None:
    found = asked(msi("VersionNT < 603", message=message))
    assert found.params == {"product": "Program 1.0", "message": told}
    assert found.evidence == {"condition": "VersionNT < 603", "message": message}
    assert asked(msi("VersionNT < 603", version="")).params["product"] == "Program"


def test_every_package_and_every_condition_is_asked() -> None:
    good, bad, open_ = msi("VersionNT"), msi("NONE", name="Bad"), msi("LATER", name="Open", undecided=("LATER",))
    for packages in ((good, bad), (bad, good), (atsam("4.41"), bad), (open_, bad), (bad, open_), (msi("VersionNT", "NONE", name="Bad"),)):
        found = asked(*packages)
        assert (found.outcome, found.params["product"]) == ("fail", "Bad 1.0")
    assert asked(msi("NONE", "OTHER")).params["message"] == "NONE"
    assert (asked(good).outcome, asked(good).notice, asked().outcome, asked().notice) == ("pass", False, "pass", False)


def test_what_could_not_be_decided_is_listed_once_with_its_products() -> None:
    undecided = ("A", "B")
    found = asked(
        msi("A", "VersionNT", "B", undecided=undecided), msi("A", name="Second", undecided=undecided), msi("VersionNT", name="Third")
    )
    assert found.words == "package.launch-condition.unknown"
    assert found.params == {"products": "Program 1.0", "conditions": "A; B"}
    assert found.evidence == {"conditions": ["A", "B"]}
    two = asked(msi("A", undecided=undecided), msi("B", name="Second", undecided=undecided))
    assert two.params == {"products": "Program 1.0, Second 1.0", "conditions": "A; B"}


def test_conditions_of_windows_do_not_concern_a_mac() -> None:
    rules = check(workstation("10.14.6"), shipped_catalogue(), [msi("NONE")], run=RunState()).rules
    assert next(rule for rule in rules if rule.ref == "package.launch-condition").outcome == "not-applicable"
