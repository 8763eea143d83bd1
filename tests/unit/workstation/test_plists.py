from __future__ import annotations

import contextlib
import plistlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.workstation.plists import MAX_PLIST_BYTES, PlistError, clean_text, read_dictionary, read_plist, text_of, write_plist

VALUES = {"CFBundleVersion": "3.42", "Flag": True, "Number": 3, "List": ["a"], "Data": b"x"}


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_both_forms_are_read(form: plistlib.PlistFormat) -> None:
    assert read_dictionary(plistlib.dumps(VALUES, fmt=form)) == VALUES


def binary_trailer(offset_size: int, reference_size: int, objects: int, top: int, table: int) -> bytes:
    return b"bplist00" + bytes(32) + struct.pack(">6xBBQQQ", offset_size, reference_size, objects, top, table)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"bplist00",
        b"<?xml version='1.0'?><plist><dict>",
        b"{ CFBundleVersion = 3; }",
        binary_trailer(8, 8, 1 << 60, 0, 8),
        binary_trailer(0, 1, 1, 0, 8),
        binary_trailer(1, 1, 10, 10, 8),
        binary_trailer(1, 1, 1, 0, 1 << 40),
        b"<?xml version='1.0'?><!DOCTYPE plist [<!ENTITY a 'aaaa'>]><plist><string>&a;</string></plist>",
        b"<?xml version='1.0'?><plist><date>yesterday</date></plist>",
        b"<?xml version='1.0'?><plist><integer>" + b"9" * 6000 + b"</integer></plist>",
        bytes(MAX_PLIST_BYTES + 1),
    ],
)
def test_malformed_lists_are_our_error(data: bytes) -> None:
    with pytest.raises(PlistError):
        read_plist(data)


def test_a_list_that_is_no_dictionary_is_refused_as_one() -> None:
    with pytest.raises(PlistError):
        read_dictionary(plistlib.dumps(["a"]))


def test_a_dictionary_that_contains_itself_is_no_trap() -> None:
    # One object: a dictionary whose value is itself. plistlib builds the loop; reading texts from it must not follow it.
    body = b"bplist00" + b"\xd1\x01\x00" + b"\x51a" + b"\x08\x0b"
    data = body + struct.pack(">6xBBQQQ", 1, 1, 2, 0, len(body) - 2)
    try:
        values = read_dictionary(data)
    except PlistError:
        return
    assert text_of(values, "a") is None


@pytest.mark.parametrize(("key", "text"), [("CFBundleVersion", "3.42"), ("Number", "3"), ("Flag", None), ("List", None), ("None", None)])
def test_texts_of_values(key: str, text: str | None) -> None:
    assert text_of(VALUES, key) == text


@given(st.text(st.characters(), max_size=30) | st.binary(max_size=30).map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_cleaned_text_can_always_be_written(text: str) -> None:
    clean_text(text).encode("utf-8")


@given(st.binary(max_size=300))
def test_garbage_is_our_error(data: bytes) -> None:
    for start in (b"", b"bplist00", b"<?xml version='1.0'?><plist>"):
        with contextlib.suppress(PlistError):
            read_plist(start + data)


WHOLE = plistlib.dumps(VALUES, fmt=plistlib.FMT_BINARY)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.integers(0, len(WHOLE)))
def test_a_changed_or_cut_list_is_read_or_our_error(position: int, value: int, length: int) -> None:
    data = bytearray(WHOLE)
    data[position] = value
    for candidate in (bytes(data), bytes(data[:length])):
        with contextlib.suppress(PlistError):
            read_plist(candidate)


def test_a_number_with_more_digits_than_can_be_written_is_no_text() -> None:
    data = b"<?xml version='1.0'?><plist><dict><key>CFBundleVersion</key><integer>0x" + b"f" * 6000 + b"</integer></dict></plist>"
    assert text_of(read_dictionary(data), "CFBundleVersion") is None


@pytest.mark.parametrize("value", [1 << 70, [object()], {1: "a"}, {"a": "\x01"}])
def test_what_cannot_be_written_is_our_error(value: object) -> None:
    with pytest.raises(PlistError):
        write_plist(value, plistlib.FMT_XML)
