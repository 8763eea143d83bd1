"""The embedded offline engine: a macOS system volume that does not run (``--root DIR``), mounted or copied.

The volume is treated as the boot volume of its workstation. Vendors' scripts are never run; their vetted, declarative effects are
applied instead, and what only a running macOS can do is told by the plan (``needs_live``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.volume.volume import Volume
from atsam_safe.words.model import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.overwriting import PayloadPaths
    from atsam_safe.plan.model import Plan, ScopeEntry, Step
    from atsam_safe.workstation.port import OpenedPackages


class OfflineWorkstation:
    """``workstation.port.Workstation`` on the system volume at ``root``.

    ``notes``: what happened while steps were applied and should be told although nothing failed.
    """

    adapter = "offline"

    def __init__(self, root: Path) -> None:
        """Open the volume. Raises ``UsageError`` (``usage.root-not-a-folder``)."""
        if not root.is_dir():
            raise UsageError(Problem(ref="usage.root-not-a-folder", params={"path": str(root)}))
        self._volume = Volume(root)
        self.notes: list[Problem] = []

    def close(self) -> None:
        """Let go of the volume; safe to call twice."""
        self._volume.close()

    @property
    def volume(self) -> Volume:
        """Safe file access to the system volume."""
        return self._volume

    def observe(self, catalogue: Catalogue, *, ownership: bool = False, payload: PayloadPaths | None = None) -> Facts:
        """Look at the volume; ``ownership`` also reads foreign bills of materials and checksums our files."""
        from atsam_safe.workstation.offline_observe import observe_volume  # noqa: PLC0415 - applying steps does not need it

        return observe_volume(self._volume, catalogue, ownership=ownership, payload=payload)

    def stage(self, plan: Plan, packages: OpenedPackages, staging: Path, progress: Callable[[str, int, int], None]) -> None:
        """Extract and verify every payload of ``plan`` into ``staging``. Raises ``UntrustedPackageError``."""
        from atsam_safe.workstation.offline_stage import stage_plan  # noqa: PLC0415 - only installs stage

        stage_plan(plan, packages, staging, progress)

    def apply(self, step: Step, staging: Path) -> str:
        """Carry out one step: ``done`` or ``not-applicable``. Raises ``WorkstationError``."""
        from atsam_safe.workstation.offline_apply import apply_step  # noqa: PLC0415 - observing does not need it

        return apply_step(self._volume, step, staging, self.notes)

    def capture(self, folder: Path, scope: Sequence[ScopeEntry]) -> None:
        """Nothing: a volume that does not run holds nothing but its files."""

    def prepare_back(self, folder: Path) -> None:
        """Nothing runs here that would have to let go of a file."""

    def bring_back(self, folder: Path) -> None:
        """The files are the whole state."""
