"""A probe: one command and the pure function that turns its answer into a value.

The parser sees only a ``CommandOutcome``; it is tested from recorded answers (``tests/fixtures/macos``), by release and locale.
A parser never raises: what cannot be understood becomes ``None`` or an empty value, and *unknown is not OK* higher up.
"""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - msgspec-like dataclass fields need it at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from atsam_safe.workstation.commands import CommandOutcome, CommandRunner

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Probe(Generic[Value]):
    """``argv`` starts with an absolute path; ``limit`` is in seconds."""

    name: str
    argv: tuple[str, ...]
    parse: Callable[[CommandOutcome], Value]
    limit: float = 20.0

    def ask(self, runner: CommandRunner) -> Value:
        """Run the command and parse its answer."""
        return self.parse(runner.run(self.argv, limit=self.limit))


def first_plist(data: bytes) -> bytes | None:
    """Cut the first XML property list out of ``data``: warnings and licence texts may stand before it (installer 14.4+, hdiutil)."""
    lists = all_plists(data)
    return lists[0] if lists else None


def all_plists(data: bytes, limit: int = 10_000) -> list[bytes]:
    """Split several property lists printed one after the other (``pkgutil --regexp --pkg-info-plist``)."""
    found: list[bytes] = []
    position = 0
    while len(found) < limit:
        start = data.find(b"<?xml", position)
        if start < 0:
            break
        end = data.find(b"</plist>", start)
        if end < 0:
            break
        position = end + len(b"</plist>")
        found.append(data[start:position])
    return found
