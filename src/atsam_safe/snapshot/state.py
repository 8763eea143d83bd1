"""The state folder: private, on the volume itself, refused when anybody but its owner could have put something in it.

Layout (see ``docs/internals/design-brief.md``): ``format``, ``lock``, ``objects/``, ``snapshots/``, ``latest``, ``run/``, ``history/``.
Rules: nothing is created in, or read from, a folder that is a link, belongs to somebody else, or can be written by others; a format that is
not ours or newer is refused and never overwritten.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from pathlib import Path
from typing import Self

from atsam_safe.snapshot.belonging import MARK, is_no_workstation, require_own, require_unclaimed, withdraw
from atsam_safe.volume import primitives
from atsam_safe.volume.errors import failure, printable
from atsam_safe.volume.model import Metadata, is_temporary
from atsam_safe.volume.state_place import DEFAULT_PLACE, JOURNAL, default_state_path
from atsam_safe.volume.volume import Volume
from atsam_safe.words.model import AtsamSafeError, PrivilegesError, Problem, RefusedError, WorkstationError

STATE_FORMAT = 1
FORMAT_LINE = re.compile(rb"atsam-safe state ([1-9][0-9]{0,8})\n")
FOLDERS = ("objects", "snapshots", "run", "history")
PRIVATE = Metadata(mode=0o700)
SECRET = Metadata(mode=0o600)


def _refusal(ref: str, path: Path | str, **params: str) -> RefusedError:
    shown = printable(str(path))
    return RefusedError(Problem(ref=ref, params={"path": shown, **params}, evidence={"path": shown, **params}))


class StateFolder:
    """An opened, checked state folder. ``files`` gives access to it, with paths inside it (``/snapshots/…``)."""

    def __init__(self, files: Volume, root: Path, *, elsewhere: bool = False, made: bool = False) -> None:
        """``root``: the workstation whose state it is; ``elsewhere``: it does not lie there; ``made``: opened to be made if need be."""
        self.files = files
        self.path = files.root
        self.root = root
        self._elsewhere = elsewhere
        self._made = made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the folder; safe to call twice."""
        self.files.close()

    def sign(self) -> None:
        """Under the lock: see to it that the workstation bears the sign (``belonging``), which another run may have taken away before."""
        if self._elsewhere and self._made:
            require_own(self.files, self.root, create=True)

    def withdraw(self) -> None:
        """Under the lock, and last: leave no sign of a store that holds nothing. One that stays all the same leads to nothing."""
        if self._elsewhere:
            with contextlib.suppress(AtsamSafeError, OSError):
                withdraw(self.files, self.root)

    @property
    def staging(self) -> Path:
        """The private folder in which a run stages what it will install."""
        return self.path / "run" / "staging"

    @property
    def journal(self) -> Path:
        """Where the journal of the active run lies."""
        return self.path / JOURNAL


def open_state(root: Path, state_dir: Path | None = None, *, create: bool = True, confirmed: bool = False) -> StateFolder:
    """Open, and with ``create`` make, the state folder of the workstation at ``root``. ``confirmed``: see ``belonging.require_own``.

    Raises ``RefusedError``: ``state.missing`` (without ``create``), ``state.unsafe``, ``state.damaged``, ``state.unknown-format``,
    ``state.elsewhere`` and ``state.other-workstation`` (see ``belonging``);
    ``PrivilegesError`` when the folder belongs to the administrator and this is somebody else.
    """
    if state_dir is not None and os.path.realpath(state_dir) == os.path.realpath(default_state_path(root)):
        state_dir = None
    sign_of_nothing = (state_dir is None or not os.path.lexists(state_dir)) and require_unclaimed(root, create=create)
    if primitives.IS_WINDOWS:
        place = _prepare_on_windows(state_dir or default_state_path(root), create=create)
    else:
        place = _prepare_inside(root, create=create) if state_dir is None else _prepare_outside(state_dir, create=create)
        _check_private(place)
    elsewhere = state_dir is not None and not is_no_workstation(root)
    state = StateFolder(Volume(place, system_links={}), root, elsewhere=elsewhere, made=create)
    try:
        _check_or_write_format(state, create=create, beside=MARK if sign_of_nothing and state_dir is None else "")
        if elsewhere:
            require_own(state.files, root, create=create, confirmed=confirmed)
    except BaseException:
        state.close()
        raise
    return state


def _prepare_inside(root: Path, *, create: bool) -> Path:
    with Volume(root) as volume:
        top = volume.lstat("/")
        trusted = {0, primitives.effective_user(), 0 if top is None else top.uid}
        try:
            if create and volume.lstat(DEFAULT_PLACE) is None:
                volume.make_directories(DEFAULT_PLACE.rsplit("/", 1)[0], Metadata(mode=0o755))
                volume.make_directory(DEFAULT_PLACE, PRIVATE)
            current = ""
            for name in volume.parts(DEFAULT_PLACE)[:-1]:
                current += f"/{name}"
                entry = volume.lstat(current)
                if entry is None:
                    raise _refusal("state.missing", default_state_path(root))
                _check_above(Path(volume.host_path(current)), entry.kind, entry.mode, entry.uid, trusted)
            if volume.lstat(DEFAULT_PLACE) is None:
                raise _refusal("state.missing", default_state_path(root))
        except WorkstationError as error:
            if error.problems[0].ref == "volume.link-in-the-way":
                raise _refusal("state.unsafe", default_state_path(root), reason="link") from error
            raise
        return Path(volume.host_path(DEFAULT_PLACE))


