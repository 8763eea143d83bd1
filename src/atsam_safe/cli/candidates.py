"""What may stand at a place of a command line that is being typed: snapshots, references, sets, entries of the catalogue.

A shell waits for the answer and shows no error: whatever cannot be read has no candidates, and nothing is opened but names.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atsam_safe.volume.state_place import default_state_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from atsam_safe.catalogue.model import Catalogue

_WORDS: Final = "COMP_WORDS"
_ARGUMENTS: Final = "_TYPER_COMPLETE_ARGS"


def _never_failing(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """The candidates that begin as what was typed; none when they cannot be found out, whatever the reason."""

    def answer(incomplete: str) -> list[str]:
        try:
            return sorted({name for name in names() if name.startswith(incomplete)})
        except Exception:  # noqa: BLE001 - a traceback would be typed into the person's command line
            return []

    return answer


def _given(flag: str) -> str | None:
    """The value of a global option among the words typed so far."""
    line = os.environ.get(_WORDS) or os.environ.get(_ARGUMENTS) or ""
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    for place, word in enumerate(words):
        if word == flag and place + 1 < len(words):
            return words[place + 1]
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return None


def _snapshots() -> list[str]:
    given = _given("--state-dir")
    state = default_state_path(Path(_given("--root") or os.sep)) if given is None else Path(given)
    return [
        entry.name for entry in os.scandir(state / "snapshots") if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
    ]


def _acceptable() -> list[str]:
    # the words of every topic are read for this one question
    from atsam_safe.words.registry import all_references  # noqa: PLC0415 - see above

    return [ref for ref, reference in all_references().items() if reference.acceptable]


def _catalogue() -> Catalogue:
    from atsam_safe.catalogue.load import load_catalogue  # noqa: PLC0415 - most completions never need it

    folder = _given("--manifests")
    return load_catalogue(None if folder is None else Path(folder))


def _bundles() -> list[str]:
    return [name for bundle in _catalogue().bundles for name in (bundle.id, bundle.build) if name is not None]


def _entries() -> list[str]:
    catalogue = _catalogue()
    return [
        *(bundle.id for bundle in catalogue.bundles),
        *(component.id for component in catalogue.components),
        *(dependent.id for dependent in catalogue.dependents),
        *(f"{release.family}-{release.version}" for release in catalogue.os_releases),
    ]


snapshots = _never_failing(_snapshots)
acceptable = _never_failing(_acceptable)
bundles = _never_failing(_bundles)
entries = _never_failing(_entries)
