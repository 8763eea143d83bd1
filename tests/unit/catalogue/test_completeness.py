"""Whatever the collection of facts knows is in the catalogue, or ``LEFT_OUT`` says why not."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from atsam_safe.catalogue.load import load_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

# Loaded by path: test folders are no packages, and every test file stands alone.
_SPEC = importlib.util.spec_from_file_location("domain_facts", Path(__file__).with_name("domain_facts.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
facts: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(facts)

CATALOGUE = load_catalogue()


def statements() -> str:
    """Everything the catalogue states, in lower case; where it was found is not a statement."""
    tree = json.loads(msgspec.json.encode(CATALOGUE))
    del tree["sources"]
    return "\n".join(without_sources(tree)).lower()


def without_sources(tree: object) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key != "source":
                yield key
                yield from without_sources(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from without_sources(value)
    elif isinstance(tree, str):
        yield tree


STATEMENTS = statements()


@pytest.mark.parametrize(("topic", "identifiers"), facts.FACTS.items(), ids=list(facts.FACTS))
def test_every_fact_is_in_the_catalogue(topic: str, identifiers: tuple[str, ...]) -> None:
    missing = [identifier for identifier in identifiers if identifier.lower() not in STATEMENTS]
    assert not missing, topic


def test_what_is_left_out_is_really_not_there_and_has_a_reason() -> None:
    assert [fact for fact in facts.LEFT_OUT if fact.lower() in STATEMENTS] == []
    assert all(len(reason) > 10 for reason in facts.LEFT_OUT.values())


@pytest.mark.parametrize(("system", "codes"), [("galss", facts.GALSS_CODES), ("fsv", facts.FSV_CODES)])
def test_every_return_code_is_explained_once(system: str, codes: tuple[int, ...]) -> None:
    ranges = [(symptom.code, symptom.code_last or symptom.code) for symptom in CATALOGUE.symptoms if symptom.system == system]
    for code in codes:
        assert len([first for first, last in ranges if first is not None and last is not None and first <= code <= last]) == 1, hex(code)


def test_every_pkcs11_value_is_explained() -> None:
    assert {symptom.name for symptom in CATALOGUE.symptoms if symptom.system == "pkcs11"} == set(facts.PKCS11_NAMES)


def test_every_message_of_the_field_is_explained() -> None:
    numbers = {int(symptom.id.split("-")[1]) for symptom in CATALOGUE.symptoms if symptom.id.startswith("field-")}
    assert set(range(1, facts.MESSAGES + 1)) <= numbers


def test_an_unknown_error_gets_no_invented_cause() -> None:
    (unknown,) = [symptom for symptom in CATALOGUE.symptoms if "erreur 777" in symptom.match]
    assert unknown.cause == "unknown"


@pytest.mark.parametrize("ports", [(1922, 1943)])
def test_ports(ports: tuple[int, ...]) -> None:
    assert ports in [rule.ports for component in CATALOGUE.components for rule in component.ports]
