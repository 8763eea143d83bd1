"""Find the line of a key or table in a TOML text that ``tomllib`` has already accepted.

``tomllib`` forgets positions, but a person who wrote a wrong word in one of a thousand lines needs the line. This scanner walks
the text once more and remembers where every key, table and array element begins. It runs only when there is an error to report.
Because the text is known to be valid TOML, it needs no error handling of its own: it stops quietly at the end of the text.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final

Place = tuple[str | int, ...]

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR_END: Final = re.compile(r"[,\]}\n#]")
_BLANK: Final = re.compile(r"[ \t]+")
_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")
_TRIPLE: Final = ('"""', "'''")


class _Scanner:
    """One pass over one text; ``lines`` maps each place to its line (from 1)."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.line = 1
        self.lines: dict[Place, int] = {(): 1}
        # How many elements each array of tables has so far; ``[a.b]`` then means the last element of ``a``.
        self.counts: dict[Place, int] = {}

    def run(self) -> dict[Place, int]:
        table: Place = ()
        while True:
            self.skip(_SPACE)
            if self.at >= len(self.text):
                return self.lines
            if self.text.startswith("[[", self.at):
                table = self.header(width=2)
            elif self.text[self.at] == "[":
                table = self.header(width=1)
            else:
                self.pair(table)

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.move(match.end())

    def move(self, end: int) -> None:
        self.line += self.text.count("\n", self.at, end)
        self.at = end

    def header(self, *, width: int) -> Place:
        line = self.line
        self.move(self.at + width)
        keys = self.key()
        self.move(self.at + width)
        if width == 1:
            place = self.resolve(keys)
            self.lines[place] = line
            return place
        array = self.resolve(keys[:-1]) + keys[-1:]
        index = self.counts.get(array, 0)
        self.counts[array] = index + 1
        self.lines.setdefault(array, line)
        self.lines[(*array, index)] = line
        return (*array, index)

    def resolve(self, keys: tuple[str, ...]) -> Place:
        """The place ``[keys]`` means: through the last element of every array of tables on the way."""
        place: Place = ()
        for key in keys:
            place = (*place, key)
            if place in self.counts:
                place = (*place, self.counts[place] - 1)
            else:
                self.lines.setdefault(place, self.line)
        return place

    def pair(self, table: Place) -> None:
        line = self.line
        place = table
        for key in self.key():
            place = (*place, key)
            self.lines.setdefault(place, line)
        self.skip(_BLANK)
        self.move(self.at + 1)  # the equals sign
        self.skip(_BLANK)
        self.value(place)

    def key(self) -> tuple[str, ...]:
        keys: list[str] = []
        while True:
            self.skip(_BLANK)
            keys.append(self.simple_key())
            self.skip(_BLANK)
            if not self.text.startswith(".", self.at):
                return tuple(keys)
            self.move(self.at + 1)

    def simple_key(self) -> str:
        if self.text.startswith(('"', "'"), self.at):
            begin = self.at
            self.string()
            # The library itself undoes the escapes of a quoted key.
            return next(iter(tomllib.loads(self.text[begin : self.at] + " = 0")))
        match = _BARE_KEY.match(self.text, self.at)
        if match is None:
            self.move(len(self.text))
            return ""
        self.move(match.end())
        return match.group()

    def value(self, place: Place) -> None:
        opening = self.text[self.at : self.at + 1]
        if opening in {'"', "'"}:
            self.string()
        elif opening == "[":
            self.array(place)
        elif opening == "{":
            self.inline_table(place)
        else:
            match = _SCALAR_END.search(self.text, self.at)
            self.move(match.start() if match else len(self.text))

    def string(self) -> None:
        quote = self.text[self.at]
        closing = quote * 3 if self.text.startswith(_TRIPLE, self.at) else quote
        at = self.at + len(closing)
        while at < len(self.text) and not self.text.startswith(closing, at):
            at += 2 if quote == '"' and self.text[at] == "\\" else 1
        at += len(closing)
        if len(closing) > 1:
            # Up to two quotation marks may stand right before the closing three.
            while self.text.startswith(quote, at):
                at += 1
        self.move(min(at, len(self.text)))

    def array(self, place: Place) -> None:
        self.move(self.at + 1)
        index = 0
        while True:
            self.skip(_SPACE)
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "]":
                self.move(self.at + 1)
                return
            if self.text[self.at] == ",":
                self.move(self.at + 1)
                continue
            element = (*place, index)
            self.lines[element] = self.line
            self.value(element)
            index += 1

    def inline_table(self, place: Place) -> None:
        self.move(self.at + 1)
        while True:
            self.skip(_SPACE)
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "}":
                self.move(self.at + 1)
                return
            if self.text[self.at] == ",":
                self.move(self.at + 1)
                continue
            self.pair(place)


def line_map(text: str) -> dict[Place, int]:
    """The line of every key, table and array element of a valid TOML text; the whole document is at line 1."""
    return _Scanner(text).run()


def line_of(text: str, place: Place) -> int:
    """The line of ``place``, or of the nearest thing around it that has one."""
    lines = line_map(text)
    while place not in lines:
        place = place[:-1]
    return lines[place]
