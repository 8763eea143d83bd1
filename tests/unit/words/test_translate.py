from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatch_build import LOCALE, compile_catalogues
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.words import LANGUAGES, N_, Problem, WordsMissingError, explain, phrase, resolve_language
from atsam_safe.words import french as french_module
from atsam_safe.words.french import DIGEST_CONTEXT, DIGEST_MESSAGE
from atsam_safe.words.po import parse_po
from atsam_safe.words.translate import translate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.words.model import Language

Files = dict[str, bytes | None]

PROJECT = Path(__file__).resolve().parents[3]
PO = PROJECT / LOCALE / "fr/LC_MESSAGES/atsam_safe.po"


@pytest.fixture
def resources(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """The catalogue files as the program would find them, to be taken away or damaged."""
    files: Files = {".po": PO.read_bytes(), ".mo": None}
    monkeypatch.setattr(french_module, "_resource", files.get)
    french_module.french.cache_clear()
    yield files
    french_module.french.cache_clear()


def compiled(source: bytes, digest: str | None = None) -> bytes:
    catalogue = read_po(io.BytesIO(source))
    catalogue.add(DIGEST_MESSAGE, digest or hashlib.sha256(source).hexdigest(), context=DIGEST_CONTEXT)
    stream = io.BytesIO()
    write_mo(stream, catalogue)
    return stream.getvalue()


SENTENCE = "Install the program again."
FRENCH = "Réinstallez le programme."


def test_the_source_is_read_when_nothing_was_compiled(resources: Files) -> None:
    assert resources[".mo"] is None
    assert translate(SENTENCE, "fr") == FRENCH


def test_the_compiled_catalogue_is_used_when_it_matches_its_source(resources: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    resources[".mo"] = compiled(PO.read_bytes())
    monkeypatch.setattr(french_module, "parse_po", lambda _: pytest.fail("the source was read"))
    assert translate(SENTENCE, "fr") == FRENCH


def test_a_compiled_catalogue_older_than_its_source_is_not_used(resources: Files) -> None:
    resources[".mo"] = compiled(PO.read_bytes().replace(FRENCH.encode(), b"Ancien texte."))
    assert translate(SENTENCE, "fr") == FRENCH


@pytest.mark.parametrize(
    "damage", [b"", b"\x00", b"\xde\x12\x04\x95" + b"\xff" * 40, b"not a catalogue at all, but long enough to be read"]
)
def test_a_damaged_compiled_catalogue_is_not_used(resources: Files, damage: bytes) -> None:
    resources[".mo"] = damage
    assert translate(SENTENCE, "fr") == FRENCH


def test_a_truncated_compiled_catalogue_is_not_used(resources: Files) -> None:
    whole = compiled(PO.read_bytes())
    for length in range(0, len(whole), max(1, len(whole) // 50)):
        resources[".mo"] = whole[:length]
        french_module.french.cache_clear()
        assert translate(SENTENCE, "fr") == FRENCH


def test_the_compiled_catalogue_is_enough_alone(resources: Files) -> None:
    resources[".mo"] = compiled(PO.read_bytes())
    resources[".po"] = None
    assert translate(SENTENCE, "fr") == FRENCH


def test_without_any_french_the_program_refuses_instead_of_speaking_english(resources: Files) -> None:
    resources[".po"] = None
    with pytest.raises(WordsMissingError):
        translate(SENTENCE, "fr")


def test_our_reader_and_babel_agree_on_every_message() -> None:
    source = PO.read_bytes()
    ours = parse_po(source.decode())
    theirs = {message.id: message.string for message in read_po(io.BytesIO(source)) if message.id and message.string and not message.fuzzy}
    assert ours == theirs


@given(st.text(max_size=400))
def test_the_reader_takes_anything(text: str) -> None:
    parse_po(text)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=30),
        st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=30),
        max_size=5,
    )
)
def test_what_is_written_is_read_back(messages: dict[str, str]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = "\n\n".join(f'msgid ""\n{quoted(key)}\nmsgstr {quoted(value)}' for key, value in messages.items())
    assert parse_po(text) == messages


def test_fuzzy_obsolete_and_context_entries_are_left_out() -> None:
    text = '#, fuzzy\nmsgid "a"\nmsgstr "b"\n\n#~ msgid "c"\n#~ msgstr "d"\n\n'
    text += 'msgctxt "x"\nmsgid "e"\nmsgstr "f"\n\nmsgid "g"\nmsgstr "h\\n"\n"i"\n'
    assert parse_po(text) == {"g": "h\ni"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_unknown_reference_gets_a_careful_sentence_that_names_it(language: Language) -> None:
    words = explain(Problem(ref="made.up"), language)
    assert words.ref == "made.up"
    assert "made.up" in words.what
    assert words.why
    assert words.next


@pytest.mark.parametrize("language", LANGUAGES)
def test_missing_and_surplus_parameters_do_not_crash(language: Language) -> None:
    sentence = N_("“{path}” does not exist.")
    assert {"fr": "(inconnu)", "en": "(unknown)"}[language] in phrase(sentence, language)
    assert "x{y}" in phrase(sentence, language, path="x{y}", other=3)


@pytest.mark.parametrize(
    ("option", "locale", "expected"),
    [
        (None, None, "fr"),
        (None, "", "fr"),
        (None, "C", "fr"),
        (None, "C.UTF-8", "fr"),
        (None, "POSIX", "fr"),
        (None, "de_DE.UTF-8", "fr"),
        (None, "en_GB.UTF-8", "en"),
        (None, "en", "en"),
        (None, "en-US", "en"),
        (None, "fr_FR@euro", "fr"),
        (None, "enm", "fr"),
        ("fr", "en_US.UTF-8", "fr"),
        ("en", "fr_FR.UTF-8", "en"),
        ("EN", None, "en"),
    ],
)
def test_language_is_the_users_and_french_when_unknown(option: str | None, locale: str | None, expected: Language) -> None:
    assert resolve_language(option, locale) == expected


def test_the_build_hook_compiles_a_catalogue_that_the_program_accepts(tmp_path: Path) -> None:
    target = tmp_path / LOCALE / "fr/LC_MESSAGES"
    target.mkdir(parents=True)
    shutil.copy(PO, target)
    (written,) = compile_catalogues(tmp_path)
    messages = french_module._compiled(written.read_bytes(), PO.read_bytes())
    assert messages is not None
    assert messages[SENTENCE] == FRENCH
    assert sorted(path.name for path in target.iterdir()) == ["atsam_safe.mo", "atsam_safe.po"]


@pytest.mark.parametrize(
    ("problem", "french", "english"),
    [
        (
            Problem(
                ref="galss.swapped", params={"cps_reader": "“A”", "vitale_reader": "“B”", "cps_found": "-", "vitale_found": "“A”, “C”"}
            ),
            "(CPS attendue dans « A », trouvée dans aucun lecteur ; Vitale attendue dans « B », trouvée dans « A », « C »)",
            "(CPS expected in “A”, found in no reader; Vitale expected in “B”, found in “A”, “C”)",
        ),
        (Problem(ref="galss.realign-needs-cps", params={"readers": "-"}), "(aucun lecteur)", "(no reader)"),
        (Problem(ref="cards.certificate-expired", params={"last_day": "2026-05-01"}), "a expiré le 01/05/2026.", "ended on 2026-05-01."),
        (
            Problem(ref="middleware.crashed", params={"middleware": "CPS3", "stage": "slots", "detail": "-"}),
            "plante (étape « liste des lecteurs », sans raison donnée).",
            "crashes (step “list of readers”, without a reason).",
        ),
        (
            Problem(ref="cards.time-limit", params={"subject": "PC/SC", "seconds": "5"}),
            "« service des cartes à puce » n’a pas répondu en 5 s.",
            "“smart-card service” did not answer within 5 s.",
        ),
        (
            Problem(ref="galss.realign-unwritable", params={"reason": "ENOSPC"}),
            "ne peut pas être écrit (le disque est plein).",
            "cannot be written (the disk is full).",
        ),
        (
            Problem(ref="galss.malformed", told="galss.malformed.no-channel", params={"key": "NbCanaux", "code": "0x800D"}),
            "GALSS refuse galss.ini : « NbCanaux » manque ou est faux, code 0x800D.",
            "“NbCanaux” is missing or wrong, code 0x800D.",
        ),
    ],
    ids=lambda value: value.ref if isinstance(value, Problem) else "",
)
def test_what_stands_in_a_sentence_is_said_in_its_language(problem: Problem, french: str, english: str) -> None:
    """Neither a lone hyphen, nor English quotes, nor a code, nor a date the wrong way round."""
    assert french in explain(problem, "fr").what
    assert english in explain(problem, "en").what