def _prepare_outside(state_dir: Path, *, create: bool) -> Path:
    # the folder itself may not be a link; the way to it is the user's choice, so it is resolved once and then checked
    place = Path(os.path.realpath(state_dir.parent)) / state_dir.name
    try:
        # what is already there is judged before anything is made: a refusal leaves nothing behind
        _check_way(place)
        if create and not os.path.lexists(place):
            _make_outside(place)
        if not os.path.lexists(place):
            raise _refusal("state.missing", place)
        _check_way(place)
    except OSError as error:
        raise failure(error, str(place)) from error
    return place


def _make_outside(place: Path) -> None:
    """Make the folder and those above it. A place where no folder can be made is a wrong choice, not a failed run."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
    except PermissionError as error:
        raise PrivilegesError(Problem(ref="privileges.missing", evidence={"path": printable(str(place))})) from error
    except OSError as error:
        raise _refusal("state.cannot-be-made", place, reason=errno.errorcode.get(error.errno or 0, "?")) from error


def _check_way(place: Path) -> None:
    """Check every folder above ``place`` that exists."""
    for parent in place.parents:
        if not os.path.lexists(parent):
            continue
        status = parent.lstat()
        if not stat.S_ISDIR(status.st_mode) and not stat.S_ISLNK(status.st_mode):
            raise _refusal("state.cannot-be-made", place, reason="ENOTDIR")
        kind = "directory" if stat.S_ISDIR(status.st_mode) else "other"
        _check_above(parent, kind, stat.S_IMODE(status.st_mode), status.st_uid, {0, primitives.effective_user()})


def _prepare_on_windows(wanted: Path, *, create: bool) -> Path:
    """Rights are access lists there, and every folder of ``ProgramData`` may have been made by anybody."""
    from atsam_safe.volume.private_place import fault_of_private_folder, make_private_folder  # noqa: PLC0415 - Windows alone

    # as above: the way to it is the user's choice, so it is resolved once and then checked
    place = Path(os.path.realpath(wanted.parent)) / wanted.name
    try:
        if create:
            make_private_folder(place)
        if not os.path.lexists(place):
            raise _refusal("state.missing", place)
        fault = fault_of_private_folder(place)
    except PermissionError as error:
        told = Problem(ref="privileges.missing", told="privileges.missing.windows", evidence={"path": printable(str(place))})
        raise PrivilegesError(told) from error
    except OSError as error:
        raise failure(error, str(place)) from error
    if fault is not None:
        raise _refusal("state.unsafe", place, reason=fault)
    return place


def _check_above(place: Path, kind: str, mode: int, uid: int, trusted: set[int]) -> None:
    """A folder above: whoever may rename things in it could swap the state folder. The sticky bit forbids that."""
    if kind != "directory":
        raise _refusal("state.unsafe", place, reason="link")
    if uid not in trusted:
        raise _refusal("state.unsafe", place, reason="owner")
    if mode & 0o022 and not mode & stat.S_ISVTX:
        raise _refusal("state.unsafe", place, reason="writable")


def _check_private(place: Path) -> None:
    try:
        status = place.lstat()
    except OSError as error:
        raise failure(error, str(place)) from error
    if not stat.S_ISDIR(status.st_mode):
        raise _refusal("state.unsafe", place, reason="link")
    if status.st_uid == 0 and primitives.effective_user() != 0:
        # the usual case: an administrator installed, somebody else looks
        raise PrivilegesError(Problem(ref="privileges.missing", evidence={"path": printable(str(place))}))
    if status.st_uid != primitives.effective_user():
        raise _refusal("state.unsafe", place, reason="owner")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise _refusal("state.unsafe", place, reason="writable")


def _check_or_write_format(state: StateFolder, *, create: bool, beside: str) -> None:
    files = state.files
    entry = files.lstat("/format")
    if entry is None:
        _refuse_unless_fresh(state, beside)
        if not create:
            raise _refusal("state.missing", state.path)
        _lay_out(state)
        return
    if entry.kind != "file":
        raise _refusal("state.unsafe", state.path / "format", reason="link")
    match = FORMAT_LINE.fullmatch(files.read_bytes("/format", 64)) if entry.size <= len("atsam-safe state 123456789\n") else None
    if match is None:
        raise _refusal("state.damaged", state.path / "format", reason="format")
    if int(match[1]) != STATE_FORMAT:
        raise _refusal("state.unknown-format", state.path, format=match[1].decode(), known=str(STATE_FORMAT))
    for folder in FOLDERS:
        found = files.lstat(f"/{folder}")
        if found is None:
            raise _refusal("state.damaged", state.path / folder, reason=folder)
        if found.kind != "directory" or found.uid != primitives.effective_user() or found.mode & 0o022:
            raise _refusal("state.unsafe", state.path / folder, reason="link" if found.kind != "directory" else "writable")


def _refuse_unless_fresh(state: StateFolder, beside: str) -> None:
    """A folder without ``format`` is taken over only when it holds nothing but what a killed first start of ours leaves, and ``beside``."""
    for name in state.files.list_directory("/"):
        if is_temporary(name) or name == beside:
            continue
        entry = state.files.lstat(f"/{name}")
        if entry is not None and entry.kind == "link":
            raise _refusal("state.unsafe", state.path / name, reason="link")
        if name not in FOLDERS or entry is None or entry.kind != "directory" or state.files.list_directory(f"/{name}"):
            raise _refusal("state.damaged", state.path, reason="format")


def _lay_out(state: StateFolder) -> None:
    files = state.files
    for folder in FOLDERS:
        files.make_directory(f"/{folder}", PRIVATE)
    files.sync_directory("/")
    # last, and its content before its name: only a complete layout ever carries a format, and a power cut never leaves an empty one
    files.write_file_durably("/format", b"atsam-safe state %d\n" % STATE_FORMAT, SECRET)
    files.barrier()  # the folder's own name, too: a journal in a folder that a power cut takes away would be no journal
