"""Loading every part that a change needs before it begins: afterwards nothing that keeps a part from being loaded can stop it in between.

Commands load late what only some of them need, so that looking starts fast. A change pays for all of it in any case.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Final

from atsam_safe.words.registry import all_references

if TYPE_CHECKING:
    from atsam_safe.workstation.port import Workstation

_COMMON: Final = (
    "ctypes",
    "atsam_safe.cli.crash",
    "atsam_safe.packages.extract",
    "atsam_safe.report.json_form",
    "atsam_safe.report.text_form",
    "atsam_safe.report.views.transactions",
    "atsam_safe.words.amounts",
    "atsam_safe.words.faults",
    "atsam_safe.words.french",
    "atsam_safe.words.named",
    *(() if sys.platform == "win32" else ("fcntl",)),
)
_OFFLINE: Final = ("offline_apply", "offline_observe", "offline_stage", "ownership", "receipt_writer")
_OF_ADAPTER: Final = {
    "offline": _OFFLINE,
    "macos": ("offline_observe", "ownership", *(f"macos.{name}" for name in ("beyond", "observe", "quiet", "staging", "steps"))),
    "windows": tuple(f"windows.{name}" for name in ("beyond", "observe", "staging", "steps")),
}


def load_for_change(workstation: Workstation) -> None:
    """Load what a change of ``workstation`` and the words about it need. Raises what an import raises; nothing is touched by then."""
    for name in _COMMON:
        importlib.import_module(name)
    all_references()  # the words of a refusal are needed when nothing can be read any more
    for name in _OF_ADAPTER.get(workstation.adapter, ()):
        importlib.import_module(f"atsam_safe.workstation.{name}")
