"""The live Windows adapter: the Windows this program runs on, behind the ``Workstation`` port. It never decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.workstation.windows.pc import Patience, Pc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.overwriting import PayloadPaths
    from atsam_safe.plan.model import Plan, ScopeEntry, Step
    from atsam_safe.workstation.port import OpenedPackages


class WindowsWorkstation(Pc):
    """``workstation.port.Workstation`` on the Windows this program runs on."""

    adapter = "windows"

    def observe(self, catalogue: Catalogue, *, ownership: bool = False, payload: PayloadPaths | None = None) -> Facts:
        """Ask Windows; ``ownership`` also hashes the components' programs. What a package writes is Windows Installer's own knowledge."""
        del payload
        from atsam_safe.workstation.windows.observe import observe  # noqa: PLC0415 - applying steps does not need it

        facts = observe(self.native, self._volume, catalogue, ownership=ownership)
        if facts.system.elevated is not self.elevated:
            facts = msgspec.structs.replace(facts, system=msgspec.structs.replace(facts.system, elevated=self.elevated))
        self._seen = (facts, catalogue)
        return facts

    def stage(self, plan: Plan, packages: OpenedPackages, staging: Path, progress: Callable[[str, int, int], None]) -> None:
        """Copy packages, verified, and kept configuration into ``staging``. Raises ``UntrustedPackageError`` and ``WorkstationError``."""
        from atsam_safe.workstation.windows import staging as bringing_in  # noqa: PLC0415 - only changes stage

        self.progress = progress
        bringing_in.stage_configs(self.volume, plan, staging)
        bringing_in.stage(plan, packages, staging, progress)  # type: ignore[arg-type]  # the opened packages of the package room

    def apply(self, step: Step, staging: Path) -> str:
        """Carry out one step: ``done`` or ``not-applicable``. Raises ``WorkstationError``."""
        from atsam_safe.workstation.windows.steps import apply_step  # noqa: PLC0415 - observing does not need it

        return apply_step(self, step, staging)

    # --- what no file holds ----------------------------------------------------------------------------------------------------------

    def capture(self, folder: Path, scope: Sequence[ScopeEntry]) -> None:
        """Keep the products' packages, their registry keys and the services' states."""
        from atsam_safe.workstation.windows.beyond import capture  # noqa: PLC0415 - only changes capture

        del scope  # what is kept here has no paths
        capture(self, self._seen, folder)

    def prepare_back(self, folder: Path) -> None:
        """Put the products back, before their files are restored byte by byte."""
        from atsam_safe.workstation.windows.beyond import prepare_back  # noqa: PLC0415 - only a way back needs it

        prepare_back(self, folder)

    def bring_back(self, folder: Path) -> None:
        """Registry keys and services as they were; raises ``WorkstationError`` when the products are not the same."""
        from atsam_safe.workstation.windows.beyond import bring_back  # noqa: PLC0415 - only a way back needs it

        bring_back(self, folder)


__all__ = ["Patience", "WindowsWorkstation"]
