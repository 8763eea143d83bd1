"""What a component is on Windows: the shapes of the ``[windows]`` table of its manifest."""

# Annotations are not postponed here: msgspec would compile each of them again at every start.

from typing import Literal

import msgspec

from atsam_safe.catalogue.statement import PathRole, Statement


class WindowsPathRule(Statement, frozen=True, kw_only=True):
    r"""A file or folder of a component on Windows. ``path`` is absolute with ``%NAME%`` for the system's folders.

    ``%SANTESOCIAL%`` is ``%ALLUSERSPROFILE%\santesocial``. ``architecture``: which package puts it there. ``versions``: file
    versions known for releases (release → file version). The other fields mean what they mean in ``PathRule``.
    """

    path: str
    scope: Literal["file", "tree", "directory"] = "file"
    role: PathRole = "program"
    on_uninstall: Literal["remove", "keep", "remove-if-unclaimed"] = "remove"
    architecture: Literal["x86", "x64", "any"] = "any"
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    shared_with: tuple[str, ...] = ()
    legacy: bool = False
    note: str | None = None


class RegistryRule(Statement, frozen=True, kw_only=True):
    """A registry key of a component. ``view``: which view holds it (``both``: look in the 64- and the 32-bit one).

    ``role``: ``identity`` (version and product code stand there), ``setting``, ``registration`` (told to another program),
    ``autostart``, ``obsolete`` (of an older product). ``values``: value names worth reading.
    """

    hive: Literal["HKLM", "HKCU", "HKCR"] = "HKLM"
    key: str
    view: Literal["64", "32", "both"] = "both"
    role: Literal["identity", "setting", "registration", "autostart", "obsolete"]
    values: tuple[str, ...] = ()
    on_uninstall: Literal["remove", "keep"] = "keep"
    note: str | None = None


class WindowsServiceRule(Statement, frozen=True, kw_only=True):
    """A Windows service that matters to a component; ``required`` ones must run, ``advice`` ones are only worth a remark."""

    name: str
    importance: Literal["required", "advice"] = "required"
    note: str | None = None


class WindowsProcessRule(Statement, frozen=True, kw_only=True):
    """A Windows process by executable name; the folder it must lie in tells it from a namesake.

    ``resident``: it runs from sign-in on, so that one that ran and no longer does is missed; others come when they are called.
    """

    name: str
    folder: str | None = None
    action: Literal["stop", "blocks", "never-touch"] = "stop"
    resident: bool = False


class WindowsCommand(Statement, frozen=True, kw_only=True):
    """How the publisher's specification runs Windows Installer for a component; ``%PACKAGE%`` stands for the .msi file."""

    purpose: Literal["install", "uninstall", "repair", "restore"]
    command: str
    note: str | None = None


class WindowsRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a component is on Windows; kept apart from the macOS lists so that no rule is ever applied to the wrong system."""

    paths: tuple[WindowsPathRule, ...] = ()
    registry: tuple[RegistryRule, ...] = ()
    services: tuple[WindowsServiceRule, ...] = ()
    processes: tuple[WindowsProcessRule, ...] = ()
    commands: tuple[WindowsCommand, ...] = ()
