"""The Mac a step works on: its volume, its commands, its patience, and where notes and progress go.

The adapter is one; steps, staging, rights and what lies beyond files take no more of it than this.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from atsam_safe.volume import primitives
from atsam_safe.volume.volume import Volume
from atsam_safe.workstation.commands import SystemCommandRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.words.model import Problem
    from atsam_safe.workstation.commands import CommandRunner


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait, in seconds.

    ``install``: one package; ``guest``: a vendor's uninstaller; ``job``: until launchd has let go of a job; ``process``: between the polite
    and the hard end of a process; ``quiet``: until an installation is over that goes on
    after ``installer`` ended or was ended; ``question``: until an unfinished line of a guest
    counts as a question nobody can answer; ``password``: until somebody has typed a password
    into a window of macOS; ``settle``: how long no file may move until an installation that nothing speaks for counts as over.
    """

    install: float = 900.0
    guest: float = 300.0
    job: float = 15.0
    process: float = 5.0
    quiet: float = 300.0
    question: float = 20.0
    password: float = 300.0
    settle: float = 15.0


class Mac:
    """A running Mac. ``root`` is ``/``; only the test laboratory uses another.

    ``notes``: what happened while steps were carried out and should be told although nothing failed.
    """

    def __init__(
        self,
        runner: CommandRunner | None = None,
        root: Path | None = None,
        *,
        elevated: bool | None = None,
        patience: Patience = Patience(),  # noqa: B008 - a frozen value
    ) -> None:
        """Open the system volume. ``elevated``: whether this process may change the system (default: asked of the kernel)."""
        self.runner: CommandRunner = SystemCommandRunner() if runner is None else runner
        self.patience = patience
        self.elevated = primitives.effective_user() == 0 if elevated is None else elevated
        self.notes: list[Problem] = []
        # path and kind (``file``, ``tree``, ``directory``) of what a run may change
        self.watched: tuple[tuple[str, str], ...] = ()
        self.progress: Callable[[str, int, int], None] = lambda _phase, _done, _total: None
        self._volume = Volume(Path("/") if root is None else root)

    def close(self) -> None:
        """Let go of the volume; safe to call twice."""
        self._volume.close()

    @property
    def volume(self) -> Volume:
        """Safe file access to the system volume."""
        return self._volume
