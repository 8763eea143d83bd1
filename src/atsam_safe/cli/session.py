"""What a running command has at hand: the options, the language, and the streams. Nothing here decides or touches a workstation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from atsam_safe.report import progress
from atsam_safe.words.translate import phrase
from atsam_safe.workstation.select import open_workstation

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.cli.arguments import GlobalOptions
    from atsam_safe.report.result import CatalogueOrigin
    from atsam_safe.words.model import Language, Problem
    from atsam_safe.workstation.port import Workstation


class Session:
    """One run of the command line. ``notify`` writes to standard error; standard output belongs to the result."""

    def __init__(
        self, options: GlobalOptions, language: Language, open_workstation: Callable[[str | None], Workstation] = open_workstation
    ) -> None:
        self.options = options
        # Another factory only in tests: a laboratory Mac instead of the computer the tests run on.
        self.open_workstation = open_workstation
        self.language = language
        # Known as soon as a catalogue is loaded, so that even a refusal or a crash after that names the one that decided.
        self.catalogue: CatalogueOrigin | None = None
        # The interrupted run that was dealt with before the command's own work: told whatever becomes of the command.
        self.recovered: dict[str, Any] | None = None
        self.recovery_notices: tuple[Problem, ...] = ()

    def progress(self) -> progress.Progress:
        """A progress display that suits who is reading standard error."""
        return progress.choose(self.language, json=self.options.json)

    def say(self, message: str, **params: object) -> str:
        """A sentence marked with ``N_()`` in the session's language."""
        return phrase(message, self.language, **params)

    def notify(self, text: str) -> None:
        """Tell the person at the terminal something now (the result comes later)."""
        sys.stderr.write(text if text.endswith("\n") else text + "\n")
        sys.stderr.flush()

    @property
    def can_ask(self) -> bool:
        """True when a person is there to answer a question."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
