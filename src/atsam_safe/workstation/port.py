"""The port every workstation adapter implements: observe the world as ``Facts``, carry out one step at a time.

Adapters never decide: what to do is the plan's, whether it may be done is the guard's, whether it is right is ``verify``'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.overwriting import PayloadPaths
    from atsam_safe.packages.model import Inspection
    from atsam_safe.plan.model import Plan, ScopeEntry, Step
    from atsam_safe.volume.volume import Volume

Progress = "Callable[[str, int, int], None]"


class OpenedPackages(Protocol):
    """The verified packages of one run, held open on the same descriptors from check to use."""

    @property
    def inspections(self) -> Sequence[Inspection]:
        """One inspection per package, in the order given by the user."""
        ...


class BeyondFiles(Protocol):
    """What a system holds that no file shows: running jobs, loaded services, registered products, authorisation rights.

    The transaction keeps it inside the snapshot and brings it back around the files. ``folder`` is private (0700) and only its plain files
    count: the store seals them with their checksums, and they are verified before they are used. An adapter that has nothing of the kind
    (an offline volume) does nothing.
    """

    def capture(self, folder: Path, scope: Sequence[ScopeEntry]) -> None:
        """Write into ``folder`` (empty, yours) what must be known to bring this state back. Called before the first step; changes nothing.

        ``scope``: what this run may change, the same that the snapshot keeps; an observation sees much more, other vendors' things too.
        Raises ``WorkstationError`` when it cannot be known: then nothing is begun.
        """
        ...

    def prepare_back(self, folder: Path) -> None:
        """Make the system let go of the files that are about to be restored: stop what runs, let products be put back by their installer.

        Called before the files of every way back (failure, ``rollback``, ``recover``). Must be safe to repeat, also after half of it.
        """
        ...

    def bring_back(self, folder: Path) -> None:
        """Bring back what ``folder`` says, after the files are as they were and before that is recorded. Must be safe to repeat.

        Must not change a file in the snapshot's scope. Raises ``WorkstationError`` when the state is not proven to be as before.
        """
        ...


class Workstation(BeyondFiles, Protocol):
    """What a transaction, and every read-only command, needs of a workstation."""

    @property
    def adapter(self) -> str:
        """Name of the adapter: ``offline``, ``macos`` or ``windows``."""
        ...

    @property
    def volume(self) -> Volume:
        """Safe file access to the system volume."""
        ...

    def observe(self, catalogue: Catalogue, *, ownership: bool = False, payload: PayloadPaths | None = None) -> Facts:
        """Look at the workstation. ``ownership`` also reads bills of materials (needed before a change, slower).

        ``payload``: paths that packages would write; what lies there is looked at too, whoever it belongs to.
        """
        ...

    def stage(self, plan: Plan, packages: OpenedPackages, staging: Path, progress: Callable[[str, int, int], None]) -> None:
        """Bring every byte the plan will install into ``staging`` (same file system as the volume), verified while read.

        Raises ``UntrustedPackageError`` when any checksum fails; nothing outside ``staging`` is written.
        """
        ...

    def apply(self, step: Step, staging: Path) -> str:
        """Carry out one step; returns ``done`` or ``not-applicable``. Raises ``WorkstationError`` on failure.

        A step must be safe to carry out again after it stopped anywhere in the middle.
        """
        ...
