"""Where the program keeps what it must remember of a workstation: known here, so that a mere look need not load the store for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.volume import primitives

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_PLACE: Final = "/Library/Application Support/atsam-safe"
WINDOWS_PLACE: Final = "ProgramData/atsam-safe"
JOURNAL: Final = "run/journal.log"
"""The journal of the active run, inside the state folder: there from the run's first step to its end."""
LOCK: Final = "lock"
"""The file that a changing run holds locked, inside the state folder."""

RESERVE: Final = "run/reserve"
"""The room for the way back, inside the state folder. The scripts that do without this program give it back too."""
RESERVE_BESIDE: Final = ".atsam-safe-0000000000000000.tmp"
"""The same on the workstation's own disk, beside the mark. Named like our temporary files: whoever begins a state takes it for one."""


def place_inside() -> str:
    """The same place as a path inside the volume."""
    return f"/{WINDOWS_PLACE}" if primitives.IS_WINDOWS else DEFAULT_PLACE


def default_state_path(root: Path) -> Path:
    """Where the state of the workstation at ``root`` is kept unless ``--state-dir`` says otherwise."""
    return root / place_inside().lstrip("/")
