"""The words are complete: extracted from the code as a translator would, held against the French catalogue."""

from __future__ import annotations

import ast
import functools
import io
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from atsam_safe.words.amounts import UNITS
from atsam_safe.words.reference import Reference
from atsam_safe.words.registry import DuplicateReferenceError, all_references, gather, topic_names, topic_references

PROJECT = Path(__file__).resolve().parents[3]
SOURCE = PROJECT / "src/atsam_safe"
PO = SOURCE / "words/locale/fr/LC_MESSAGES/atsam_safe.po"
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+")


@functools.cache
def extracted() -> dict[str, str]:
    """Every message marked with ``N_()`` in the program, with the file it stands in."""
    found = extract_from_dir(str(SOURCE), method_map=[("**.py", "python")], keywords={"N_": None})
    return {str(message): file for file, _line, message, _comments, _context in found}


@functools.cache
def french() -> dict[str, str]:
    return {str(message.id): str(message.string or "") for message in read_po(io.BytesIO(PO.read_bytes())) if message.id}


def test_every_message_has_french() -> None:
    missing = {message: file for message, file in extracted().items() if not french().get(message)}
    assert missing == {}


def test_no_french_is_left_over() -> None:
    assert sorted(set(french()) - set(extracted())) == []


def test_nothing_is_fuzzy_or_obsolete() -> None:
    text = PO.read_text(encoding="utf-8")
    assert "#, fuzzy" not in text
    assert "#~" not in text


def test_no_message_is_translated_twice_differently() -> None:
    seen: dict[str, str] = {}
    blocks = re.split(r"\n\s*\n", PO.read_text(encoding="utf-8"))
    messages = [(str(message.id), str(message.string)) for block in blocks for message in read_po(io.BytesIO(block.encode())) if message.id]
    assert [source for source, translation in messages if seen.setdefault(source, translation) != translation] == []


def test_placeholders_are_the_same_in_both_languages() -> None:
    different = {
        message: translation
        for message, translation in french().items()
        if set(PLACEHOLDER.findall(message)) != set(PLACEHOLDER.findall(translation))
    }
    assert different == {}


def test_french_is_typeset_as_french() -> None:
    """Typographic apostrophes and quotes; a plain space before the high punctuation (the report binds it); none of the English quotes."""
    wrong = {}
    for message, text in french().items():
        plain = re.sub(r"https?://\S+|\{[a-z0-9_]+\}", "", text)
        if re.search(r"['\"“”]", plain):
            wrong[message] = "straight or English quotes"
        elif re.search(r"[\u00a0\u202f]", plain):
            wrong[message] = "a space that cannot be searched for"
        elif re.search(r"«\S|\S»", plain.replace("« »", "")):
            wrong[message] = "no space inside the quotes"
        elif re.search(r"[A-Za-zÀ-ÿ)»](?:[;!?]|:(?: |$))", plain):
            wrong[message] = "no space before the punctuation"
    assert wrong == {}


def test_nobody_has_to_read_brackets_for_a_plural() -> None:
    both = (*french().items(), *((message, message) for message in french()))
    assert {message: text for message, text in both if re.search(r"\w\((?:s|e|es|x)\)", text)} == {}


def test_nothing_counted_is_told_in_the_plural_only() -> None:
    """“1 snapshots.”: what may be one is counted after its name (“Snapshots: 1”)."""
    counted = r"count|files|changes|snapshots|objects|removed|kept|possible|damaged|seconds|minutes|days|tries"
    # the bounds of an archive: never one
    bounds = set(UNITS.values())
    both = (*french().items(), *((message, message) for message in french()))
    plural = re.compile(rf"\{{(?:{counted})\}} (?!s |s\)|s,|s\.|s$)\w+s\b")
    assert {message: text for message, text in both if message not in bounds and plural.search(text)} == {}


def test_one_thing_has_one_name() -> None:
    """What the house calls « lot de composants », « relevé », « compte rendu »… goes by no other name."""
    others = re.compile(
        r"\b(?:l’|un |cet |d’)ensemble (?:installé|obtenu|connu|de composants|retiré)|\bconstatations\b"
        r"|installeur|désinstalleur|programme de désinstallation|endommagé|\b(?:ce|le) rapport\b(?! système)",
        re.IGNORECASE,
    )
    assert {message: text for message, text in french().items() if others.search(text)} == {}


def test_a_command_that_is_to_be_pasted_stands_last() -> None:
    """What follows it would be pasted with it."""
    both = (*french().items(), *((message, message) for message in french()))
    assert [text for _message, text in both if "{by_hand}" in text and not text.endswith(": {by_hand}")] == []


def references() -> list[Reference]:
    return list(all_references().values())


@pytest.mark.parametrize("reference", references(), ids=lambda reference: reference.ref)
def test_each_reference_is_named_well_and_has_its_three_sentences(reference: Reference) -> None:
    assert KEBAB.fullmatch(reference.ref)
    for sentence in (reference.what, reference.why, reference.next):
        assert sentence.strip() == sentence
        assert len(sentence) > 8
        assert sentence[-1] in ".…!?}”", sentence
    assert reference.exit_code in {1, 2, 10, 11, 12, 13, 14, 20, 21, 22, 30, 130}


@pytest.mark.parametrize("topic", topic_names())
def test_each_topic_can_be_read(topic: str) -> None:
    assert all(isinstance(reference, Reference) for reference in topic_references(topic))


def test_trust_refusals_cannot_be_accepted() -> None:
    assert [reference.ref for reference in references() if reference.exit_code == 12 and reference.acceptable] == []


def test_a_reference_defined_twice_is_an_error() -> None:
    topic = next(name for name in topic_names() if topic_references(name))
    with pytest.raises(DuplicateReferenceError):
        gather((topic, topic))


def used_references() -> dict[str, str]:
    """Every literal given as ``ref=`` (or as the first argument of ``ReasonFact``/``Problem``) anywhere in the program."""
    used = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if "topics" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            for keyword in node.keywords:
                if keyword.arg == "ref" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
                    used[keyword.value.value] = str(path.relative_to(SOURCE))
    used.pop("program.unknown-reference", None)  # the fallback itself
    return used


def test_every_reference_used_in_the_program_is_explained() -> None:
    assert {ref: file for ref, file in used_references().items() if ref not in all_references()} == {}
