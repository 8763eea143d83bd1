"""``galss.ini`` read and written without losing a byte, and what it says: channels, readers, resources.

Rules
- The file belongs to the practice: unknown keys, comments, order, line ends (CR, LF, CRLF, mixed) and encoding are kept byte for byte; an
  edit changes the characters of one value, adds lines in the file's own style or takes out whole sections, and nothing else.
- Reading never repairs. What GALSS would refuse is told by ``galss_structure``.
- Pure: bytes in, values out. The file system is the business of ``galss_apply``.

The layout is the one integrators and the vendor's tool write: ``[CONFIG]``, ``[PROTOCOLEn]``, ``[CANALn]``, ``[CANALn.PADp]`` and
``[CANALn.PADp.LADl]``. Keys are compared without regard to case, as every reader of ``.ini`` files on these systems does.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from atsam_safe.words.model import AtsamSafeError, Problem

MAXIMUM_BYTES: Final = 64 * 1024
MAXIMUM_LINES: Final = 2_000
MAXIMUM_CHANNELS: Final = 64
SERIAL: Final = 1
PCSC: Final = 3

LineEnds = Literal["lf", "crlf", "cr", "mixed", "none"]
Encoding = Literal["ascii", "utf-8", "latin-1"]
LineKind = Literal["section", "key", "other"]
Role = Literal["cps", "vitale", "other"]

_LINE: Final = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_BLANKS: Final = " \t"
_NOT_A_KEY: Final = "=;#["
_SECTION: Final = re.compile(r"^[ \t]*\[([^\]\r\n]*)\]")
CHANNEL_SECTION: Final = re.compile(r"^CANAL(\d{1,4})((?:\..*)?)$", re.IGNORECASE)
_PROTOCOL: Final = re.compile(r"^PROTOCOLE(\d{1,4})$", re.IGNORECASE)
_RESOURCE: Final = re.compile(r"^NOMLAD\d*$", re.IGNORECASE)
_ALIAS: Final = re.compile(r"^NOMALIAS\d+$", re.IGNORECASE)
_ROLE: Final = re.compile(r"^(CPS|VITALE)\d*$", re.IGNORECASE)
_ENDS: Final[dict[str, LineEnds]] = {"\n": "lf", "\r\n": "crlf", "\r": "cr"}


class GalssIniError(AtsamSafeError):
    """The file cannot be read as a ``galss.ini`` at all, or an edit would not survive in it (exit 11)."""

    exit_code = 11


def unreadable(cause: Literal["not-text", "too-large", "link", "folder", "no-file"]) -> GalssIniError:
    """The error for a file whose content cannot be looked at; each cause has sentences of its own."""
    return GalssIniError(Problem(ref="galss.unreadable", told=f"galss.unreadable.{cause}", evidence={"cause": cause}))


class IniLine(msgspec.Struct, frozen=True, kw_only=True):
    """One physical line: its text without the line end, the line end as found, and what it is.

    ``start`` and ``end`` delimit the value of a key inside ``text``.
    """

    text: str
    line_end: str
    kind: LineKind = "other"
    section: str = ""
    key: str = ""
    start: int = 0
    end: int = 0

    @property
    def value(self) -> str:
        """The value of a key line, without the blanks around it."""
        return self.text[self.start : self.end]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A LAD: the name software asks GALSS for (``CPS``, ``Vitale``, ``CPS1`` …) and its aliases."""

    name: str
    aliases: tuple[str, ...] = ()

    @property
    def role(self) -> Role:
        """Which card the resource is meant for."""
        match = _ROLE.match(self.name)
        if match is None:
            return "other"
        return "cps" if match[1].upper() == "CPS" else "vitale"

    @property
    def main(self) -> bool:
        """True for the resource software asks for first (``CPS``, not ``CPS1``)."""
        return self.name.upper() in {"CPS", "VITALE"}


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[CANALn]``: ``kind`` is ``TCanal`` (1 serial, 3 PC/SC); ``reader`` is ``Caracteristiques``, the exact reader name in PC/SC.

    ``None`` stands for a key that is absent or not a number.
    """

    number: int
    kind: int | None
    index: int | None
    protocol: int | None
    reader: str | None
    resources: tuple[Resource, ...] = ()

    def serves(self, role: Role) -> bool:
        """True when the channel offers the main resource of ``role``."""
        return any(resource.role == role and resource.main for resource in self.resources)


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[PROTOCOLEn]``: the library that speaks to the readers of its channels."""

    number: int
    library: str | None
    channels: tuple[int, ...] | None = None


