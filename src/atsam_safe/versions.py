"""Version schemes of the field: ATSAM builds, component versions, macOS releases and Windows builds.

Four schemes live side by side and compare differently, so each has its own type and two types never compare with each other:

- ``AtsamBuild``: decimal-like. « 4.5 » and « 4.50 » are one build and newer than « 4.41 ».
- ``ComponentVersion``: zero-padded numeric fields. 1.40.9 is older than 1.40.14; « 3.43 » is not 3.43.0.
- ``MacosRelease``: families (10.14, 11, 26), a jump from 15 to 26, and two numbers that macOS invents for old programs.
- ``WindowsRelease``: the build number decides; Windows 11 still calls itself 10.0.

Every value keeps the spelling it was read with: what a person is shown is what stands on the workstation.
Any text that is not a version raises ``VersionError``, never another exception.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, Self

import msgspec

from atsam_safe.words.model import Problem, UsageError

_MAXIMUM_LENGTH: Final = 64
_MAXIMUM_FIELD_DIGITS: Final = 9
_MAXIMUM_FIELDS: Final = 6
# ``[0-9]`` and not ``\d``: other scripts' digits would pass ``int`` and then never be found in any manifest.
_NUMERIC: Final = re.compile(
    rf"[0-9]{{1,{_MAXIMUM_FIELD_DIGITS}}}(?:\.[0-9]{{1,{_MAXIMUM_FIELD_DIGITS}}}){{0,{_MAXIMUM_FIELDS - 1}}}", re.ASCII
)

Scheme = Literal["atsam-build", "component", "macos", "windows"]


class VersionError(UsageError):
    """A text is not a version of the scheme it was read as. ``problems[0].ref`` is ``versions.unreadable``."""

    def __init__(self, text: str, scheme: Scheme) -> None:
        """``text`` is quoted in the message, cut to a bounded length."""
        shown = text if len(text) <= _MAXIMUM_LENGTH else text[:_MAXIMUM_LENGTH] + "…"
        super().__init__(
            Problem(ref="versions.unreadable", params={"text": shown, "scheme": scheme}, evidence={"text": shown, "scheme": scheme})
        )


def _fields(text: str, scheme: Scheme) -> tuple[str, ...]:
    """Split ``text`` into its numeric fields, still as written; raises ``VersionError``."""
    if len(text) > _MAXIMUM_LENGTH:
        raise VersionError(text, scheme)
    if _NUMERIC.fullmatch(text) is None:
        raise VersionError(text, scheme)
    return tuple(text.split("."))


def _without_trailing_zeros(numbers: tuple[int, ...]) -> tuple[int, ...]:
    end = len(numbers)
    while end > 1 and numbers[end - 1] == 0:
        end -= 1
    return numbers[:end]


class _Ordered(msgspec.Struct, frozen=True, eq=False):
    """Order, equality and hash by ``key``, within one scheme only.

    Written out because ``functools.total_ordering`` fills in nothing on a ``Struct``: the base already has all six methods.
    """

    text: str

    @property
    def key(self) -> tuple[Any, ...]:
        """What two spellings of one version have in common."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, type(self)) else NotImplemented

    def __lt__(self, other: Self) -> bool:
        return self.key < other.key if isinstance(other, type(self)) else NotImplemented

    def __le__(self, other: Self) -> bool:
        return self.key <= other.key if isinstance(other, type(self)) else NotImplemented

    def __gt__(self, other: Self) -> bool:
        return self.key > other.key if isinstance(other, type(self)) else NotImplemented

    def __ge__(self, other: Self) -> bool:
        return self.key >= other.key if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), self.key))


class AtsamBuild(_Ordered, frozen=True):
    """The number of an ATSAM package. The second field is read like the digits after a decimal point.

    The insurance's site wrote « 4.5 » for what the installer calls 4.50, and both are newer than 4.41. Later packages have
    three fields (4.63.00): the third counts like an ordinary number and zero means « none ».
    """

    @classmethod
    def parse(cls, text: str) -> AtsamBuild:
        """Read a build number; raises ``VersionError``."""
        stripped = text.strip()
        _fields(stripped, "atsam-build")
        return cls(stripped)

    @property
    def key(self) -> tuple[int, str, tuple[int, ...]]:
        """What two spellings of one build have in common: major, decimals without trailing zeros, further fields."""
        major, *rest = self.text.split(".")
        decimals = rest[0].rstrip("0") if rest else ""
        further = tuple(int(field) for field in rest[1:])
        if not any(further):
            further = ()
        # Digits after a decimal point order as text once trailing zeros are gone: "05" < "41" < "5".
        return int(major), decimals, _without_trailing_zeros(further)


