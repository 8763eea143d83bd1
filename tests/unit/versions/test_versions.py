from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.versions import AtsamBuild, ComponentVersion, MacosRelease, VersionError, WindowsRelease, matches_release

Version = AtsamBuild | ComponentVersion | MacosRelease | WindowsRelease

SCHEMES: tuple[type[Any], ...] = (AtsamBuild, ComponentVersion, MacosRelease, WindowsRelease)

fields = st.lists(st.from_regex(r"[0-9]{1,4}", fullmatch=True), min_size=1, max_size=4).map(".".join)
macos_texts = st.one_of(
    st.tuples(st.just(10), st.integers(0, 20), st.integers(0, 9)).map(lambda parts: ".".join(map(str, parts))),
    st.tuples(st.integers(11, 40), st.integers(0, 9)).map(lambda parts: ".".join(map(str, parts))),
)
windows_texts = st.tuples(st.integers(1, 40000), st.integers(0, 9999)).map(lambda parts: f"10.0.{parts[0]}.{parts[1]}")
texts_by_scheme = {AtsamBuild: fields, ComponentVersion: fields, MacosRelease: macos_texts, WindowsRelease: windows_texts}


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("4.41", "4.5"),
        ("4.41", "4.50"),
        ("4.5", "4.63.00"),
        ("4.50", "4.63"),
        ("4.05", "4.41"),
        ("4", "4.01"),
        ("4.63", "4.63.01"),
        ("4.9", "5.0"),
    ],
)
def test_atsam_builds_order_like_decimal_numbers(older: str, newer: str) -> None:
    assert AtsamBuild.parse(older) < AtsamBuild.parse(newer)
    assert AtsamBuild.parse(newer) > AtsamBuild.parse(older)


@pytest.mark.parametrize("spellings", [("4.5", "4.50", "4.500", "4.50.00"), ("4.63", "4.63.00", "4.63.0"), ("4", "4.0", "4.00.0")])
def test_spellings_of_one_atsam_build_are_equal_and_keep_their_spelling(spellings: tuple[str, ...]) -> None:
    builds = [AtsamBuild.parse(text) for text in spellings]
    assert len(set(builds)) == 1
    assert [str(build) for build in builds] == list(spellings)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.40.9", "1.40.14"),
        ("3.42.03", "3.43.02"),
        ("3.42.03", "3.42.3.1"),
        ("5.1.5", "5.1.19"),
        ("3.43", "3.43.0"),
        ("3.40.02", "3.42.02"),
    ],
)
def test_component_versions_order_field_by_field(older: str, newer: str) -> None:
    assert ComponentVersion.parse(older) < ComponentVersion.parse(newer)


def test_zero_padding_does_not_make_another_component_version() -> None:
    assert ComponentVersion.parse("3.42.03") == ComponentVersion.parse("3.42.3")
    assert str(ComponentVersion.parse(" 3.42.03\n")) == "3.42.03"


@pytest.mark.parametrize(
    ("expected", "seen", "prefix", "answer"),
    [
        ("3.43", "3.43.02", True, True),
        ("3.43", "3.43", True, True),
        ("3.43", "3.43", False, True),
        ("3.43", "3.43.02", False, False),
        ("3.43", "3.43.0", False, False),
        ("3.43", "3.430", True, False),
        ("3.43", "3.42.02", True, False),
        ("3.43", "3", True, False),
        ("3.42.03", "3.42.3", False, True),
        ("3.43", "unknown", True, False),
    ],
)
def test_a_release_known_by_its_beginning(expected: str, seen: str, *, prefix: bool, answer: bool) -> None:
    assert matches_release(expected, seen, prefix=prefix) is answer


def test_a_catalogue_version_that_is_none_is_an_error() -> None:
    with pytest.raises(VersionError):
        matches_release("latest", "3.43", prefix=False)


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("10.14.6", "10.14"),
        ("10.9", "10.9"),
        ("11.0", "11"),
        ("11", "11"),
        ("12.7.4", "12"),
        ("15.1", "15"),
        ("26.6.2", "26"),
        ("10", "10.0"),
    ],
)
def test_macos_families(text: str, family: str) -> None:
    assert MacosRelease.parse(text).family_text == family


def test_macos_releases_in_the_order_they_were_made() -> None:
    made = [
        "10.10",
        "10.13.6",
        "10.14",
        "10.14.6",
        "10.15",
        "10.15.7",
        "11.0",
        "11.7",
        "12.0.1",
        "13",
        "14.6.1",
        "15.6",
        "26.0",
        "26.6.2",
        "27",
    ]
    releases = [MacosRelease.parse(text) for text in made]
    assert sorted(releases, reverse=True) == releases[::-1]
    assert all(earlier < later for earlier, later in itertools.pairwise(releases))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [("10.16", "11"), ("10.16.1", "11"), ("16.0", "26"), ("16", "26"), ("10.15.7", None), ("26.0", None), ("11.6", None)],
)
def test_compatibility_lies(text: str, hidden: str | None) -> None:
    release = MacosRelease.parse(text)
    assert release.is_compatibility_lie is (hidden is not None)
    assert release.hidden_first_family == hidden
    assert release.is_real is (hidden is None)


