"""This computer's files, where its system has no adapter of its own: enough to mend a configuration file under the journal, no more."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from atsam_safe.volume.volume import Volume
from atsam_safe.words.model import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.overwriting import PayloadPaths
    from atsam_safe.plan.model import Plan, ScopeEntry, Step
    from atsam_safe.workstation.port import OpenedPackages


class FilesOnly:
    """A ``Workstation`` of which only ``volume`` can be used; everything else is refused (``usage.no-live-adapter``)."""

    adapter = "files"

    def __init__(self) -> None:
        self.volume = Volume(Path(os.sep), system_links={})

    def capture(self, folder: Path, scope: Sequence[ScopeEntry]) -> None:
        """Nothing beyond the files is known here, and nothing of it is touched."""

    def prepare_back(self, folder: Path) -> None:
        """See ``capture``."""

    def bring_back(self, folder: Path) -> None:
        """See ``capture``."""

    def observe(self, catalogue: Catalogue, *, ownership: bool = False, payload: PayloadPaths | None = None) -> Facts:
        """Refused."""
        del catalogue, ownership, payload
        _refuse()

    def stage(self, plan: Plan, packages: OpenedPackages, staging: Path, progress: Callable[[str, int, int], None]) -> None:
        """Refused."""
        del plan, packages, staging, progress
        _refuse()

    def apply(self, step: Step, staging: Path) -> str:
        """Refused."""
        del step, staging
        _refuse()


def _refuse() -> NoReturn:
    system = platform.system() or "?"
    raise UsageError(Problem(ref="usage.no-live-adapter", params={"system": system}, evidence={"system": system}))