class ComponentVersion(_Ordered, frozen=True):
    """A component's version: numeric fields, zero-padded or not (3.42.03, 5.1.5, 1.40.1413).

    Fields compare as numbers, one by one; a version that stops earlier is older and not equal (3.43 < 3.43.0).
    """

    @classmethod
    def parse(cls, text: str) -> ComponentVersion:
        """Read a component version; raises ``VersionError``."""
        stripped = text.strip()
        _fields(stripped, "component")
        return cls(stripped)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The fields as numbers."""
        return tuple(int(field) for field in self.text.split("."))

    @property
    def key(self) -> tuple[int, ...]:
        """The fields: zero-padding does not make another version."""
        return self.numbers

    def starts_with(self, prefix: ComponentVersion) -> bool:
        """True when the first fields of this version are those of ``prefix``: 3.43.02 starts with 3.43, 3.430 does not."""
        wanted = prefix.numbers
        return self.numbers[: len(wanted)] == wanted


def matches_release(expected: str, seen: str, *, prefix: bool) -> bool:
    """Tell whether the version ``seen`` on a workstation is the release ``expected``.

    With ``prefix`` only the beginning of the release is known: « 3.43 » matches 3.43 and 3.43.02. Without it 3.43 matches
    neither 3.43.0 nor 3.43.02. A ``seen`` that is no version matches nothing (an odd receipt is no reason to fail);
    an ``expected`` that is none raises ``VersionError`` because the catalogue would be wrong.
    """
    wanted = ComponentVersion.parse(expected)
    try:
        found = ComponentVersion.parse(seen)
    except VersionError:
        return False
    return found.starts_with(wanted) if prefix else found == wanted


def is_before(version: str, other: str) -> bool:
    """True when both are component versions and the first is the older one; what cannot be read is never called older."""
    try:
        return ComponentVersion.parse(version) < ComponentVersion.parse(other)
    except VersionError:
        return False


_TEN: Final = 10
_LAST_TEN: Final = 15
_FIRST_WHOLE: Final = 11
_LAST_BEFORE_JUMP: Final = 15
_FIRST_AFTER_JUMP: Final = 26
# macOS answers these to programs built before the release existed; no such release was ever made.
_LIES: Final = {(10, 16): "11", (16,): "26"}


class MacosRelease(_Ordered, frozen=True):
    """A macOS release as SystemVersion.plist writes it: ``10.14.6``, ``11.0``, ``26.6.2``."""

    @classmethod
    def parse(cls, text: str) -> MacosRelease:
        """Read a release or a release family; raises ``VersionError``."""
        stripped = text.strip()
        fields = _fields(stripped, "macos")
        if int(fields[0]) < _TEN:
            # Mac OS 9 and older never carried these components; a single digit is a misread number.
            raise VersionError(text, "macos")
        return cls(stripped)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The fields as numbers, trailing zeros removed: 11.0 and 11 are one release."""
        return _without_trailing_zeros(tuple(int(field) for field in self.text.split(".")))

    @property
    def key(self) -> tuple[int, ...]:
        """The fields: numbers grew in the order the releases were made, across the jump too."""
        return self.numbers

    @property
    def family(self) -> tuple[int, ...]:
        """The release family as numbers: ``(10, 14)`` up to Catalina, ``(11,)`` and on after it."""
        numbers = self.numbers
        if numbers[0] != _TEN:
            return numbers[:1]
        return (_TEN, numbers[1] if len(numbers) > 1 else 0)

    @property
    def family_text(self) -> str:
        """The release family as the manifests write it: ``10.14``, ``11``, ``26``."""
        return ".".join(str(number) for number in self.family)

    @property
    def is_compatibility_lie(self) -> bool:
        """True for 10.16 (really 11 or later) and 16 (really 26 or later): macOS says so to programs it judges too old."""
        return self.family in _LIES

    @property
    def hidden_first_family(self) -> str | None:
        """The earliest family that can be behind a compatibility lie (``11`` or ``26``), or ``None``."""
        return _LIES.get(self.family)

    @property
    def is_real(self) -> bool:
        """False for numbers no macOS ever had: the two lies, 10.17 and up, and the gap from 16 to 25."""
        major = self.family[0]
        if major == _TEN:
            return self.family[1] <= _LAST_TEN
        return _FIRST_WHOLE <= major <= _LAST_BEFORE_JUMP or major >= _FIRST_AFTER_JUMP

    def in_range(self, first: str | None, last: str) -> bool:
        """True when the release lies between two others, both included. A number that is not real lies in no range.

        An end counts as far as it is written: ``26`` is the whole family, ``26.6`` that update. Without ``first`` nothing is too old.
        """
        if not self.is_real or (first is not None and self < MacosRelease.parse(first)):
            return False
        end = MacosRelease.parse(last)
        return self.family <= end.family if end.text == end.family_text else self.numbers[: len(end.numbers)] <= end.numbers


