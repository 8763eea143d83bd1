"""The one door to Windows itself: what the adapter asks of the system, as a protocol. ``system.py`` implements it, tests stand in for it.

Nothing here needs PowerShell, ``wmic`` or ``Win32_Product`` (which repairs every product it lists). An answer of ``None`` always means
« could not be told », never « no ».
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

View = Literal["64", "32"]
Hive = Literal["HKLM", "HKCU", "HKCR", "HKU"]
Start = Literal["boot", "system", "automatic", "manual", "disabled"]
RegistryValue = str | int | bytes | tuple[str, ...] | None


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A Windows service: how it starts, whether it runs now."""

    name: str
    start: Start | None
    running: bool | None
    program: str | None = None


class RunningProgram(msgspec.Struct, frozen=True, kw_only=True):
    """A process by its number and the full path of its program."""

    pid: int
    path: str


class Native(Protocol):
    """Questions to Windows, and the few things that are changed without a command. Every method bounds its own time and never raises."""

    def values(self, hive: Hive, key: str, view: View) -> dict[str, RegistryValue] | None:
        """The values of a registry key (names in lower case, the default one as ``""``); ``None`` when there is no such key."""
        ...

    def subkeys(self, hive: Hive, key: str, view: View) -> tuple[str, ...]:
        """Names of the keys below; empty when there are none."""
        ...

    def products(self) -> tuple[str, ...] | None:
        """Product codes Windows Installer knows, machine-wide and of this user."""
        ...

    def product(self, code: str, detail: str) -> str | None:
        """One detail of a product (``VersionString``, ``LocalPackage`` …); ``None`` when it is not installed or has none."""
        ...

    def service(self, name: str) -> ServiceStatus | None:
        """One service; ``None`` when there is none of that name."""
        ...

    def start_service(self, name: str) -> bool:
        """Start a service; false when that failed. Its state is asked afterwards."""
        ...

    def stop_service(self, name: str) -> bool:
        """Stop a service; false when that failed."""
        ...

    def set_service_start(self, name: str, start: Start) -> bool:
        """Change how a service starts; false when that failed."""
        ...

    def processes(self) -> tuple[RunningProgram, ...] | None:
        """Programs running now whose path can be told."""
        ...

    def end_process(self, pid: int) -> bool:
        """End a process; false when that failed."""
        ...

    def installer_busy(self) -> bool | None:
        """True while Windows Installer carries out another installation."""
        ...

    def elevated(self) -> bool:
        """True when this process may change the system."""
        ...

    def machine(self) -> str | None:
        """The processor's own architecture (``x86_64``, ``arm64``, ``i386``), whatever this process is."""
        ...

    def redirected(self) -> bool:
        """True when Windows shows this process other system folders than the real ones: a 32-bit program on a 64-bit Windows."""
        ...

    def build(self) -> tuple[str, str] | None:
        """Version (``10.0.22631``) and edition as the system itself tells, when the registry does not."""
        ...

    def on_battery(self) -> bool | None:
        """True when the machine runs on its battery."""
        ...

    def session_owner(self) -> str | None:
        r"""Whose session this is: ``DOMAIN\name``, whoever was asked for rights; for a service whoever sits at the screen."""
        ...

    def identifier_of(self, account: str) -> str | None:
        r"""The security identifier (``S-1-5-21-…``) of an account given as ``DOMAIN\name``; ``None`` when it cannot be told."""
        ...

    def set_pending_renames(self, texts: tuple[str, ...]) -> bool:
        """Replace the list of what the next restart moves or removes (``pending``); empty: no list. False when that failed."""
        ...

    def file_version(self, path: str) -> str | None:
        """The version a program file declares; ``None`` when it declares none."""
        ...
