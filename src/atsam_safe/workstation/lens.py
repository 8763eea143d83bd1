"""How observation looks at a volume: bounded, tolerant, remembered, and blind to patient data.

Every look of one observation goes through one ``Lens``. What cannot be read becomes a note or an ``UnreadableError``; a path
below a *private* pattern (law 9) is answered as absent without a system call.
"""

from __future__ import annotations

import contextlib
import stat
from typing import TYPE_CHECKING, BinaryIO, Final, Self

import msgspec

from atsam_safe.catalogue.patterns import expand_homes, fold, matches, matches_below, parents
from atsam_safe.facts.model import EntryKind
from atsam_safe.volume.errors import is_ref
from atsam_safe.words.model import WorkstationError
from atsam_safe.workstation.folders import OpenFolders
from atsam_safe.workstation.unreadable import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    from atsam_safe.facts.model import BinaryImage, Home
    from atsam_safe.volume.volume import Volume

# A folder on the way of a pattern with more names than this is not one the catalogue means.
MAX_NAMES: Final = 4096
MAX_NOTES: Final = 100
CHUNK: Final = 1 << 20
_KINDS: Final[dict[int, EntryKind]] = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One existing path as Facts speak of it; ``link`` is the target of a symlink."""

    kind: EntryKind
    mode: int
    uid: int
    gid: int
    size: int
    link: str | None


class Lens:
    """One observation's view of a volume. Use as a context manager: remembered descriptors are closed at its end."""

    def __init__(self, volume: Volume, asked: set[str] | None = None) -> None:
        """Look at ``volume``; nothing is private before ``forbid`` says so. ``asked`` receives every path that is looked at."""
        self._volume = volume
        self._asked = asked
        self._folders = OpenFolders(volume)
        self._private: tuple[str, ...] = ()
        self._private_stems: tuple[str, ...] = ()
        self._exempt: tuple[str, ...] = ()
        self._seen: dict[str, Seen | None] = {}
        self._spellings: dict[str, dict[str, str]] = {}
        self._notes: dict[str, None] = {}
        self._behind_links: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._folders.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be looked at, in English, in the order met."""
        return tuple(self._notes)

    def note(self, text: str) -> None:
        """Remember something worth telling; the same sentence once, and not without end."""
        if len(self._notes) < MAX_NOTES:
            self._notes[text] = None

    def forbid(self, patterns: Iterable[str], homes: Sequence[Home], *, except_for: Iterable[str] = ()) -> None:
        """Never open, list or look below these patterns (patient data).

        ``except_for``: patterns of configuration files (``sesam.ini`` of the FSV lies beside its working folder). They, and the
        folders that lead to them, may be looked at; nothing else below a private pattern may.
        """
        self._private = tuple(path for pattern in patterns for path in expand_homes(pattern, homes))
        # What stands before the first « * »: one comparison answers for nearly every path.
        self._private_stems = tuple(f"{pattern}/".partition("*")[0] for pattern in self._private)
        allowed = [path for pattern in except_for for path in expand_homes(pattern, homes)]
        inside = [path for path in allowed if any(matches_below(pattern, path) for pattern in self._private)]
        self._exempt = tuple(dict.fromkeys(step for path in inside for step in (path, *parents(path))))
        self._seen.clear()

    def is_private(self, path: str) -> bool:
        """True for a private path and everything below it, but for the exempt configuration files."""
        if not f"{path}/".startswith(self._private_stems):
            return False
        if not any(matches_below(pattern, path) for pattern in self._private):
            return False
        return not any(matches(pattern, path) for pattern in self._exempt)

    # --- looking -----------------------------------------------------------------------------------------------------------

    def entry(self, path: str) -> Seen | None:
        """What lies at ``path``; ``None`` when nothing does, when it is private, or when it may not be looked at (noted)."""
        if path in self._seen:
            return self._seen[path]
        seen = None if self.is_private(path) else self._look(path)
        self._seen[path] = seen
        return seen

    def _look(self, path: str) -> Seen | None:
        if self._asked is not None:
            self._asked.add(path)
        try:
            found = self._folders.lstat(path)
        except WorkstationError as error:
            self.note(f"{_shown(path)}: {error.problems[0].ref}")
            if is_ref(error, "volume.link-in-the-way"):
                self._behind_links.append(path)
            return None
        if found is None:
            return None
        status, link = found
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "other")
        return Seen(
            kind=kind,
            # The bits of a link mean nothing and differ between systems.
            mode=0 if kind == "symlink" else stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            size=status.st_size if kind == "file" else 0,
            link=link,
        )

    def links_in_the_way(self) -> tuple[str, ...]:
        """The links behind which something was looked for: what lies there is neither absent nor known."""
        above = dict.fromkeys(folder for path in tuple(self._behind_links) for folder in parents(path))
        return tuple(folder for folder in above if (seen := self.entry(folder)) is not None and seen.kind == "symlink")

    def names(self, folder: str) -> tuple[str, ...]:
        """Sorted names in ``folder``; nothing when it is absent, private or not a folder.

        Names that are not UTF-8 cannot come from macOS and cannot be told in JSON: they are noted and left out.
        """
        seen = self.entry(folder)
        if seen is None or seen.kind != "directory":
            return ()
        try:
            names = self._volume.list_directory(folder)
        except WorkstationError as error:
            self.note(f"{_shown(folder)}: {error.problems[0].ref}")
            return ()
        if len(names) > MAX_NAMES:
            self.note(f"{_shown(folder)}: {len(names)} names, only {MAX_NAMES} were looked at")
        told = tuple(name for name in names[:MAX_NAMES] if _is_text(name))
        if len(told) < min(len(names), MAX_NAMES):
            self.note(f"{_shown(folder)}: names that are not UTF-8 were left out")
        return told

    def other_spelling(self, path: str) -> str | None:
        """What lies where ``path`` would on a Mac's own disk, by its name here: a copy on another disk tells case and accents apart.

        ``None`` when nothing does, or when something lies at ``path`` itself.
        """
        if self.is_private(path) or self.entry(path) is not None:
            return None
        folder, _, name = path.rpartition("/")
        if folder and self.entry(folder) is None:
            found = self.other_spelling(folder)
            if found is None:
                return None
            folder = found
        if folder not in self._spellings:
            self._spellings[folder] = {fold(known): known for known in self.names(folder or "/")}
        known = self._spellings[folder].get(fold(name))
        return None if known is None else f"{folder}/{known}"

    def expand(self, pattern: str, homes: Sequence[Home]) -> tuple[str, ...]:
        """The paths a catalogue pattern stands for here: ``~/`` in every home, ``*`` against the names that exist.

        A pattern without ``*`` is returned whether it exists or not. Windows paths and private ones give nothing.
        """
        if not pattern.startswith(("/", "~/")):
            return ()
        found: list[str] = []
        for path in expand_homes(pattern, homes):
            found += [path] if "*" not in path else self._expand_one(path)
        return tuple(path for path in found if not self.is_private(path))

    def _expand_one(self, pattern: str) -> list[str]:
        """A home's own name may hold ``*``: its segments then match themselves too, which adds nothing foreign."""
        reached = [""]
        for segment in pattern.strip("/").split("/"):
            if "*" not in segment:
                reached = [f"{path}/{segment}" for path in reached]
            else:
                reached = [f"{path}/{name}" for path in reached for name in self.names(path or "/") if matches(segment, name)]
            if len(reached) > MAX_NAMES:
                self.note(f"{_shown(pattern)}: more than {MAX_NAMES} paths, the rest was not looked at")
                reached = reached[:MAX_NAMES]
        return reached

    def space(self) -> tuple[int, int, bool, bool]:
        """Free bytes, total bytes, whether the volume is mounted writable, and whether this user may write there."""
        room = self._volume.room()
        return room.free, room.total, room.writable, self._volume.is_writable()

    # --- reading -----------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """The regular file at ``path``, unbuffered. Every failure, later ones too, is an ``UnreadableError``."""
        if self.is_private(path):
            raise UnreadableError("private, never opened")
        if self._asked is not None:
            self._asked.add(path)
        try:
            stream = self._folders.open_read(path)
        except WorkstationError as error:
            raise UnreadableError(error.problems[0].ref) from error
        with stream:
            try:
                yield stream
            except OSError as error:
                raise UnreadableError(f"reading failed ({error.errno})") from error

    def chunks(self, path: str, limit: int) -> Iterator[bytes]:
        """The content of a file of at most ``limit`` bytes, in pieces. Raises ``UnreadableError``."""
        with self.open(path) as stream:
            total = 0
            while piece := stream.read(CHUNK):
                total += len(piece)
                if total > limit:
                    raise UnreadableError(f"larger than {limit} bytes")
                yield piece

    def read(self, path: str, limit: int) -> bytes:
        """The whole content of a file of at most ``limit`` bytes. Raises ``UnreadableError``."""
        return b"".join(self.chunks(path, limit))

    def image(self, path: str) -> BinaryImage | None:
        """What the Mach-O file at ``path`` declares; ``None`` when it is no Mach-O file. Raises ``UnreadableError``."""
        from atsam_safe.facts.machofile import DamagedImageError, read_image  # noqa: PLC0415 - only workstations with components pay for it

        with self.open(path) as stream:

            def read_at(offset: int, size: int) -> bytes:
                stream.seek(offset)
                pieces = []
                while size > 0 and (piece := stream.read(size)):
                    pieces.append(piece)
                    size -= len(piece)
                return b"".join(pieces)

            try:
                return read_image(read_at)
            except OverflowError as error:
                raise UnreadableError("header points past any file") from error
            except DamagedImageError as error:
                raise UnreadableError(str(error)) from error


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
