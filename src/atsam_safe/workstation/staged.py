"""The staging folder of one run: every byte a plan will install, verified, with what is needed to put it in place.

Layout of one component package, index ``PACKAGE-PART`` as in the plan's steps::

    staging/0-1/payload.json   StagedPayload
    staging/0-1/Bom            the package's own bill of materials
    staging/0-1/made.json      folders that were not there when the payload was first put in place
    staging/0-1/000017         content of the entry with ``staged_name = "000017"``

Files leave the staging folder by being renamed into place; an entry whose content is gone was placed before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.packages.extract import BILL, StagedEntry
from atsam_safe.words.model import Problem, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DESCRIPTION: Final = "payload.json"
MADE: Final = "made.json"
_MAX_DESCRIPTION: Final = 256 << 20

__all__ = ["BILL", "DESCRIPTION", "StagedEntry", "StagedPayload", "folder_of", "new_folders", "not_staged", "read_payload", "write_payload"]


class StagedPayload(msgspec.Struct, frozen=True, kw_only=True):
    """One staged component package. ``staged_at`` (seconds since 1970, UTC) becomes the receipt's date, so writing it again is exact."""

    identifier: str
    version: str
    prefix: str
    package_file: str
    staged_at: int
    entries: tuple[StagedEntry, ...]


def folder_of(staging: Path, package: int, part: int) -> Path:
    """Where one component package is staged."""
    return staging / f"{package}-{part}"


def write_payload(folder: Path, payload: StagedPayload) -> None:
    """Write the description last: a folder without one was not staged completely."""
    (folder / DESCRIPTION).write_bytes(msgspec.json.encode(payload))


def read_payload(folder: Path, identifier: str) -> StagedPayload:
    """Read the description. Raises ``WorkstationError`` (``workstation.not-staged``) when it is missing, damaged or of another package."""
    try:
        with (folder / DESCRIPTION).open("rb") as stream:
            payload = msgspec.json.decode(stream.read(_MAX_DESCRIPTION), type=StagedPayload)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise not_staged(identifier, type(error).__name__) from error
    if payload.identifier != identifier:
        raise not_staged(identifier, payload.identifier)
    return payload


def new_folders(folder: Path, missing: Callable[[], list[str]]) -> frozenset[str]:
    """The folders the payload makes: ``missing()`` asked once, before the first change, and remembered for every later run.

    Without it a folder made just before a stop, its mode not yet set, would pass for one that was there before.
    """
    remembered = folder / MADE
    try:
        if not remembered.exists():
            partial = folder / f"{MADE}.partial"
            partial.write_bytes(msgspec.json.encode(missing()))
            partial.replace(remembered)
        with remembered.open("rb") as stream:
            return frozenset(msgspec.json.decode(stream.read(_MAX_DESCRIPTION), type=list[str]))
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise not_staged(folder.name, MADE) from error


def not_staged(identifier: str, detail: str) -> WorkstationError:
    """The error for a payload that is not where ``stage`` should have put it."""
    return WorkstationError(
        Problem(ref="workstation.not-staged", params={"identifier": identifier, "detail": detail}, evidence={"detail": detail}),
    )
