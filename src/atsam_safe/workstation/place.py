"""From where this program runs: a copy inside an archive or a temporary folder may vanish in the middle of a run, with the way back.

Field incidents: tools started by a double click inside an archive are unpacked somewhere temporary and cleaned away while they work, and
macOS runs an application straight from its download folder from a random place (« App Translocation »). Whose temporary folder it is does
not matter: the account that gave its rights is often another than the one that unpacked the archive.

A download folder is cleaned as easily, and any web page can put a library there that the system loads together with the program beside it.
"""

from __future__ import annotations

import os
import tempfile
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# Compared in lower case, with forward slashes, as whole names of folders on the way.
_TEMPORARY_NAMES: Final = frozenset(
    {"apptranslocation", "$recycle.bin", ".trash", "temporary internet files", "inetcache", "downloads", "téléchargements"}
)
# The same, for folders that mean it only together.
_TEMPORARY_PAIRS: Final = (("appdata", "local", "temp"), ("appdata", "locallow", "temp"), ("windows", "temp"), ("windows", "systemtemp"))
# A folder of such a name is what a system or an unpacking program shows of an archive.
_ARCHIVES: Final = (".zip", ".7z", ".rar", ".cab", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".dmg", ".iso")
# Nothing is written there: it is only refused to run from there, or to keep the way back there.
_EMPTIED: Final = ("/tmp", "/private/tmp", "/var/tmp", "/private/var/tmp", "/private/var/folders", "/var/folders")  # noqa: S108 - as said
_TEMPORARY_PLACES: Final = (*_EMPTIED, "/volumes")


def unsafe_place(module: Path, temporary: Iterable[Path] | None = None) -> str | None:
    """The place when ``module`` (a file of this program) lies where it may vanish; ``None`` when it is at home.

    ``temporary``: the folders for temporary files (default: the system's). A module that is no file lies in an archive.
    """
    if not module.is_file():
        return str(module)
    place = module.resolve()
    roots = [Path(tempfile.gettempdir())] if temporary is None else list(temporary)
    return str(place.parent) if may_vanish(str(place), [str(root.resolve()) for root in roots]) else None


def is_emptied(file: str, temporary: Iterable[str] = ()) -> bool:
    """True when the system, or whoever tidies up, empties the folder in which this absolute path lies. Pure.

    A disk that is plugged in, or a folder for downloads, is a person's own choice for what must stay; these places are not.
    """
    text = _folded(file)
    below = [_folded(folder).rstrip("/") for folder in (*temporary, *_EMPTIED)]
    if any(folder and text.startswith(f"{folder}/") for folder in below):
        return True
    return _on_the_way(tuple(text.split("/")[:-1]), _TEMPORARY_PAIRS)


def lies_in_emptied_place(path: Path) -> bool:
    """The same of a path of this computer, links followed, with the temporary folder of the account."""
    temporary = Path(tempfile.gettempdir())
    return is_emptied(os.path.realpath(path), [str(temporary), os.path.realpath(temporary)])


def _on_the_way(names: tuple[str, ...], runs: Iterable[tuple[str, ...]]) -> bool:
    return any(names[start : start + len(run)] == run for run in runs for start in range(len(names)))


def may_vanish(file: str, temporary: Iterable[str] = ()) -> bool:
    """True when a file at this absolute path, of Windows or of another system, lies in a place that does not stay. Pure."""
    text = _folded(file)
    below = [_folded(folder).rstrip("/") for folder in (*temporary, *_TEMPORARY_PLACES)]
    if any(text.startswith(f"{folder}/") for folder in below):
        return True
    names = tuple(text.split("/")[:-1])
    if any(name in _TEMPORARY_NAMES or name.endswith(_ARCHIVES) for name in names):
        return True
    return _on_the_way(names, _TEMPORARY_PAIRS)


def _folded(path: str) -> str:
    """One spelling for comparison: lower case, composed letters, forward slashes."""
    return unicodedata.normalize("NFC", path).casefold().replace("\\", "/")
