"""What a real Mac is tried for, not only asked: its volumes, the barrier, attributes, applications, and the names of processes."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plumbum import local

from atsam_safe.volume import primitives
from atsam_safe.volume.reading import WRITTEN_FOLDERS
from atsam_safe.volume.volume import Volume
from atsam_safe.words.model import WorkstationError
from atsam_safe.workstation.commands import SystemCommandRunner
from atsam_safe.workstation.macos import libproc, people

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One assumption about the system itself, tried instead of asked. ``attempt``: what was found, and whether it is as assumed."""

    name: str
    assumption: str
    attempt: Callable[[], tuple[Any, bool]]


def _root_and_written() -> tuple[Any, bool]:
    """The sealed root, and the folders beside it."""
    there = [path for path in ("/", *WRITTEN_FOLDERS) if Path(path).is_dir()]  # an older macOS need not have /usr/local
    found = {path: (Path(path).stat().st_dev, not os.statvfs(path).f_flag & os.ST_RDONLY) for path in there}
    return found, all(writable for path, (_device, writable) in found.items() if path != "/")


def _barrier() -> tuple[Any, bool]:
    """``fsync_volume_np`` on every file system that is written."""
    with Volume(Path("/")) as volume:
        volume.barrier()
    return "done", True


def _extended_attributes() -> tuple[Any, bool]:
    """What was set on a file is read back; attributes the system adds by itself are named."""
    with tempfile.TemporaryFile() as stream:
        own = {"org.example.atsam-safe": b"\x00\xff" * 40}
        before = primitives.list_xattrs(stream.fileno())
        primitives.set_xattr(stream.fileno(), "org.example.atsam-safe", own["org.example.atsam-safe"])
        back = primitives.get_xattr(stream.fileno(), "org.example.atsam-safe")
        primitives.sync_file(stream.fileno())
        return before, back == own["org.example.atsam-safe"]


# some end between the two questions
MOST: Final = 0.9
APPLICATIONS: Final = tuple(
    f"/Applications/{name}.app" for name in ("cpgesosx", "cpgesosx_cps2", "SrvSVcnam_Lanceur", "SrvSVcnam_Moniteur")
)


def _look(volume: Volume, path: str) -> tuple[int | None, tuple[str, ...]]:
    entry = volume.lstat(path)
    return None if entry is None else entry.mtime_ns, volume.list_directory(path)


def application_bundles(root: Path = Path("/")) -> tuple[Any, bool]:
    """What macOS says to a file that is made in the components' own applications and removed at once."""
    found: dict[str, str] = {}
    with Volume(root) as volume:
        for path in (path for path in APPLICATIONS if volume.exists(path)):
            before = _look(volume, path)
            try:
                volume.try_writing(path)
                found[path] = "allowed"
            except WorkstationError as error:
                found[path] = str(error.problems[0].params.get("error"))
            if _look(volume, path) != before:
                found[path] += ", and it is not as before"
    return found or "none is here", set(found.values()) <= {"allowed", "EPERM"}


def name_and_executable() -> tuple[Any, bool]:
    """A program started by a bare name, as at a prompt: what ``ps`` says, what the kernel says, and for how many of all it does."""
    started = local["/usr/bin/env"].popen(["sleep", "60"], start_new_session=True)
    number = started.pid or 0
    try:
        time.sleep(0.5)
        named = {one.pid: one.path for one in people.PROCESSES.ask(SystemCommandRunner()) or ()}
        told = {pid: libproc.executable(pid) for pid in named}
    finally:
        started.kill()
        started.wait()
    others = [pid for pid, path in told.items() if path is not None]
    unlike = sum(named[pid] != told[pid] for pid in others)
    found = {"ps": named.get(number), "kernel": told.get(number), "all": len(named), "told": len(others), "unlike ps": unlike}
    return found, found["ps"] == "sleep" and found["kernel"] == "/bin/sleep" and len(others) >= MOST * len(named)


TRIALS: Final = (
    Trial(name="sealed-root", assumption="the written folders can be written, whatever the root is", attempt=_root_and_written),
    Trial(name="barrier", assumption="fsync_volume_np and F_FULLFSYNC work", attempt=_barrier),
    Trial(name="extended-attributes", assumption="set, listed and read through libSystem", attempt=_extended_attributes),
    Trial(
        name="application-bundles",
        assumption="since macOS 13 EPERM for root without « App Management », which macOS then asks for; before, or with it, allowed",
        attempt=application_bundles,
    ),
    Trial(
        name="name-and-executable",
        assumption="ps names a process by argv[0]; proc_pidpath tells the full path, of other people's processes as well",
        attempt=name_and_executable,
    ),
)