# First build of each line, newest first. Server and client share builds from 26100 on, so the product type decides.
_CLIENT_LINES: Final = ((22000, "11"), (10240, "10"), (9600, "8.1"), (9200, "8"), (7600, "7"))
_SERVER_LINES: Final = (
    (26100, "Server 2025"),
    (25398, "Server 23H2"),
    (20348, "Server 2022"),
    (17763, "Server 2019"),
    (14393, "Server 2016"),
    (9600, "Server 2012 R2"),
    (9200, "Server 2012"),
    (7600, "Server 2008 R2"),
)


WINDOWS_CLIENT_FAMILIES: Final = tuple(name for _, name in reversed(_CLIENT_LINES))
"""Client families as the manifests name them, in the order they were made."""
WINDOWS_SERVER_FAMILIES: Final = tuple(name for _, name in reversed(_SERVER_LINES))
"""Server families as the manifests name them, in the order they were made."""


class WindowsRelease(_Ordered, frozen=True):
    """A Windows release by its build number (``10.0.22631``, ``10.0.19045.4651`` or only ``22631``).

    The name in the registry still says « Windows 10 » on Windows 11, and the version is 10.0 on both: only the build tells.
    """

    server: bool = False

    @classmethod
    def parse(cls, text: str, *, server: bool = False) -> WindowsRelease:
        """Read a build number, alone or after ``major.minor``; raises ``VersionError``."""
        stripped = text.strip()
        fields = _fields(stripped, "windows")
        if len(fields) not in {1, 3, 4}:
            raise VersionError(text, "windows")
        return cls(stripped, server)

    @property
    def build(self) -> int:
        """The build number, 22631 for ``10.0.22631.4037``."""
        fields = self.text.split(".")
        return int(fields[0] if len(fields) == 1 else fields[2])

    @property
    def revision(self) -> int:
        """The update revision (the fourth field), 0 when not given."""
        fields = self.text.split(".")
        return int(fields[3]) if len(fields) > 3 else 0  # noqa: PLR2004 - major.minor.build.revision

    @property
    def family_text(self) -> str | None:
        """The release as the manifests write it: ``10``, ``11``, ``Server 2019``; ``None`` before Windows 7."""
        for first_build, name in _SERVER_LINES if self.server else _CLIENT_LINES:
            if self.build >= first_build:
                return name
        return None

    def in_range(self, first: str, last: str) -> bool:
        """True when the family lies between two families of its own line (client or server), both included.

        Raises ``VersionError`` for a name that is no Windows family: the catalogue would be wrong.
        """
        for name in (first, last):
            if name not in WINDOWS_CLIENT_FAMILIES and name not in WINDOWS_SERVER_FAMILIES:
                raise VersionError(name, "windows")
        line = WINDOWS_SERVER_FAMILIES if self.server else WINDOWS_CLIENT_FAMILIES
        if self.family_text not in line or first not in line or last not in line:
            return False
        return line.index(first) <= line.index(self.family_text) <= line.index(last)

    @property
    def key(self) -> tuple[int, int, bool]:
        """Order: build, revision, then client before server."""
        return self.build, self.revision, self.server
