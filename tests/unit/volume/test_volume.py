from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.volume import Metadata, Volume, primitives
from atsam_safe.words.model import WorkstationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLAIN = Metadata(mode=0o640, mtime_ns=1_500_000_000_123_456_789)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    (tmp_path / "root").mkdir()
    with Volume(tmp_path / "root") as opened:
        yield opened


def ref_of(call: Callable[[], object]) -> str:
    with pytest.raises(WorkstationError) as caught:
        call()
    return caught.value.problems[0].ref


def test_a_written_file_has_the_content_and_metadata_asked_for(volume: Volume) -> None:
    volume.write_file_atomic("/galss.ini", b"[CONF]\r\n", PLAIN)
    entry = volume.lstat("/galss.ini")
    assert entry is not None
    assert (entry.kind, entry.mode, entry.size, entry.mtime_ns) == ("file", 0o640, 8, 1_500_000_000_123_456_789)
    assert volume.read_bytes("/galss.ini", 100) == b"[CONF]\r\n"
    assert volume.list_directory("/") == ("galss.ini",)


def test_system_links_are_mapped_never_followed(volume: Volume) -> None:
    outside = volume.root.parent / "outside"
    outside.mkdir()
    (volume.root / "private" / "etc").mkdir(parents=True)
    (volume.root / "etc").symlink_to(outside)
    volume.write_file_atomic("/etc/hosts", b"x", PLAIN)
    assert (volume.root / "private" / "etc" / "hosts").read_bytes() == b"x"
    assert list(outside.iterdir()) == []
    assert volume.canonical("/var//db/") == "/private/var/db"


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/a\0b", "/" + "x" * 256, "/a" * 300, ""])
def test_unusable_paths_are_refused(volume: Volume, path: str) -> None:
    assert ref_of(lambda: volume.lstat(path)) == "volume.unusable-path"


def test_a_link_in_the_way_is_never_followed(volume: Volume) -> None:
    outside = volume.root.parent / "outside"
    outside.mkdir()
    (outside / "victim").write_bytes(b"keep")
    (volume.root / "way").symlink_to(outside)
    changes: list[Callable[[], object]] = [
        lambda: volume.lstat("/way/victim"),
        lambda: volume.read_bytes("/way/victim", 10),
        lambda: volume.write_file_atomic("/way/victim", b"bad", PLAIN),
        lambda: volume.make_directory("/way/new", PLAIN),
        lambda: volume.make_directories("/way/new/deep", PLAIN),
        lambda: volume.make_symlink_atomic("/way/new", "x"),
        lambda: volume.remove_file("/way/victim"),
        lambda: volume.remove_tree("/way/victim"),
        lambda: volume.remove_empty_directory("/way/x"),
        lambda: volume.rename("/way/victim", "/stolen"),
        lambda: volume.set_metadata("/way/victim", PLAIN),
        lambda: list(volume.walk("/way/victim")),
        lambda: volume.list_directory("/way"),
        lambda: volume.remove_temporaries("/way/x"),
    ]
    assert {ref_of(change) for change in changes} == {"volume.link-in-the-way"}
    assert {child.name: child.read_bytes() for child in outside.iterdir()} == {"victim": b"keep"}


def test_a_link_at_the_end_is_replaced_not_written_through(volume: Volume) -> None:
    victim = volume.root.parent / "victim"
    victim.write_bytes(b"keep")
    (volume.root / "file").symlink_to(victim)
    volume.write_file_atomic("/file", b"new", PLAIN)
    assert victim.read_bytes() == b"keep"
    assert (volume.root / "file").read_bytes() == b"new"
    assert not (volume.root / "file").is_symlink()


def test_removing_a_tree_never_goes_through_a_link(volume: Volume) -> None:
    outside = volume.root.parent / "outside"
    outside.mkdir()
    (outside / "victim").write_bytes(b"keep")
    (volume.root / "tree" / "deep").mkdir(parents=True)
    (volume.root / "tree" / "deep" / "link").symlink_to(outside)
    (volume.root / "tree" / "file").write_bytes(b"x")
    assert volume.remove_tree("/tree") == 4
    assert (outside / "victim").read_bytes() == b"keep"
    assert not volume.exists("/tree")
    assert volume.remove_tree("/tree") == 0


def test_absent_paths_are_absent_whatever_is_missing(volume: Volume) -> None:
    volume.write_file_atomic("/file", b"", PLAIN)
    assert volume.lstat("/no") is None
    assert volume.lstat("/no/where") is None
    assert volume.lstat("/file/below") is None
    assert list(volume.walk("/no/where")) == []
    assert volume.remove_file("/no/where") is False
    assert volume.remove_empty_directory("/no") is False
    assert ref_of(lambda: volume.list_directory("/no")) == "volume.missing"
    assert ref_of(lambda: volume.read_bytes("/no", 1)) == "volume.missing"


def test_special_files_are_seen_and_never_opened(volume: Volume) -> None:
    os.mkfifo(volume.root / "fifo")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(volume.root / "socket"))
    assert ref_of(lambda: volume.read_bytes("/fifo", 1)) == "volume.not-a-file"
    fifo = volume.lstat("/fifo")
    channel = volume.lstat("/socket")
    assert fifo is not None
    assert channel is not None
    assert (fifo.kind, fifo.socket, channel.kind, channel.socket) == ("other", False, "other", True)


