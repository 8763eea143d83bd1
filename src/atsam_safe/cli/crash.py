"""A fault of the program: a short reference for the person, the details in a private file, never a traceback on the screen."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from atsam_safe import __version__
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


def reference_of(error: BaseException) -> str:
    """Eight hexadecimal digits that are the same for the same fault at the same place in the same version."""
    frames = traceback.extract_tb(error.__traceback__)
    place = "\n".join(f"{Path(frame.filename).name}:{frame.name}:{frame.lineno}" for frame in frames)
    return hashlib.sha256(f"{__version__}\n{type(error).__name__}\n{place}".encode()).hexdigest()[:8]


def _folders() -> Iterator[Path]:
    """Where the details may go, best first.

    Never the state folder: it holds what a rollback needs and nothing else, and whatever is not known there is taken for damage.
    """
    yield platformdirs.user_log_path("atsam-safe")
    with contextlib.suppress(OSError):  # where nothing can be opened any more, none is found
        yield Path(tempfile.gettempdir())


def _write(folder: Path, bug: str, text: str) -> Path:
    """Write the details to a new file that only its owner can read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"atsam-safe-{bug}-", suffix=".log", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(text)
    return Path(name)


def record(error: Exception) -> Problem:
    """Keep the details of ``error`` and return the problem to show. Values of variables are left out: they could be private."""
    bug = reference_of(error)
    details = "".join(traceback.format_exception(error))
    text = f"atsam-safe {__version__}, Python {sys.version}, {sys.platform}\n\n{details}"
    log = "-"
    for folder in _folders():
        try:
            log = str(_write(folder, bug, text))
        except OSError:
            continue
        break
    return Problem(ref="program.internal-error", params={"kind": type(error).__name__, "bug": bug, "log": log}, evidence={"bug": bug})
