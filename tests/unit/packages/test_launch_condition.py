"""Conditions of Windows Installer packages: three answers, never a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.packages.launch_condition import (
    DEEPEST,
    LONGEST,
    PRESENT,
    UNKNOWN,
    ConditionError,
    Told,
    evaluate,
    names_in,
    parse,
)

TOLD: dict[str, Told] = {
    "VersionNT": "603",
    "WindowsBuild": "9600",
    "ServicePackLevel": "0",
    "Privileged": "1",
    "Msix64": PRESENT,
    "Somewhere": UNKNOWN,
    "Text": "abc",
}


def ask(text: str) -> bool | None:
    return evaluate(parse(text), lambda name: TOLD.get(name, ""))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("VersionNT >= 603", True),
        ("VersionNT >= 1000", False),  # never true, on any Windows
        ("VersionNT64", False),
        ("(VersionNT = 601 AND ServicePackLevel >= 1) OR VersionNT > 601", True),
        ("Installed OR Privileged", True),
        ("NOT Installed", True),
        ("not installed and PRIVILEGED", False),  # operators in any case, names as they are written
        ("Msix64", True),
        ('Msix64 <> ""', True),
        ('Msix64 = ""', False),
        ("Msix64 = 6", None),
        ("Somewhere", None),
        ("NOT Somewhere", None),
        ("Somewhere OR VersionNT", True),
        ("Somewhere AND Nowhere", False),
        ("Somewhere IMP VersionNT", True),
        ("Nowhere IMP Somewhere", True),
        ("VersionNT IMP Somewhere", None),
        ("Somewhere XOR VersionNT", None),
        ("Somewhere EQV Somewhere", None),
        ("$Component = 3", None),
        ("?Component = 2 OR VersionNT", True),
        ("&Feature = 3", None),
        ("!Feature = 3", None),
        ("%PATH", None),
        ("WindowsBuild >= 19041", False),
        ('Text = "ABC"', False),
        ('Text ~= "ABC"', True),
        ('Text >< "b"', True),
        ('Text << "ab"', True),
        ('Text >> "bc"', True),
        ("5 >< 4", True),
        ("65536 << 1", True),
        ("65541 >> 5", True),
        ("Text < 5", False),
        ("Text <> 5", True),
        ("NOT VersionNT OR VersionNT", True),  # NOT binds most
        ("VersionNT OR VersionNT AND Nowhere", True),
        ("Nowhere IMP VersionNT XOR VersionNT", True),
    ],
)
def test_answers(text: str, answer: bool | None) -> None:  # noqa: FBT001 - an answer
    assert ask(text) is answer


@pytest.mark.parametrize(
    "text",
    ["", "NOT", "VersionNT >=", "(VersionNT", "VersionNT)", "A B", "5.0", "A == 5", "A + 5", "'a'", '"a', "1a", "A ~ = B", "4294967297"],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        parse(text)


def test_nobody_can_make_it_dig_or_read_for_ever() -> None:
    for text in ("(" * 10_000 + "A", "NOT " * 100_000 + "A", "A OR " * LONGEST + "A", "(" * (DEEPEST + 1) + "A" + ")" * (DEEPEST + 1)):
        with pytest.raises(ConditionError):
            parse(text)
    assert ask("NOT " * (DEEPEST - 2) + "VersionNT") is True
    assert ask(" OR ".join(["Nowhere"] * 500)) is False


def test_the_properties_asked_for_are_known() -> None:
    found = names_in(parse('NOT A.b OR (C >= "D" AND %E) XOR $F = 3'))
    assert found == {"A.b", "C"}


NAMES = st.sampled_from(["A", "B", "C"])
OPERATORS = st.sampled_from(["=", "<>", "<", "~="])
LEAVES = NAMES.map(str) | st.builds("{} {} {}".format, NAMES, OPERATORS, st.sampled_from(["1", '"x"', "B"]))
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: (
        inner.map("NOT ({})".format) | st.builds("({}) {} ({})".format, inner, st.sampled_from(["AND", "OR", "XOR", "EQV", "IMP"]), inner)
    ),
    max_leaves=8,
)
VALUES = st.sampled_from(["", "0", "1", "x", "X"])


@given(text=CONDITIONS, values=st.lists(VALUES, min_size=3, max_size=3), hidden=st.sets(NAMES))
def test_what_is_answered_without_knowing_everything_is_what_knowing_everything_answers(
    text: str, values: list[str], hidden: set[str]
) -> None:
    """The law of three values: hiding a property may only turn an answer into « unknown », never into the other one."""
    whole = dict(zip("ABC", values, strict=True))
    known = evaluate(parse(text), whole.__getitem__)
    assert known is not None
    doubtful = evaluate(parse(text), lambda name: UNKNOWN if name in hidden else whole[name])
    partly = evaluate(parse(text), lambda name: PRESENT if name in hidden and whole[name] else whole[name])
    assert doubtful in {None, known}
    assert partly in {None, known}


@given(st.text(max_size=40) | st.text(alphabet='AB"()=<>~$%&! NOTRD05-', max_size=30))
def test_any_text_is_a_condition_or_is_refused(text: str) -> None:
    try:
        condition = parse(text)
    except ConditionError:
        return
    assert evaluate(condition, lambda _name: "1") in {True, False, None}
