"""What a Windows workstation says of a component's version: the product, and the component's own registry key."""

from __future__ import annotations

import msgspec
import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.facts.model import Facts, InstalledProduct, OperatingSystem, RegistryFact
from atsam_safe.verify import assess
from atsam_safe.workstation.windows.products import read_identities
from lab.windows.fake import FakeWindows

CATALOGUE = load_catalogue(None)
CODE = "{D8609B2B-CE98-43A8-B2D2-77811A6ECAE1}"
KEY = r"SOFTWARE\ASIP\Cryptolib CPS"
CRYPTOLIB = InstalledProduct(
    code=CODE, name="Composants Cryptographiques CPS v5.2.2 (x64)", version="5.2.2", architecture="x86_64", windows_installer=True
)


def facts(*registry: RegistryFact, product: InstalledProduct = CRYPTOLIB) -> Facts:
    return Facts(
        adapter="windows",
        os=OperatingSystem(family="windows", name="Windows 11 Pro", version="10.0.26100", build="26100"),
        products=(product,),
        registry=registry,
    )


def told(version: str, *, code: str = CODE) -> RegistryFact:
    return RegistryFact(key=KEY, view="64", values={"version": version, "productcode": code})


def state_of(found: Facts) -> tuple[str, str | None, list[str]]:
    (component,) = [one for one in assess(found, CATALOGUE).components if one.component == "cryptolib"]
    return component.state, component.version, [witness.kind for witness in component.witnesses]


@pytest.mark.parametrize("version", ["5.2.2", "5.02.02", "5.2.2.0", "5.2"])
def test_the_registry_is_a_second_witness(version: str) -> None:
    assert state_of(facts(told(version))) == ("ok", "5.2.2", ["product", "registry"])


def test_a_registry_that_tells_another_version_makes_the_component_damaged() -> None:
    assert state_of(facts(told("5.2.6")))[:2] == ("damaged", "5.2.2")


@pytest.mark.parametrize(
    "fact",
    [
        told("5.0.6", code="{00000000-0000-0000-0000-000000000001}"),
        RegistryFact(key=KEY, view="32", values={"version": "5.0.6"}),
        told("not a version"),
        RegistryFact(key=r"SOFTWARE\Somebody", view="64", values={"version": "9", "productcode": CODE}),
    ],
)
def test_what_speaks_for_another_product_or_for_none_is_no_witness(fact: RegistryFact) -> None:
    assert state_of(facts(fact)) == ("ok", "5.2.2", ["product"])


@pytest.mark.parametrize("version", ["", "beta", "5.2.2-rc1"])
def test_a_product_whose_version_is_none_stops_nothing(version: str) -> None:
    assert state_of(facts(product=msgspec.structs.replace(CRYPTOLIB, version=version)))[1] is None


def test_only_texts_the_catalogue_names_are_read() -> None:
    windows = FakeWindows()
    windows.keys["HKLM", KEY, "64"] = {"version": "5.2.2", "productcode": CODE, "secret": "not ours", "installdir": 7}
    windows.keys["HKLM", KEY, "32"] = {"secret": "not ours"}
    assert read_identities(windows, CATALOGUE) == (told("5.2.2"),)
