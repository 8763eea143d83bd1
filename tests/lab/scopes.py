"""A volume with every kind of thing a snapshot must bring back, and ways to spoil it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from atsam_safe.plan.model import ScopeEntry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WEIRD_NAMES = (
    "with space",
    "new\nline",
    "quote'quote",
    '"double"',
    "-leading-dash",
    "$(touch pwned)",
    "`id`",
    "*?[x]",
    "back\\slash",
    "é accentué",
    os.fsdecode(b"latin-1 \xe9"),
    ".hidden",
    "..two dots",
    "trailing\n",
    "tab\there",
    ";rm -rf x",
    "~",
    "#comment",
)

SCOPE = (
    ScopeEntry(path="/opt/tree", kind="tree"),
    ScopeEntry(path="/opt/absent tree", kind="tree"),
    ScopeEntry(path="/etc/galss.ini", kind="file"),
    ScopeEntry(path="/etc/absent.ini", kind="file"),
    ScopeEntry(path="/etc/link", kind="file"),
    ScopeEntry(path="/opt/folder", kind="directory"),
    ScopeEntry(path="/opt/folder/inside", kind="file"),
    ScopeEntry(path="/new/parents/deep/file", kind="file"),
)


def fill(root: Path) -> None:
    """Lay the volume out: weird names, an empty file, duplicates, rights, old times, links, an empty folder, attributes."""
    tree = root / "opt" / "tree"
    tree.mkdir(parents=True)
    for number, name in enumerate(WEIRD_NAMES):
        (tree / name).write_bytes(b"content %d\n" % (number // 2))
    for name in WEIRD_NAMES[:6]:
        folder = tree / "folders" / name
        folder.mkdir(parents=True)
        (folder / name).write_bytes(name.encode("utf-8", "surrogateescape"))
    (tree / "empty").write_bytes(b"")
    (tree / "empty folder").mkdir(mode=0o711)
    (tree / "large").write_bytes(bytes(range(256)) * 9000)
    (tree / "dangling -> link").symlink_to("/no where/at 'all'")
    (tree / "link to folder").symlink_to("folders")
    (tree / "secret").write_bytes(b"x")
    (tree / "secret").chmod(0o4511)
    os.utime(tree / "secret", ns=(0, 981_173_106_987_654_321))
    os.utime(tree / "folders", ns=(0, 1_000_000_000_000_000_000))
    etc = root / "private" / "etc"
    etc.mkdir(parents=True)
    (etc / "galss.ini").write_bytes("[CONFIG]\r\nnom=caf\xe9\r".encode("latin-1"))
    (etc / "link").symlink_to("galss.ini")
    (root / "opt" / "folder").mkdir(mode=0o750)
    (root / "opt" / "folder" / "inside").write_bytes(b"inside")
    (root / "opt" / "foreign").write_bytes(b"not ours")
    try:
        os.setxattr(tree / "secret", "user.mark", b"\x00binary\xff")
        os.setxattr(tree / "empty folder", "user.folder", b"1")
    except OSError:
        return


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for child in path.iterdir():
            _remove(child)
        path.rmdir()
    elif path.is_symlink() or path.exists():
        path.unlink()


def spoil_nothing(root: Path) -> None:
    """Leave everything as it is."""
    del root


def spoil_all_gone(root: Path) -> None:
    """Everything in scope disappears, the folders above too."""
    _remove(root / "opt" / "tree")
    _remove(root / "opt" / "folder")
    _remove(root / "private")


def spoil_extra(root: Path) -> None:
    """Things appear that were not there, under names that are hard to handle."""
    for name in WEIRD_NAMES:
        (root / "opt" / "tree" / f"{name}.new").write_bytes(b"extra")
    (root / "opt" / "tree" / "folders" / "deep" / "deeper").mkdir(parents=True)
    (root / "opt" / "tree" / "folders" / "deep" / "deeper" / "-x").write_bytes(b"extra")
    (root / "opt" / "absent tree" / "sub").mkdir(parents=True)
    (root / "opt" / "absent tree" / "sub" / "file").write_bytes(b"extra")
    (root / "private" / "etc" / "absent.ini").write_bytes(b"extra")
    (root / "new" / "parents" / "deep").mkdir(parents=True)
    (root / "new" / "parents" / "deep" / "file").write_bytes(b"extra")
    os.mkfifo(root / "opt" / "tree" / "a fifo")


def spoil_content(root: Path) -> None:
    """Same names, other bytes; one cut short, one longer."""
    tree = root / "opt" / "tree"
    for name in WEIRD_NAMES[::3]:
        (tree / name).write_bytes(b"other content")
    (tree / "large").write_bytes(b"")
    (tree / "empty").write_bytes(b"no longer")


def spoil_kinds(root: Path) -> None:
    """Files become folders, folders become files and links, links become files."""
    tree = root / "opt" / "tree"
    _remove(tree / "folders")
    (tree / "folders").symlink_to(root / "opt")
    _remove(tree / "empty")
    (tree / "empty").mkdir()
    _remove(tree / "empty folder")
    (tree / "empty folder").write_bytes(b"file now")
    _remove(tree / "link to folder")
    (tree / "link to folder").mkdir()
    (tree / "link to folder" / "x").write_bytes(b"x")
    _remove(root / "private" / "etc" / "link")
    (root / "private" / "etc" / "link").write_bytes(b"file now")
    _remove(root / "opt" / "folder")
    (root / "opt" / "folder").symlink_to("/tmp")


def spoil_metadata(root: Path) -> None:
    """Rights, times, attributes only."""
    tree = root / "opt" / "tree"
    (tree / "secret").chmod(0o644)
    (tree / "empty folder").chmod(0o700)
    os.utime(tree / "large", ns=(0, 0))
    os.utime(tree, ns=(0, 0))
    try:
        os.setxattr(tree / "large", "user.new", b"1")
        os.removexattr(tree / "secret", "user.mark")
    except OSError:
        return


SPOILERS: tuple[Callable[[Path], None], ...] = (
    spoil_nothing,
    spoil_all_gone,
    spoil_extra,
    spoil_content,
    spoil_kinds,
    spoil_metadata,
)
