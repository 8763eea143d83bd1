"""Installers read without running them, and the trust put in them.

Names are loaded on first use: the pure rooms import ``packages.model`` alone and must not pay for the readers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from atsam_safe.packages.extract import StagedEntry, extract_component
    from atsam_safe.packages.identify import identify
    from atsam_safe.packages.opening import OpenedPackages, inspect_path, open_packages

_HOMES: Final = {
    "OpenedPackages": "opening",
    "StagedEntry": "extract",
    "extract_component": "extract",
    "identify": "identify",
    "inspect_path": "opening",
    "open_packages": "opening",
}

__all__ = ["OpenedPackages", "StagedEntry", "extract_component", "identify", "inspect_path", "open_packages"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds under that name
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
