"""Where a payload may put things: pure rules, used when a package is inspected and again when it is unpacked.

A payload that breaks one of them is refused already by ``inspect`` and ``check``, before anything is staged.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from atsam_safe.packages.errors import PackageError, too_large

if TYPE_CHECKING:
    from atsam_safe.packages.limits import Limits
    from atsam_safe.packages.model import PayloadKind
    from atsam_safe.packages.payload import MemberKind

Segments = tuple[str, ...]

# Links that every macOS volume has at its root; a payload may name a path through them, and only through them.
_SYSTEM_LINKS: Final[dict[str, Segments]] = {"etc": ("private", "etc"), "var": ("private", "var"), "tmp": ("private", "tmp")}
_LONGEST_NAME: Final = 255
_LONGEST_PATH: Final = 1024
_LONGEST_LINK: Final = 1023
# The custom icon of a folder really is called "Icon" with a carriage return.
_ICON: Final = "Icon\r"
_FIRST_PRINTABLE: Final = 0x20
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def folded(segments: Segments) -> Segments:
    """The path as the usual macOS volume compares it: without regard to case and to Unicode composition."""
    return tuple(unicodedata.normalize("NFD", unicodedata.normalize("NFD", segment).casefold()) for segment in segments)


def folded_path(path: str) -> str:
    """The same for an absolute path as a whole, many times as fast for a plain one."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def relative_segments(name: bytes) -> Segments:
    """A member's name (``./Library/x``) as path segments; raises ``PackageError`` (``package.unsafe-path``)."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        raise PackageError("package.unsafe-path", path=ascii(name), fault="not-utf-8") from None
    if text.startswith("/"):
        raise PackageError("package.unsafe-path", path=text, fault="absolute")
    return _split(text)


def location_segments(location: str) -> Segments:
    """An install location (``/``, ``/Library/x``, empty) as path segments; raises ``PackageError``."""
    return _split(location)


def _split(text: str) -> Segments:
    segments = [segment for segment in text.split("/") if segment not in ("", ".")]
    if ".." in segments:
        raise PackageError("package.unsafe-path", path=text, fault="parent-folder")
    if _CONTROL.search(text) and any(segment != _ICON and _CONTROL.search(segment) for segment in segments):
        raise PackageError("package.unsafe-path", path=text, fault="control-character")
    length = len(text.encode())
    if length > _LONGEST_NAME and any(len(segment.encode()) > _LONGEST_NAME for segment in segments):
        raise PackageError("package.unsafe-path", path=text, fault="name-too-long")
    if length > _LONGEST_PATH:
        raise PackageError("package.unsafe-path", path=text, fault="path-too-long")
    return tuple(segments)


def absolute(segments: Segments) -> str:
    """``/a/b`` for ``("a", "b")``."""
    return "/" + "/".join(segments)


def leaves_root(segments: Segments, target: str) -> bool:
    """True when a relative link at ``segments`` climbs above the volume's root at any point.

    Absolute targets are meant for the installed system and are kept as they are; nobody follows them during installation.
    """
    if target.startswith("/"):
        return False
    depth = len(segments) - 1
    for segment in target.split("/"):
        if segment == "..":
            depth -= 1
        elif segment not in ("", "."):
            depth += 1
        if depth < 0:
            return True
    return False


class PathPolicy:
    """The paths one component has taken so far."""

    def __init__(self, install_location: str, limits: Limits, place: str) -> None:
        """``place`` names the payload in errors. Raises ``PackageError`` for an unsafe install location."""
        self._location = location_segments(install_location)
        self._limits = limits
        self._place = place
        self._bytes = 0
        # whole paths: the segments of one, each kept as a text of its own, take a hundred times its room
        self._taken: dict[str, tuple[str, PayloadKind]] = {}
        self._folders: set[str] = set()

    def place(self, relative: Segments, kind: MemberKind) -> Segments:
        """The destination of a member: below the install location, through the system's own links."""
        segments = self._location + relative
        first = segments[0] if segments else ""
        if first.casefold() not in _SYSTEM_LINKS:
            return segments
        if first not in _SYSTEM_LINKS or (len(segments) == 1 and kind != "directory"):
            raise PackageError("package.unsafe-path", path=absolute(segments), fault="system-link")
        return _SYSTEM_LINKS[first] + segments[1:]

    def admit(self, segments: Segments, kind: MemberKind) -> PayloadKind:
        """Take ``segments`` for a member of ``kind``; a folder may come more than once.

        Raises ``PackageError``: ``package.unsafe-path`` (devices, pipes, sockets; below a link or file of the package) or
        ``package.path-collision`` (two members that are one file on a volume that ignores case).
        """
        if kind not in ("file", "directory", "symlink"):
            raise PackageError("package.unsafe-path", path=absolute(segments), fault=kind)
        parent = absolute(segments[:-1])
        if parent not in self._folders:
            for length in range(1, len(segments)):
                self._take(segments[:length], "directory", segments)
            self._folders.add(parent)
        self._take(segments, kind, segments)
        return kind

    def _take(self, segments: Segments, kind: PayloadKind, whole: Segments) -> None:
        path = absolute(segments)
        key = absolute(folded(segments))
        present = self._taken.get(key)
        if present is None:
            self._count(path)
            self._taken[key] = (path, kind)
            return
        spelling, present_kind = present
        if spelling == path and kind == "directory" and present_kind == "directory":
            return
        if segments != whole and present_kind != "directory":
            raise PackageError("package.unsafe-path", path=absolute(whole), fault=f"below-{present_kind}")
        raise PackageError("package.path-collision", path=absolute(whole), other=spelling)

    def _count(self, path: str) -> None:
        """One more path to remember; those that nobody brings, since a member below implies them, take room as well."""
        self._bytes += len(path.encode())
        if len(self._taken) >= self._limits.payload_members:
            raise too_large(self._place, self._limits.payload_members, "entries")
        if self._bytes > self._limits.paths:
            raise too_large(self._place, self._limits.paths)

    @staticmethod
    def link(segments: Segments, target: bytes) -> str:
        """The target of a link, checked; raises ``PackageError`` (``package.unsafe-path``)."""
        path = absolute(segments)
        try:
            text = target.decode("utf-8")
        except UnicodeDecodeError:
            raise PackageError("package.unsafe-path", path=path, fault="link-not-utf-8") from None
        if not text or len(target) > _LONGEST_LINK or any(ord(letter) < _FIRST_PRINTABLE for letter in text):
            raise PackageError("package.unsafe-path", path=path, fault="link-target")
        if leaves_root(segments, text):
            raise PackageError("package.unsafe-path", path=path, fault="link-leaves-root")
        return text
