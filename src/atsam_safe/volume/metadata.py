"""Setting mode, owner, extended attributes and times on an open file, in the order in which none undoes another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.volume import primitives

if TYPE_CHECKING:
    from atsam_safe.volume.model import Metadata

# attributes the operating system sets by itself and that nobody can (or should) put back
UNKEPT_XATTRS = frozenset(
    {"security.selinux", "security.ima", "security.evm", "com.apple.provenance", "com.apple.lastuseddate#PS", "com.apple.macl"}
)


def read_xattrs(fd: int) -> dict[str, bytes]:
    """Extended attributes of an open file that can be put back, names sorted."""
    kept = sorted(name for name in primitives.list_xattrs(fd) if name not in UNKEPT_XATTRS)
    return {name: primitives.get_xattr(fd, name) for name in kept}


def apply_metadata(fd: int, metadata: Metadata) -> None:
    """Set ``metadata`` on an open file or folder. Owner first: changing it clears set-uid bits and capabilities; times last."""
    if metadata.uid is not None and metadata.gid is not None and primitives.effective_user() == 0:
        primitives.change_owner(fd, metadata.uid, metadata.gid)
    if metadata.xattrs is not None:
        present = read_xattrs(fd)
        for name in present.keys() - metadata.xattrs.keys():
            primitives.remove_xattr(fd, name)
        for name, value in metadata.xattrs.items():
            if present.get(name) != value:
                primitives.set_xattr(fd, name, value)
    if metadata.mode is not None:
        primitives.change_mode(fd, metadata.mode)
    if metadata.mtime_ns is not None:
        primitives.change_times(fd, metadata.mtime_ns)


def apply_link_metadata(name: str, fd: int, metadata: Metadata) -> None:
    """Set owner (as root) and times of the link ``name`` itself; a link has no mode of its own worth keeping."""
    if metadata.uid is not None and metadata.gid is not None and primitives.effective_user() == 0:
        primitives.change_link_owner(name, metadata.uid, metadata.gid, fd)
    if metadata.mtime_ns is not None:
        primitives.change_link_times(name, metadata.mtime_ns, fd)
