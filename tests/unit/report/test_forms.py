from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.report import plain, progress, terminal, text_form
from atsam_safe.report.blocks import Block, Heading, Line, Numbered, Table, Verbatim, Verdict
from atsam_safe.report.json_form import ENVELOPE, envelope
from atsam_safe.report.plain import folded
from atsam_safe.report.result import EXIT_CODES, CatalogueOrigin, CommandResult
from atsam_safe.words import LANGUAGES, Language, Problem
from atsam_safe.words.amounts import decimal, size

if TYPE_CHECKING:
    from collections.abc import Callable

EVERYTHING: list[Block] = [
    Verdict("REFUSÉ : ce paquet ne convient pas.", "bad"),
    Heading("Composants"),
    Table(("Nom", "Version"), (("GALSS", "3.42.03"), ("Cryptolib CPS", "5.1.5"))),
    Numbered(1, "Un fait.", (("Pourquoi :", "une raison"), ("Que faire :", "un geste")), "os.too-old"),
    Line("- une ligne", 1),
    Verbatim('{"a": 1}'),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_and_plain_form_say_the_same_words() -> None:
    words = plain.render(EVERYTHING).replace("-", " ").split()
    coloured = terminal.render(EVERYTHING, 100)
    assert "\x1b[" in coloured
    assert [word for word in words if word not in coloured] == []


def test_the_terminal_folds_like_the_plain_form() -> None:
    """Facts hang below their number, details below their fact, and a long path stays one word that can be copied."""
    path = "/Library/Application Support/atsam-safe/snapshots/" + "0" * 120
    wide: list[Block] = [Numbered(12, "un fait " * 30, (("Pourquoi :", "une raison " * 30),), "os.too-old"), Line(f"- {path}", 1)]
    coloured = re.sub(r"\x1b\[[0-9;]*m", "", terminal.render(wide, 72))
    assert [line.rstrip() for line in coloured.strip().split("\n")] == plain.render(wide, 72).strip().split("\n")


@pytest.mark.parametrize("form", [plain.render, terminal.render])
def test_french_punctuation_stays_with_its_word(form: Callable[[list[Block], int], str]) -> None:
    sentence = "Lancez « atsam-safe recover » : le poste revient à l’état d’avant ; est-ce clair ?"
    for width in range(30, 60):
        text = re.sub(r"\x1b\[[0-9;]*m", "", form([Line(sentence), Numbered(1, sentence, (("Que faire :", sentence),), "a.b")], width))
        for line in (line.strip() for line in text.split("\n")):
            assert not line.startswith((":", ";", "?", "»"))
            assert not line.endswith("«")
        assert "\u00a0" not in text


@given(st.text(max_size=300))
def test_no_control_character_of_a_package_reaches_the_terminal(text: str) -> None:
    for block in (Verdict(text, "bad"), Line(text), Heading(text), Numbered(1, text, ((text, text),), "a.b"), Table(("x",), ((text,),))):
        shown = plain.render([block])
        assert not [character for character in shown if character != "\n" and (ord(character) < 32 or 127 <= ord(character) < 160)]


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], *, coloured: bool) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    result = CommandResult(command="status", exit_code=2, problems=(Problem(ref="usage.no-command"),))
    assert ("\x1b[" in text_form.render(result, "fr", stream=Terminal())) is coloured
    assert "\x1b[" not in text_form.render(result, "fr", stream=io.StringIO())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", [*EXIT_CODES, 130, 77])
@pytest.mark.parametrize(
    "command", ["inspect", "check", "status", "verify", "install", "rollback", "recover", "snapshots list", "manifests show", ""]
)
def test_every_command_can_answer_every_code_without_data(command: str, code: int, language: Language) -> None:
    result = CommandResult(command=command, exit_code=code, problems=(Problem(ref="os.too-old"),))
    text = text_form.render(result, language, stream=io.StringIO())
    assert "os.too-old" in text or code == 0
    assert set(envelope(result, language)) == set(ENVELOPE) - {"catalogue"}


