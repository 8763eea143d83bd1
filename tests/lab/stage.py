"""A whole stage for commands: signed packages, the catalogue that trusts them, and the story's workstation; and a way to run commands."""

from __future__ import annotations

import dataclasses
import io
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.cli import dispatch
from lab.atsam import (
    AGENT_FILE,
    BESIDE,
    DIAGAM,
    GALSS,
    SRVSVCNAM,
    Sabotage,
    build_atsam,
    component_items,
    labelled_agent,
    unknown_part,
)
from lab.authority import Authority
from lab.catalogue import write_test_manifests
from lab.workstation import lay_out_mojave

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from atsam_safe.workstation.port import Workstation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What one command answered: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The envelope; fails the test when standard output is anything else."""
        assert self.out.count("\n") == 1, self.out
        value: dict[str, Any] = msgspec.json.decode(self.out)
        assert value["exit_code"] == self.code
        return value


def contradicting_galss() -> Sabotage:
    """GALSS that claims 3.42.03 and carries the information files of 3.43.02: sound and signed, but its content belies its version."""
    other = {item.path: item.data for item in component_items(GALSS, "3.43.02") if item.kind == "file" and item.path.endswith("Info.plist")}
    return Sabotage(contents=tuple(other.items()))


# What launchd calls the job of ``labelled.pkg``: not what its file is called, as with « org.clm.jfse.demon.launchd.plist » in the field.
OTHER_LABEL: Final = "org.cnamts.srvsvcnam.agent"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """A folder with packages (``build_materials``), ``catalogue`` and the workstation ``poste``."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    open_workstation: Callable[[str | None], Workstation] | None = None

    @property
    def on(self) -> tuple[str, ...]:
        """The options that name the catalogue and the workstation."""
        return ("--manifests", str(self.folder / "catalogue"), "--root", str(self.folder / "poste"))

    def package(self, name: str) -> str:
        """Path of one of the packages."""
        return str(self.folder / name)

    def run(self, *arguments: str, stdin: str | None = None) -> Answer:
        """Run the program's command line in this process; a person sits at the terminal when ``stdin`` is given."""
        raw = io.BytesIO()
        out = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
        err = io.StringIO() if stdin is None else _Terminal()
        with self.monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            patch.setattr(sys, "stdin", io.StringIO("") if stdin is None else _Terminal(stdin))
            code = dispatch.run(list(arguments), self.open_workstation)
        return Answer(code=code, out=raw.getvalue().decode(), err=err.getvalue())


class _Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def build_materials(folder: Path) -> None:
    """Packages and catalogue; slow (keys), so made once per session.

    ``whole.pkg`` carries the components ATSAM has beside the unit, ``odd.pkg`` one more part that nobody knows;
    ``choosing.pkg`` leaves DiagAM out by its own choices; in ``renamed.pkg`` SrvSVCNAM has its second current identifier.
    """
    authority = Authority.create()
    signer = authority.signer()
    (folder / "ATSAM-4.41.pkg").write_bytes(build_atsam("4.41", signer))
    (folder / "ATSAM-4.50.pkg").write_bytes(build_atsam("4.50", signer))
    (folder / "lying.pkg").write_bytes(build_atsam("4.41", signer, sabotage={GALSS: contradicting_galss()}))
    (folder / "restart.pkg").write_bytes(build_atsam("4.41", signer, conclusion="RequireRestart"))
    (folder / "whole.pkg").write_bytes(build_atsam("4.41", signer, versions=BESIDE))
    (folder / "odd.pkg").write_bytes(build_atsam("4.41", signer, versions=BESIDE, more=[unknown_part()]))
    labelled = Sabotage(contents=((AGENT_FILE, labelled_agent(OTHER_LABEL)),))
    (folder / "labelled.pkg").write_bytes(build_atsam("4.41", signer, sabotage={SRVSVCNAM: labelled}))
    renamed = Sabotage(identifier="org.cnamts.SrvSVcnam_Install.pkg")
    (folder / "renamed.pkg").write_bytes(build_atsam("4.41", signer, sabotage={SRVSVCNAM: renamed}))
    (folder / "choosing.pkg").write_bytes(build_atsam("4.41", signer, versions=BESIDE, choices={DIAGAM: 'start_selected="false"'}))
    write_test_manifests(folder / "catalogue", authority.trust())


def lay_out_workstation(folder: Path) -> None:
    """The story's workstation before the accident."""
    lay_out_mojave(folder / "poste")
