from __future__ import annotations

import fnmatch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atsam_safe.workstation.receipts import Names, joined

PIECES = st.text("ab.", max_size=3)


@given(st.lists(st.tuples(PIECES, st.sampled_from(["", "*"]), PIECES, st.sampled_from(["", "*"])).map("".join), max_size=4), PIECES)
@example(patterns=[""], name="a")
@example(patterns=["**"], name="a")
def test_names_are_matched_as_shell_patterns(patterns: list[str], name: str) -> None:
    assert (name in Names(patterns)) == any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


@pytest.mark.parametrize(
    ("prefix", "relative", "path"),
    [
        ("/", "Library/x", "/Library/x"),
        ("usr/local", "./lib//x/", "/usr/local/lib/x"),
        ("/usr/local/", "lib", "/usr/local/lib"),
        ("/", ".", None),
        ("", "", None),
        ("/", "../etc", None),
        ("../..", "x", None),
        ("/", "a\0b", None),
    ],
)
def test_paths_of_bills_are_joined_or_dropped(prefix: str, relative: str, path: str | None) -> None:
    assert joined(prefix, relative) == path
