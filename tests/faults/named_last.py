"""Sees whether content is on the disk before it gets the name by which it is believed, where no run and no recorder is."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Callable

NAMING: Final = ("rename", "replace", "link")


class NameWatch:
    """Stands in the place of the system's syncing and naming calls while the block lasts; everything really happens.

    ``named``: the names that were given; ``too_early``: what had one while its content was not synced as it was then.
    ``synced``: ``False`` makes every sync one that is not there.
    """

    def __init__(self, *, synced: bool = True) -> None:
        self.named: list[str] = []
        self.too_early: list[str] = []
        self._synced = synced
        self._kept: dict[tuple[int, int], object] = {}
        self._patches = [mock.patch.object(os, "fsync", self._syncing(os.fsync))]
        self._patches += [mock.patch.object(os, name, self._naming(getattr(os, name))) for name in NAMING]

    def __enter__(self) -> Self:
        for patch in self._patches:
            patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        for patch in self._patches:
            patch.stop()

    def kept(self, path: Path) -> object:
        """Bytes of the file, or names in the folder, as they were synced last; ``None`` when they never were."""
        return self._kept.get(_number(path.stat()))

    def _syncing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def fsync(fd: int) -> None:
            real(fd)
            if self._synced:
                path = Path(f"/proc/self/fd/{fd}")
                self._kept[_number(path.stat())] = _content(path)

        return fsync

    def _naming(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def name(source: os.PathLike[str] | str, target: os.PathLike[str] | str, **options: Any) -> None:  # noqa: ANN401 - as the system
            self.named.append(os.fspath(target))
            above = options.get("src_dir_fd")
            top = Path(source) if above is None else Path(f"/proc/self/fd/{above}").resolve() / source
            below = sorted(top.rglob("*")) if top.is_dir() else []
            self.too_early += [str(path) for path in (top, *below) if self._kept.get(_number(path.stat())) != _content(path)]
            real(source, target, **options)

        return name


def _number(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _content(path: Path) -> object:
    """Bytes of a file, names of a folder."""
    return sorted(child.name for child in path.iterdir()) if stat.S_ISDIR(path.stat().st_mode) else path.read_bytes()