def test_another_catalogue_is_the_first_thing_said() -> None:
    origin = CatalogueOrigin(origin="/essai", digest="ab" * 32)
    result = CommandResult(command="status", exit_code=10, catalogue=origin)
    assert text_form.render(result, "fr", stream=io.StringIO()).startswith("ATTENTION : décidé avec un autre catalogue")
    assert envelope(result, "fr")["catalogue"] == {"origin": "/essai", "digest": "ab" * 32}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("place", "script"), [("/Volumes/Mojave/a", "restore.sh"), ("C:\\ProgramData\\a", "restore.cmd")])
def test_a_snapshot_that_is_shown_names_its_script(place: str, script: str, language: Language) -> None:
    """« run the script (unknown) that lies there » is no help on the worst day."""
    snapshot = {
        "id": "000001-a",
        "created_at": "2026-11-26T23:29:58+00:00",
        "reason": "install",
        "files": 1,
        "bytes": 1,
        "digest": "ab",
        "place": place,
    }
    result = CommandResult(command="snapshots show", exit_code=0, data={"snapshot": snapshot})
    last = text_form.render(result, language, stream=io.StringIO()).rstrip().splitlines()[-1]
    assert script in last


def test_a_problem_is_told_in_the_sentences_of_its_case() -> None:
    told = Problem(ref="os.too-old", told="usage.no-command")
    value = envelope(CommandResult(command="check", exit_code=10, problems=(told,)), "en")["errors"][0]
    assert value["ref"] == "os.too-old"
    assert value["what"] == "No command was given."


@pytest.mark.parametrize(
    ("count", "french", "english"),
    [
        (0, "0 o", "0 B"),
        (999, "999 o", "999 B"),
        (1000, "1,0 Ko", "1.0 kB"),
        (1_234_567, "1,2 Mo", "1.2 MB"),
        (5 * 10**12, "5000,0 Go", "5000.0 GB"),
    ],
)
def test_sizes_are_written_as_people_read_them(count: int, french: str, english: str) -> None:
    assert size(count, "fr") == french
    assert size(count, "en") == english
    assert decimal(1.25, "fr") == "1,2"


def ticking(*seconds: float) -> Callable[[], float]:
    moments = iter(seconds)
    return lambda: next(moments)


def test_progress_without_a_terminal_is_a_line_per_phase_and_one_every_ten_seconds() -> None:
    stream = io.StringIO()
    lines = progress.Lines(stream, "fr", ticking(0, 1, 2, 3, 13, 14))
    for done in range(3):
        lines("snapshot", done, 4)
    lines("snapshot", 3, 4)
    lines("inconnu", 0, 0)
    written = stream.getvalue().split("\n")
    assert len(written) == 4
    assert "75 %" in written[1]
    assert "inconnu" in written[2]


def test_progress_is_silent_for_scripts_and_a_bar_for_people() -> None:
    assert isinstance(progress.choose("fr", json=True, stream=io.StringIO()), progress.Silent)
    assert isinstance(progress.choose("fr", json=False, stream=io.StringIO()), progress.Lines)
    stream = Terminal()
    with progress.choose("fr", json=False, stream=stream) as bar:
        assert isinstance(bar, progress.Bar)
        bar("observe", 0, 0)
        bar("snapshot", 1, 2)
    assert "Sauvegarde de l’état actuel" in stream.getvalue()


def test_a_command_to_paste_stands_on_one_line_as_it_is() -> None:
    """It was once broken in the middle, at a space that is part of a path."""
    command = (
        "sh '/Volumes/Poste 1/Library/Application Support/atsam-safe/snapshots/000001-20261127T000000Z-abcd/restore.sh' '/Volumes/Poste 1'"
    )
    for sentence in (f"The state before can be brought back with: {command}", f"Sans le programme : {command}"):
        lines = folded(sentence, "  ", "    ", 60)
        assert lines[-1].strip() == command
        assert all(len(line) <= 60 for line in lines[:-1])
