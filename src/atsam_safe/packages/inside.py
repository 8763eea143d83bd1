"""What lies inside a .zip, a Windows program or a disk image: each package becomes an open, unnamed file.

Members are copied to unnamed temporary files: no path of theirs is ever created, so none can lead anywhere.
"""

from __future__ import annotations

import contextlib
import lzma
import os
import stat
import tempfile
import zipfile
import zlib
from functools import partial
from typing import IO, TYPE_CHECKING, Final

from atsam_safe.packages.candidate import MAGIC_LENGTH, Candidate, is_candidate
from atsam_safe.packages.diskimage import ImageFiles, ListedImage, open_image
from atsam_safe.packages.errors import PackageError, printable, too_large
from atsam_safe.packages.executable import embedded_installers, technology
from atsam_safe.packages.limits import BUFFER
from atsam_safe.packages.paths import relative_segments
from atsam_safe.packages.reading import PinnedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atsam_safe.packages.limits import Limits

_ZIP_FAULTS: Final = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


def in_zip(file: PinnedFile, shown: str, limits: Limits) -> Iterator[Candidate]:
    """The packages in a .zip, by content. Raises ``PackageError``."""
    count = 0
    left = min(limits.container, limits.unpacked(file.size))
    try:
        with os.fdopen(os.dup(file.descriptor), "rb") as stream, zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            if len(members) > limits.container_members:
                raise too_large(shown, limits.container_members, "files")
            for member in members:
                name = member.filename
                if member.is_dir() or name.rsplit("/", 1)[-1].startswith("._") or _is_link(member):
                    continue
                with archive.open(member) as content:
                    head = content.read(MAGIC_LENGTH)
                    if not is_candidate(head, name):
                        continue
                    _check_member_name(name)
                    count += 1
                    if count > limits.packages:
                        raise too_large(shown, limits.packages, "packages")
                    copy = _private_copy(head, content.read, f"{shown}/{printable(name)}", min(left, limits.package))
                left -= copy.size
                yield Candidate(shown_path=copy.name, file=copy)
    except _ZIP_FAULTS as error:
        raise PackageError("package.damaged", place=shown, fault=f"zip-{type(error).__name__}") from None


def in_program(file: PinnedFile, shown: str, limits: Limits) -> Iterator[Candidate]:
    """The installers in a Windows program, which is not run. Raises ``PackageError``."""
    number = 0
    for number, (start, length) in enumerate(embedded_installers(file, limits.packages), 1):
        pieces = file.chunks(start, length, shown)
        copy = _private_copy(next(pieces, b""), partial(_next_piece, pieces), f"{shown}/{number}.msi", limits.package)
        yield Candidate(shown_path=copy.name, file=copy)
    if number:
        return
    found = False
    with contextlib.suppress(PackageError):
        # 7-Zip, where there is one, reads what NSIS, IExpress and 7-Zip itself make; it runs nothing either
        for candidate in _listed(ListedImage(file, shown, limits), shown, limits):
            found = True
            yield candidate
    if not found:
        raise PackageError("package.program-compressed", path=shown, technology=technology(file))


def _next_piece(pieces: Iterator[bytes], _size: int) -> bytes:
    return next(pieces, b"")


def _is_link(member: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(member.external_attr >> 16)


def _check_member_name(name: str) -> None:
    """Nothing is written under this name, but an archive that tries to climb out of its folder was not made by a publisher."""
    relative_segments(name.replace("\\", "/").encode("utf-8", "surrogateescape"))


def _private_copy(head: bytes, read: Callable[[int], bytes], shown: str, limit: int) -> PinnedFile:
    """Copy a stream into an unnamed temporary file that only this process can reach."""
    with tempfile.TemporaryFile(prefix="atsam-safe-") as target:
        _copy(head, read, target, shown, limit)
        target.flush()
        return PinnedFile(os.dup(target.fileno()), shown)


def _copy(head: bytes, read: Callable[[int], bytes], target: IO[bytes], shown: str, limit: int) -> None:
    total = 0
    data = head
    while data:
        total += len(data)
        if total > limit:
            raise too_large(shown, limit)
        try:
            target.write(data)
        except OSError as error:
            # A full temporary disk says nothing about the package.
            raise PackageError("package.unreadable", path=shown, fault=f"no-room-for-a-copy ({error.strerror})") from None
        data = read(BUFFER)


def in_image(file: PinnedFile, shown: str, limits: Limits) -> Iterator[Candidate]:
    """The packages in a disk image. Raises ``PackageError``."""
    with open_image(file, shown, limits) as image:
        yield from _listed(image, shown, limits)


def _listed(image: ImageFiles, shown: str, limits: Limits) -> Iterator[Candidate]:
    count = 0
    # What an image leaves empty takes no room in it; a package is never such a gap.
    left = min(limits.container, limits.unpacked(image.size))
    for name in image.names():
        with image.content(name) as read:
            head = read(MAGIC_LENGTH)
            if not is_candidate(head, name):
                continue
            count += 1
            if count > limits.packages:
                raise too_large(shown, limits.packages, "packages")
            copy = _private_copy(head, read, f"{shown}/{printable(name)}", min(left, limits.package))
        left -= copy.size
        yield Candidate(shown_path=copy.name, file=copy)
