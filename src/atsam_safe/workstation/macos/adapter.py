"""The live macOS adapter: a running Mac behind the ``Workstation`` port.

What it sees is what its files say (as on any volume) completed by Apple's own commands; what it does goes through Apple's own commands
where macOS wants it so (jobs, receipts, installations) and through ``Volume`` where files are ours to remove. It never decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.workstation.macos.mac import Mac, Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.overwriting import PayloadPaths
    from atsam_safe.plan.model import Plan, ScopeEntry, Step
    from atsam_safe.workstation.port import OpenedPackages


class MacosWorkstation(Mac):
    """``workstation.port.Workstation`` on the Mac this program runs on."""

    adapter = "macos"
    _seen: tuple[Facts, Catalogue] | None = None

    def observe(self, catalogue: Catalogue, *, ownership: bool = False, payload: PayloadPaths | None = None) -> Facts:
        """Look at files, then ask the system; ``ownership`` also reads foreign bills of materials and checksums our files."""
        from atsam_safe.workstation.macos.observe import complete  # noqa: PLC0415 - applying steps does not need it
        from atsam_safe.workstation.macos.quiet import moves  # noqa: PLC0415 - as above
        from atsam_safe.workstation.offline_observe import observe_volume  # noqa: PLC0415 - as above

        seen = observe_volume(self._volume, catalogue, ownership=ownership, payload=payload)
        self.watched = tuple((path.path, "file") for path in seen.paths)
        facts = complete(seen, catalogue, self.runner, elevated=self.elevated, moves=lambda: moves(self))
        self._seen = (facts, catalogue)
        return facts

    def stage(self, plan: Plan, packages: OpenedPackages, staging: Path, progress: Callable[[str, int, int], None]) -> None:
        """Copy packages, genuine uninstallers and the configuration to be kept into ``staging``, verified.

        Raises ``UntrustedPackageError`` and ``WorkstationError``; nothing else is touched.
        """
        from atsam_safe.workstation.macos.staging import stage_plan  # noqa: PLC0415 - only changes stage

        self.progress = progress
        stage_plan(self, plan, packages, staging)

    def apply(self, step: Step, staging: Path) -> str:
        """Carry out one step: ``done`` or ``not-applicable``. Raises ``WorkstationError``."""
        from atsam_safe.workstation.macos.steps import apply_step  # noqa: PLC0415 - observing does not need it

        return apply_step(self, step, staging)

    def capture(self, folder: Path, scope: Sequence[ScopeEntry]) -> None:
        """Keep running jobs, the trust-settings right and our certificates; ask for an APFS snapshot as a second net."""
        from atsam_safe.workstation.macos.beyond import capture  # noqa: PLC0415 - only changes capture

        capture(self, self._seen, folder, scope)

    def prepare_back(self, folder: Path) -> None:
        """Stop our jobs and programs before their files change under them."""
        from atsam_safe.workstation.macos.beyond import prepare_back  # noqa: PLC0415 - only a way back needs it

        prepare_back(self, folder)

    def bring_back(self, folder: Path) -> None:
        """Jobs, right and certificates as they were. Raises ``WorkstationError`` when they are not."""
        from atsam_safe.workstation.macos.beyond import bring_back  # noqa: PLC0415 - only a way back needs it

        bring_back(self, folder)


__all__ = ["MacosWorkstation", "Patience"]
