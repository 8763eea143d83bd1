"""What a product's own choices install: plain words decide, anything else is left undecided, never run and never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atsam_safe.packages.choices import selections
from atsam_safe.packages.limits import DEFAULT_LIMITS
from atsam_safe.packages.strictxml import parse_xml
from lab.items import file
from lab.packages import Component, Product, product_package

if TYPE_CHECKING:
    from lab.inspecting import InspectBytes

PART = '<pkg-ref id="a">#a.pkg</pkg-ref>'
LINE = '<choices-outline><line choice="a"/></choices-outline>'


def selected(inside: str) -> dict[str, str]:
    text = f"<installer-gui-script>{inside}</installer-gui-script>"
    return dict(selections(parse_xml(text.encode(), place="Distribution", limits=DEFAULT_LIMITS)))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("", "installed"),
        ('start_selected="true"', "installed"),
        ('start_selected=" false "', "left-out"),
        ('start_selected="false"', "left-out"),
        # JavaScript knows neither of these words
        ('start_selected="False"', "undecided"),
        ('start_selected="no"', "undecided"),
        ('start_selected=""', "undecided"),
        ('start_selected="0"', "undecided"),
        ('start_selected="!false"', "undecided"),
        ('start_selected="isNeeded()"', "undecided"),
        ('start_selected="choices.b.selected"', "undecided"),
        ('selected="true"', "installed"),
        ('start_selected="true" selected="true"', "installed"),
        ('start_selected="false" selected="false"', "left-out"),
        ('selected="false"', "undecided"),
        ('start_selected="false" selected="true"', "undecided"),
        ('start_selected="false" selected="choices.b.selected"', "undecided"),
        # whether a person may change a choice, or sees it, does not select it
        ('start_enabled="false" enabled="false" start_visible="false" visible="false"', "installed"),
        ('start_selected="false" start_enabled="false" start_visible="false"', "left-out"),
    ],
)
def test_a_choice_is_selected_unless_it_plainly_says_otherwise(attributes: str, expected: str) -> None:
    choice = f'<choice id="a" {attributes}><pkg-ref id="a"/></choice>'
    assert selected(LINE + choice + PART) == {"a.pkg": expected}
    assert selected(choice + PART) == {"a.pkg": expected}


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        (PART, "installed"),
        ('<choice id="b"/>' + PART, "left-out"),
        ('<choice id="b"><pkg-ref id="b"/></choice>' + PART, "left-out"),
        ('<choice id="a"><pkg-ref id="a">#a.pkg</pkg-ref></choice>', "installed"),
        ('<choice id="a"><pkg-ref id="a" active="false"/></choice>' + PART, "left-out"),
        ('<choice id="a"><pkg-ref id="a" active="true"/></choice>' + PART, "installed"),
        ('<choice id="a"><pkg-ref id="a" active="isNeeded()"/></choice>' + PART, "undecided"),
        ('<choice id="a" start_selected="false"><pkg-ref id="a" active="isNeeded()"/></choice>' + PART, "left-out"),
        # in two choices: one that is selected is enough
        ('<choice id="a" start_selected="false"><pkg-ref id="a"/></choice><choice id="b"><pkg-ref id="a"/></choice>' + PART, "installed"),
        ('<choice id="a" start_selected="x"><pkg-ref id="a"/></choice><choice id="b" start_selected="false"/>' + PART, "undecided"),
        ('<choice id="a" start_selected="false"><pkg-ref id="a"/></choice><choice id="a"/>' + PART, "undecided"),
        # one folder under two names
        ('<choice id="a"><pkg-ref id="b"/></choice>' + PART + '<pkg-ref id="b">#a.pkg</pkg-ref>', "installed"),
        ('<choice id="a"><pkg-ref/></choice><pkg-ref>#a.pkg</pkg-ref>', "installed"),
        ('<choices-outline><line choice="b"/></choices-outline><choice id="a"><pkg-ref id="a"/></choice>' + PART, "undecided"),
    ],
)
def test_a_part_is_what_its_choices_are(inside: str, expected: str) -> None:
    assert selected(inside) == {"a.pkg": expected}


@pytest.mark.parametrize(
    ("above", "own", "expected"),
    [
        ("", "", "installed"),
        ('start_selected="true"', "", "installed"),
        # what becomes of a choice below one that is not selected is not known
        ('start_selected="false"', "", "undecided"),
        ('start_selected="x()"', "", "undecided"),
        ("", 'start_selected="false"', "left-out"),
        ('start_selected="x()"', 'start_selected="false"', "left-out"),
    ],
)
def test_the_choices_above_count(above: str, own: str, expected: str) -> None:
    outline = '<choices-outline><line choice="t"><line choice="m"><line choice="a"/></line></line></choices-outline>'
    choices = f'<choice id="t" {above}/><choice id="m"/><choice id="a" {own}><pkg-ref id="a"/></choice>'
    assert selected(outline + choices + PART) == {"a.pkg": expected}
    without = f'<choice id="m"/><choice id="a" {own}><pkg-ref id="a"/></choice>'
    assert selected(outline + without + PART) == {"a.pkg": "left-out" if own else "undecided"}


def test_each_part_of_a_package_says_what_becomes_of_it(inspect_bytes: InspectBytes) -> None:
    def part(name: str, **how: object) -> Component:
        return Component(identifier=name, version="1", items=(file(f"opt/{name}", b"x"),), **how)  # type: ignore[arg-type]  # switches

    parts = (
        part("a.plain"),
        part("b.unselected", choice='start_selected="false"'),
        part("c.script", choice='start_selected="choices.a.selected"'),
        part("d.alone", attached=False),
        part("e.silent", announced=False),
    )
    inspection = inspect_bytes(product_package(Product(title="t", components=parts)))
    assert {one.identifier: one.selection for one in inspection.components} == {
        "a.plain": "installed",
        "b.unselected": "left-out",
        "c.script": "undecided",
        "d.alone": "left-out",
        "e.silent": "left-out",
    }
    assert set(inspection.warnings) == {
        "component-left-out:b.unselected",
        "component-undecided:c.script",
        "component-left-out:d.alone",
        "component-not-referenced:e.silent.pkg",
    }
    assert inspection.product is not None
    assert inspection.product.unknown_checks == ("choice start_selected: choices.a.selected",)
