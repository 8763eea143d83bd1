"""The one error of this room: the catalogue is not usable, with the file and the line that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.words.model import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


_MAXIMUM_SHOWN: Final = 80


def shown(text: str) -> str:
    """``text`` cut to a length that fits a message: what stands in a manifest can be anything."""
    return text if len(text) <= _MAXIMUM_SHOWN else text[:_MAXIMUM_SHOWN] + "…"


class Flaw(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong in a manifest.

    ``kind`` is the last part of a reference (``manifests.unknown-key`` …), ``params`` fill its words; ``line`` counts from 1.
    """

    file: str
    line: int
    kind: str
    params: dict[str, str] = {}


class CatalogueError(UsageError):
    """The catalogue cannot be used. The first problem is ``manifests.invalid`` with file and line, the next one says what is wrong there.

    Every flaw gives such a pair, so that a manifest is corrected in one go.
    """

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        """``flaws``: at least one."""
        problems: list[Problem] = []
        for flaw in flaws:
            place = {"file": flaw.file, "line": str(flaw.line)}
            evidence = {"file": flaw.file, "line": flaw.line, "kind": flaw.kind, **flaw.params}
            problems.append(Problem(ref="manifests.invalid", params={**place, "reason": flaw.kind}, evidence=evidence))
            problems.append(Problem(ref=f"manifests.{flaw.kind}", params={**place, **flaw.params}, evidence=evidence))
        super().__init__(problems[0], *problems[1:])
        self.flaws = tuple(flaws)


class CatalogueUnreadableError(CatalogueError):
    """The folder of the catalogue itself cannot be read (``manifests.unreadable``)."""

    def __init__(self, folder: str, reason: str) -> None:
        """``reason``: the operating system's own message, or the name of what was found instead of a folder."""
        UsageError.__init__(
            self,
            Problem(ref="manifests.unreadable", params={"folder": folder, "reason": reason}, evidence={"folder": folder, "reason": reason}),
        )
        self.flaws = ()
