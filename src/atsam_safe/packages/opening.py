"""Opening packages: inspected once, kept open until they are no longer needed."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Self

from atsam_safe.packages.containers import candidates, container_identity
from atsam_safe.packages.errors import PackageError
from atsam_safe.packages.inspection import inspect_file, refused_inspection
from atsam_safe.packages.limits import BUFFER, DEFAULT_LIMITS, Depth, Limits
from atsam_safe.words.model import Problem, UsageError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue, Trust
    from atsam_safe.packages.model import Inspection
    from atsam_safe.packages.reading import PinnedFile
    from atsam_safe.packages.xar import XarArchive


class OpenedPackages:
    """The packages found at one path, each behind the one descriptor it was checked through.

    ``inspections`` has one value per package, in order; what could not be opened at all is one with verdict ``refused``.
    """

    def __init__(self, limits: Limits) -> None:
        """Empty; filled by ``open_packages``."""
        self.limits = limits
        self.inspections: tuple[Inspection, ...] = ()
        self._files: list[PinnedFile | None] = []
        self._archives: list[XarArchive | None] = []

    def add(self, inspection: Inspection, file: PinnedFile | None, archive: XarArchive | None) -> None:
        """Take over one inspected package."""
        self.inspections += (inspection,)
        self._files.append(file)
        self._archives.append(archive)

    def archive(self, index: int) -> XarArchive:
        """The archive of a sound package; raises ``PackageError`` for one that was refused or is of another format."""
        archive = self._archives[index]
        if archive is None or not self.inspections[index].readable:
            raise PackageError("package.unreadable", path=self.inspections[index].path, fault="refused")
        return archive

    def copy(self, index: int, descriptor: int) -> None:
        """Write package ``index`` whole into ``descriptor``: a private copy for a tool that wants a path of its own.

        The copy is made from the descriptor that was checked; raises ``PackageError`` when it cannot be read.
        """
        file = self._files[index]
        if file is None:
            raise PackageError("package.unreadable", path=self.inspections[index].path, fault="refused")
        for start in range(0, file.size, BUFFER):
            data = memoryview(file.read_at(start, min(BUFFER, file.size - start), file.name))
            while data:
                data = data[os.write(descriptor, data) :]

    def close(self) -> None:
        """Close every descriptor; harmless when repeated."""
        for file in self._files:
            if file is not None:
                file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_packages(
    path: Path,
    trust: Trust,
    catalogue: Catalogue,
    now: dt.datetime,
    limits: Limits = DEFAULT_LIMITS,
    *,
    depth: Depth = "everything",
) -> OpenedPackages:
    """Open and inspect everything at ``path``: a flat package, a folder of packages, a .zip or a .dmg, told apart by content.

    ``trust`` holds the pinned authorities, ``now`` (aware) is the instant at which signatures without a timestamp are judged.
    ``depth``: how far large payloads are read now (see ``Depth``); whoever unpacks them checks everything again.
    Raises ``UsageError`` only when nothing is at ``path``; every other trouble is an inspection with verdict ``refused``.
    Use as a context manager: the descriptors stay open until it ends.
    """
    if not os.path.lexists(path):
        raise UsageError(Problem(ref="package.path-missing", params={"path": str(path)}))
    opened = OpenedPackages(limits)
    try:
        inspect = partial(inspect_file, trust=trust, catalogue=catalogue, now=now, limits=limits, depth=depth)
        _fill(opened, path, inspect)
    except BaseException:
        opened.close()
        raise
    return opened


def _fill(opened: OpenedPackages, path: Path, inspect: Callable[[PinnedFile, str], tuple[Inspection, XarArchive | None]]) -> None:
    try:
        for candidate in candidates(path, opened.limits):
            if candidate.file is None:
                error = candidate.error or PackageError("package.unreadable", path=candidate.shown_path, fault="unopened")
                opened.add(refused_inspection(candidate.shown_path, error), None, None)
                continue
            try:
                inspection, archive = inspect(candidate.file, candidate.shown_path)
            except BaseException:
                candidate.file.close()
                raise
            opened.add(inspection, candidate.file, archive)
    except PackageError as error:
        # The container itself: what was found in it before stays reported, and the whole is refused.
        size, package_format = container_identity(path)
        opened.add(refused_inspection(str(path), error, size=size, package_format=package_format), None, None)


def inspect_path(
    path: Path, trust: Trust, catalogue: Catalogue, now: dt.datetime, limits: Limits = DEFAULT_LIMITS
) -> tuple[Inspection, ...]:
    """Inspect everything at ``path`` and close it again; see ``open_packages``."""
    with open_packages(path, trust, catalogue, now, limits) as opened:
        return opened.inspections
