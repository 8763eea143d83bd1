"""Read the manifests from disk: the embedded ones, or another folder given with ``--manifests``."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.compiled import read_compiled
from atsam_safe.catalogue.errors import CatalogueError, CatalogueUnreadableError, Flaw
from atsam_safe.catalogue.parse import COMPONENT_FOLDER, MAXIMUM_FILE_BYTES, MAXIMUM_FILES, parse_catalogue

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue

EMBEDDED: Final = "embedded"
_PACKAGE: Final = Path(__file__).resolve().parent.parent


def embedded_folder() -> Path:
    """Where the program's own manifests lie: inside the installed package, or beside ``src`` in a checkout."""
    # A plain path and not importlib.resources: the package is never run from inside an archive, and status must start fast.
    installed = _PACKAGE / "manifests"
    return installed if installed.is_dir() else _PACKAGE.parent.parent / "manifests"


def load_catalogue(folder: Path | None = None, *, fresh: bool = False) -> Catalogue:
    """Read and check a whole catalogue; ``None`` means the one shipped with the program.

    ``fresh`` takes no shortcut: every file is read from its TOML and everything is checked again (``manifests check``).
    Raises ``CatalogueError`` (``manifests.invalid`` with file and line; ``manifests.unreadable`` for the folder itself).
    """
    files = read_manifests(embedded_folder() if folder is None else folder)
    origin = EMBEDDED if folder is None else os.fspath(folder)
    return parse_catalogue(files, origin, compiled=None if fresh else read_compiled())


def read_manifests(folder: Path) -> dict[str, bytes]:
    """The content of every file of a manifests folder, by its name below it. Hidden files are not manifests and are passed over."""
    files: dict[str, bytes] = {}
    for name in _names(folder):
        if len(files) >= MAXIMUM_FILES:
            raise CatalogueError([Flaw(file=name, line=1, kind="too-large", params={"limit": f"{MAXIMUM_FILES}"})])
        files[name] = _read(folder / name, name)
    if not files:
        raise CatalogueUnreadableError(os.fspath(folder), os.strerror(errno.ENOENT))
    return files


def _names(folder: Path) -> list[str]:
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            top = sorted(entry.name for entry in entries)
        if COMPONENT_FOLDER in top:
            with os.scandir(folder / COMPONENT_FOLDER) as entries:
                names = sorted(f"{COMPONENT_FOLDER}/{entry.name}" for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise CatalogueUnreadableError(os.fspath(folder), error.strerror or type(error).__name__) from error
    return [name for name in top if name != COMPONENT_FOLDER and not name.startswith(".")] + names


def _read(path: Path, name: str) -> bytes:
    try:
        # O_NONBLOCK: a named pipe put in the folder would otherwise make a root process wait for ever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise CatalogueError([Flaw(file=name, line=1, kind="unknown-file", params={"file": name})])
            return stream.read(MAXIMUM_FILE_BYTES + 1)
    except OSError as error:
        raise CatalogueUnreadableError(os.fspath(path), error.strerror or type(error).__name__) from error
