from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.catalogue.lines import line_map, line_of

if TYPE_CHECKING:
    from atsam_safe.catalogue.lines import Place

DOCUMENT = '''# a comment with [brackets] and = signs
title = "a [[fake]] = header"
"quoted key" = 1

[owner]
name = """
several
lines = 3
"""   # after
dotted.inner.key = true

[[part]]
id = "one"
paths = [
    { path = "/a", role = "x" },
    # between
    { path = "/b]", tags = ["p", 'q}',
        "r"] },
]

[[part.sub]]
deep = 1

[[part.sub]]
deep = 2
more = [[1, 2], [3]]

[[part]]
id = \'\'\'two
\'\'\'

[[part.sub]]
deep = 3
[part.table]
here = 1979-05-27T07:32:00Z
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ((), 1),
        (("title",), 2),
        (("quoted key",), 3),
        (("owner",), 5),
        (("owner", "name"), 6),
        (("owner", "dotted", "inner", "key"), 10),
        (("part",), 12),
        (("part", 0), 12),
        (("part", 0, "paths"), 14),
        (("part", 0, "paths", 0), 15),
        (("part", 0, "paths", 0, "role"), 15),
        (("part", 0, "paths", 1), 17),
        (("part", 0, "paths", 1, "tags", 1), 17),
        (("part", 0, "paths", 1, "tags", 2), 18),
        (("part", 0, "sub", 0), 21),
        (("part", 0, "sub", 1), 24),
        (("part", 0, "sub", 1, "deep"), 25),
        (("part", 0, "sub", 1, "more", 1, 0), 26),
        (("part", 1), 28),
        (("part", 1, "id"), 29),
        (("part", 1, "sub", 0), 32),
        (("part", 1, "sub", 0, "deep"), 33),
        (("part", 1, "table"), 34),
        (("part", 1, "table", "here"), 35),
    ],
)
def test_lines_of_a_document_with_everything(place: Place, line: int) -> None:
    assert line_map(DOCUMENT)[place] == line
    assert line_of(DOCUMENT.replace("\n", "\r\n"), place) == line


def test_a_place_that_is_not_there_is_answered_by_the_nearest_around_it() -> None:
    assert line_of(DOCUMENT, ("part", 0, "sub", 1, "missing", 7)) == 24
    assert line_of(DOCUMENT, ("nothing",)) == 1


def places(tree: object, place: Place = ()) -> set[Place]:
    found = {place}
    if isinstance(tree, dict):
        for key, value in tree.items():
            found |= places(value, (*place, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            found |= places(value, (*place, index))
    return found


keys = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True), st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=6)
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
scalars = st.one_of(st.integers(-99, 99), st.booleans(), texts)
values = st.recursive(scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)), max_leaves=8)


def toml_string(text: str) -> str:
    return (
        json.dumps(text, ensure_ascii=True).replace("\\/", "/")
        if text.isascii()
        else '"' + "".join(escape(character) for character in text) + '"'
    )


def escape(character: str) -> str:
    return f"\\U{ord(character):08x}" if ord(character) < 32 or ord(character) > 126 or character in '"\\' else character


def inline(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return toml_string(value)
    if isinstance(value, list):
        return "[\n# ] }\n" + ",\n".join(map(inline, value)) + "]"
    assert isinstance(value, dict)
    return "{ " + ", ".join(f"{toml_string(key)} = {inline_flat(content)}" for key, content in value.items()) + " }"


def inline_flat(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(inline_flat, value)) + "]"
    return inline(value)


tables = st.dictionaries(keys, values, max_size=4)


@given(root=tables, headers=st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), tables, st.lists(tables, max_size=2)), max_size=5))
def test_every_place_of_any_document_has_a_line_and_the_lines_only_grow_within_arrays(root: dict[str, Any], headers: list[Any]) -> None:
    lines = [f"{toml_string(key)} = {inline(value)}" for key, value in root.items() if key not in {"a", "b", "c"}]
    for name, table, subtables in headers:
        lines.append(f"[[{name}]]")
        lines += [f"{toml_string(key)} = {inline(value)}" for key, value in table.items() if key != "sub"]
        for subtable in subtables:
            lines.append(f"[[{name}.sub]] # [x]")
            lines += [f"{toml_string(key)} = {inline(value)}" for key, value in subtable.items()]
    text = "\n".join(lines)
    tree = tomllib.loads(text)
    found = line_map(text)
    assert places(tree) == set(found)
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())


@given(text=st.text(max_size=200))
def test_the_scanner_ends_on_any_text(text: str) -> None:
    # It is only used on valid TOML; on anything else it must still end without an exception of its own kind.
    try:
        line_map(text)
    except (tomllib.TOMLDecodeError, StopIteration):
        return
