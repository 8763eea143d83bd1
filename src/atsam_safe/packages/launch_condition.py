"""Conditions as Windows Installer packages write them (``VersionNT >= 603 AND NOT Installed``), worked out without Windows. Pure.

Grammar and meaning: Microsoft, « Conditional Statement Syntax ». What the documentation leaves open is as ``msi.dll`` answers in the tests
that compare this module with it. Three answers: true, false, and ``None`` — what a condition needs to know is not known here. Nothing is
ever guessed: ``unknown OR true`` is true, ``unknown AND true`` is unknown.

- A name is a property (names are case-sensitive); a property that does not exist is the empty text, which is false.
- ``%NAME`` (environment), ``$ ? & !`` (states of components and features) are known to a running installation only: unknown.
- ``=  <>  <  <=  >  >=`` compare numbers when both sides are numbers, else texts; ``~`` before an operator ignores case.
- ``><  <<  >>``: contains, starts with, ends with; for numbers: common bits, upper sixteen bits, lower sixteen bits.
- From strongest to weakest: NOT, AND, OR, XOR, EQV, IMP.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Doubt = Literal["unknown", "present"]
# What a name stands for: its text, or (as a set of one) a doubt: nothing is known, or only that it is not empty.
Told = str | frozenset[Doubt]
UNKNOWN: Final[frozenset[Doubt]] = frozenset({"unknown"})
PRESENT: Final[frozenset[Doubt]] = frozenset({"present"})

LONGEST: Final = 8_192
DEEPEST: Final = 64
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<text>"[^"]*")
      | (?P<number>-?[0-9]+)(?![A-Za-z_.])
      | (?P<state>[$?&!%][A-Za-z_][A-Za-z0-9_.]*)
      | (?P<name>[A-Za-z_][A-Za-z0-9_.]*)
      | (?P<operator>~?(?:><|<<|>>|<>|<=|>=|=|<|>))
      | (?P<bracket>[()])
    )""",
    re.VERBOSE,
)
_NUMBER: Final = re.compile(r"-?[0-9]+\Z")
_WORDS: Final = frozenset({"NOT", "AND", "OR", "XOR", "EQV", "IMP"})
# Weakest first; what stands on one line of the documentation's list binds equally and from the left.
_BINDING: Final = ("IMP", "EQV", "XOR", "OR", "AND")
_PARTS: Final = frozenset({"><", "<<", ">>"})
_INT_LIMIT: Final = 2**31
_DIGITS: Final = 20


class ConditionError(ValueError):
    """The text is no condition; ``args[0]`` is the place in it."""


class Number(msgspec.Struct, frozen=True):
    """A number written in the condition."""

    value: int


class Text(msgspec.Struct, frozen=True):
    """A text written in the condition."""

    value: str


class Name(msgspec.Struct, frozen=True):
    """A property, or (with its mark) a state or a variable of the environment."""

    value: str


Term = Number | Text | Name


class Comparison(msgspec.Struct, frozen=True):
    """Two terms with an operator between them; ``operator`` is ``None`` for a term that stands alone."""

    left: Term
    operator: str | None = None
    right: Term | None = None
    any_case: bool = False


class Negation(msgspec.Struct, frozen=True):
    """NOT."""

    inner: Condition


class Connection(msgspec.Struct, frozen=True):
    """AND, OR, XOR, EQV, IMP."""

    word: str
    left: Condition
    right: Condition


Condition = Comparison | Negation | Connection


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    place = 0
    end = len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise ConditionError(place)
        kind, value = match.lastgroup, match[match.lastgroup]
        if kind == "name" and value.upper() in _WORDS:
            kind, value = "word", value.upper()
        yield kind, value, match.start(match.lastgroup)
        place = match.end()


