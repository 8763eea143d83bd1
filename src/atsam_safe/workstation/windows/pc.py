"""The PC a step works on: its volume, its commands, its installer, its patience, the products that are known; where notes go.

The adapter is one; steps and what lies beyond files take no more of it than this.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from atsam_safe.catalogue.product_codes import normal, product_named
from atsam_safe.volume.windows_volume import WindowsVolume
from atsam_safe.workstation.windows.msiexec import WindowsInstaller
from atsam_safe.workstation.windows.observe import system_folders

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.words.model import Problem
    from atsam_safe.workstation.commands import CommandRunner
    from atsam_safe.workstation.windows.native import Native


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait, in seconds.

    ``install``: one call of Windows Installer; ``busy``: for another installation to end, asked every ``pause``; ``service``: until a
    service is as wanted; ``process``: until an ended process is gone.
    """

    install: float = 900.0
    busy: float = 120.0
    pause: float = 5.0
    service: float = 30.0
    process: float = 10.0


class Pc:
    """A running Windows. ``restart_needed``: a step asked for a restart (and did not get it).

    ``notes``: what happened while steps were carried out and should be told although nothing failed.
    """

    def __init__(
        self,
        native: Native,
        runner: CommandRunner | None = None,
        *,
        root: Path | None = None,
        elevated: bool | None = None,
        patience: Patience = Patience(),  # noqa: B008 - a frozen value
        catalogue: Catalogue | None = None,
    ) -> None:
        """Open the system volume. ``root``, ``runner`` and ``elevated`` are others only in the test laboratory."""
        self.native = native
        self.patience = patience
        self.folders = system_folders(native)
        if runner is None:
            from atsam_safe.workstation.windows.runner import WindowsCommandRunner  # noqa: PLC0415 - Windows alone

            runner = WindowsCommandRunner(self.folders["WINDIR"])
        self.runner: CommandRunner = runner
        self.elevated = native.elevated() if elevated is None else elevated
        self.installer = WindowsInstaller(
            runner, self.program("msiexec.exe"), limit=patience.install, wait=patience.busy, pause=patience.pause
        )
        self.restart_needed = False
        self.notes: list[Problem] = []
        self.progress: Callable[[str, int, int], None] = lambda _phase, _done, _total: None
        self._catalogue = catalogue
        drive = self.folders["SystemDrive"]
        self._volume = WindowsVolume(Path(f"{drive}\\") if root is None else root, drive=drive[0])
        self._seen: tuple[Facts, Catalogue] | None = None

    def close(self) -> None:
        """Let go of the volume; safe to call twice."""
        self._volume.close()

    def program(self, name: str) -> str:
        """A program of the system by its absolute path."""
        return f"{self.folders['WINDIR']}\\System32\\{name}"

    def heartbeat(self, title: str) -> Callable[[float], None]:
        """What shows during a long silent step that it lives."""
        return lambda seconds: self.progress(title, int(seconds), 0)

    @property
    def volume(self) -> WindowsVolume:
        """Safe file access to the system volume."""
        return self._volume

    def _known(self) -> Catalogue | None:
        if self._seen is not None:
            return self._seen[1]
        if self._catalogue is None:
            # a way back of an interrupted run has looked at nothing yet: what our products are is still known
            from atsam_safe.catalogue.load import load_catalogue  # noqa: PLC0415 - as said

            self._catalogue = load_catalogue(None)
        return self._catalogue

    def known_codes(self) -> frozenset[str]:
        """Product codes of the core components' releases."""
        catalogue = self._known()
        core = () if catalogue is None else catalogue.core
        codes = {normal(code) for one in core for release in one.releases for code in release.product_codes}
        return frozenset(codes | {normal(code) for one in core for rule in one.products for code in rule.product_codes})

    def is_component_name(self, name: str) -> bool:
        """True for a product name that is a core component's."""
        catalogue = self._known()
        core = () if catalogue is None else catalogue.core
        return any(product_named(rule.name_pattern, name) for one in core for rule in one.products)
