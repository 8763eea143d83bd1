"""Files inside a disk image (.dmg): mounted read-only by macOS's own tool where there is one, otherwise read through 7-Zip.

Nothing is unpacked to a path of the image's choosing. What is found inside is copied and judged like any other package, so neither
tool has to be trusted with more than reading.
"""

from __future__ import annotations

import contextlib
import os
import plistlib
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol
from xml.parsers import expat

from atsam_safe.packages.errors import PackageError, too_large

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from atsam_safe.packages.limits import Limits
    from atsam_safe.packages.reading import PinnedFile

# Absolute paths only: a directory of the caller's PATH must not decide what runs, possibly as root.
_OPENERS: Final = (
    "/usr/bin/7z",
    "/usr/bin/7zz",
    "/usr/local/bin/7zz",
    "/opt/homebrew/bin/7zz",
    "/usr/local/bin/7z",
    "/opt/homebrew/bin/7z",
)
_MOUNTER: Final = "/usr/bin/hdiutil"
_CLEAN: Final = "/usr/bin/env"
_ENVIRONMENT: Final = ("-i", "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin")
# subprocess.DEVNULL: neither a licence question nor a password prompt may reach the terminal.
_NOTHING: Final = -3
_TIME_LIMIT: Final = 600.0
_LISTING_LIMIT: Final = 16 << 20
_ANSWER_LIMIT: Final = 30.0


class ImageFiles(Protocol):
    """The regular files of one opened image."""

    size: int
    """Bytes of the image itself."""

    def names(self) -> tuple[str, ...]:
        """Names of the regular files inside, in the image's order."""

    def content(self, name: str) -> AbstractContextManager[Callable[[int], bytes]]:
        """A reader of one file's content."""


@contextlib.contextmanager
def open_image(file: PinnedFile, shown: str, limits: Limits) -> Iterator[ImageFiles]:
    """Open the image behind ``file``. Raises ``PackageError`` (``package.opener-missing`` when this computer cannot)."""
    if Path(_MOUNTER).is_file():
        with tempfile.TemporaryDirectory(prefix="atsam-safe-") as folder:
            image = MountedImage(shown, Path(folder), limits, file.size)
            try:
                image.attach()
                yield image
            finally:
                image.detach()
    else:
        yield ListedImage(file, shown, limits)


class ListedImage:
    """An image read through 7-Zip, which gets this process's own descriptor: the file recognised is the file read."""

    def __init__(self, file: PinnedFile, shown: str, limits: Limits) -> None:
        """``package.opener-missing`` when this computer has no 7-Zip."""
        opener = next((path for path in _OPENERS if Path(path).is_file()), None)
        if opener is None or not Path("/dev/fd").is_dir():
            raise PackageError("package.opener-missing", path=shown)
        self._opener = opener
        self.size = file.size
        self._file = file
        self._shown = shown
        self._limits = limits

    def names(self) -> tuple[str, ...]:
        """Names of the regular files inside, in the image's order."""
        with self._running("l", "-slt", "-ba") as stream:
            listing = stream.read(_LISTING_LIMIT + 1)
        if len(listing) > _LISTING_LIMIT:
            raise too_large(self._shown, _LISTING_LIMIT)
        found = []
        for block in listing.decode("utf-8", "replace").split("\n\n"):
            fields = dict(line.split(" = ", 1) for line in block.splitlines() if " = " in line)
            name = fields.get("Path", "")
            # Streams such as "name:rsrc" and link targets are shown as files too; none begins like a package.
            if name and fields.get("Folder", "-") != "+" and not fields.get("Attributes", "").startswith("D"):
                found.append(name)
        if len(found) > self._limits.container_members:
            raise too_large(self._shown, self._limits.container_members, "files")
        return tuple(found)

    @contextlib.contextmanager
    def content(self, name: str) -> Iterator[Callable[[int], bytes]]:
        """A reader of one file's content."""
        with self._running("x", "-so", "-spd", "--", name=name) as stream:
            yield stream.read

    @contextlib.contextmanager
    def _running(self, *arguments: str, name: str | None = None) -> Iterator[IO[bytes]]:
        options = [argument for argument in arguments if argument != "--"]
        tail = [f"/dev/fd/{self._file.descriptor}"] if name is None else ["--", f"/dev/fd/{self._file.descriptor}", name]
        command = [self._opener, *options, "-p-", "-y", "-bd", *tail]
        with _started(command, descriptors=(self._file.descriptor,)) as process:
            yield process.stdout


