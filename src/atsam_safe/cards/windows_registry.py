"""Read access to the Windows registry through the standard library; only ever imported on Windows."""

from __future__ import annotations

import importlib
from typing import Any, Final

MAXIMUM_KEYS: Final = 4096


class LocalMachine:
    """The local-machine branch, seen as a 64-bit program sees it."""

    def __init__(self) -> None:
        # Imported by name: the module exists on Windows only, and the type checker runs on the others too.
        self._winreg: Any = importlib.import_module("winreg")

    def _open(self, key: str) -> Any:  # noqa: ANN401 - a handle of the binding
        registry = self._winreg
        return registry.OpenKey(registry.HKEY_LOCAL_MACHINE, key, 0, registry.KEY_READ | registry.KEY_WOW64_64KEY)

    def value(self, key: str, name: str) -> str | None:
        """The text of a value (the default one for an empty name), or ``None``."""
        try:
            with self._open(key) as handle:
                found, _ = self._winreg.QueryValueEx(handle, name)
        except OSError:
            return None
        return str(found)

    def subkeys(self, key: str) -> tuple[str, ...] | None:
        """Names of the keys below ``key``, or ``None`` when it does not exist."""
        names: list[str] = []
        try:
            with self._open(key) as handle:
                for number in range(MAXIMUM_KEYS):
                    try:
                        names.append(str(self._winreg.EnumKey(handle, number)))
                    except OSError:
                        break
        except OSError:
            return None
        return tuple(names)
