"""Safe access to the files of a workstation: no link followed, nothing outside the root."""

from __future__ import annotations

from atsam_safe.volume.model import Entry, Metadata, Room
from atsam_safe.volume.volume import Volume

__all__ = ["Entry", "Metadata", "Room", "Volume"]
