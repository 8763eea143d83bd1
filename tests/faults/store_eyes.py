"""The kept states, seen without any code of the product: which snapshots there are, and that each is what it was."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kept:
    """A store at one moment. ``snapshots``: id → digest of its files; ``needs``: id → content that it names; ``objects``: whole ones."""

    snapshots: dict[str, str]
    needs: dict[str, frozenset[str]]
    objects: frozenset[str]
    damaged: tuple[str, ...]
    pointer: str

    @classmethod
    def at(cls, state: Path) -> Kept:
        """The store of a state folder; an absent one holds nothing."""
        folders = [path for path in sorted((state / "snapshots").glob("0*")) if path.is_dir() and not path.is_symlink()]
        objects, damaged = set(), []
        for path in sorted((state / "objects").glob("*/*")):
            name = path.parent.name + path.name
            if path.is_file() and not path.is_symlink() and hashlib.sha256(path.read_bytes()).hexdigest() == name:
                objects.add(name)
            else:
                damaged.append(name)
        pointer = state / "latest"
        return cls(
            snapshots={folder.name: _digest(folder) for folder in folders},
            needs={folder.name: _named(folder / "manifest.json") for folder in folders},
            objects=frozenset(objects),
            damaged=tuple(damaged),
            pointer=pointer.read_text(encoding="utf-8", errors="replace").strip() if pointer.is_file() else "",
        )

    def wrong_since(self, now: Kept, *, may_go: tuple[str, ...] = ()) -> list[str]:
        """What became of the snapshots that were there: ``may_go`` (oldest first) may have gone, from the oldest on."""
        gone = tuple(name for name in sorted(self.snapshots) if name not in now.snapshots)
        wrong = [f"snapshots that were there are gone: {gone}"] if gone != may_go[: len(gone)] else []
        for name in self.snapshots.keys() & now.snapshots.keys():
            if self.snapshots[name] != now.snapshots[name]:
                wrong.append(f"snapshot {name} is not what it was")
            lost = (self.needs[name] & self.objects) - now.objects
            if lost:
                wrong.append(f"snapshot {name} lost {len(lost)} of its contents: {sorted(lost)[:2]}")
        if self.pointer and not now.pointer:
            wrong.append(f"the pointer to {self.pointer} is gone")
        if now.pointer and now.pointer not in now.snapshots:
            wrong.append(f"the pointer names {now.pointer}, which is not there")
        return wrong

    def unnamed(self) -> frozenset[str]:
        """Content that no snapshot names."""
        return (self.objects | set(self.damaged)) - frozenset().union(*self.needs.values())


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        digest.update(repr((str(path.relative_to(folder)), status.st_mode, status.st_uid, status.st_gid, len(content))).encode() + content)
    return digest.hexdigest()


def _named(manifest: Path) -> frozenset[str]:
    try:
        document = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return frozenset()
    paths = document.get("manifest", document)["paths"]
    return frozenset(item["sha256"] for item in paths if item.get("sha256"))
