"""Power loss, modelled: a recorder of unsynced writes under ``volume.primitives``, and every disk that a cut could leave behind.

The recorder lets each operation happen and notes it against a model of the file system (nodes and names). A crash state is then made for
any moment: what was synced before it is there; of the rest, a chosen part. Two models of a disk are used, both stricter than the usual
ones: ``ordered`` (a sync carries all earlier changes of names and rights with it, as journalling file systems do; content only by its own
sync) and ``reordered`` (POSIX alone: a sync carries exactly the file or the folder it names; a rename between folders may be half there).
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import random
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from atsam_safe.volume import primitives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Model = Literal["ordered", "reordered"]
Way = Literal["drop", "keep", "random", "tear", "lose-entry", "empty"]
MODELS: Final[tuple[Model, ...]] = ("ordered", "reordered")
WAYS: Final[tuple[Way, ...]] = ("drop", "keep", "random", "tear", "lose-entry", "empty")
SOURCES: Final = f"{os.sep}atsam_safe{os.sep}"


@dataclasses.dataclass(kw_only=True)
class Node:
    """A file, folder or link as the disk has it; ``names`` of a folder are node numbers."""

    kind: str
    data: bytearray = dataclasses.field(default_factory=bytearray)
    link: str = ""
    mode: int = 0o600
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    xattrs: dict[str, bytes] = dataclasses.field(default_factory=dict)
    names: dict[str, int] = dataclasses.field(default_factory=dict)

    def copy(self) -> Node:
        """An independent copy."""
        return dataclasses.replace(self, data=bytearray(self.data), xattrs=dict(self.xattrs), names=dict(self.names))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """One change or sync. ``names``: (folder, name, node or ``None``) set together; ``write``: (offset, bytes); ``site``: who synced."""

    kind: Literal["names", "data", "meta", "sync", "sync-all"]
    node: int = 0
    names: tuple[tuple[int, str, int | None, int], ...] = ()
    offset: int = 0
    data: bytes = b""
    size: int | None = None
    field: str = ""
    value: Any = None
    site: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recording:
    """Everything that happened below one root, from a state that was on stable storage.

    ``others``: roots on other disks. ``disks``: on which one a node lies; what is synced on one says nothing of another.
    """

    base: dict[int, Node]
    fresh: dict[int, Node]
    root: int
    events: tuple[Event, ...]
    others: tuple[int, ...] = ()
    disks: dict[int, int] = dataclasses.field(default_factory=dict)

    @property
    def sites(self) -> tuple[str, ...]:
        """Every place in the product that synced."""
        return tuple(sorted({event.site for event in self.events if event.site}))


class Recorder:
    """Stands in the place of the changing primitives while ``recording`` lasts."""

    def __init__(self, root: Path, *others: Path) -> None:
        self._nodes: dict[tuple[int, int], int] = {}
        self._disks: dict[int, int] = {}
        self._base: dict[int, Node] = {}
        self._fresh: dict[int, Node] = {}
        self._events: list[Event] = []
        self._root = self._load(root)
        self._others = tuple(self._load(other) for other in others)

    @property
    def count(self) -> int:
        """Events so far."""
        return len(self._events)

    def recording(self) -> Recording:
        """What was recorded."""
        return Recording(
            base=self._base, fresh=self._fresh, root=self._root, events=tuple(self._events), others=self._others, disks=self._disks
        )

    # --- the state to begin with ------------------------------------------------------------------------------------------------------

    def _load(self, path: Path) -> int:
        number = self._number(path.lstat())
        node = node_at(path)
        self._base[number] = node
        if node.kind == "folder":
            for name in sorted(child.name for child in path.iterdir()):
                node.names[name] = self._load(path / name)
        return number

    def _number(self, status: os.stat_result) -> int:
        number = self._nodes.setdefault((status.st_dev, status.st_ino), len(self._nodes) + 1)
        self._disks[number] = status.st_dev
        return number

    def _new(self, status: os.stat_result, kind: str, mode: int, link: str = "") -> int:
        """A node that did not exist before, whatever number the system gives again."""
        number = self._nodes[(status.st_dev, status.st_ino)] = max(self._nodes.values(), default=0) + 1
        self._disks[number] = status.st_dev
        self._fresh[number] = Node(kind=kind, mode=mode, link=link, uid=status.st_uid, gid=status.st_gid, mtime_ns=status.st_mtime_ns)
        return number

    def _known(self, status: os.stat_result, path: Path) -> int:
        """The node of something that may have been made without the primitives: then its content is not on stable storage."""
        key = (status.st_dev, status.st_ino)
        if key in self._nodes:
            return self._nodes[key]
        node = node_at(path)
        number = self._new(status, node.kind, node.mode, node.link)
        if node.data:
            self._events.append(Event(kind="data", node=number, data=bytes(node.data)))
        for name in sorted(child.name for child in path.iterdir()) if node.kind == "folder" else ():
            child = self._known((path / name).lstat(), path / name)
            self._events.append(Event(kind="names", names=((number, name, child, 0),)))
        return number

    # --- recording --------------------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def attached(self) -> Iterator[Recorder]:
        """Put the recorder under the primitives while the block lasts."""
        before = {name: getattr(primitives, name) for name in primitives.CHANGING}
        try:
            for name, operation in before.items():
                setattr(primitives, name, getattr(self, f"_{name}")(operation))
            yield self
        finally:
            for name, operation in before.items():
                setattr(primitives, name, operation)

    def _folder(self, fd: int) -> int:
        return self._known(os.fstat(fd), Path(f"/proc/self/fd/{fd}").readlink())

    def _at(self, name: str, fd: int) -> int:
        return self._known(os.stat(name, dir_fd=fd, follow_symlinks=False), Path(f"/proc/self/fd/{fd}").readlink() / name)

    def _named(self, *changes: tuple[int, str, int | None, int]) -> None:
        self._events.append(Event(kind="names", names=changes))

    def _made(self, name: str, fd: int, kind: str, mode: int, link: str = "") -> None:
        folder = self._folder(fd)
        number = self._new(os.stat(name, dir_fd=fd, follow_symlinks=False), kind, mode, link)
        self._named((folder, name, number, 0))

    def _make_directory(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(name: str, mode: int, fd: int) -> None:
            operation(name, mode, fd)
            self._made(name, fd, "folder", mode)

        return record

    def _make_symlink(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(target: str, name: str, fd: int) -> None:
            operation(target, name, fd)
            self._made(name, fd, "link", 0o777, target)

        return record

    def _create_file(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(name: str, mode: int, fd: int) -> int:
            opened: int = operation(name, mode, fd)
            self._made(name, fd, "file", mode)
            return opened

        return record

    def _open_for_lock(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(name: str, mode: int, fd: int) -> int:
            there = name in os.listdir(fd)
            opened: int = operation(name, mode, fd)
            if not there:
                self._made(name, fd, "file", mode)
            return opened

        return record

    def _open_append(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        return operation

    def _gone(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(name: str, fd: int) -> None:
            folder, node = self._folder(fd), self._at(name, fd)
            operation(name, fd)
            self._named((folder, name, None, node))

        return record

    _unlink = _gone
    _remove_directory = _gone

    def _rename(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(source: str, source_fd: int, target: str, target_fd: int) -> None:
            node = self._at(source, source_fd)
            one, other = self._folder(source_fd), self._folder(target_fd)
            operation(source, source_fd, target, target_fd)
            self._named((one, source, None, node), (other, target, node, 0))

        return record

    def _write_all(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(fd: int, data: bytes | memoryview) -> None:
            node = self._folder(fd)
            appending = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND
            offset = os.fstat(fd).st_size if appending else os.lseek(fd, 0, os.SEEK_CUR)
            operation(fd, data)
            self._events.append(Event(kind="data", node=node, offset=offset, data=bytes(data)))

        return record

    def _copy_range(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(source: int, target: int, size: int) -> int:
            offset = os.lseek(target, 0, os.SEEK_CUR)
            count: int = operation(source, target, size)
            if count:
                self._events.append(Event(kind="data", node=self._folder(target), offset=offset, data=os.pread(target, count, offset)))
            return count

        return record

    def _clone(self, _operation: Callable[..., Any]) -> Callable[..., Any]:
        return lambda _source, _target: False

    def _truncate(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(fd: int, size: int) -> None:
            operation(fd, size)
            self._events.append(Event(kind="data", node=self._folder(fd), size=size))

        return record

    def _allocate(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        return operation  # zeros that nobody reads: only their room matters, and this disk has enough

    def _meta(self, field: str, numbers: int = 1) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def attach(operation: Callable[..., Any]) -> Callable[..., Any]:
            def record(fd: int, *values: Any) -> None:  # noqa: ANN401 - as the primitive takes them
                operation(fd, *values)
                self._events.append(Event(kind="meta", node=self._folder(fd), field=field, value=values if numbers > 1 else values[0]))

            return record

        return attach

    def _change_mode(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        return self._meta("mode")(operation)

    def _change_owner(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        return self._meta("owner", 2)(operation)

    def _change_times(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        return self._meta("mtime_ns")(operation)

    def _set_xattr(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        return self._meta("set-xattr", 2)(operation)

    def _remove_xattr(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        return self._meta("remove-xattr")(operation)

    def _change_link_owner(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(name: str, uid: int, gid: int, fd: int) -> None:
            operation(name, uid, gid, fd)
            self._events.append(Event(kind="meta", node=self._at(name, fd), field="owner", value=(uid, gid)))

        return record

    def _change_link_times(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(name: str, mtime_ns: int, fd: int) -> None:
            operation(name, mtime_ns, fd)
            self._events.append(Event(kind="meta", node=self._at(name, fd), field="mtime_ns", value=mtime_ns))

        return record

    def _sync_file(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(fd: int) -> None:
            operation(fd)
            what = "folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"
            self._events.append(Event(kind="sync", node=self._folder(fd), site=f"{_site()} ({what})"))

        return record

    def _sync_volume(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def record(fd: int) -> None:
            operation(fd)
            self._events.append(Event(kind="sync-all", node=self._folder(fd), site=f"{_site()} (volume)"))

        return record


def _site() -> str:
    """The first line of the product above the room ``volume``: who wanted the sync, each one by its line within its function.

    Two syncs of one function are two places: each is taken away alone.
    """
    frame = sys._getframe(2)
    while frame.f_back is not None:
        name = frame.f_code.co_filename
        if SOURCES in name and f"{SOURCES}volume{os.sep}" not in name:
            line = frame.f_lineno - frame.f_code.co_firstlineno
            return f"{Path(name).parent.name}/{Path(name).stem}.{frame.f_code.co_qualname}+{line}"
        frame = frame.f_back
    return "?"


def node_at(path: Path) -> Node:
    """What lies at ``path``, without what lies below it."""
    status = path.lstat()
    common = {"mode": stat.S_IMODE(status.st_mode), "uid": status.st_uid, "gid": status.st_gid, "mtime_ns": status.st_mtime_ns}
    if stat.S_ISLNK(status.st_mode):
        return Node(kind="link", link=str(path.readlink()), **common)  # type: ignore[arg-type] # plain numbers
    if stat.S_ISDIR(status.st_mode):
        return Node(kind="folder", **common)  # type: ignore[arg-type]
    return Node(kind="file", data=bytearray(path.read_bytes()), **common)  # type: ignore[arg-type]


# --- crash states ---------------------------------------------------------------------------------------------------------------------


Change = tuple[int, str, int | None, int]


def durable(recording: Recording, moment: int, model: Model, without: str = "") -> tuple[list[bool], dict[int, tuple[Change, ...]]]:
    """For each event before ``moment``: is it certainly on the disk? And of those that are so in part, that part.

    Only a rename from one folder to another can be there in part, and only where a sync carries no more than the folder it names: the one
    name may then be on the disk and the other not. ``without``: a place whose syncs do nothing (a removed barrier).
    """
    safe = [False] * moment
    parts: dict[int, tuple[Change, ...]] = {}
    files: set[int] = set()
    everything: set[int] = set()
    any_sync: set[int] = set()
    for index in range(moment - 1, -1, -1):
        event = recording.events[index]
        disk = recording.disks[event.names[0][0] if event.names else event.node]
        if event.kind in {"sync", "sync-all"}:
            if event.site != without:
                any_sync.add(disk)
                if event.kind == "sync-all":
                    everything.add(disk)
                files.add(event.node)
            safe[index] = True
        elif event.kind == "names":
            synced = tuple(change for change in event.names if change[0] in files)
            safe[index] = disk in everything or (disk in any_sync and model == "ordered") or len(synced) == len(event.names)
            if synced and not safe[index]:
                parts[index] = synced
        elif event.kind == "meta":
            safe[index] = disk in everything or (disk in any_sync and model == "ordered") or event.node in files
        else:
            safe[index] = disk in everything or event.node in files
    return safe, parts


def crash(recording: Recording, moment: int, model: Model, way: Way, seed: int, without: str = "") -> dict[int, Node]:
    """The disk after a power cut just before event ``moment``."""
    safe, parts = durable(recording, moment, model, without)
    pending = [index for index in range(moment) if not safe[index]]
    chosen = _choose(recording, pending, model, way, random.Random(seed))  # noqa: S311 - reproducible
    nodes = {number: node.copy() for number, node in {**recording.base, **recording.fresh}.items()}
    for index in range(moment):
        event = recording.events[index]
        if safe[index] or index in chosen:
            apply(nodes, event, torn=index in chosen and chosen[index])
        elif index in parts:
            apply(nodes, dataclasses.replace(event, names=parts[index]))
    return nodes


def _choose(recording: Recording, pending: list[int], model: Model, way: Way, dice: random.Random) -> dict[int, bool]:
    """The unsynced events that made it to the disk all the same; ``True``: torn."""
    events = recording.events
    if way == "drop":
        return {}
    if way == "empty":
        return {index: False for index in pending if events[index].kind != "data"}
    chosen = dict.fromkeys(pending, False)
    if way == "tear":
        last = next((index for index in reversed(pending) if events[index].kind == "data"), None)
        if last is not None:
            chosen[last] = True
    elif way == "lose-entry":
        names = [index for index in pending if events[index].kind == "names"]
        if names:
            del chosen[dice.choice(names)]
    elif way == "random":
        if model == "ordered":
            # names and rights reach the disk in their order; content in any
            limit = dice.choice([*pending, len(events)]) if pending else 0
            return {index: False for index in pending if (index < limit if events[index].kind != "data" else dice.random() < 0.5)}
        return {index: dice.random() < 0.1 for index in pending if dice.random() < 0.5}
    return chosen


def apply(nodes: dict[int, Node], event: Event, *, torn: bool = False) -> None:
    """Let one event happen to the model."""
    if event.kind == "names":
        for folder, name, node, former in event.names:
            names = nodes[folder].names
            if node is not None:
                names[name] = node
            elif names.get(name) == former:
                del names[name]
        return
    if event.kind in {"sync", "sync-all"}:
        return
    target = nodes[event.node]
    if event.kind == "data":
        _apply_data(target, event, torn=torn)
    elif event.field == "owner":
        target.uid, target.gid = event.value
    elif event.field == "set-xattr":
        target.xattrs[event.value[0]] = event.value[1]
    elif event.field == "remove-xattr":
        target.xattrs.pop(event.value, None)
    else:
        setattr(target, event.field, event.value)


def _apply_data(target: Node, event: Event, *, torn: bool) -> None:
    if event.size is not None:
        del target.data[event.size :]
        target.data.extend(bytes(event.size - len(target.data)))
        return
    data = event.data[: len(event.data) // 2] if torn else event.data
    if len(target.data) < event.offset:
        target.data.extend(bytes(event.offset - len(target.data)))
    target.data[event.offset : event.offset + len(data)] = data


def materialise(nodes: dict[int, Node], root: int, place: Path) -> None:
    """Write a modelled disk to a real folder."""
    node = nodes[root]
    if node.kind == "link":
        place.symlink_to(node.link)
    elif node.kind == "folder":
        place.mkdir()
        for name, number in node.names.items():
            materialise(nodes, number, place / name)
    else:
        place.write_bytes(node.data)
    if os.geteuid() == 0:
        os.lchown(place, node.uid, node.gid)
    for name, value in node.xattrs.items():
        os.setxattr(place, name, value, follow_symlinks=False)
    if node.kind != "link":
        place.chmod(node.mode)
    os.utime(place, ns=(node.mtime_ns, node.mtime_ns), follow_symlinks=False)
