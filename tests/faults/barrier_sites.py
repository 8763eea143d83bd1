"""Every place in the product that waits for the disk, found in its source: a new one cannot be forgotten.

Found by reading, not by running: a reference to anything that ends in a sync, outside the room ``volume`` (whose own syncs are always
somebody's there). Named as the recorder names what it meets: by the line within its function.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

import atsam_safe

if TYPE_CHECKING:
    from collections.abc import Iterator

PRODUCT: Final = Path(atsam_safe.__file__).parent
ROOM: Final = PRODUCT / "volume"
# what the systems themselves call it
SYSTEM: Final = frozenset({"fsync", "fdatasync", "sync", "syncfs", "fsync_volume_np", "FlushFileBuffers"})
# lets the disk begin and waits for nothing: nobody may rely on it, so nothing can be missed when it is gone
PROMISES_NOTHING: Final = frozenset({"begin_sync"})


def waiting_names(room: Path = ROOM) -> frozenset[str]:
    """Names of what ends in a sync: the systems' own calls, and all of ``room`` that comes to them, by whatever way."""
    functions = [
        (node.name, references(node))
        for path in sorted(room.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name not in PROMISES_NOTHING
    ]
    names = set(SYSTEM)
    while found := {name for name, used in functions if used & names} - names:
        names |= found
    return frozenset(names)


def references(tree: ast.AST) -> set[str]:
    """Every name and attribute that is read below ``tree``: who passes a function on uses it, too."""
    return {name for node in ast.walk(tree) if (name := _referred(node))}


def _referred(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        return node.attr
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return node.id
    return ""


def sites(product: Path = PRODUCT, names: frozenset[str] | None = None) -> frozenset[str]:
    """Every place outside the room ``volume`` that syncs: ``room/module.function+line``."""
    wanted = waiting_names() if names is None else names
    found: set[str] = set()
    for path in sorted(product.rglob("*.py")):
        if path.parent != ROOM:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {f"{path.parent.name}/{path.stem}.{place}" for place in _places(tree, "", 1, wanted)}
    return frozenset(found)


def _places(tree: ast.AST, inside: str, first: int, wanted: frozenset[str]) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # the code of a function begins with its first decorator
            begin = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield from _places(node, f"{inside}{node.name}.<locals>.", begin, wanted)
        elif isinstance(node, ast.ClassDef):
            yield from _places(node, f"{inside}{node.name}.", node.lineno, wanted)
        else:
            if _referred(node) in wanted:
                line = getattr(node, "end_lineno", first) - first
                yield f"{inside.removesuffix('.<locals>.').removesuffix('.') or '<module>'}+{line}"
            yield from _places(node, inside, first, wanted)
