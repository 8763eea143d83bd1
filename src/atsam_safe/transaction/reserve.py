"""The room for the way back, really allocated before anything is changed, so that a disk that others fill up never prevents it.

Going back needs room twice: where the state lies (content copied out of the store, journal, manifest) and on the workstation's own disk
(each file is written beside its place, then renamed). With ``--state-dir`` on another disk these are two disks, and each gets its reserve;
on the workstation's own it lies at the default place of the state, beside the mark that says where the state is.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from atsam_safe.volume import primitives, state_place
from atsam_safe.volume.errors import is_ref
from atsam_safe.volume.state_place import place_inside
from atsam_safe.words.model import WorkstationError

if TYPE_CHECKING:
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.volume.volume import Volume

RESERVE: Final = f"/{state_place.RESERVE}"
# the way back also writes folders, attributes, journal records and one manifest
RESERVE_SLACK: Final = 8 * 1024 * 1024
RESERVE_PER_PATH: Final = 8 * 1024
ON_VOLUME: Final = state_place.RESERVE_BESIDE


class NoRoomError(WorkstationError):
    """``volume.no-space``, and of which of the two disks: ``files``."""

    def __init__(self, error: WorkstationError, files: Volume) -> None:
        super().__init__(*error.problems)
        self.files = files


def allocate_reserve(state: StateFolder, volume: Volume, needed: int) -> None:
    """Allocate it; what was allocated goes again when there is too little room. Raises ``NoRoomError`` and what else a disk gives."""
    try:
        _allocate(state.files, RESERVE, needed)
        if _lies_on_another_disk(state, volume):
            _allocate(volume, f"{place_inside()}/{ON_VOLUME}", needed)
    except WorkstationError:
        remove_reserve(state, volume)
        raise


def remove_reserve(state: StateFolder, volume: Volume) -> None:
    """Give the room back. One that cannot be removed from the workstation's disk is no reason not to go back."""
    with contextlib.suppress(WorkstationError):
        if _lies_on_another_disk(state, volume):
            volume.remove_file(f"{place_inside()}/{ON_VOLUME}")
    state.files.remove_tree(RESERVE)


def _allocate(files: Volume, path: str, needed: int) -> None:
    try:
        with files.create_file(path) as fd:
            primitives.allocate(fd, needed)
    except WorkstationError as error:
        if is_ref(error, "volume.no-space"):
            raise NoRoomError(error, files) from error
        raise


def _lies_on_another_disk(state: StateFolder, volume: Volume) -> bool:
    """Where no folder of ours is on the volume, nothing is left there either: single files are treated, of a computer that runs."""
    place = volume.lstat(place_inside())
    return place is not None and place.kind == "directory" and place.device != state.files.device("/")


def space_params(needed: int, free: int) -> dict[str, str]:
    """Parameters of ``space.too-little`` as the guard words them: megabytes, rounded up and down."""
    million = 1_000_000
    return {"needed": str(-(-needed // million)), "free": str(free // million)}
