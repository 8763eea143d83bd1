"""``setup.py`` of a WAPT package that installs the health-card components through atsam-safe.

Put it into the WAPT package under the name ``setup.py``, with the components' installers in its folder ``ATSAM``, and set ``BUNDLE`` to the
set they form. WAPT takes an exception for a failure and shows its text; the answer of ``audit`` decides the colour in its console.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuphelpers import run  # type: ignore[import-not-found] # part of the WAPT agent

PROGRAM = r"C:\Program Files\atsam-safe\atsam-safe.exe"
BUNDLE = "field-windows-cryptolib-5.2.6"
# Windows asks for the installers again at the next repair: they need a folder that stays, not the temporary one of WAPT.
KEPT = r"C:\ProgramData\atsam-safe-packages\ATSAM"
INSTALLED, RESTART_NEEDED = 0, 3010
AN_HOUR = 3600


def install() -> None:
    """Install, or leave the workstation as it was; a refusal and a rollback are failures for WAPT."""
    if Path(KEPT).is_dir():
        shutil.rmtree(KEPT)
    shutil.copytree("ATSAM", KEPT)
    _run(f'--yes --msi-exit-codes install "{KEPT}"', INSTALLED, RESTART_NEEDED)


def uninstall() -> None:
    """Remove all components as a unit. Refused while other software uses them: that has to be given up, or accepted here, first."""
    _run("--yes --msi-exit-codes uninstall --all", INSTALLED, RESTART_NEEDED)


def audit() -> str:
    """What the console shows: the set of this package is there and right, or it is not."""
    try:
        _run(f"--lang fr verify --bundle {BUNDLE}", INSTALLED)
    except Exception as error:  # noqa: BLE001 - WAPT's helpers raise errors of their own, whose text is what a person must see
        print(error)
        return "ERROR"
    return "OK"


def _run(arguments: str, *accepted: int) -> None:
    print(run(f'"{PROGRAM}" {arguments}', accept_returncodes=list(accepted), timeout=AN_HOUR))
