"""One member of a payload as the lab describes it, independent of any archive format."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ItemKind = Literal["file", "directory", "symlink", "character-device", "block-device", "fifo", "socket"]
DEFAULT_MTIME: Final = 1_568_303_000
_DEFAULT_MODES: Final = {"file": 0o644, "directory": 0o755, "symlink": 0o755}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Item:
    """A member of a payload.

    ``path`` is relative to the install location, without a leading ``/`` or ``./`` (``Library/Preferences/galss.ini``).
    ``mode`` holds permission bits only; ``None`` means the usual ones of the kind.
    ``hard_link_group``: members with the same number share one inode (the first one of them carries the data).
    """

    path: str
    kind: ItemKind = "file"
    mode: int | None = None
    data: bytes = b""
    uid: int = 0
    gid: int = 0
    mtime: int = DEFAULT_MTIME
    link: str = ""
    hard_link_group: int | None = None

    @property
    def permissions(self) -> int:
        """Permission bits of this member."""
        return _DEFAULT_MODES.get(self.kind, 0o644) if self.mode is None else self.mode


def file(path: str, data: bytes | str, mode: int = 0o644) -> Item:
    """A regular file."""
    return Item(path=path, data=data.encode() if isinstance(data, str) else data, mode=mode)


def directory(path: str, mode: int = 0o755) -> Item:
    """A folder."""
    return Item(path=path, kind="directory", mode=mode)


def symlink(path: str, target: str) -> Item:
    """A symbolic link."""
    return Item(path=path, kind="symlink", link=target)


def with_parents(items: Iterable[Item]) -> list[Item]:
    """The items and every folder above them (``.`` first), in the order productbuild writes them."""
    complete = {item.path: item for item in items}
    for path in list(complete):
        parent = path
        while "/" in parent:
            parent = parent.rsplit("/", 1)[0]
            complete.setdefault(parent, directory(parent))
    complete.setdefault(".", directory("."))
    return sorted(complete.values(), key=lambda item: (item.path != ".", item.path.split("/")))


def without(items: Sequence[Item], path: str) -> list[Item]:
    """The items but for ``path``: sabotage by a missing file."""
    return [item for item in items if item.path != path]


def replaced(items: Sequence[Item], path: str, data: bytes) -> list[Item]:
    """The items with the content of ``path`` replaced."""
    return [dataclasses.replace(item, data=data) if item.path == path else item for item in items]
