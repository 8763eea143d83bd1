"""Every fault the package reader can name has words: a code is for the evidence, never for a sentence."""

from __future__ import annotations

import ast
import re
import typing
from pathlib import Path

import pytest

from atsam_safe.packages.payload import MemberKind
from atsam_safe.words import Problem, explain
from atsam_safe.words.faults import FAMILIES, PLACES, fault_words
from atsam_safe.words.translate import translate

PACKAGES = Path(__file__).resolve().parents[3] / "src/atsam_safe/packages"
# calls whose second argument is the code of a fault, and those whose only one is
BY_POSITION = {"damaged": 1, "invalid": 1, "refuse": 0}
# handed on: where they come from is collected as well
HANDED_ON = {"fault"}
MADE = {
    "malformed(error)": ["malformed-*"],
    "_fault_of(error)": ["decoder-memory", "compressed-data"],
    "kind": [kind for kind in typing.get_args(MemberKind) if kind not in {"file", "directory", "symlink"}],
    # what the system answers has its own words
    "errno_name(error)": ["permission-denied", "input/output-error"],
}


def calls() -> list[tuple[str, ast.Call]]:
    trees = [(path.name, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(PACKAGES.glob("*.py"))]
    return [(f"{name}:{node.lineno}", node) for name, tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]


def called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""


def codes_of(node: ast.expr, where: str) -> list[str]:
    """The codes an expression may be; a code whose end is made at run time stands with ``*`` for its end."""
    if isinstance(node, ast.IfExp):
        return [*codes_of(node.body, where), *codes_of(node.orelse, where)]
    if isinstance(node, ast.JoinedStr):
        first = node.values[0]
        assert isinstance(first, ast.Constant), where
        return [f"{first.value!s}*"]
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    written = ast.unparse(node)
    assert written in HANDED_ON | set(MADE), f"{where}: where does {written} come from?"
    return MADE.get(written, [])


def raised() -> dict[str, str]:
    found: dict[str, str] = {}
    for where, call in calls():
        position = BY_POSITION.get(called(call))
        expressions = [keyword.value for keyword in call.keywords if keyword.arg == "fault"]
        if position is not None and len(call.args) > position:
            expressions.append(call.args[position])
        for expression in expressions:
            found.update(dict.fromkeys(codes_of(expression, where), where))
    return found


def places() -> dict[str, str]:
    """Places that are words of ours, not names out of a package."""
    found = {"table of contents": "xar.py", "signature": "signature.py", "ticket": "ticket.py", "timestamp": "timestamp.py"}
    for where, call in calls():
        if called(call) in {"damaged", "too_large"} and call.args and isinstance(call.args[0], ast.Constant):
            found[str(call.args[0].value)] = where
    return {place: where for place, where in found.items() if place[0].islower()}


def test_the_walk_finds_the_codes() -> None:
    codes = raised()
    assert {"differing-names", "other-package", "signer-count", "message-digest", "zip-*", "integer-*", "below-*", "fifo"} <= set(codes)
    assert len(codes) > 100


@pytest.mark.parametrize("code", sorted(raised()))
def test_a_fault_of_a_package_has_words_in_both_languages(code: str) -> None:
    words = fault_words(code.replace("*", "Something"))
    assert words is not None, raised()[code]
    assert translate(words, "fr") != words
    for language in ("fr", "en"):
        shown = explain(Problem(ref="package.damaged", params={"package": "a.pkg", "reason": code}), language)
        assert f"({code})" not in shown.what


@pytest.mark.parametrize("place", sorted(places()))
def test_a_place_in_a_package_has_words_in_both_languages(place: str) -> None:
    assert place in PLACES, places()[place]


def test_every_beginning_of_a_code_is_one_that_is_raised() -> None:
    beginnings = {code.partition("*")[0] for code in raised() if "*" in code}
    assert [beginning for beginning in FAMILIES if not any(one.startswith(beginning) for one in beginnings)] == []


@pytest.mark.parametrize(
    ("ref", "params", "french", "english"),
    [
        (
            "package.damaged",
            {"reason": "table of contents: differing-names"},
            "(table des matières : sa structure",
            "(table of contents: its",
        ),
        ("package.damaged", {"reason": "header: cut-short"}, "(en-tête : le fichier est incomplet)", "(header: the file is cut short)"),
        (
            "package.signature-invalid",
            {"part": "ticket", "fault": "other-package"},
            "(ticket de notarisation : il a été fait",
            "(notarisation ticket",
        ),
        (
            "package.damaged",
            {"reason": "Payload: /Library/a: not-in-bom"},
            "(Payload : /Library/a : la liste",
            "(Payload: /Library/a: the list",
        ),
        (
            "package.damaged",
            {"reason": "table of contents: no-such-code"},
            "(table des matières : no-such-code)",
            "(table of contents: no-such",
        ),
        (
            "package.too-large",
            {"place": "table of contents", "limit": "67108864", "unit": "bytes"},
            "(table des matières, limite 67,1 Mo)",
            "67.1 MB",
        ),
        (
            "package.too-large",
            {"place": "table of contents", "limit": "50000", "unit": "entries"},
            "limite 50 000 éléments",
            "50,000 entries",
        ),
        ("package.damaged", {"reason": "a: checksum-algorithm"}, "un type de somme de contrôle qui n’est pas accepté", "kind of checksum"),
    ],
)
def test_a_place_and_its_fault_are_put_in_words_each_on_its_own(ref: str, params: dict[str, str], french: str, english: str) -> None:
    problem = Problem(ref=ref, params={"package": "a.pkg", **params})
    assert french in explain(problem, "fr").what
    assert english in explain(problem, "en").what


def test_the_name_of_a_certificate_keeps_its_own_colon() -> None:
    reason = "signature: Developer ID Installer: ASIP: purpose"
    shown = explain(Problem(ref="package.untrusted", params={"package": "a.pkg", "reason": reason}), "fr").what
    assert re.search(r"\(signature : Developer ID Installer: ASIP : son certificat", shown)
