"""Start a command with exactly the environment it shall have.

plumbum *adds* the ``env`` it is given to the environment of our own process. A library to preload, a start-up file of the shell, a search
path of the caller would then reach a vendor's script that runs as root. Here the caller's environment is taken away first.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WINDOWS_VARIABLES: Final = (
    "ProgramData",
    "ALLUSERSPROFILE",
    "ProgramFiles",
    "ProgramFiles(x86)",
    "ProgramW6432",
    "CommonProgramFiles",
    "CommonProgramFiles(x86)",
    "CommonProgramW6432",
    "USERPROFILE",
    "LOCALAPPDATA",
    "APPDATA",
    "PROCESSOR_ARCHITECTURE",
    "NUMBER_OF_PROCESSORS",
)
"""Where programs of Windows find the folders they cannot do without, and what they run on."""

_ONE_AT_A_TIME: Final = threading.RLock()


@contextlib.contextmanager
def exact_environment(environment: Mapping[str, str]) -> Iterator[None]:
    """Whatever plumbum starts within this context gets ``environment`` and nothing else; give no ``env`` there.

    plumbum's environment belongs to the whole process, so one thread at a time is let in: keep the context around the start alone.
    Our own environment (``os.environ``) is not touched. ``environment`` must have a ``PATH``: plumbum would make up one that is the present
    folder. Raises ``ValueError`` without.
    """
    from plumbum import local  # noqa: PLC0415 - costs 30 ms, only runs that start commands pay it

    if "PATH" not in environment:
        raise ValueError(sorted(environment))
    with _ONE_AT_A_TIME, local.env():
        local.env.clear()
        local.env.update(dict(environment))
        yield
