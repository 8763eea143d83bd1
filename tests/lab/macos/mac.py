"""A whole laboratory Mac with the story's components, and the ways to run the program on it."""

from __future__ import annotations

import dataclasses
import hashlib
import plistlib
import sys
import time
from typing import TYPE_CHECKING, Final

from atsam_safe.workstation.commands import CommandOutcome, SystemCommandRunner
from atsam_safe.workstation.macos.adapter import MacosWorkstation, Patience
from lab.atsam import ATSAM_VERSIONS, IDENTIFIERS, SRVSVCNAM, component_items, labelled_agent
from lab.macos.commands import answer, install_commands
from lab.macos.installing import IGC_SANTE_ROOT
from lab.macos.jobs import start_job
from lab.macos.keychain import certificate
from lab.macos.state import Hanging, Lab, new_lab
from lab.workstation import BUILDS, add_receipt, lay_out_mojave

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

AGENT: Final = "org.cnamts.srvsvcnam.launchd"
AGENT_FILE: Final = f"/Library/LaunchAgents/{AGENT}.plist"
GALSVOSX: Final = "/Library/Application Support/Galss/galsvosx"
GALSS_UNINSTALLER: Final = "/Library/Application Support/Galss/uninstall.sh"
CRYPTOLIB_UNINSTALLER: Final = "/Library/Application Support/santesocial/CPS/uninstall.sh"
QUICK: Final = Patience(install=60.0, guest=10.0, job=0.9, process=0.25, quiet=10.0, question=0.7, password=300.0, settle=0.4)


class InProcessRunner:
    """The stand-ins without a process each: the same answers, a hundred times faster. ``CommandRunner`` of the production code."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def run(
        self, argv: Sequence[str], *, limit: float, answers: bytes = b"", heartbeat: Callable[[float], None] | None = None
    ) -> CommandOutcome:
        started = time.monotonic()
        if heartbeat is not None:
            heartbeat(0.0)
        try:
            self._lab.limit = limit
            ended = answer(self._lab, argv[0], argv[1:], answers)
        except Hanging:
            return CommandOutcome(argv=tuple(argv), status=None, seconds=limit)
        except KeyError:
            return CommandOutcome(argv=tuple(argv), status=None, missing=True)
        return CommandOutcome(argv=tuple(argv), status=ended.status, out=ended.out, err=ended.err, seconds=time.monotonic() - started)


class Mac:
    """A laboratory Mac in ``folder``: Mojave with ATSAM 4.41, MédiStory and DMP Connect, somebody logged in, the agent running."""

    def __init__(self, folder: Path, catalogue: Path, *, version: str = "10.14.6", arm: bool = False) -> None:
        self.patience = QUICK
        self.lab = new_lab(folder, version=version, build=BUILDS.get(version, "99A999"), arm=arm)
        lay_out_mojave(self.lab.volume)
        with self.lab.opened() as state:
            state["catalogue"] = str(catalogue)
            start_job(self.lab, "gui/501", AGENT_FILE, plistlib.loads(self.lab.host(AGENT_FILE).read_bytes()))
            state["processes"].append({"pid": 650, "ppid": 1, "user": "docteur", "path": GALSVOSX})
            state["processes"].append({"pid": 651, "ppid": 1, "user": "docteur", "path": "/Users/docteur/galsvosx"})
            state["certificates"].append(certificate("AC IGC-SANTE FORT PERSONNES", "AA6131E760B95622C0F4C2AA9D985002C21F3A0C"))
            state["certificates"].append(certificate("Autre logiciel", "11" * 20))
            state["trusted"].append("11" * 20)

    def trust_root(self, *, trusted: bool = True) -> None:
        """A root of the health sector was there before, and the Mac trusts it, or not any more."""
        with self.lab.opened() as state:
            if all(one["sha1"] != IGC_SANTE_ROOT for one in state["certificates"]):
                state["certificates"].append(certificate("AC RACINE IGC-SANTE ELEMENTAIRE", IGC_SANTE_ROOT))
            state["trusted"] = [sha1 for sha1 in state["trusted"] if sha1 != IGC_SANTE_ROOT] + [IGC_SANTE_ROOT] * trusted

    def label_agent(self, label: object, *, loaded: bool = True) -> None:
        """The agent's file names its job otherwise, as its receipt knows it; launchd has loaded it under that name, or nothing at all."""
        component, version = SRVSVCNAM, ATSAM_VERSIONS["4.41"][SRVSVCNAM]
        file = self.lab.host(AGENT_FILE)
        file.write_bytes(labelled_agent(label))
        items = component_items(component, version)
        items = [dataclasses.replace(item, data=file.read_bytes()) if f"/{item.path}" == AGENT_FILE else item for item in items]
        add_receipt(self.root, IDENTIFIERS[component], version, items, title="SrvSVCNAM")
        with self.lab.opened() as state:
            ours = [job["pid"] for job in state["jobs"] if job["path"] == AGENT_FILE]
            state["jobs"] = [job for job in state["jobs"] if job["pid"] not in ours]
            state["processes"] = [process for process in state["processes"] if process["pid"] not in ours]
            if loaded:
                start_job(self.lab, "gui/501", AGENT_FILE, plistlib.loads(file.read_bytes()))

    @property
    def root(self) -> Path:
        """The Mac's system volume."""
        return self.lab.volume

    def workstation(self, *, executables: bool = False, elevated: bool = True) -> MacosWorkstation:
        """The production adapter on this Mac; with ``executables`` through real processes, as on a Mac."""
        self.lab.set(elevated=elevated)
        if executables:
            install_commands(self.lab, sys.executable)
            return MacosWorkstation(
                SystemCommandRunner(commands_root=self.lab.commands), self.root, elevated=elevated, patience=self.patience
            )
        return MacosWorkstation(InProcessRunner(self.lab), self.root, elevated=elevated, patience=self.patience)

    def give_genuine_uninstallers(self, catalogue: Path, scripts: dict[str, str]) -> None:
        """Put uninstallers in place that the catalogue knows as genuine: path → shell text, ``@ROOT@`` standing for the volume."""
        for path, text in scripts.items():
            script = text.replace("@ROOT@", str(self.root))
            self.lab.host(path).write_text(script)
            digest = hashlib.sha256(script.encode()).hexdigest()
            for file in (catalogue / "components").glob("*.toml"):
                lines = file.read_text().splitlines(keepends=True)
                marker = f'{{ path = "{path}",'
                begin = next((number for number, line in enumerate(lines) if line.startswith("uninstallers")), len(lines))
                changed = [
                    line.replace(marker, f'{marker} sha256 = ["{digest}"],') if number > begin and marker in line else line
                    for number, line in enumerate(_without_pins(lines, begin, marker))
                ]
                file.write_text("".join(changed))


def _without_pins(lines: list[str], begin: int, marker: str) -> list[str]:
    import re  # noqa: PLC0415 - here only

    return [
        re.sub(r' sha256 = \["[0-9a-f]*"\],', "", line) if number > begin and marker in line else line for number, line in enumerate(lines)
    ]


__all__ = ["AGENT", "AGENT_FILE", "CRYPTOLIB_UNINSTALLER", "GALSS_UNINSTALLER", "GALSVOSX", "IGC_SANTE_ROOT", "InProcessRunner", "Mac"]
