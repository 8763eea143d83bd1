"""Problems as values: a stable reference, its parameters and its evidence; the sentences come from the words catalogue.

A ``Problem`` never carries prose. ``words.render(problem, language)`` turns it into fact, reason and next step.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

Language = Literal["fr", "en"]
DEFAULT_LANGUAGE: Final[Language] = "fr"
LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One refusal, finding or error. ``params`` fill the templates of ``ref``; ``evidence`` is for machines (JSON).

    ``told``: the reference whose sentences tell this very case, when it is not ``ref`` itself (``bundle.mixed`` told as
    ``bundle.mixed.twice``); scripts and people only ever see ``ref``.

    ``followed_by``: the reference whose next step applies here instead of its own: what a run found and undid needs another next step
    than the same thing found on a workstation at rest.

    ``accepted``: a person took this risk by its reference; the next step then says that it was taken, not how to take it.
    """

    ref: str
    params: dict[str, str] = {}
    evidence: dict[str, Any] = {}
    told: str | None = None
    accepted: bool = False
    followed_by: str | None = None

    @property
    def told_elsewhere(self) -> str | None:
        """Another public reference whose very sentences tell this problem (``package.unsafe-path`` for ``package.damaged``).

        A variant of ``ref`` itself (``bundle.mixed.twice``) is none: people find it under ``ref``.
        """
        return self.told if self.told and self.told != self.ref and not self.told.startswith(f"{self.ref}.") else None


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A problem in one language: what was seen, why it matters, what to do next.

    ``told``: the reference these sentences stand under, when it is a public one beside ``ref``.
    """

    ref: str
    what: str
    why: str
    next: str
    told: str | None = None

    @property
    def pages(self) -> str:
        """Where more is to be read: the reference, and the one whose sentences these are."""
        return self.ref if self.told is None else f"{self.ref}, {self.told}"


class AtsamSafeError(Exception):
    """Base of every error the program raises on purpose; always carries a ``Problem`` and an exit code of the contract.

    Subclasses set ``exit_code``. The command line turns any of them into the envelope; anything else is a bug (exit 1).
    """

    exit_code: int = 1

    def __init__(self, problem: Problem, *more: Problem) -> None:
        """``more``: further problems found together with the first (all reasons at once)."""
        super().__init__(problem.ref)
        self.problems: tuple[Problem, ...] = (problem, *more)


class UsageError(AtsamSafeError):
    """The command line cannot be carried out as given (exit 2)."""

    exit_code = 2


class RefusedError(AtsamSafeError):
    """The guard refuses; nothing was touched (exit 10)."""

    exit_code = 10


class UntrustedPackageError(AtsamSafeError):
    """The package is not trustworthy or not readable; nothing was touched (exit 12)."""

    exit_code = 12


class PrivilegesError(AtsamSafeError):
    """Privileges are missing; nothing was touched (exit 13)."""

    exit_code = 13


class BusyError(AtsamSafeError):
    """Another run holds the lock; nothing was touched (exit 14)."""

    exit_code = 14


class InterruptedRunError(AtsamSafeError):
    """An interrupted run must be recovered first (exit 22)."""

    exit_code = 22


class WorkstationError(AtsamSafeError):
    """A read or change of the workstation failed. Inside a transaction it causes the rollback, whose result says 20 or 21.

    One that reaches the command line came from outside any transaction: nothing was touched, and nothing was rolled back (exit 10).
    """

    exit_code = 10


class WordsMissingError(AtsamSafeError):
    """The French sentences are missing from this installation of the program: it must be installed again."""

    def __init__(self) -> None:
        super().__init__(Problem(ref="program.words-missing"))
