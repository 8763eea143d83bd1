"""Unpacking one component into a private staging folder, verified while it is read.

Only neutral names of this program's own choosing are created, all of them directly inside the staging folder: whatever a package
calls its files, nothing can be written anywhere else. Putting files in place is the workstation's part.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from atsam_safe.packages.background import WORTHWHILE, Background
from atsam_safe.packages.content import walk
from atsam_safe.packages.declared import require_declared
from atsam_safe.packages.errors import PackageError, damaged, shown_name
from atsam_safe.packages.limits import BUFFER
from atsam_safe.packages.model import PayloadEntry
from atsam_safe.volume.early import EarlyWriting
from atsam_safe.words.model import Problem, WorkstationError

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.packages.opening import OpenedPackages

BILL: Final = "Bom"
_LIGHT: Final = 0
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class StagedEntry(PayloadEntry, frozen=True, kw_only=True):
    """One path to install: ``path`` is its absolute destination, ``staged_name`` the file in the staging folder that holds its content.

    ``mode`` has no set-id bits.
    """

    staged_name: str | None = None


def extract_component(opened: OpenedPackages, package_index: int, part_index: int, destination: Path) -> tuple[StagedEntry, ...]:
    """Unpack component ``part_index`` of package ``package_index`` into the empty, private folder ``destination``.

    The files are called ``000000``, ``000001`` …; the package's bill of materials is copied beside them as ``Bom``.
    Everything is checked again while it is read: xar checksums, gzip or xz, cpio, the path rules, the bill of materials.
    Raises ``PackageError`` (an ``UntrustedPackageError``), or ``WorkstationError`` (``package.staging-failed``) when the staging folder
    cannot take the files (no room, no right, a name that exists); what had been staged is removed in both cases.
    """
    try:
        return _extract(opened, package_index, part_index, destination)
    except PackageError as error:
        # As an inspection says it: the sentences name the package.
        raise PackageError(error.ref, **{**error.params, "package": shown_name(opened.inspections[package_index].path)}) from error
    except OSError as error:
        params = {"path": str(destination), "fault": error.strerror or type(error).__name__}
        raise WorkstationError(Problem(ref="package.staging-failed", params=params)) from error


def _extract(opened: OpenedPackages, package_index: int, part_index: int, destination: Path) -> tuple[StagedEntry, ...]:
    archive = opened.archive(package_index)
    part = opened.inspections[package_index].components[part_index]
    folder = f"{part.directory}/" if part.directory else ""
    if f"{folder}Payload" not in archive.entries:
        return ()
    threaded = archive.entries[f"{folder}Payload"].size >= WORTHWHILE
    with _Stage(destination, threaded=threaded) as stage:
        content = walk(archive, folder, part.install_location, limits=opened.limits, sink=stage)
        stage.finish()
        if not part.complete:
            require_declared(part.entries or (), content.entries, f"{folder}Payload")
        elif part.entries is not None and content.entries != part.entries:
            # The same bytes were checked before: somebody wrote into the file in between.
            raise damaged(f"{folder}Payload", "changed-since-inspection")
        if f"{folder}Bom" in archive.entries:
            stage.write_file(BILL, archive.read(f"{folder}Bom", opened.limits.bom))
        entries = tuple(
            StagedEntry(
                path=entry.path,
                kind=entry.kind,
                mode=entry.mode,
                uid=entry.uid,
                gid=entry.gid,
                size=entry.size,
                mtime=entry.mtime,
                link=entry.link,
                checksum=entry.checksum,
                staged_name=stage.names.get(entry.path),
            )
            for entry in content.entries
        )
        stage.keep()
    return entries


class _Stage:
    """Files of one staging folder; removed again unless ``keep`` was called. Writes go on behind the reader."""

    def __init__(self, folder: Path, *, threaded: bool) -> None:
        self._folder = folder
        self._background = Background(threaded=threaded)
        self._created: list[str] = []
        self._disk = EarlyWriting()
        self._descriptor = -1
        self._kept = False
        self.names: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._background.__exit__()
        self._close()
        self._disk.__exit__(None, None, None)
        if not self._kept:
            for name in self._created:
                with contextlib.suppress(FileNotFoundError):
                    (self._folder / name).unlink()

    def finish(self) -> None:
        """Wait for the last write; raises what any of them raised."""
        self._background.finish()

    def keep(self) -> None:
        """Everything was checked to the last byte."""
        self._kept = True

    def begin(self, path: str) -> None:
        """See ``ContentSink``."""
        name = f"{len(self.names):06d}"
        self.names[path] = name
        self._background.call(partial(self._begin, name), _LIGHT)

    def write(self, data: bytes | memoryview) -> None:
        """See ``ContentSink``."""
        self._background.call(partial(self._write, data), len(data))

    def end(self) -> None:
        """See ``ContentSink``."""
        self._background.call(self._close, _LIGHT)

    def same(self, path: str, original: str) -> None:
        """A hard link becomes a file of its own: the workstation renames each staged file once."""
        name = f"{len(self.names):06d}"
        self.names[path] = name
        self._background.call(partial(self._copy, name, original))

    def write_file(self, name: str, data: bytes) -> None:
        """One small file beside the payload's, once the payload is complete."""
        self._begin(name)
        _write_all(self._descriptor, data)
        self._close()

    def _begin(self, name: str) -> None:
        self._descriptor = os.open(self._folder / name, _NEW, 0o600)
        self._created.append(name)

    def _write(self, data: bytes | memoryview) -> None:
        _write_all(self._descriptor, data)
        self._disk.written(self._descriptor, len(data))

    def _copy(self, name: str, original: str) -> None:
        self._begin(name)
        with (self._folder / self.names[original]).open("rb") as stream:
            while data := stream.read(BUFFER):
                self._write(data)
        self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