def test_a_read_is_bounded(volume: Volume) -> None:
    volume.write_file_atomic("/big", b"x" * 11, PLAIN)
    assert ref_of(lambda: volume.read_bytes("/big", 10)) == "volume.too-large"
    assert len(volume.read_bytes("/big", 11)) == 11


def test_folders_are_removed_only_when_empty(volume: Volume) -> None:
    assert volume.make_directories("/a/b", Metadata(mode=0o755)) == ("/a", "/a/b")
    assert volume.make_directory("/a", Metadata(mode=0o700)) is False
    assert volume.remove_empty_directory("/a") is False
    assert volume.remove_empty_directory("/a/b") is True
    volume.write_file_atomic("/a/file", b"", PLAIN)
    assert ref_of(lambda: volume.remove_empty_directory("/a/file")) == "volume.not-a-folder"
    assert ref_of(lambda: volume.make_directory("/a/file", PLAIN)) == "volume.not-a-folder"
    volume.make_symlink_atomic("/a/link", "/a")
    assert ref_of(lambda: volume.make_directory("/a/link", PLAIN)) == "volume.link-in-the-way"
    assert ref_of(lambda: volume.remove_file("/a")) == "volume.not-a-file"


def test_a_staged_file_is_placed_by_rename(volume: Volume, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    staged.write_bytes(b"payload")
    inode = staged.stat().st_ino
    volume.place_file(staged, "/lib.dylib", Metadata(mode=0o755))
    assert (volume.root / "lib.dylib").stat().st_ino == inode
    assert not staged.exists()


@pytest.mark.needs("extended attributes")
def test_attributes_are_set_as_a_whole(volume: Volume) -> None:
    volume.write_file_atomic("/file", b"x", Metadata(xattrs={"user.one": b"1", "user.two": b"\0\xff"}))
    assert volume.xattrs("/file") == {"user.one": b"1", "user.two": b"\0\xff"}
    volume.set_metadata("/file", Metadata(xattrs={"user.two": b"2"}))
    assert volume.xattrs("/file") == {"user.two": b"2"}


def test_left_over_temporaries_are_known_by_their_name(volume: Volume) -> None:
    for name in (".atsam-safe-0123456789abcdef.tmp", ".atsam-safe-notours.tmp", "keep"):
        (volume.root / name).write_bytes(b"")
    assert volume.remove_temporaries("/") == 1
    assert volume.list_directory("/") == (".atsam-safe-notours.tmp", "keep")


def test_a_failing_write_leaves_nothing_behind(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    volume.write_file_atomic("/file", b"before", PLAIN)
    monkeypatch.setattr("atsam_safe.volume.primitives.write_all", full)
    assert ref_of(lambda: volume.write_file_atomic("/file", b"after", PLAIN)) == "volume.no-space"
    monkeypatch.undo()
    assert volume.list_directory("/") == ("file",)
    assert volume.read_bytes("/file", 10) == b"before"


def test_walk_lists_a_folder_before_its_content(volume: Volume) -> None:
    for path in ("/t", "/t/b", "/t/b/c", "/t/a"):
        volume.make_directory(path, Metadata(mode=0o755))
    volume.make_symlink_atomic("/t/link", "/t")
    assert [entry.path for entry in volume.walk("/t")] == ["/t", "/t/a", "/t/b", "/t/b/c", "/t/link"]


@given(names=st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=20), max_size=6))
def test_no_path_ever_leaves_the_root(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    root = tmp_path_factory.mktemp("root")
    with Volume(root) as opened:
        path = "/" + "/".join(names)
        with contextlib.suppress(WorkstationError):
            host = opened.host_path(path)
            assert os.path.normpath(host) == host.rstrip("/") or not names
            assert host.startswith(str(root))


def test_neighbours_are_reached_from_the_folder_that_is_open(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/b/c/1", "a/b/c/2", "a/b/d/3", "e"):
        volume.make_directories(f"/{name}".rsplit("/", 1)[0], Metadata(mode=0o755)) if "/" in name else None
        volume.write_file_atomic(f"/{name}", name.encode(), PLAIN)
    opened: list[str] = []
    real = primitives.open_directory

    def noted(name: str, fd: int) -> int:
        opened.append(name)
        return real(name, fd)

    monkeypatch.setattr(primitives, "open_directory", noted)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with volume.neighbours():
        for name in ("a/b/c/1", "a/b/c/2", "a/b/d/3", "e", "a/b/c/1"):
            assert volume.read_bytes(f"/{name}", 100) == name.encode()
        assert volume.lstat("/a/x/y") is None
        with volume.parent("/a/b/c/1") as (one, _), volume.parent("/a/b/d/3") as (two, _):
            assert (set(primitives.list_names(one)), set(primitives.list_names(two))) == ({"1", "2"}, {"3"})
    assert opened == ["a", "b", "c", "d", "c", "x", "b", "c", "a", "b", "d"]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_neighbours_follow_no_link_either(volume: Volume) -> None:
    outside = volume.root.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    volume.make_directories("/a/b", Metadata(mode=0o755))
    with volume.neighbours():
        assert volume.lstat("/a/b/secret") is None
        (volume.root / "a/link").symlink_to(outside)
        assert ref_of(lambda: volume.read_bytes("/a/link/secret", 10)) == "volume.link-in-the-way"
        assert ref_of(lambda: volume.read_bytes("/a/b/secret", 10)) == "volume.missing"
