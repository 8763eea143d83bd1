"""What a doctor reads: the sentences of the story, and no rule without words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from atsam_safe.guard import RULES, RunState, check, explain_rule
from atsam_safe.guard.model import RuleResult
from atsam_safe.guard.obstacles import ASKED
from atsam_safe.words.registry import all_references
from atsam_safe.words.topics import snapshot
from atsam_safe.words.topics.guard import TITLES
from lab.decisions import atsam, shipped_catalogue, workstation

ROOM = Path(__file__).resolve().parents[3] / "src/atsam_safe/guard"


def test_the_story_in_plain_french() -> None:
    decision = check(workstation("10.14.6"), shipped_catalogue(), [atsam("4.50")], run=RunState())
    told = explain_rule(decision.reasons[0], "fr")
    assert told.ref == "os.too-old"
    assert "ATSAM 4.50" in told.what
    assert "seulement pour macOS 10.15 (Catalina)" in told.what
    assert "macOS 10.14.6 (Mojave)" in told.what
    assert "ne pourrait plus être associée (erreur 777" in told.why
    assert "Ne l’installez pas" in told.next
    assert "ATSAM 4.41" in told.next


def test_the_story_in_english() -> None:
    decision = check(workstation("10.14.6"), shipped_catalogue(), [atsam("4.50")], run=RunState())
    told = explain_rule(decision.reasons[0], "en")
    assert "only for macOS 10.15 (Catalina)" in told.what
    assert "ATSAM 4.41" in told.next


def test_a_release_nobody_knows_is_told_with_its_own_words() -> None:
    decision = check(workstation("27.0"), shipped_catalogue(), [atsam("4.50")], run=RunState())
    assert [rule.words for rule in decision.reasons] == ["os.unlisted.unknown-release"]
    assert "ne connaît pas du tout" in explain_rule(decision.reasons[0], "fr").what


@pytest.mark.parametrize("ref", [*(rule.ref for rule in RULES), *ASKED])
def test_each_rule_has_its_reference_and_a_line_for_when_it_passed(ref: str) -> None:
    assert ref in all_references()
    assert ref in {**TITLES, **snapshot.TITLES}
    for outcome in ("pass", "not-applicable"):
        for language in ("fr", "en"):
            told = explain_rule(RuleResult(ref=ref, outcome=outcome, words=ref), language)
            assert told.what
            assert told.next == ""


def literal_words() -> set[str]:
    """Every variant of the sentences named in the rules."""
    found: set[str] = set()
    for path in ROOM.glob("rules_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "words" and isinstance(node.value, ast.Constant):
                found.add(str(node.value.value))
    return found - {"None"}


def test_every_variant_of_the_sentences_exists() -> None:
    built = {f"{ref}{suffix}" for ref in ("os.too-old", "os.too-new", "os.unlisted") for suffix in (".no-build",)}
    built |= {f"bundle.{name}.no-build" for name in ("mixed", "unlisted", "incomplete")}
    built |= {"os.too-old.component", "os.unlisted.inferred", "os.unlisted.unknown-release"}
    several = {f"{ref}.several" for ref in ("os.too-old", "os.too-old.component", "os.too-new", "os.unlisted")}
    built |= several | {f"{ref}.no-build" for ref in several} | {"os.unlisted.unknown-release.several"}
    assert {words for words in literal_words() | built if words not in all_references()} == set()


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("os_version", ["10.9.5", "10.14.6", "10.15.7", "14.7.4", "27.0", "10.16", None])
def test_no_sentence_has_a_hole(language: str, os_version: str | None) -> None:
    for build in ("4.41", "4.50"):
        decision = check(workstation(os_version, {"galss": "3.42.03"}), shipped_catalogue(), [atsam(build)], run=RunState())
        for rule in decision.rules:
            told = explain_rule(rule, language)  # type: ignore[arg-type]  # parametrised by literals
            for sentence in (told.what, told.why, told.next):
                assert "{" not in sentence
                assert "inconnu)" not in sentence
                assert "(unknown)" not in sentence
