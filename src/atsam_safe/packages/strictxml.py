"""XML without document types, entities or unbounded growth.

A document type could expand a small file into gigabytes or read other files; Apple's packages have none, so any is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn
from xml.parsers import expat

from atsam_safe.packages.errors import damaged

if TYPE_CHECKING:
    from atsam_safe.packages.limits import Limits

_TEXT_BUFFER: Final = 1 << 16


class Node:
    """One element: ``tag``, ``attributes``, ``children`` in order, and the ``text`` directly inside."""

    __slots__ = ("_parts", "attributes", "children", "place", "tag")

    def __init__(self, tag: str, attributes: dict[str, str], place: str) -> None:
        """``place`` names the document in errors."""
        self.tag = tag
        self.attributes = attributes
        self.place = place
        self.children: list[Node] = []
        self._parts: list[str] = []

    def add_text(self, text: str) -> None:
        """Kept in parts: joining at every call would take quadratic time on a long text."""
        self._parts.append(text)

    @property
    def text(self) -> str:
        """The text directly inside this element."""
        return "".join(self._parts)

    def all(self, tag: str) -> list[Node]:
        """The direct children called ``tag``."""
        return [child for child in self.children if child.tag == tag]

    def only(self, tag: str) -> Node | None:
        """The one child called ``tag``, or ``None``. Two are refused: readers differ in which one they believe."""
        found = self.all(tag)
        if len(found) > 1:
            raise damaged(self.place, f"repeated-{tag}")
        return found[0] if found else None

    def required(self, tag: str) -> Node:
        """The one child called ``tag``; its absence is refused."""
        node = self.only(tag)
        if node is None:
            raise damaged(self.place, f"missing-{tag}")
        return node

    def value(self, tag: str) -> str | None:
        """The stripped text of the one child called ``tag``, or ``None``."""
        node = self.only(tag)
        return None if node is None else node.text.strip()

    def walk(self) -> list[Node]:
        """This element and all below, in document order."""
        found: list[Node] = []
        waiting = [self]
        while waiting:
            node = waiting.pop()
            found.append(node)
            waiting.extend(reversed(node.children))
        return found


class _Builder:
    def __init__(self, place: str, limits: Limits, *, utf8_only: bool) -> None:
        self._place = place
        self._limits = limits
        self._utf8_only = utf8_only
        self._count = 0
        self.root = Node("", {}, place)
        self._stack = [self.root]

    def attach(self, parser: expat.XMLParserType) -> None:
        parser.buffer_text = True
        parser.buffer_size = _TEXT_BUFFER
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.UnparsedEntityDeclHandler = self._refuse
        parser.ExternalEntityRefHandler = self._refuse

    def _refuse(self, *_: object) -> NoReturn:
        raise damaged(self._place, "xml-document-type")

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        # Another encoding would let two readers see two different documents in the same bytes.
        if self._utf8_only and encoding is not None and encoding.upper() != "UTF-8":
            raise damaged(self._place, "xml-encoding")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1 + len(attributes)
        if self._count > self._limits.xml_nodes or len(self._stack) > self._limits.xml_depth:
            raise damaged(self._place, "xml-too-large")
        node = Node(tag, attributes, self._place)
        self._stack[-1].children.append(node)
        self._stack.append(node)

    def _end(self, _tag: str) -> None:
        self._stack.pop()

    def _characters(self, text: str) -> None:
        self._stack[-1].add_text(text)


def parse_xml(data: bytes, *, place: str, limits: Limits, utf8_only: bool = False) -> Node:
    """The root element of ``data``; raises ``PackageError`` (``package.damaged``) for anything but plain, bounded XML."""
    parser = expat.ParserCreate()
    builder = _Builder(place, limits, utf8_only=utf8_only)
    builder.attach(parser)
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat's own positional flag: this is the last piece
    except (expat.ExpatError, ValueError, LookupError):
        # ValueError and LookupError: a declared encoding that Python does not know or that is not single-byte.
        raise damaged(place, "xml-malformed") from None
    return builder.root.children[0]
