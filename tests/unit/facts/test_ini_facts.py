from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.facts.ini import MAX_KEYS, MAX_VALUE, parse_ini

PAIRS = {"CONFIG": {"NbCanaux": "2"}, "CANAL1": {"TCanal": "3", "Caracteristiques": "Lecteur bi-fente 00 00"}}


def written(line_end: str, encoding: str = "ascii", comment: str = "; lecteur") -> bytes:
    lines = [comment]
    for section, keys in PAIRS.items():
        lines.append(f"[{section}]")
        lines += [f"{key}={value}" for key, value in keys.items()]
    return "".join(line + line_end for line in lines).encode(encoding)


@pytest.mark.parametrize(("line_end", "name"), [("\r", "cr"), ("\n", "lf"), ("\r\n", "crlf")])
def test_every_line_end_of_the_field_gives_the_same_sections(line_end: str, name: str) -> None:
    reading = parse_ini(written(line_end))
    assert reading.sections == PAIRS
    assert (reading.line_ends, reading.encoding, reading.problem) == (name, "ascii", None)


def test_mixed_line_ends_are_said() -> None:
    reading = parse_ini(b"[A]\r\nx=1\ny=2\rz=3")
    assert reading.line_ends == "mixed"
    assert reading.sections == {"A": {"x": "1", "y": "2", "z": "3"}}


def test_a_file_without_line_end_has_none() -> None:
    assert parse_ini(b"[A]").line_ends == "none"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (written("\n"), "ascii"),
        (written("\n", "latin-1", "; configuré"), "latin-1"),
        (written("\n", "utf-8", "; configuré"), "utf-8"),
        (b"\xef\xbb\xbf" + written("\n"), "utf-8"),
    ],
)
def test_encoding_is_told(data: bytes, encoding: str) -> None:
    reading = parse_ini(data)
    assert reading.encoding == encoding
    assert reading.sections == PAIRS


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "empty file"),
        (b"x=1\n", "key before the first section"),
        (b"[A]\nrubbish\n", "line without '='"),
        (b"[A\nx=1\n", "section header without end"),
        (b"[A]\nx=1\n[A]\ny=2\n", "repeated section"),
        ("[A]\n".encode("utf-16"), "one byte per character"),
    ],
)
def test_odd_files_are_read_and_said(data: bytes, part: str) -> None:
    problem = parse_ini(data).problem
    assert problem is not None
    assert part in problem


def test_the_first_of_a_repeated_key_counts() -> None:
    assert parse_ini(b"[A]\nx=1\nx=2\n").sections == {"A": {"x": "1"}}


def test_a_file_of_a_million_keys_stays_small() -> None:
    reading = parse_ini(b"[A]\n" + b"".join(b"k%d=%s\n" % (number, b"v" * 5000) for number in range(MAX_KEYS + 500)))
    assert sum(len(keys) for keys in reading.sections.values()) <= MAX_KEYS
    assert all(len(value) <= MAX_VALUE for value in reading.sections["A"].values())
    assert reading.problem is not None


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    reading = parse_ini(data)
    assert reading.line_ends in {"lf", "crlf", "cr", "mixed", "none"}
    assert reading.encoding in {"ascii", "utf-8", "latin-1"}
    "".join(text for keys in reading.sections.values() for pair in keys.items() for text in pair).encode("utf-8")


NAME = st.text(st.characters(whitelist_categories=("Lu", "Ll", "Nd"), max_codepoint=255), min_size=1, max_size=12)


@given(st.dictionaries(NAME, st.dictionaries(NAME, NAME, max_size=4), max_size=4), st.sampled_from(["\r", "\n", "\r\n"]))
def test_what_is_written_is_read(sections: dict[str, dict[str, str]], line_end: str) -> None:
    lines = []
    for section, keys in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {value}" for key, value in keys.items()]
    assert parse_ini(line_end.join(lines).encode("utf-8")).sections == sections
