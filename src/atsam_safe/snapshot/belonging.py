"""Whose state it is, when the state folder does not lie on the workstation itself (``--state-dir``).

A state folder on the volume goes where the volume goes. One elsewhere could be named for another volume, and one workstation would be
given the other's files. So the two know each other by one random number: in the file ``workstation`` of the state folder, and in the file
``elsewhere`` at the place where the state would lie by default.

- A state folder that holds anything MUST NOT be used for a volume that does not bear its number.
- A volume whose state lies elsewhere MUST NOT be treated as one that has none: an interrupted run would not be seen.

A crash after the first of the two files leaves a state folder that holds nothing: the next start writes the second. The second is on the
workstation's disk, with the names of the folders above it, before a run begins (``Run.require_barrier``): nothing would be found again.

Where it is missing all the same (somebody removed it), a person may say that the two belong together; of a workstation that bears another
number nobody may.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import msgspec

from atsam_safe.volume import primitives
from atsam_safe.volume.errors import printable
from atsam_safe.volume.model import Metadata
from atsam_safe.volume.state_place import JOURNAL, default_state_path, place_inside
from atsam_safe.volume.volume import Volume
from atsam_safe.words.model import Problem, RefusedError, WorkstationError

if TYPE_CHECKING:
    from pathlib import Path

OWN = "/workstation"
MARK = "elsewhere"
MARK_LIMIT = 20_000
_OWN_LINE = re.compile(r"atsam-safe workstation ([0-9a-f]{32})\n?\Z")
_MARK_LINES = re.compile(r"atsam-safe workstation ([0-9a-f]{32})\n(/[^\n]*|[A-Za-z]:[^\n]*)\n\Z")
_SECRET = Metadata(mode=0o600)


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What a volume says of a state folder elsewhere: the number they share, and where it lay when it was last used."""

    number: str
    place: str


def is_no_workstation(root: Path) -> bool:
    """True for the computer itself where no components exist: single files of it may be treated, nothing is left at its root."""
    return primitives.IS_LINUX and str(root) == os.sep


def require_unclaimed(root: Path) -> None:
    """Refuse (``state.elsewhere``) to begin a state for a workstation whose state lies in another folder."""
    try:
        with Volume(root) as volume:
            mark = _mark_of(volume)
    except WorkstationError:
        return  # what is wrong there is told by whoever opens the place itself
    if mark is not None:
        raise _elsewhere(root, mark.place)


def require_own(files: Volume, root: Path, *, create: bool, confirmed: bool = False) -> None:
    """Refuse a state folder elsewhere (``files``) that belongs to another workstation; with ``create``, make a new one known to ``root``.

    ``confirmed``: a person says that the folder is this workstation's, which bears no sign of any: the sign is written again.

    Raises ``state.other-workstation``, and ``state.elsewhere`` when this workstation's state lies in a third place.
    """
    if os.path.lexists(default_state_path(root) / JOURNAL):
        raise _elsewhere(root, default_state_path(root))
    with Volume(root) as volume:
        mark = _mark_of(volume)
        number = _number_of(files)
        if mark is not None and mark.number == number:
            if create and mark.place != str(files.root):
                _write_mark(volume, root, files, number)
            return
        if not _fresh(files):
            if mark is not None or number is None or not confirmed:
                raise _other_workstation(root, files, unmarked=mark is None and number is not None)
            _write_mark(volume, root, files, number)
            return
        if mark is not None:
            raise _elsewhere(root, mark.place)
        if create:
            if number is None:
                number = os.urandom(16).hex()
                files.write_file_durably(OWN, f"atsam-safe workstation {number}\n".encode("ascii"), _SECRET)
            _write_mark(volume, root, files, number)


def _mark_of(volume: Volume) -> Mark | None:
    """The volume's mark. One that somebody else could have put there says nothing."""
    path = f"{place_inside()}/{MARK}"
    entry = volume.lstat(path)
    if entry is None or entry.kind != "file" or entry.size > MARK_LIMIT:
        return None
    top = volume.lstat("/")
    if entry.uid not in {0, primitives.effective_user(), 0 if top is None else top.uid}:
        return None
    match = _MARK_LINES.match(os.fsdecode(volume.read_bytes(path, MARK_LIMIT)))
    return None if match is None else Mark(number=match[1], place=match[2])


def _number_of(files: Volume) -> str | None:
    entry = files.lstat(OWN)
    if entry is None or entry.kind != "file" or entry.size > MARK_LIMIT:
        return None
    match = _OWN_LINE.match(os.fsdecode(files.read_bytes(OWN, MARK_LIMIT)))
    return None if match is None else match[1]


def _fresh(files: Volume) -> bool:
    """True when nothing was ever kept or begun in it: it belongs to nobody yet."""
    return not files.list_directory("/snapshots") and not files.list_directory("/history") and not files.exists(f"/{JOURNAL}")


def _write_mark(volume: Volume, root: Path, files: Volume, number: str) -> None:
    place = place_inside()
    if primitives.IS_WINDOWS:
        from atsam_safe.volume.private_place import make_private_folder  # noqa: PLC0415 - Windows alone

        make_private_folder(default_state_path(root))
    else:
        volume.make_directories(place.rsplit("/", 1)[0], Metadata(mode=0o755))
        volume.make_directory(place, Metadata(mode=0o700))
    text = f"atsam-safe workstation {number}\n{files.root}\n"
    volume.write_file_durably(f"{place}/{MARK}", os.fsencode(text), _SECRET)


def _other_workstation(root: Path, files: Volume, *, unmarked: bool) -> RefusedError:
    params = {"path": printable(str(files.root)), "mark": printable(str(default_state_path(root) / MARK))}
    told = "state.other-workstation.unmarked" if unmarked else None
    return RefusedError(Problem(ref="state.other-workstation", told=told, params=params, evidence={"path": params["path"]}))


def _elsewhere(root: Path, place: Path | str) -> RefusedError:
    params = {"path": printable(str(place)), "mark": printable(str(default_state_path(root) / MARK))}
    return RefusedError(Problem(ref="state.elsewhere", params=params, evidence=dict(params)))
