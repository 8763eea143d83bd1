"""What a package may come in: a folder, a .zip, a .dmg or a Windows program. Content decides; every candidate becomes an open file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from atsam_safe.packages.candidate import MAGIC_LENGTH, PACKAGE_NAMES, Candidate, is_candidate
from atsam_safe.packages.errors import PackageError, too_large
from atsam_safe.packages.limits import Limits
from atsam_safe.packages.reading import PinnedFile, errno_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atsam_safe.packages.model import PackageFormat

ZIP_MAGIC: Final = b"PK\x03\x04"
EMPTY_ZIP_MAGIC: Final = b"PK\x05\x06"
PROGRAM_MAGIC: Final = b"MZ"
_SHORTEST_PROGRAM: Final = 512
_IMAGE_TRAILER: Final = 512
_IMAGE_MAGIC: Final = b"koly"
_FOLDER_DEPTH: Final = 3
_NOTHING_INSIDE: Final = "package.not-a-package.nothing-inside"
_OLD_FORM: Final = "package.not-a-package.old-form"
_OLD_CONTENT: Final = ("Archive.pax.gz", "Archive.bom")


def candidates(path: Path, limits: Limits) -> Iterator[Candidate]:
    """Everything at ``path`` that may be a package; the caller closes the files. Raises ``PackageError`` for the container itself."""
    if path.is_dir():
        yield from _checked(_in_folder(path, limits), str(path), _OLD_FORM if _is_old_form(path) else _NOTHING_INSIDE)
        return
    file = PinnedFile.open(path, limits)
    kind = _container_kind(file)
    if kind is None:
        yield Candidate(shown_path=str(path), file=file)
        return
    from atsam_safe.packages import inside  # noqa: PLC0415 - what reads archives takes longer to load than a package to read

    with file:
        opener = {"zip": inside.in_zip, "program": inside.in_program}.get(kind, inside.in_image)
        yield from _checked(opener(file, str(path), limits), str(path))


def container_identity(path: Path) -> tuple[int, PackageFormat]:
    """Size and format of what could not be opened, as far as they can be told."""
    if not path.is_file():
        return 0, "unknown"
    try:
        with PinnedFile.open(path, Limits(package=1 << 62)) as file:
            return file.size, "macos-disk-image" if _container_kind(file) == "image" else "unknown"
    except PackageError:
        return 0, "unknown"


def _is_old_form(folder: Path) -> bool:
    """True for a package as macOS knew them before 10.5: a folder with an archive of its own, which nothing here reads or signs."""
    return any((folder / "Contents" / name).is_file() for name in _OLD_CONTENT)


def _checked(found: Iterator[Candidate], shown: str, told: str = _NOTHING_INSIDE) -> Iterator[Candidate]:
    empty = True
    for candidate in found:
        empty = False
        yield candidate
    if empty:
        raise PackageError("package.not-a-package", told=told, path=shown, fault="no-package-inside")


def _container_kind(file: PinnedFile) -> str | None:
    if file.size >= MAGIC_LENGTH and file.read_at(0, MAGIC_LENGTH, "header") in (ZIP_MAGIC, EMPTY_ZIP_MAGIC):
        return "zip"
    if file.size >= _IMAGE_TRAILER and file.read_at(file.size - _IMAGE_TRAILER, MAGIC_LENGTH, "header") == _IMAGE_MAGIC:
        return "image"
    if file.size > _SHORTEST_PROGRAM and file.read_at(0, len(PROGRAM_MAGIC), "header") == PROGRAM_MAGIC:
        return "program"
    return None


def _in_folder(folder: Path, limits: Limits) -> Iterator[Candidate]:
    count = 0
    for path in _regular_files(folder, 0, [limits.container_members], limits):
        try:
            file = PinnedFile.open(path, limits)
        except PackageError as error:
            if path.name.lower().endswith(PACKAGE_NAMES):
                yield Candidate(shown_path=str(path), file=None, error=error)
            continue
        head = file.read_at(0, min(file.size, MAGIC_LENGTH), "header")
        if not is_candidate(head, path.name):
            file.close()
            continue
        count += 1
        if count > limits.packages:
            file.close()
            raise too_large(folder, limits.packages, "packages")
        yield Candidate(shown_path=str(path), file=file)


def _regular_files(folder: Path, depth: int, left: list[int], limits: Limits) -> Iterator[Path]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        raise PackageError("package.unreadable", path=folder, fault=errno_name(error)) from None
    for entry in entries:
        left[0] -= 1
        if left[0] < 0:
            raise too_large(folder, limits.container_members, "files")
        if entry.is_dir(follow_symlinks=False):
            if depth < _FOLDER_DEPTH:
                yield from _regular_files(folder / entry.name, depth + 1, left, limits)
        elif entry.is_file(follow_symlinks=False) and not entry.name.startswith("._"):
            # "._x" beside "x" holds extended attributes on foreign file systems, under the name of a package.
            yield folder / entry.name
