r"""What Windows will do with files at its next restart, and what of it would undo a way back that is proven now.

Windows Installer removes or replaces a file that is in use at the next restart: a list in the registry, pairs of a source and a target (an
empty target removes the source). After a way back the right file lies in its place again, and a line that a package of this run left there
would remove or replace it later, when nobody looks any more. Only lines that were not there before and name a path of the state before are
withdrawn; a file that was to be moved there is removed by the restart instead. Everybody else's lines stay, in their order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.words.model import Problem, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from atsam_safe.workstation.windows.native import Native

SESSION_MANAGER: Final = r"SYSTEM\CurrentControlSet\Control\Session Manager"
_VALUE: Final = "pendingfilerenameoperations"
_MANIFEST_LIMIT: Final = 256 << 20
# « ! » before a target: replace what is there; « *1 » before a source: a number of Windows' own
_DECORATION: Final = re.compile(r"\A(?:!|\*\d+)?\\\?\?\\")

Pair = tuple[str, str]


class _Kept(msgspec.Struct):
    path: str
    kind: str


class _Manifest(msgspec.Struct):
    paths: list[_Kept]
    scope: list[_Kept] = []


def waiting(native: Native) -> tuple[Pair, ...]:
    """The pairs (source, target) that wait for the next restart; nothing when the list is not one of pairs."""
    found = (native.values("HKLM", SESSION_MANAGER, "64") or {}).get(_VALUE)
    texts = found if isinstance(found, tuple) else ()
    return tuple(zip(texts[::2], texts[1::2], strict=True)) if len(texts) % 2 == 0 else ()


def _inside(path: str, drive: str) -> str:
    """A path of the list as the manifest names it, without regard to case; empty for another disk, whose files no manifest names."""
    plain = _DECORATION.sub("", path).casefold()
    return plain[len(drive) :].replace("\\", "/") if plain.startswith(f"{drive.casefold()}\\") else ""


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """The state before. ``states``: path without regard to case → its kind then; ``trees``: folders in which nothing else was."""

    drive: str
    states: Mapping[str, str]
    trees: tuple[str, ...] = ()

    def concerns(self, path: str) -> bool:
        """True when what lies at a path of the list is part of that state, be it that nothing lay there."""
        inside = _inside(path, self.drive)
        return inside in self.states or any(inside.startswith(f"{tree}/") for tree in self.trees)

    def was_there(self, path: str) -> bool:
        """True when something lay there."""
        return self.states.get(_inside(path, self.drive), "absent") != "absent"


def withdrawn(pairs: Sequence[Pair], waiting_before: Sequence[Pair], before: Before) -> tuple[Pair, ...]:
    """``pairs`` without what would undo the state ``before``; what waited already then stays."""
    known = set(waiting_before)
    left: list[Pair] = []
    for source, target in pairs:
        if (source, target) in known:
            left.append((source, target))
        elif target and before.concerns(target):
            left.append((source, ""))  # whatever was to come there is no part of the state before
        elif not before.was_there(source):
            left.append((source, target))
    return tuple(left)


def keep_from_undoing(native: Native, folder: Path, waiting_before: Sequence[Pair], drive: str) -> None:
    """Withdraw what the next restart would do to the state before. ``folder``: what a snapshot keeps besides files, beside its manifest.

    Raises ``WorkstationError`` (``windows.restart-would-undo``) when Windows does not take the shorter list.
    """
    pairs = waiting(native)
    if not set(pairs) - set(waiting_before):
        return
    place = folder.parent / "manifest.json"
    try:
        with place.open("rb") as stream:
            manifest = msgspec.json.decode(stream.read(_MANIFEST_LIMIT), type=_Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise WorkstationError(Problem(ref="snapshot.system-state-damaged", params={"path": str(place)})) from error
    states = {kept.path.casefold(): kept.kind for kept in manifest.paths}
    trees = tuple(_inside(one.path, drive) or one.path.casefold() for one in manifest.scope if one.kind == "tree")
    left = withdrawn(pairs, waiting_before, Before(drive=drive, states=states, trees=trees))
    if left == pairs:
        return
    native.set_pending_renames(tuple(text for pair in left for text in pair))
    if waiting(native) != left:
        raise WorkstationError(Problem(ref="windows.restart-would-undo"))
