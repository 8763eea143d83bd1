"""A workstation of plain files for tests of the heart: its steps really change a volume, and can be told to fail anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.plan.model import ApplyEffect, InstallPayload, Plan, RemovePath, ScopeEntry, Target
from atsam_safe.volume import Metadata, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.overwriting import PayloadPaths
    from atsam_safe.packages.model import Inspection
    from atsam_safe.plan.model import Step
    from atsam_safe.workstation.port import OpenedPackages

FOLDER = "/usr/local/galss"
OLD_FILES = {"libgalss.dylib": b"old library\n" * 400, "galss.conf": b"old conf\r\n", "doc/lisez moi.txt": b"ancien\n"}
NEW_FILES = {"libgalss.dylib": b"new library\n" * 500, "galss.conf": b"new conf\r\n", "bin/galsvr": b"\xfe\xed\xfa\xcf" * 200}
CONFIGURATION = "/Library/Preferences/galss.ini"


class NoPackages:
    """No package at all: the payload of these tests is in the workstation itself."""

    @property
    def inspections(self) -> Sequence[Inspection]:
        return ()


class PlainWorkstation:
    """Carries out RemovePath, InstallPayload (of ``NEW_FILES``) and ApplyEffect(write-file) on a real folder.

    ``before_step``: called with each step's name and number; raises, kills or waits as a test wishes.
    """

    adapter = "offline"

    def __init__(self, root: Path, before_step: Callable[[int], None] | None = None) -> None:
        self.volume = Volume(root)
        self._before_step = before_step
        self._count = 0

    def observe(self, catalogue: Catalogue, *, ownership: bool = False, payload: PayloadPaths | None = None) -> Facts:
        raise AssertionError(self, catalogue, ownership, payload)

    def stage(self, plan: Plan, packages: OpenedPackages, staging: Path, progress: Callable[[str, int, int], None]) -> None:
        del plan, packages
        for number, content in enumerate(NEW_FILES.values()):
            (staging / str(number)).write_bytes(content)
            progress("stage", number + 1, len(NEW_FILES))

    def apply(self, step: Step, staging: Path) -> str:
        if self._before_step is not None:
            self._before_step(self._count)
        self._count += 1
        if isinstance(step, RemovePath):
            self._remove(step)
        elif isinstance(step, InstallPayload):
            self._install(staging)
        elif isinstance(step, ApplyEffect):
            self.volume.write_file_atomic(step.path, (step.content or "").encode(), Metadata(mode=0o644))
        else:
            return "not-applicable"
        return "done"

    def capture(self, folder: Path, scope: Sequence[ScopeEntry]) -> None:
        """Nothing but files here."""

    def prepare_back(self, folder: Path) -> None:
        """Nothing runs."""

    def bring_back(self, folder: Path) -> None:
        """Nothing runs."""

    def _remove(self, step: RemovePath) -> None:
        if step.kind == "tree":
            self.volume.remove_tree(step.path)
        elif step.kind == "directory":
            self.volume.remove_empty_directory(step.path)
        else:
            self.volume.remove_file(step.path)

    def _install(self, staging: Path) -> None:
        for number, name in enumerate(NEW_FILES):
            path = f"{FOLDER}/{name}"
            self.volume.make_directories(path.rsplit("/", 1)[0], Metadata(mode=0o755))
            if (staging / str(number)).exists():
                self.volume.place_file(staging / str(number), path, Metadata(mode=0o755))


def lay_out(root: Path) -> None:
    """A volume with the old component, its configuration, and somebody else's file beside it."""
    with Volume(root) as volume:
        for name, content in OLD_FILES.items():
            path = f"{FOLDER}/{name}"
            volume.make_directories(path.rsplit("/", 1)[0], Metadata(mode=0o755))
            volume.write_file_atomic(path, content, Metadata(mode=0o644, mtime_ns=1_400_000_000_000_000_000))
        volume.make_symlink_atomic(f"{FOLDER}/current", "libgalss.dylib")
        volume.make_directories("/Library/Preferences", Metadata(mode=0o755))
        volume.write_file_atomic(CONFIGURATION, b"[CONFIG]\r\nNbCanaux=1\r\n", Metadata(mode=0o666))
        volume.write_file_atomic("/usr/local/foreign", b"not ours", Metadata(mode=0o644))


def install_plan(*, residue: tuple[str, ...] = ()) -> Plan:
    """Remove the old component as a tree, install the new one, rewrite the configuration, create one file that was absent."""
    return Plan(
        command="install",
        target=Target(bundle="toy", versions={"galss": "2"}),
        steps=(
            RemovePath(path=f"{FOLDER}/current", kind="file", why="catalogue"),
            RemovePath(path=FOLDER, kind="tree", why="receipt"),
            InstallPayload(identifier="toy", version="2", package=0, part=0, files=len(NEW_FILES), bytes=sum(map(len, NEW_FILES.values()))),
            ApplyEffect(kind="write-file", path=CONFIGURATION, content="[CONFIG]\n"),
            ApplyEffect(kind="write-file", path="/Library/Preferences/new.ini", content="new\n"),
        ),
        scope=(
            ScopeEntry(path=FOLDER, kind="tree"),
            ScopeEntry(path=CONFIGURATION, kind="file"),
            ScopeEntry(path="/Library/Preferences/new.ini", kind="file"),
        ),
        residue_rules=residue,
    )