@pytest.mark.parametrize("text", ["17.0", "20", "25.9", "10.17", "10.16", "16.0"])
def test_numbers_no_macos_ever_had_lie_in_no_range(text: str) -> None:
    assert not MacosRelease.parse(text).is_real
    assert not MacosRelease.parse(text).in_range("10.0", "99")


@pytest.mark.parametrize(
    ("text", "first", "last", "answer"),
    [
        ("10.14.6", "10.10", "10.14", True),
        ("10.15", "10.10", "10.14", False),
        ("10.9.5", "10.10", "10.14", False),
        ("26.6.2", "12", "26", True),
        ("26.0", "15", "15", False),
        ("15.7", "15", "15", True),
        ("11.0.1", "10.15", "12", True),
    ],
)
def test_ranges_of_macos_families(text: str, first: str, last: str, *, answer: bool) -> None:
    assert MacosRelease.parse(text).in_range(first, last) is answer


@pytest.mark.parametrize(
    ("text", "server", "name"),
    [
        ("10.0.19045.4651", False, "10"),
        ("19045", False, "10"),
        ("10.0.22000", False, "11"),
        ("10.0.26200", False, "11"),
        ("6.1.7601", False, "7"),
        ("10.0.14393", True, "Server 2016"),
        ("10.0.17763.5", True, "Server 2019"),
        ("10.0.20348", True, "Server 2022"),
        ("10.0.26100", True, "Server 2025"),
        ("5.1.2600", False, None),
    ],
)
def test_windows_builds_tell_the_release(text: str, *, server: bool, name: str | None) -> None:
    assert WindowsRelease.parse(text, server=server).family_text == name


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "text",
    ["", " ", "latest", "4.", ".4", "4..5", "-4", "4,5", "v4", "4.5b", "\u0664.\u0665", "1" * 70, "9999999999", "1.2.3.4.5.6.7", "4\n5"],
)
def test_anything_else_is_a_version_error(scheme: type[Any], text: str) -> None:
    with pytest.raises(VersionError) as caught:
        scheme.parse(text)
    assert caught.value.problems[0].ref == "versions.unreadable"
    assert len(caught.value.problems[0].params["text"]) <= 65


@pytest.mark.parametrize("scheme", SCHEMES)
@given(text=st.text(max_size=80))
def test_no_text_crashes_a_scheme(scheme: type[Any], text: str) -> None:
    try:
        version = scheme.parse(text)
    except VersionError:
        return
    assert str(version) == text.strip()
    assert version == scheme.parse(str(version))


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_each_scheme_is_a_total_order_consistent_with_equality_and_hash(scheme: type[Any], data: st.DataObject) -> None:
    texts = texts_by_scheme[scheme]
    first, second, third = (scheme.parse(data.draw(texts)) for _ in range(3))
    assert (first < second) + (first == second) + (first > second) == 1
    if first <= second <= third:
        assert first <= third
    if first == second:
        assert hash(first) == hash(second)


@given(first=fields, second=fields)
def test_component_order_is_the_order_of_the_numbers(first: str, second: str) -> None:
    numbers = tuple(map(int, first.split("."))), tuple(map(int, second.split(".")))
    assert (ComponentVersion.parse(first) < ComponentVersion.parse(second)) is (numbers[0] < numbers[1])


@given(major=st.integers(0, 99), minor=st.from_regex(r"[0-9]{1,6}", fullmatch=True), other=st.from_regex(r"[0-9]{1,6}", fullmatch=True))
def test_atsam_order_is_the_order_of_the_decimal_numbers(major: int, minor: str, other: str) -> None:
    scaled = int(minor.ljust(6, "0")), int(other.ljust(6, "0"))
    assert (AtsamBuild.parse(f"{major}.{minor}") < AtsamBuild.parse(f"{major}.{other}")) is (scaled[0] < scaled[1])


@given(version=fields, tail=fields)
def test_a_longer_version_starts_with_its_beginning(version: str, tail: str) -> None:
    longer = f"{version}.{tail}"
    if longer.count(".") < 6:
        assert matches_release(version, longer, prefix=True)
        assert not matches_release(version, longer, prefix=False)


def test_two_schemes_never_compare() -> None:
    assert AtsamBuild.parse("4.5") != ComponentVersion.parse("4.5")
    build: Any = AtsamBuild.parse("4.5")
    with pytest.raises(TypeError):
        assert build < ComponentVersion.parse("4.6")


@pytest.mark.parametrize(
    ("text", "server", "first", "last", "answer"),
    [
        ("10.0.19045", False, "10", "11", True),
        ("10.0.26200", False, "10", "11", True),
        ("10.0.26200", False, "10", "10", False),
        ("6.1.7601", False, "10", "11", False),
        ("6.3.9600", False, "7", "8.1", True),
        ("10.0.17763", True, "Server 2016", "Server 2019", True),
        ("10.0.20348", True, "Server 2016", "Server 2019", False),
        ("10.0.26100", True, "10", "11", False),
        ("10.0.26100", False, "Server 2025", "Server 2025", False),
        ("5.1.2600", False, "7", "11", False),
    ],
)
def test_ranges_of_windows_families(text: str, *, server: bool, first: str, last: str, answer: bool) -> None:
    assert WindowsRelease.parse(text, server=server).in_range(first, last) is answer


def test_a_windows_range_of_the_catalogue_must_name_families() -> None:
    with pytest.raises(VersionError):
        WindowsRelease.parse("22631").in_range("10", "XP")
