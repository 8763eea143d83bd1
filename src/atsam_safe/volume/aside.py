"""What a way back had to put aside because another program has it loaded: the folder for it, and which files it was.

Windows lets nobody replace or remove a library that is loaded, but it may be renamed. Elsewhere nothing is ever put aside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME: Final = "aside"


class Aside:
    """``folder``: private, on the same disk, made when it is needed; ``None``: nothing may be put aside. ``taken``: original paths."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.taken: list[str] = []
        # what removes the leavings of earlier runs (true: one is still loaded); Windows' own files give another
        self.tidy: Callable[[str], bool] = lambda _folder: False

    def allow(self, state: Path) -> bool:
        """From now on a loaded file may be put aside into the state folder ``state``; true when one of an earlier run is still loaded."""
        self.folder = state / NAME
        return self.tidy(str(self.folder))

    def end(self) -> tuple[str, ...]:
        """Allow nothing any more; the paths whose files were put aside since, each once."""
        taken = tuple(dict.fromkeys(self.taken))
        self.folder = None
        self.taken.clear()
        return taken


ASIDE: Final = Aside()