class _Parser:
    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ConditionError(LONGEST)
        self._tokens = [*_tokens(text), ("end", "", len(text))]
        self._next = 0
        self._depth = 0

    @property
    def _kind(self) -> str:
        return self._tokens[self._next][0]

    @property
    def _value(self) -> str:
        return self._tokens[self._next][1]

    def _take(self) -> str:
        self._next += 1
        return self._tokens[self._next - 1][1]

    def fail(self) -> ConditionError:
        return ConditionError(self._tokens[self._next][2])

    def whole(self) -> Condition:
        found = self._connected(0)
        if self._kind != "end":
            raise self.fail()
        return found

    def _connected(self, level: int) -> Condition:
        if level == len(_BINDING):
            return self._factor()
        found = self._connected(level + 1)
        while self._kind == "word" and self._value == _BINDING[level]:
            found = Connection(self._take(), found, self._connected(level + 1))
        return found

    def _factor(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self.fail()
        found = self._unbound()
        self._depth -= 1
        return found

    def _unbound(self) -> Condition:
        if self._kind == "word" and self._value == "NOT":
            self._take()
            return Negation(self._factor())
        if self._kind == "bracket" and self._value == "(":
            self._take()
            found = self._connected(0)
            if self._value != ")":
                raise self.fail()
            self._take()
            return found
        left = self._term()
        if self._kind != "operator":
            return Comparison(left)
        operator = self._take()
        return Comparison(left, operator.removeprefix("~"), self._term(), operator.startswith("~"))

    def _term(self) -> Term:
        kind = self._kind
        if kind not in {"text", "number", "state", "name"}:
            raise self.fail()
        value = self._take()
        if kind == "text":
            return Text(value[1:-1])
        if kind == "number":
            number = int(value[:_DIGITS])
            if abs(number) >= _INT_LIMIT:
                raise self.fail()
            return Number(number)
        return Name(value)


def parse(text: str) -> Condition:
    """The condition of ``text``. Raises ``ConditionError``."""
    return _Parser(text).whole()


def names_in(condition: Condition) -> frozenset[str]:
    """Every property the condition asks for."""
    if isinstance(condition, Negation):
        return names_in(condition.inner)
    if isinstance(condition, Connection):
        return names_in(condition.left) | names_in(condition.right)
    return frozenset(term.value for term in (condition.left, condition.right) if isinstance(term, Name) and term.value[0].isidentifier())


def evaluate(condition: Condition, told: Callable[[str], Told]) -> bool | None:
    """The condition's answer when ``told`` says what each property is; ``None`` when that is not enough to know."""
    if isinstance(condition, Comparison):
        return _compared(condition, told)
    if isinstance(condition, Negation):
        return _not(evaluate(condition.inner, told))
    return _connect(condition.word, evaluate(condition.left, told), evaluate(condition.right, told))


def _not(answer: bool | None) -> bool | None:  # noqa: FBT001 - an answer, not an option
    return None if answer is None else not answer


def _connect(word: str, left: bool | None, right: bool | None) -> bool | None:  # noqa: FBT001 - as above
    if word == "AND":
        return False if left is False or right is False else None if left is None or right is None else True
    if word == "OR":
        return True if left or right else None if left is None or right is None else False
    if word == "IMP":
        return _connect("OR", _not(left), right)
    if left is None or right is None:
        return None
    return left is not right if word == "XOR" else left is right


def _compared(comparison: Comparison, told: Callable[[str], Told]) -> bool | None:
    left = _told(comparison.left, told)
    if comparison.operator is None or comparison.right is None:
        if isinstance(left, frozenset):
            return True if left == PRESENT else None
        return bool(left)
    right = _told(comparison.right, told)
    if isinstance(left, frozenset) or isinstance(right, frozenset):
        return _with_doubt(comparison.operator, left, right)
    if comparison.any_case:
        left, right = (side.casefold() if isinstance(side, str) else side for side in (left, right))
    literal = isinstance(comparison.left, Text), isinstance(comparison.right, Text)
    return _result(left, comparison.operator, right, literal, any_case=comparison.any_case)


def _told(term: Term, told: Callable[[str], Told]) -> int | Told:
    if isinstance(term, Name):
        return told(term.value) if term.value[0].isidentifier() else UNKNOWN
    return term.value


def _with_doubt(operator: str, left: int | Told, right: int | Told) -> bool | None:
    """Of something that is only known not to be empty: whether it is the empty text. Nothing else."""
    for one, other in ((left, right), (right, left)):
        if one == PRESENT and other == "" and operator in {"=", "<>"}:
            return operator == "<>"
    return None


def _result(left: int | str, operator: str, right: int | str, literal: tuple[bool, bool], *, any_case: bool) -> bool | None:
    """``literal``: which sides are texts written in the condition. Beside a number such a text is only ever different."""
    if isinstance(left, int) and isinstance(right, int):
        return None if any_case and operator in _PARTS else _numbers(left, operator, right)
    if isinstance(left, int) or isinstance(right, int):
        if any(literal):
            return operator == "<>"
        numbers = [side if isinstance(side, int) else _number(side) for side in (left, right)]
        if numbers[0] is None or numbers[1] is None:
            return operator == "<>"
        if any_case and operator in _PARTS:
            return None
        return _in_range(numbers[0], operator, numbers[1])
    return _both_texts(left, operator, right, any_case=any_case)


def _both_texts(left: str, operator: str, right: str, *, any_case: bool) -> bool | None:
    """Two texts, of which both may be numbers. Where it is not documented what counts, only a common answer does."""
    as_texts = _texts(left, operator, right)
    first, second = _number(left), _number(right)
    if first is None or second is None:
        return as_texts
    if any_case and operator in _PARTS:
        return None
    as_numbers = _in_range(first, operator, second)
    return as_numbers if (first >= 0 and second >= 0) or as_numbers is as_texts else None


def _number(text: str) -> int | None:
    return int(text[:_DIGITS]) if _NUMBER.match(text) else None


def _in_range(left: int, operator: str, right: int) -> bool | None:
    """Numbers beyond 32 bits have no documented meaning."""
    return _numbers(left, operator, right) if max(abs(left), abs(right)) < _INT_LIMIT else None


def _numbers(left: int, operator: str, right: int) -> bool:
    if operator == "><":
        return bool(left & right)
    if operator in {"<<", ">>"}:
        return (left >> 16) == right if operator == "<<" else (left & 0xFFFF) == right
    return _ordered((left > right) - (left < right), operator)


def _texts(left: str, operator: str, right: str) -> bool:
    if operator in _PARTS:
        if not left:
            return False
        return right in left if operator == "><" else left.startswith(right) if operator == "<<" else left.endswith(right)
    return _ordered((left > right) - (left < right), operator)


def _ordered(order: int, operator: str) -> bool:
    return {"=": order == 0, "<>": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]
