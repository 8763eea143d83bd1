"""Consent is an answer to what was read: what was typed before the question does not count."""

from __future__ import annotations

import io
import os

from atsam_safe.cli.terminal import forget_typed_ahead


def test_what_was_typed_before_the_question_is_forgotten() -> None:
    keyboard, terminal = os.openpty()
    with os.fdopen(terminal, "r", encoding="utf-8") as stream:
        os.write(keyboard, b"oui\n")
        forget_typed_ahead(stream)
        os.write(keyboard, b"non\n")
        assert stream.readline() == "non\n"
    os.close(keyboard)


def test_an_answer_from_a_file_is_not_touched() -> None:
    answers = io.StringIO("oui\n")
    forget_typed_ahead(answers)
    assert answers.readline() == "oui\n"
