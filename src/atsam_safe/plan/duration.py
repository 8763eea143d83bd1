"""About how long a plan takes on a running system: so that a person knows before the consent what a silent minute means.

Only what vendors' and systems' own programs do takes time worth telling; everything of ours is below a second. Sources: one to three
minutes for a package on ordinary Macs (field incident 006); the others are time limits divided by what is seen in the laboratory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.plan.model import InstallProduct, RunInstaller, RunUninstaller, StartService, StopProcess, StopService, UninstallProduct

if TYPE_CHECKING:
    from atsam_safe.plan.model import Plan

_SECONDS: Final[dict[type, int]] = {
    RunInstaller: 180,
    RunUninstaller: 30,
    InstallProduct: 60,
    UninstallProduct: 30,
    StopService: 2,
    StartService: 2,
    StopProcess: 1,
}


def estimated_seconds(plan: Plan) -> int:
    """Seconds on a slow but healthy machine; 0 for a volume that does not run."""
    if not any(isinstance(step, RunInstaller | RunUninstaller | InstallProduct | UninstallProduct) for step in plan.steps):
        return 0
    return sum(_SECONDS.get(type(step), 0) for step in plan.steps)
