"""Finding the patterns that cover a path gives the answers of asking each pattern."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.catalogue.patterns import Covering, is_below, lying_below, matches, matches_below

SEGMENTS = st.sampled_from(["a", "b", "ab", "a.b", "", " "])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))
PATTERNS = st.lists(SEGMENTS | st.sampled_from(["*", "a*", "*b"]), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts).rstrip("/")
)


@given(st.lists(st.tuples(PATTERNS, st.booleans()), max_size=12), PATHS)
def test_the_same_patterns_in_the_same_order(patterns: list[tuple[str, bool]], path: str) -> None:
    covering = Covering((pattern, below, number) for number, (pattern, below) in enumerate(patterns))
    wanted = [
        number for number, (pattern, below) in enumerate(patterns) if (matches_below(pattern, path) if below else matches(pattern, path))
    ]
    assert covering.values(path) == wanted
    assert covering.covers(path) == bool(wanted)


@given(st.lists(PATHS, max_size=12), PATHS)
def test_the_same_paths_below(paths: list[str], folder: str) -> None:
    ordered = sorted(set(paths))
    assert list(lying_below(ordered, folder)) == [path for path in ordered if is_below(path, folder)]


def test_a_star_stays_within_its_segment_and_names_are_no_beginnings() -> None:
    covering = Covering([("/Users/*/Library", True, "homes"), ("/Library", True, "library"), ("/Library/a", False, "a")])
    assert covering.values("/Users/eve/Library/x") == ["homes"]
    assert covering.values("/Users/eve/sub/Library") == []
    assert covering.values("/Library/a") == ["library", "a"]
    assert covering.values("/Library2") == []
    assert not covering.covers("/Library2/a")
