"""What a command answers: one value, rendered once, as text or as JSON.

Rules
- A command returns a ``CommandResult`` and prints nothing; it never ends the process.
- ``exit_code`` decides ``status`` (``status_for``): the two can never contradict each other.
- ``problems`` are what stands in the way; ``notices`` are what a person must know although nothing stands in the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue

Status = Literal["ok", "refused", "unfit", "untrusted", "busy", "rolled-back", "broken", "restart-needed", "error"]

OK: Final = 0
INTERNAL_ERROR: Final = 1
WRONG_COMMAND_LINE: Final = 2
REFUSED: Final = 10
UNFIT: Final = 11
UNTRUSTED: Final = 12
PRIVILEGES: Final = 13
BUSY: Final = 14
ROLLED_BACK: Final = 20
BROKEN: Final = 21
INTERRUPTED_RUN: Final = 22
RESTART_NEEDED: Final = 30
SIGNAL_BASE: Final = 128
RESTART_NEEDED_MSI: Final = 3010

# code → its word and what it means; the generated reference and the status of every answer are made from this table
EXIT_CODES: Final[dict[int, tuple[Status, str]]] = {
    OK: ("ok", "done; nothing left to do"),
    INTERNAL_ERROR: ("error", "internal error (a bug): the state is said, nothing is assumed"),
    WRONG_COMMAND_LINE: ("error", "wrong command line"),
    REFUSED: ("refused", "refused by the guard; nothing was touched"),
    UNFIT: ("unfit", "the workstation is not right (`status`, `verify`, `diagnose` found a blocking finding)"),
    UNTRUSTED: ("untrusted", "the package is not trustworthy or not readable; nothing was touched"),
    PRIVILEGES: ("refused", "privileges missing; nothing was touched"),
    BUSY: ("busy", "another run holds the lock; nothing was touched"),
    ROLLED_BACK: ("rolled-back", "failed and rolled back; the workstation is proven to be as before"),
    BROKEN: ("broken", "failed and **not** completely rolled back; the snapshot's place and the next step are printed"),
    INTERRUPTED_RUN: (
        "refused",
        "an interrupted run was found and must be recovered first (with `--no-recover`, or because files were changed since)",
    ),
    RESTART_NEEDED: ("restart-needed", "done; a restart is needed"),
    RESTART_NEEDED_MSI: ("restart-needed", "the same with `--msi-exit-codes`"),
}


def status_for(exit_code: int) -> Status:
    """The word for ``exit_code``; ``error`` for every code that has no better one (signals included)."""
    return EXIT_CODES[exit_code][0] if exit_code in EXIT_CODES else "error"


class CatalogueOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """Which catalogue decided, named in every output when it is not the embedded one."""

    origin: str
    digest: str


class CommandResult(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer of one command. ``data`` has the JSON keys of the contract; its values may be structs."""

    command: str
    exit_code: int
    data: dict[str, Any] = {}
    problems: tuple[Problem, ...] = ()
    notices: tuple[Problem, ...] = ()
    catalogue: CatalogueOrigin | None = None

    @property
    def status(self) -> Status:
        """The status word of the contract."""
        return status_for(self.exit_code)


def origin_of(catalogue: Catalogue) -> CatalogueOrigin | None:
    """The origin to name in the output: ``None`` for the embedded catalogue."""
    return None if catalogue.embedded else CatalogueOrigin(origin=catalogue.origin, digest=catalogue.digest)
