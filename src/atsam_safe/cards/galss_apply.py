"""Read ``galss.ini`` and put a realigned one in place: written beside, validated, replaced in one step, read back.

The file is never truncated in place: a repair that stopped in the middle once left a practice with an empty configuration. Files are
reached through a ``Volume`` only, so that no link on the way leads out of the workstation. Whoever calls ``apply_proposal`` does it
inside a transaction (``transaction.change``): the former file is in a snapshot before the first byte is written.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.cards.galss_align import validate
from atsam_safe.cards.galss_ini import MAXIMUM_BYTES, GalssIniError, unreadable
from atsam_safe.volume import primitives
from atsam_safe.volume.errors import is_ref, printable
from atsam_safe.volume.model import Metadata
from atsam_safe.volume.volume import Volume
from atsam_safe.words.model import Problem, UsageError, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atsam_safe.cards.galss_align import Proposal
    from atsam_safe.cards.model import Slot

_SHARED_MODE: Final = 0o666
"""What the vendor's own installer gives the file: every program of the practice reads and writes it."""

_BY_SNAPSHOT: Final = {
    **dict.fromkeys(("galss.missing", "galss.empty", "galss.malformed", "galss.malformed.no-channel"), "galss.earlier-kept.or-made"),
    **dict.fromkeys((f"galss.unreadable.{cause}" for cause in ("not-text", "too-large", "link", "folder")), "galss.earlier-kept"),
}
"""Where going back helps: not for a file the system merely does not let us read, nor for a pipe, which a snapshot cannot keep."""


def volume_of(path: Path, root: Path | None = None) -> tuple[Volume, str]:
    """The volume on which a file of this computer (or of the volume at ``root``) lies, and its path inside.

    The way to a file of this computer is the user's choice, so it is resolved once; the file itself is never followed.
    Raises ``UsageError`` (``galss.file-elsewhere``) when the file is not on that volume, ``WorkstationError`` when it cannot be opened.
    """
    whole = Path(os.path.realpath(path.parent)) / path.name
    if root is not None and root != Path(root.anchor):
        place = Path(os.path.realpath(root))
        if not whole.is_relative_to(place):
            params = {"path": printable(str(path)), "root": printable(str(root))}
            raise UsageError(Problem(ref="galss.file-elsewhere", params=params, evidence=dict(params)))
        return Volume(place), f"/{whole.relative_to(place).as_posix()}"
    if primitives.IS_WINDOWS:
        from atsam_safe.volume.windows_volume import WindowsVolume  # noqa: PLC0415 - Windows alone

        return WindowsVolume(Path(whole.anchor), drive=whole.drive[:1]), str(whole)
    return Volume(Path(os.sep), system_links={}), str(whole)


def read_galss_ini(volume: Volume, path: str) -> bytes | None:
    """The file's bytes, or ``None`` when it is absent. Raises ``GalssIniError`` when it is no ordinary file or cannot be read."""
    try:
        entry = volume.lstat(path)
        if entry is None:
            return None
        if entry.kind != "file":
            # said here, and not found out by opening: opening a pipe would wait for its other end
            raise unreadable("link" if entry.kind == "link" else "folder" if entry.kind == "directory" else "no-file")
        return volume.read_bytes(path, MAXIMUM_BYTES)
    except WorkstationError as error:
        if is_ref(error, "volume.missing"):
            return None
        if is_ref(error, "volume.too-large"):
            raise unreadable("too-large") from error
        # what the system answered is told by the volume's own sentences, which follow
        raise GalssIniError(Problem(ref="galss.unreadable"), *error.problems) from error


def with_way_back(problems: Sequence[Problem], snapshot: str, command: str) -> tuple[Problem, ...]:
    """``problems`` whose next step names the snapshot that holds an earlier ``galss.ini``; unchanged when there is none (empty).

    ``command``: what brings it back here.
    """
    if not snapshot:
        return tuple(problems)
    return tuple(
        msgspec.structs.replace(
            problem, params={**problem.params, "snapshot": snapshot, "command": command}, followed_by=_BY_SNAPSHOT[told]
        )
        if (told := problem.told or problem.ref) in _BY_SNAPSHOT
        else problem
        for problem in problems
    )


def _reason(error: WorkstationError) -> str:
    """What stands in brackets after the sentence; the sentence of the volume follows as a problem of its own."""
    first = error.problems[0]
    return first.params.get("error", first.ref)


def check_proposal(volume: Volume, path: str, proposal: Proposal, slots: Sequence[Slot]) -> None:
    """Hold a proposal against the file and the readers as they are at this moment.

    Raises ``GalssIniError`` when the file changed since the proposal was made, or when a name is no longer listed.
    """
    if read_galss_ini(volume, path) != proposal.before:
        raise GalssIniError(Problem(ref="galss.realign-changed"))
    validate(proposal.after, slots)


def apply_proposal(volume: Volume, path: str, proposal: Proposal, readers_now: Callable[[], Sequence[Slot]]) -> None:
    """Write a proposal that a person asked for; a second time finds it written and changes nothing.

    ``readers_now`` lists the readers again: the file is validated against what the system says at this very moment, not against what it
    said when the proposal was made. Raises ``GalssIniError`` with the file untouched when ``check_proposal`` refuses or the file cannot be
    written, and with the transaction's snapshot as the way back when reading back does not give the bytes written.
    """
    if read_galss_ini(volume, path) == proposal.after:
        return
    check_proposal(volume, path, proposal, readers_now())
    try:
        present = volume.lstat(path)
        if present is None:
            metadata = Metadata(mode=_SHARED_MODE)
        else:
            metadata = Metadata(mode=present.mode, uid=present.uid, gid=present.gid, xattrs=volume.xattrs(path))
        volume.write_file_durably(path, proposal.after, metadata)
    except WorkstationError as error:
        raise GalssIniError(Problem(ref="galss.realign-unwritable", params={"reason": _reason(error)}), *error.problems) from error
    if read_galss_ini(volume, path) != proposal.after:
        raise GalssIniError(Problem(ref="galss.realign-readback"))
