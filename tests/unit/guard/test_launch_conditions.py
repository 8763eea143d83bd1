"""A package whose own conditions do not accept this computer is refused with its publisher's own sentence."""

from __future__ import annotations

import msgspec
import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.facts.model import Facts, InstalledProduct, OperatingSystem, SystemState
from atsam_safe.guard import RunState, check, explain_rule
from atsam_safe.packages.model import GivenProperty, Inspection, InstallerFact, LaunchCondition, SignatureFact

CATALOGUE = load_catalogue(None)
REF = "package.launch-condition"
SEVEN = OperatingSystem(family="windows", name="Windows 7 Professional", version="6.1.7601", build="7601", hardware="x86_64")
TEN = OperatingSystem(family="windows", name="Windows 10 Pro", version="10.0.19045.1", build="19045", hardware="x86_64")
SERVER = OperatingSystem(family="windows", name="Windows Server 2019", version="10.0.17763", build="17763", hardware="x86_64")
NARROW = msgspec.structs.replace(TEN, hardware="i386")
ARM = msgspec.structs.replace(TEN, hardware="arm64")
UNREADABLE = OperatingSystem(family="windows", name="Windows", version=None)
CODE = "{CF3BEBDD-16A0-4AE8-8764-ADDF9A104998}"


def outcome(
    condition: str, system: OperatingSystem, products: tuple[InstalledProduct, ...] = (), *, code: str = CODE, **installer: object
) -> tuple[str, str]:
    fact = InstallerFact(
        product_code=code,
        name="Cryptolib",
        version="5.2.6",
        conditions=(LaunchCondition(condition=condition, message="[ProductName] demande mieux que [Wish]."),),
        **installer,  # type: ignore[arg-type]  # fields of the fact
    )
    package = Inspection(
        path="/p/x.msi",
        sha256="0" * 64,
        size=1,
        format="windows-installer",
        signature=SignatureFact(verdict="authenticode"),
        installer=fact,
    )
    facts = Facts(adapter="windows", os=system, products=products, system=SystemState(elevated=True))
    (rule,) = [rule for rule in check(facts, CATALOGUE, [package], run=RunState()).rules if rule.ref == REF]
    return rule.outcome, explain_rule(rule, "fr").what


@pytest.mark.parametrize(
    ("condition", "system", "expected"),
    [
        ("VersionNT >= 603", TEN, "pass"),
        ("VersionNT >= 603", SEVEN, "fail"),
        ("VersionNT > 601 OR (VersionNT = 601 AND ServicePackLevel >= 1)", SEVEN, "pass"),
        ("VersionNT >= 1000", TEN, "fail"),
        ("WindowsBuild >= 19041", TEN, "fail"),
        ("VersionNT64", TEN, "pass"),
        ("VersionNT64", NARROW, "fail"),
        ("Msix64", NARROW, "fail"),
        ("Msix64", TEN, "pass"),
        ("MsiNTProductType = 1", TEN, "pass"),
        ("Privileged", TEN, "pass"),
        ('VersionMsi >= "3.01"', TEN, "pass"),
        ("NOT Installed", TEN, "pass"),
        ("NOBODY_SETS_IT", TEN, "fail"),
    ],
)
def test_what_is_known_here_is_decided(condition: str, system: OperatingSystem, expected: str) -> None:
    assert outcome(condition, system)[0] == expected


@pytest.mark.parametrize(
    ("condition", "system", "installer"),
    [
        ("VersionNT >= 603", UNREADABLE, {}),
        ("Msix64", ARM, {}),
        ("MsiNTProductType = 1", SERVER, {}),
        ("ProgramFilesFolder", TEN, {}),
        ("$Component = 3", TEN, {}),
        ("FOUND", TEN, {"undecided": ("FOUND",)}),
        ("FOUND", TEN, {"undecided": ("*",)}),
        ("FOUND", TEN, {"undecided": ("FOUND",), "properties": (GivenProperty(name="FOUND", value="1"),)}),
        ("not a condition", TEN, {}),
    ],
)
def test_what_only_an_installation_can_know_is_said_and_not_passed_over(
    condition: str, system: OperatingSystem, installer: dict[str, object]
) -> None:
    found, said = outcome(condition, system, **installer)  # type: ignore[arg-type]  # fields of the fact
    assert found == "pass"
    assert condition in said


def test_the_publishers_sentence_is_told_with_its_marks_filled_in() -> None:
    found, said = outcome("VersionNT < 603", TEN, properties=(GivenProperty(name="Wish", value="Windows 8"),))
    assert found == "fail"
    assert "« Cryptolib demande mieux que Windows 8. »" in said.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_what_this_run_removes_first_is_not_installed_any_more() -> None:
    ours = InstalledProduct(code=CODE, name="Composants Cryptographiques CPS v5.2.6 (x64)", version="5.2.6")
    assert outcome("NOT Installed", TEN, (ours,))[0] == "pass"
    stranger = "{12345678-1234-1234-1234-123456789012}"
    other = InstalledProduct(code=stranger, name="Somebody's", version="1")
    assert outcome("NOT Installed", TEN, (other,), code=stranger.lower())[0] == "fail"
