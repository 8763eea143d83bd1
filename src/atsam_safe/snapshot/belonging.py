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

A store that never held a snapshot belongs to nobody, whatever runs have ended there: none of them touched anything. Whoever lets go of its
lock takes the sign away again (``withdraw``), and one that a kill left behind counts for nothing while its store is at hand and nobody has
its lock. Such a store gets another number with the next sign: the first may still be borne by a workstation that once began there.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from atsam_safe.volume import primitives
from atsam_safe.volume.errors import printable
from atsam_safe.volume.model import Metadata
from atsam_safe.volume.state_place import JOURNAL, LOCK, default_state_path, place_inside
from atsam_safe.volume.volume import Volume
from atsam_safe.words.model import AtsamSafeError, Problem, RefusedError, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def require_unclaimed(root: Path, *, create: bool) -> bool:
    """Refuse (``state.elsewhere``) to begin a state for a workstation whose state lies in another folder.

    A sign that leads to nothing is no reason; with ``create`` it is removed if that can be done. ``True`` when there was one.
    """
    try:
        with Volume(root) as volume:
            mark = _mark_of(volume)
    except WorkstationError:
        return False  # what is wrong there is told by whoever opens the place itself
    if mark is not None:
        _require_nothing_at(root, mark, remove=create)
    return mark is not None


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
            _require_nothing_at(root, mark)
        if create:
            number = os.urandom(16).hex()
            files.write_file_durably(OWN, f"atsam-safe workstation {number}\n".encode("ascii"), _SECRET)
            try:
                _write_mark(volume, root, files, number)
            except BaseException:
                with contextlib.suppress(AtsamSafeError, OSError):
                    _remove_mark(volume)
                raise


def withdraw(files: Volume, root: Path) -> None:
    """Take the sign of ``files`` from its workstation when no snapshot was ever kept there. Only for whoever holds the lock of ``files``.

    Not synced: one that a power cut brings back leads to nothing.
    """
    if not _fresh(files):
        return
    with Volume(root) as volume:
        mark = _mark_of(volume)
        if mark is not None and mark.number == _number_of(files):
            _remove_mark(volume)


def _require_nothing_at(root: Path, mark: Mark, *, remove: bool = False) -> None:
    """Refuse unless ``mark`` leads to a store that never held a snapshot and at which nobody is at work."""
    found: Literal["kept", "nothing", "gone"] = "kept"
    if not _is_folder(mark.place):
        found = "gone"
    else:
        # what cannot be looked at may be kept
        with contextlib.suppress(AtsamSafeError, OSError), Volume(Path(mark.place), system_links={}) as files:
            if _number_of(files) != mark.number:
                found = "gone"
            elif _fresh(files):
                with _idle(files) as idle:
                    found = "nothing" if idle else "kept"
                    if idle and remove:
                        with contextlib.suppress(AtsamSafeError, OSError):
                            withdraw(files, root)
    if found != "nothing":
        raise _elsewhere(root, mark.place, told="state.elsewhere.not-there" if found == "gone" else None)


def _is_folder(place: str) -> bool:
    """True also where a system does not let us look."""
    try:
        return stat.S_ISDIR(Path(place).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


@contextlib.contextmanager
def _idle(files: Volume) -> Iterator[bool]:
    """True when nobody holds the lock of that store; nobody can take it inside then, where its file is there."""
    if files.lstat(f"/{LOCK}") is None:
        yield True
        return
    with files.parent(f"/{LOCK}") as (folder, name):
        fd = primitives.open_for_lock(name, 0o600, folder)
    try:
        try:
            primitives.lock_exclusive(fd)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        primitives.close(fd)


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
    """True when no snapshot was ever kept in it (``latest`` would name it) and no run is under way: it belongs to nobody yet.

    Runs that lie in ``history`` without one never began a step.
    """
    return not files.list_directory("/snapshots") and not files.exists("/latest") and not files.exists(f"/{JOURNAL}")


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


def _remove_mark(volume: Volume) -> None:
    """The sign, and the folder that holds nothing else (a state at the default place does)."""
    place = place_inside()
    volume.remove_file(f"{place}/{MARK}")
    if volume.exists(place) and not volume.exists(f"{place}/format"):
        volume.remove_temporaries(place)
        volume.remove_empty_directory(place)


def _other_workstation(root: Path, files: Volume, *, unmarked: bool) -> RefusedError:
    params = {"path": printable(str(files.root)), "mark": printable(str(default_state_path(root) / MARK))}
    told = "state.other-workstation.unmarked" if unmarked else None
    return RefusedError(Problem(ref="state.other-workstation", told=told, params=params, evidence={"path": params["path"]}))


def _elsewhere(root: Path, place: Path | str, told: str | None = None) -> RefusedError:
    params = {"path": printable(str(place)), "mark": printable(str(default_state_path(root) / MARK))}
    return RefusedError(Problem(ref="state.elsewhere", told=told, params=params, evidence=dict(params)))
