"""The slow, exact way from TOML text to values: it alone can say on which line a mistake is."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from atsam_safe.catalogue.errors import CatalogueError, Flaw, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atsam_safe.catalogue.check import Found
    from atsam_safe.catalogue.lines import Place

_Shape = TypeVar("_Shape", bound=msgspec.Struct)


def decode(name: str, content: bytes, shape: type[_Shape]) -> _Shape:
    """Read one manifest as ``shape``. Raises ``CatalogueError`` with the line for anything that is not exactly that."""
    text = _text(name, content)
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise CatalogueError([_syntax_flaw(name, error)]) from error
    try:
        return msgspec.convert(tree, type=shape)
    except msgspec.ValidationError as error:
        raise CatalogueError([_validation_flaw(name, text, tree, str(error))]) from error


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CatalogueError([Flaw(file=name, line=line, kind="not-utf8")]) from error


_AT_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)")


def _syntax_flaw(name: str, error: Exception) -> Flaw:
    message = str(error) or type(error).__name__
    match = _AT_LINE.search(message)
    reason = _AT_LINE.sub("", message).strip()
    kind = "duplicate-key" if reason.startswith(("Cannot overwrite", "Cannot declare")) else "syntax"
    return Flaw(file=name, line=int(match.group(1)) if match else 1, kind=kind, params={"detail": shown(reason)})


_PATH: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP: Final = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]|\[\.\.\.\]")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<key>.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<key>.*)`", re.DOTALL)
_VALUE: Final = re.compile(r"Invalid enum value '(?P<value>.*)'", re.DOTALL)


def _validation_flaw(name: str, text: str, tree: dict[str, Any], message: str) -> Flaw:
    """Turn the library's message (stable wording, checked by a test) into a flaw with the line of the key it speaks of."""
    match = _PATH.search(message)
    place = tuple(_steps(match.group("path"))) if match else ()
    reason = message[: match.start()] if match else message
    if unknown := _UNKNOWN.match(reason):
        key = unknown.group("key")
        return Flaw(file=name, line=_line_of(text, (*place, key)), kind="unknown-key", params={"key": shown(key)})
    if missing := _MISSING.match(reason):
        return Flaw(file=name, line=_line_of(text, place), kind="missing-key", params={"key": shown(missing.group("key"))})
    key = _dotted(place)
    if value := _VALUE.match(reason):
        return Flaw(file=name, line=_line_of(text, place), kind="wrong-value", params={"key": key, "value": shown(value.group("value"))})
    seen = shown(repr(_value_at(tree, place)))
    return Flaw(file=name, line=_line_of(text, place), kind="wrong-type", params={"key": key, "value": seen, "detail": shown(reason)})


def _steps(path: str) -> Iterable[str | int]:
    for match in _STEP.finditer(path):
        if match.group(1) is not None:
            yield match.group(1)
        elif match.group(2) is not None:
            yield int(match.group(2))


def _value_at(tree: object, place: Place) -> object:
    for step in place:
        in_table = isinstance(tree, dict) and step in tree
        in_array = isinstance(tree, list) and isinstance(step, int) and step < len(tree)
        if not (in_table or in_array):
            return None
        tree = tree[step]  # type: ignore[index]  # both kinds were just told apart
    return tree


def _dotted(place: Place) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def located(files: Mapping[str, bytes], found: Found) -> Flaw:
    """The flaw that ``check`` found, with its line."""
    text = files[found.file].decode("utf-8") if found.file in files else ""
    return Flaw(file=found.file, line=_line_of(text, found.place), kind=found.kind, params=dict(found.params))


def _line_of(text: str, place: Place) -> int:
    from atsam_safe.catalogue.lines import line_of  # noqa: PLC0415 - only a mistake is looked for

    return line_of(text, place)