class MountedImage:
    """An image mounted read-only, unseen by the Finder, below a private folder."""

    def __init__(self, path: str, folder: Path, limits: Limits, size: int) -> None:
        """``folder``: an empty private folder, below which the volumes appear; ``size``: bytes of the image."""
        self.size = size
        self._path = path
        self._folder = folder
        self._limits = limits
        self._devices: list[str] = []
        self._volumes: list[Path] = []

    def attach(self) -> None:
        """Mount; raises ``PackageError`` (``package.unreadable``), also for images that want a licence to be agreed to first."""
        options = ["-readonly", "-nobrowse", "-noautoopen", "-noverify", "-mountrandom", str(self._folder), "-plist"]
        with _started([_MOUNTER, "attach", *options, self._path]) as process:
            answer = process.stdout.read(_LISTING_LIMIT)
        try:
            entities = plistlib.loads(answer[answer.index(b"<?xml") :])["system-entities"]
            self._devices = [str(entity["dev-entry"]) for entity in entities]
            self._volumes = [Path(entity["mount-point"]) for entity in entities if "mount-point" in entity]
        except (ValueError, KeyError, TypeError, plistlib.InvalidFileException, expat.ExpatError):
            raise PackageError("package.unreadable", path=self._path, fault="image-not-mounted") from None

    def detach(self) -> None:
        """Unmount everything; the first device is the whole image."""
        for device in self._devices[:1]:
            with _started([_MOUNTER, "detach", device, "-force"]) as process:
                process.stdout.read(_LISTING_LIMIT)

    def names(self) -> tuple[str, ...]:
        """See ``ImageFiles``. Links are not followed: a link on a mounted image may point anywhere on this computer."""
        found = []
        for volume in self._volumes:
            for folder, folders, files in os.walk(volume):
                folders.sort()
                found += [os.path.relpath(Path(folder) / name, self._folder) for name in sorted(files)]
                if len(found) > self._limits.container_members:
                    raise too_large(self._path, self._limits.container_members, "files")
        return tuple(found)

    @contextlib.contextmanager
    def content(self, name: str) -> Iterator[Callable[[int], bytes]]:
        """See ``ImageFiles``."""
        path = self._folder / name
        if path.is_symlink() or not path.is_file():
            yield lambda _: b""
            return
        try:
            with path.open("rb") as stream:
                yield stream.read
        except OSError:
            raise PackageError("package.unreadable", path=name, fault="image-file") from None


@contextlib.contextmanager
def _started(command: list[str], *, descriptors: tuple[int, ...] = ()) -> Iterator[Any]:
    """A running command with a clean environment, no input and a time limit; ended when the caller is done with it."""
    from plumbum import local  # noqa: PLC0415 - costs 30 ms, only disk images pay it

    process: Any = local[_CLEAN].popen(
        [*_ENVIRONMENT, *command], stdin=_NOTHING, stderr=_NOTHING, cwd="/", pass_fds=descriptors, start_new_session=True
    )
    clock = threading.Timer(_TIME_LIMIT, process.kill)
    clock.daemon = True
    clock.start()
    try:
        yield process
    finally:
        clock.cancel()
        # The rest of a file that turned out to be no package is not waited for.
        process.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait(timeout=_ANSWER_LIMIT)
