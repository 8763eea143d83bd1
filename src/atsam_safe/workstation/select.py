"""Which adapter observes and changes the workstation: the volume given with ``--root``, or the system this program runs on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from atsam_safe.words.model import Problem, UsageError

if TYPE_CHECKING:
    from atsam_safe.workstation.port import Workstation
    from atsam_safe.workstation.windows.native import Native


def open_workstation(root: str | None) -> Workstation:
    """The workstation whose system volume is ``root``; ``None`` means this very computer.

    Raises ``UsageError``: ``usage.root-not-a-folder``, or ``usage.no-live-adapter`` on a system that cannot be treated directly.
    """
    if root is None:
        return _this_computer()
    from atsam_safe.workstation.offline import OfflineWorkstation  # noqa: PLC0415 - a live run does not need it

    folder = Path(root).absolute()
    try:
        is_folder = folder.is_dir()
    except (OSError, ValueError):
        is_folder = False
    if not is_folder:
        raise UsageError(Problem(ref="usage.root-not-a-folder", params={"path": root}, evidence={"path": root}))
    return OfflineWorkstation(folder)


def _this_computer() -> Workstation:
    if sys.platform == "darwin":
        from atsam_safe.workstation.macos.adapter import MacosWorkstation  # noqa: PLC0415 - on a Mac only

        return MacosWorkstation()
    if sys.platform == "win32":
        from atsam_safe.workstation.windows.adapter import WindowsWorkstation  # noqa: PLC0415 - on Windows only
        from atsam_safe.workstation.windows.system import WindowsNative  # noqa: PLC0415 - as above

        native = WindowsNative()
        require_real_folders(native)
        return WindowsWorkstation(native)
    import platform  # noqa: PLC0415 - only to name what cannot be treated

    system = platform.system() or "?"
    raise UsageError(Problem(ref="usage.no-live-adapter", params={"system": system}, evidence={"system": system}))


def require_real_folders(native: Native) -> None:
    """Refuse a 32-bit program on a 64-bit Windows: what it finds in ``System32`` is in truth another folder.

    Raises ``UsageError`` (``windows.narrow-program``): everything it would say and keep of the 64-bit components would be wrong.
    """
    if native.redirected():
        raise UsageError(Problem(ref="windows.narrow-program"))


def require_rights(workstation: Workstation) -> None:
    """Refuse a change of a running system without administrator rights, or from a place that may vanish under us.

    Raises ``PrivilegesError`` (``privileges.missing``, exit 13) and ``UsageError`` (``usage.run-from-temporary``). A volume given with
    ``--root`` asks for neither: whoever may write it may treat it.
    """
    if workstation.adapter == "offline":
        return
    from atsam_safe.words.model import PrivilegesError  # noqa: PLC0415 - live changes only
    from atsam_safe.workstation.place import unsafe_place  # noqa: PLC0415 - as above

    if not getattr(workstation, "elevated", True):
        # only the sentences differ: there is no « sudo » on Windows
        raise PrivilegesError(
            Problem(ref="privileges.missing", told="privileges.missing.windows" if workstation.adapter == "windows" else None)
        )
    place = unsafe_place(Path(__file__))
    if place is not None:
        raise UsageError(Problem(ref="usage.run-from-temporary", params={"place": place}, evidence={"place": place}))