class GalssModel(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says. ``declared`` is ``NbCanaux`` (``None``: absent or not a number)."""

    declared: int | None
    channels: tuple[Channel, ...] = ()
    protocols: tuple[Protocol, ...] = ()

    def channel(self, number: int) -> Channel | None:
        """The channel with this number, or ``None``."""
        return next((channel for channel in self.channels if channel.number == number), None)

    @property
    def mode(self) -> Literal["empty", "serial", "pcsc", "both"]:
        """What kind of readers the channels describe."""
        kinds = {channel.kind for channel in self.channels}
        if not kinds:
            return "empty"
        if PCSC not in kinds:
            return "serial"
        return "both" if SERIAL in kinds else "pcsc"


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The file, line by line. ``to_bytes`` gives back exactly what was read."""

    lines: tuple[IniLine, ...]
    encoding: Encoding
    byte_order_mark: bool = False

    def to_bytes(self) -> bytes:
        """The file's bytes; raises ``GalssIniError`` when an edited character does not exist in the file's encoding."""
        text = "".join(line.text + line.line_end for line in self.lines)
        try:
            body = text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise GalssIniError(Problem(ref="galss.unwritable-name", params={"encoding": self.encoding})) from error
        return (b"\xef\xbb\xbf" if self.byte_order_mark else b"") + body

    @property
    def line_ends(self) -> LineEnds:
        """The style of line ends found."""
        found = {line.line_end for line in self.lines if line.line_end}
        if not found:
            return "none"
        return _ENDS[found.pop()] if len(found) == 1 else "mixed"

    @property
    def blank(self) -> bool:
        """True when nothing but blanks is in the file."""
        return all(not line.text.strip() for line in self.lines)

    def get(self, section: str, key: str) -> str | None:
        """The first value of ``key`` in ``section`` (the one GALSS takes), or ``None``."""
        line = self._find(section, key)
        return None if line is None else self.lines[line].value

    def sections(self) -> tuple[str, ...]:
        """Names of all sections in order, as written."""
        return tuple(line.section for line in self.lines if line.kind == "section")

    def keys(self, section: str) -> tuple[tuple[str, str], ...]:
        """Key and value of every key line of ``section``, in order."""
        wanted = section.upper()
        return tuple((line.key, line.value) for line in self.lines if line.kind == "key" and line.section.upper() == wanted)

    def _find(self, section: str, key: str) -> int | None:
        for number, line in enumerate(self.lines):
            if line.kind == "key" and line.section.upper() == section.upper() and line.key.upper() == key.upper():
                return number
        return None

    def with_value(self, section: str, key: str, value: str) -> Document:
        """The document with one value changed; the key is added at the end of its section when it is absent."""
        number = self._find(section, key)
        if number is not None:
            line = self.lines[number]
            text = line.text[: line.start] + value + line.text[line.end :]
            return self._replace(number, number + 1, (_read_line(text, line.line_end, line.section),))
        wanted = section.upper()
        last = max((n for n, line in enumerate(self.lines) if line.section.upper() == wanted and line.kind != "other"), default=None)
        if last is None:
            return self.with_text(f"[{section}]\n{key}={value}\n")
        head = self._ended(last)
        return head._replace(last + 1, last + 1, (_read_line(f"{key}={value}", self.style, section),))

    def without_section(self, section: str) -> Document:
        """The document without ``section``: its heading, its keys and its blank lines.

        What GALSS does not read in it (a comment, a line that is no key) is the practice's own and stays, in its place: nobody can tell
        whether it speaks of the section above, of the next one or of the whole file.
        """
        wanted = section.upper()
        kept: list[IniLine] = []
        for line in self.lines:
            if line.section.upper() != wanted:
                kept.append(line)
            elif line.kind == "other" and line.text.strip():
                # it stands in the section above now, as the file read again says too
                kept.append(msgspec.structs.replace(line, section=kept[-1].section if kept else ""))
        return msgspec.structs.replace(self, lines=tuple(kept))

    def with_section_renamed(self, old: str, new: str) -> Document:
        """The document with the heading ``old`` spelt ``new``; the blanks around it stay."""
        lines = list(self.lines)
        for number, line in enumerate(lines):
            if line.section.upper() != old.upper():
                continue
            if line.kind == "section":
                start = line.text.index("[") + 1
                text = line.text[:start] + new + line.text[start + len(line.section) :]
                lines[number] = msgspec.structs.replace(line, text=text, section=new)
            else:
                lines[number] = msgspec.structs.replace(line, section=new)
        return msgspec.structs.replace(self, lines=tuple(lines))

    def with_text(self, text: str) -> Document:
        """The document with ``text`` (its lines ended by LF) added at its end in the file's own style."""
        head = self._ended(len(self.lines) - 1) if self.lines else self
        section = head.lines[-1].section if head.lines else ""
        added: list[IniLine] = []
        for part in text.removesuffix("\n").split("\n"):
            line = _read_line(part, self.style, section)
            section = line.section
            added.append(line)
        return msgspec.structs.replace(head, lines=(*head.lines, *added))

    @property
    def style(self) -> str:
        """The line end used most, for lines to add; LF in a file without any."""
        ends = [line.line_end for line in self.lines if line.line_end]
        return max(_ENDS, key=ends.count) if ends else "\n"

    def _ended(self, number: int) -> Document:
        """The document whose line ``number`` certainly has a line end (the last line of a file may lack one)."""
        line = self.lines[number]
        if line.line_end:
            return self
        return self._replace(number, number + 1, (msgspec.structs.replace(line, line_end=self.style),))

    def _replace(self, start: int, end: int, new: tuple[IniLine, ...]) -> Document:
        return msgspec.structs.replace(self, lines=(*self.lines[:start], *new, *self.lines[end:]))


def _read_line(text: str, line_end: str, section: str) -> IniLine:
    """One line understood; ``section`` is the section it stands in (a heading opens its own)."""
    heading = _SECTION.match(text)
    if heading is not None:
        return IniLine(text=text, line_end=line_end, kind="section", section=heading[1])
    equals = text.find("=")
    if equals < 0 or text.lstrip(_BLANKS)[0] in _NOT_A_KEY:
        return IniLine(text=text, line_end=line_end, section=section)
    value = text[equals + 1 :]
    start = len(text) - len(value.lstrip(_BLANKS))
    end = max(start, len(text.rstrip(_BLANKS)))
    return IniLine(text=text, line_end=line_end, kind="key", section=section, key=text[:equals].strip(_BLANKS), start=start, end=end)


def _decode(data: bytes) -> tuple[str, Encoding]:
    """Text and the encoding that gives back the same bytes. Latin-1 maps every byte, so nothing is ever unreadable."""
    if data.isascii():
        return data.decode("ascii"), "ascii"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def parse(data: bytes) -> Document:
    """Read a ``galss.ini``. Raises ``GalssIniError`` (``galss.unreadable``) when it is too large or not text at all."""
    if len(data) > MAXIMUM_BYTES:
        raise unreadable("too-large")
    if b"\0" in data:
        # A byte of zero never stands in a text .ini: it is a UTF-16 file, or a block the disk never wrote.
        raise unreadable("not-text")
    mark = data.startswith(b"\xef\xbb\xbf")
    body = data[3:] if mark else data
    _, encoding = _decode(body)
    if mark and encoding == "ascii":
        encoding = "utf-8"  # the mark says in which encoding a letter that is added has to be written
    lines: list[IniLine] = []
    section = ""
    for match in _LINE.finditer(body):
        if match.start() == len(body):
            break
        line = _read_line(match[1].decode(encoding), match[2].decode("ascii"), section)
        section = line.section
        lines.append(line)
        if len(lines) > MAXIMUM_LINES:
            raise unreadable("too-large")
    return Document(lines=tuple(lines), encoding=encoding, byte_order_mark=mark)


def _number(text: str | None) -> int | None:
    """A decimal number of at most four digits, or ``None``."""
    if text is None or not re.fullmatch(r"\d{1,4}", text):
        return None
    return int(text)


def _numbers(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    found = tuple(_number(part.strip()) for part in text.split(","))
    return tuple(number for number in found if number is not None)


def _resources(document: Document, number: int) -> tuple[Resource, ...]:
    """Resources of a channel, in the order of the file: every ``NomLAD`` below it with the aliases that follow."""
    found: list[Resource] = []
    for line in document.lines:
        owner = CHANNEL_SECTION.match(line.section)
        if line.kind != "key" or owner is None or int(owner[1]) != number:
            continue
        if _RESOURCE.match(line.key):
            found.append(Resource(name=line.value))
        elif _ALIAS.match(line.key) and found:
            found[-1] = msgspec.structs.replace(found[-1], aliases=(*found[-1].aliases, line.value))
    return tuple(found)


def channel_sections(document: Document, number: int) -> tuple[str, ...]:
    """Every section of one channel: ``CANALn`` and those below it, in order, once each."""
    found: dict[str, None] = {}
    for section in document.sections():
        match = CHANNEL_SECTION.match(section)
        if match is not None and int(match[1]) == number:
            found.setdefault(section)
    return tuple(found)


def read_model(document: Document) -> GalssModel:
    """What the document says."""
    channels: dict[int, Channel] = {}
    protocols: dict[int, Protocol] = {}
    for section in document.sections():
        channel = CHANNEL_SECTION.match(section)
        if channel is not None and not channel[2] and int(channel[1]) not in channels:
            number = int(channel[1])
            channels[number] = Channel(
                number=number,
                kind=_number(document.get(section, "TCanal")),
                index=_number(document.get(section, "Index")),
                protocol=_number(document.get(section, "Protocole")),
                reader=document.get(section, "Caracteristiques"),
                resources=_resources(document, number),
            )
        protocol = _PROTOCOL.match(section)
        if protocol is not None and int(protocol[1]) not in protocols:
            number = int(protocol[1])
            protocols[number] = Protocol(
                number=number,
                library=document.get(section, "NomLib"),
                channels=_numbers(document.get(section, "ListeCanaux")),
            )
    return GalssModel(
        declared=_number(document.get("CONFIG", "NbCanaux")),
        channels=tuple(channels[number] for number in sorted(channels)),
        protocols=tuple(protocols[number] for number in sorted(protocols)),
    )
