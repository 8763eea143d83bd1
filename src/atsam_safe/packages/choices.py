"""Which parts of a product Apple's installer puts in place when nobody asks for more: what the product's choices say. Pure.

A choice is selected unless it says otherwise. Only plain words decide (``true``, ``false``): anything else is JavaScript, which is never
run, and where two statements could contradict each other nothing is guessed. That ``start_selected="false"`` leaves a part out, and a
part in no choice, too, is how packages in the open are built and described; it was not tried on a Mac (inferred).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atsam_safe.packages.model import PartSelection
    from atsam_safe.packages.strictxml import Node

_PLAIN: Final[dict[str, PartSelection]] = {"true": "installed", "false": "left-out"}
# Of several statements for one part the one further right counts.
_WEIGHT: Final[tuple[PartSelection, ...]] = ("left-out", "undecided", "installed")


def referenced_folder(node: Node) -> str | None:
    """The component folder a ``pkg-ref`` names (``#name.pkg``; productbuild percent-encodes spaces), or ``None``."""
    text = node.text.strip()
    return unquote(text.removeprefix("#")).strip("/") if node.tag == "pkg-ref" and text.startswith("#") else None


def selections(root: Node) -> dict[str, PartSelection]:
    """Component folder → what happens to it, for every folder the product refers to."""
    nodes = root.walk()
    choices = [node for node in nodes if node.tag == "choice"]
    identifiers: dict[str, set[str]] = {}
    for node in nodes:
        folder = referenced_folder(node)
        if folder is not None:
            identifiers.setdefault(folder, set()).add(node.attributes.get("id", ""))
    if not choices:
        return dict.fromkeys(identifiers, "installed")
    chosen: dict[str, PartSelection] = {}
    for choice, selection in _choices(root, choices):
        for reference in choice.all("pkg-ref"):
            identifier = reference.attributes.get("id", "")
            active = plain(reference.attributes.get("active"))
            chosen[identifier] = _most([chosen.get(identifier, "left-out"), _least([selection, active])])
    return {folder: _most(chosen.get(identifier, "left-out") for identifier in ids) for folder, ids in identifiers.items()}


def plain(value: str | None) -> PartSelection:
    """What an attribute says in plain words; not given is as good as ``true``."""
    return "installed" if value is None else _PLAIN.get(value.strip(), "undecided")


def _choices(root: Node, choices: list[Node]) -> Iterator[tuple[Node, PartSelection]]:
    """Every choice with its selection, the choices above it in the outline considered."""
    own: dict[str, PartSelection] = {}
    for choice in choices:
        identifier = choice.attributes.get("id", "")
        # of two choices with one name, readers may believe either
        own[identifier] = "undecided" if identifier in own else _own(choice)
    above = _above(root)
    for choice in choices:
        identifier = choice.attributes.get("id", "")
        selection = own[identifier]
        if selection == "installed" and above:
            folders = above.get(identifier)
            # not in the outline, or below a choice that is not plainly selected: nothing says what becomes of it
            if folders is None or any(own.get(folder, "undecided") != "installed" for folder in folders):
                selection = "undecided"
        yield choice, selection


def _own(choice: Node) -> PartSelection:
    start = plain(choice.attributes.get("start_selected"))
    if "selected" not in choice.attributes:
        return start
    return start if plain(choice.attributes["selected"]) == start else "undecided"


def _above(root: Node) -> dict[str, set[str]]:
    """Choice → the choices above it, for every choice in an outline; empty without an outline."""
    found: dict[str, set[str]] = {}
    waiting: list[tuple[Node, frozenset[str]]] = [(node, frozenset()) for node in root.walk() if node.tag == "choices-outline"]
    while waiting:
        node, over = waiting.pop()
        for line in node.all("line"):
            identifier = line.attributes.get("choice", "")
            found.setdefault(identifier, set()).update(over)
            waiting.append((line, over | {identifier}))
    return found


def _most(statements: Iterable[PartSelection]) -> PartSelection:
    return max(statements, key=_WEIGHT.index)


def _least(statements: Iterable[PartSelection]) -> PartSelection:
    return min(statements, key=_WEIGHT.index)
