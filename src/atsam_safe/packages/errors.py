"""One error for everything that makes a package unreadable or untrustworthy."""

from __future__ import annotations

from typing import Literal

from atsam_safe.packages.model import ReasonFact
from atsam_safe.words.model import Problem, UntrustedPackageError

Unit = Literal["bytes", "entries", "files", "packages"]


class PackageError(UntrustedPackageError):
    """A package is damaged, unsafe or not trusted.

    ``ref`` is a reference of ``words.topics.package``. ``params`` fill its sentences: ``place`` (member of the package) and
    ``fault`` (a stable technical code such as ``toc-checksum``, the same in every language, for the support line).
    """

    def __init__(self, ref: str, *, told: str | None = None, **params: object) -> None:
        """Every parameter is kept as text. ``reason`` and ``package`` are what every sentence about a package may name.

        ``told``: the reference whose sentences tell this very case.
        """
        self.ref = ref
        self.told = told
        self.params = {name: printable(value) for name, value in params.items()}
        details = [self.params[name] for name in ("place", "part", "path", "certificate", "fault") if name in self.params]
        self.params.setdefault("reason", ": ".join(details) or ref)
        self.params.setdefault("package", self.params.get("path", "?"))
        super().__init__(Problem(ref=ref, params=self.params, told=told))

    @property
    def reason(self) -> ReasonFact:
        """The same fact as a value of an ``Inspection``."""
        return ReasonFact(ref=self.ref, params=self.params, told=self.told)


def damaged(place: str, fault: str) -> PackageError:
    """The package is not as its publisher made it: ``fault`` names the check that failed, ``place`` where."""
    return PackageError("package.damaged", place=place, fault=fault)


def too_large(place: object, limit: int, unit: Unit = "bytes") -> PackageError:
    """More than any genuine package has, at ``place``; ``unit`` says what ``limit`` counts."""
    return PackageError("package.too-large", place=place, limit=limit, unit=unit)


def malformed(error: Exception) -> str:
    """The fault of content that made a library stumble; the kind of its error is for whoever maintains the reader."""
    return f"malformed-{type(error).__name__}"


def shown_name(path: str) -> str:
    """The last part of a package's path, as sentences name it."""
    return printable(path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1])


def printable(value: object) -> str:
    """``value`` as short text without control characters or lone surrogates: package content reaches terminals and JSON."""
    text = str(value)
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + "…"
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)


_LONGEST_TEXT = 300
