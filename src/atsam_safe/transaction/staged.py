"""The content of staged files, hashed while the run waits for the disk.

What is installed is part of the digest of the state after. Its files are hashed in the staging folder, read back from there, while the
snapshot's barrier keeps the processors idle; by the rename that puts one in place a file keeps its number, and nothing need be read twice.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Final

from atsam_safe.snapshot.scope import read_states
from atsam_safe.words.model import AtsamSafeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atsam_safe.snapshot.scope import Known
    from atsam_safe.volume.model import Entry
    from atsam_safe.volume.volume import Volume

WORTHWHILE: Final = 16 << 20
"""From so many staged bytes on a thread is started."""


class StagedContent:
    """Hashes of the files below one folder of the state folder, from ``start`` to ``finish``. Being without them only costs time."""

    def __init__(self, files: Volume, folder: str) -> None:
        """Made before anything is staged: what was written since then is recognised by its time."""
        self._files = files
        self._folder = folder
        self._began = time.time_ns()
        self._hashes: dict[tuple[int, int, int], str] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Everything is staged: begin to read it back."""
        entries: dict[str, Entry | None] = {entry.path: entry for entry in self._files.walk(self._folder) if entry.kind == "file"}
        if sum(entry.size for entry in entries.values() if entry is not None) >= WORTHWHILE:
            self._thread = threading.Thread(target=self._run, args=(entries,), name="staged-content", daemon=True)
            self._thread.start()

    def _run(self, entries: dict[str, Entry | None]) -> None:
        with contextlib.suppress(AtsamSafeError, OSError):
            for state, entry in zip(read_states(self._files, entries), entries.values(), strict=True):
                if entry is not None and state.sha256 is not None:
                    self._hashes[entry.device, entry.inode, entry.size] = state.sha256

    def finish(self) -> None:
        """Wait until everything is read: no file is open when the first one is put in place."""
        if self._thread is not None:
            self._thread.join()

    def known(self, entries: Mapping[str, Entry | None]) -> Known:
        """Which of the files seen are staged ones that nobody has written since: placing gives them the older time of the package."""
        return {
            path: ((entry.inode, entry.size, entry.mtime_ns), self._hashes[entry.device, entry.inode, entry.size])
            for path, entry in entries.items()
            if entry is not None and entry.mtime_ns < self._began and (entry.device, entry.inode, entry.size) in self._hashes
        }
