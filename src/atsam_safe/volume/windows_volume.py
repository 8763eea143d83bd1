r"""The system volume of a Windows workstation: ``C:\Windows\galss.ini`` outside, ``/Windows/galss.ini`` in manifests and journals.

One volume is one drive: a path on another drive is refused in words, never guessed. Pure apart from what ``Volume`` does.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from atsam_safe.volume.errors import refused
from atsam_safe.volume.volume import Volume
from atsam_safe.volume.windows_names import unusable_name

if TYPE_CHECKING:
    from pathlib import Path

_DRIVE: Final = re.compile(r"([A-Za-z]):[\\/]")


class WindowsVolume(Volume):
    """``Volume`` for paths with a drive letter. ``drive`` is the letter of this volume, upper case, without a colon."""

    def __init__(self, root: Path, *, drive: str = "C") -> None:
        super().__init__(root, system_links={})
        self.drive = drive.upper()

    def parts(self, path: str) -> tuple[str, ...]:
        r"""Components of ``C:\…`` or of the private spelling ``/…``; names Windows would rewrite (``a.``, ``con``, ``a:b``) are refused."""
        drive = _DRIVE.match(path)
        inside = path
        if drive is not None:
            if drive[1].upper() != self.drive:
                raise refused("volume.other-file-system", path)
            inside = "/" + path[len(drive[0]) :].replace("\\", "/")
        names = super().parts(inside)
        for name in names:
            if unusable_name(name):
                raise refused("volume.unusable-path", path)
        return names

    def shown(self, path: str) -> str:
        r"""The spelling a person knows: ``C:\Windows\galss.ini``."""
        return f"{self.drive}:\\" + "\\".join(self.parts(path))

    def host_path(self, path: str) -> str:
        """See ``VolumeReader.host_path``."""
        return os.path.join(self.root, *self.parts(path))  # noqa: PTH118 - names are not normalised any further

    def is_writable(self) -> bool:
        """See ``VolumeReader.is_writable``; what a user may do is said by the elevation, not by a look at one folder."""
        return self.room().writable
