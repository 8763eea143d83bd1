"""The whole program on file systems that are really small, really read-only, and really cut off from their disk.

A small tmpfs, and ext4 in a file behind a loop device. ext4 can be told to drop everything that is not yet on its disk and to answer
nothing any more (``FS_IOC_SHUTDOWN``): mounted again it shows what a power cut would have left, by its own rules and with its own journal.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import struct
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from faults.cells import CHECK, RECOVER
from faults.child import Ended, run_child, run_until
from faults.fingerprint import fingerprint
from faults.oracle import Oracle, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from faults.scene import Prepared, Scene

pytestmark = [pytest.mark.slow, pytest.mark.needs("strace", "gcc")]
MOUNTED: Final = pytest.mark.needs("mounts")
LOOPED: Final = pytest.mark.needs("mkfs.ext4", "loop devices")
MEGABYTE: Final = 1 << 20
BLOCK: Final = 4096
# the guard asks for 64 MB of margin
SIZE: Final = 128 * MEGABYTE
SCENARIO: Final = "install over a damaged set"
UNINSTALL: Final = ("--yes", "--accept", "dependents.present", "uninstall", "--all")
# include/uapi/linux/fs.h, fs/ext4/ext4.h: _IOR('X', 125, __u32), and « without writing the journal first »
FS_IOC_SHUTDOWN: Final = 0x8004587D
NOTHING_MORE: Final = struct.pack("I", 2)


class Disk:
    """A small file system of its own, mounted at ``place``; the workstation lies in ``root``."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.place = folder / "disk"
        self.image = folder / "image"
        self.root = self.place / "poste"
        self.scratch = folder
        self.place.mkdir()
        if kind == "ext4":
            with self.image.open("wb") as stream:
                stream.truncate(SIZE)
            subprocess.run(["/sbin/mkfs.ext4", "-q", "-m", "0", str(self.image)], check=True)
        self.mount()

    def mount(self) -> None:
        """Mount it, after a power cut as well: ext4 then replays its journal."""
        source = ["-o", "loop", str(self.image)] if self.kind == "ext4" else ["-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs"]
        subprocess.run(["/bin/mount", *source, str(self.place)], check=True)

    def remount(self, how: str) -> None:
        """``ro`` or ``rw``."""
        subprocess.run(["/bin/mount", "-o", f"remount,{how}", str(self.place)], check=True)

    def cut_off(self) -> None:
        """The power is gone: nothing that is not on the disk will ever be."""
        opened = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(opened, FS_IOC_SHUTDOWN, NOTHING_MORE)
        finally:
            os.close(opened)

    def start_again(self) -> None:
        """After the power cut."""
        subprocess.run(["/bin/umount", str(self.place)], check=True)
        self.mount()

    def settle(self) -> None:
        """What lies there now is on the disk."""
        subprocess.run(["/bin/sync", "-f", str(self.place)], check=True)

    @property
    def free(self) -> int:
        """Bytes that can still be written."""
        status = os.statvfs(self.place)
        return status.f_bavail * status.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Leave only so many bytes free, for root as well."""
        piece = SIZE
        with (self.place / "ballast").open("ab") as stream:
            while piece >= BLOCK:
                wanted = min(piece, self.free - leave) // BLOCK * BLOCK
                try:
                    os.posix_fallocate(stream.fileno(), os.fstat(stream.fileno()).st_size, max(wanted, BLOCK))
                except OSError:
                    piece //= 2
                else:
                    piece = piece if self.free - leave >= BLOCK else 0

    def empty(self) -> None:
        """Give the room back."""
        (self.place / "ballast").unlink(missing_ok=True)


class Bench:
    """One workstation on one disk, and the oracle that judges it."""

    def __init__(self, scene: Scene, prepared: dict[str, Prepared], disk: Disk) -> None:
        self.scene, self.disk = scene, disk
        self.install = prepared[SCENARIO].scenario.arguments
        self.oracle = Oracle(disk.root, prepared[SCENARIO].states)

    def run(self, arguments: Sequence[str], stop_at: int = 0, then: Callable[[int], None] | None = None) -> Ended:
        """Carry out a command; ``then`` happens before its changing primitive ``stop_at``."""
        action = self.scene.action(self.disk.root, arguments)
        return run_child(action, self.disk.scratch) if then is None else run_until(action, self.disk.scratch, stop_at, then)

    def bring_to_its_end(self) -> str:
        """Recover twice, look at the store and at what is left; the name of the state."""
        first = self.run(RECOVER)
        between = fingerprint(self.disk.root)
        self.oracle.judge_recovery(first, self.run(RECOVER), between)
        name = self.oracle.judge_end()
        self.oracle.judge_store(self.run(CHECK))
        self.oracle.judge_residue()
        assert self.oracle.violations == []
        return name


@contextlib.contextmanager
def made_bench(scene: Scene, prepared: dict[str, Prepared], folder: Path, kind: str) -> Iterator[Bench]:
    disk = Disk(folder, kind)
    try:
        subprocess.run(["/bin/cp", "-a", str(scene.template("damaged")), str(disk.root)], check=True)
        disk.settle()
        yield Bench(scene, prepared, disk)
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(disk.place)], check=False)


@pytest.fixture(params=[pytest.param("tmpfs", marks=MOUNTED), pytest.param("ext4", marks=LOOPED)])
def bench(request: pytest.FixtureRequest, scene: Scene, prepared: dict[str, Prepared], tmp_path: Path) -> Iterator[Bench]:
    with made_bench(scene, prepared, tmp_path, request.param) as made:
        yield made


@pytest.fixture
def ext4(scene: Scene, prepared: dict[str, Prepared], tmp_path: Path) -> Iterator[Bench]:
    with made_bench(scene, prepared, tmp_path, "ext4") as made:
        yield made


@pytest.mark.parametrize("leave", [0, 9 * MEGABYTE])
def test_a_full_disk_is_refused_in_words(bench: Bench, leave: int) -> None:
    bench.disk.fill(leave)
    ended = bench.run(bench.install)
    assert bench.oracle.judge_answer(ended) == "before"
    assert ended.code == 10
    assert ended.answer is not None
    assert {error["ref"] for error in ended.answer["errors"]} <= {"space.too-little", "volume.no-space"}
    bench.disk.empty()
    assert bench.bring_to_its_end() == "before"


@pytest.mark.parametrize("stop_at", [40, 380, 620])
def test_a_disk_that_fills_up_in_the_middle(bench: Bench, stop_at: int) -> None:
    """The room for the way back was set aside before; what is told is what is there, also while nothing more can be written."""
    met = []

    def fill(_pid: int) -> None:
        bench.disk.fill()
        met.append(bench.disk.free)

    ended = bench.run(bench.install, stop_at, fill)
    (left,) = met
    assert left < BLOCK, "ext4 keeps a last small block for itself"
    name = bench.oracle.judge_answer(ended)
    assert ended.code in ({10} if stop_at == 40 else {0, 20})
    assert name == ("after" if ended.code == 0 else "before")
    assert bench.bring_to_its_end() == name


@pytest.mark.parametrize("arguments", [("--yes", "install", "{sound}"), UNINSTALL, RECOVER])
def test_a_read_only_disk_is_refused_in_words(bench: Bench, arguments: tuple[str, ...]) -> None:
    bench.disk.remount("ro")
    ended = bench.run(arguments)
    assert ended.code == 10
    assert bench.oracle.judge_answer(ended, changes=False) == "before"
    assert ended.answer is not None
    assert "volume.read-only" in {error["ref"] for error in ended.answer["errors"]}
    for look in (("status",), ("check", "{sound}"), CHECK):
        assert bench.run(look).answer is not None
    bench.disk.remount("rw")
    assert bench.bring_to_its_end() == "before"


def test_a_disk_that_turned_read_only_after_a_kill(bench: Bench) -> None:
    """An interrupted run on a disk that its system no longer lets anybody write to: said, and recovered once it can be."""
    assert bench.run(bench.install, 500, lambda pid: os.kill(pid, signal.SIGKILL)).signal == signal.SIGKILL
    held = fingerprint(bench.disk.root)
    bench.disk.remount("ro")
    for arguments in (RECOVER, bench.install, ("--yes", "rollback")):
        ended = bench.run(arguments)
        assert ended.code == 21, arguments
        bench.oracle.judge_answer(ended, changes=False)
        assert ended.answer is not None
        assert {error["ref"] for error in ended.answer["errors"]} >= {"volume.read-only", "transaction.rollback-incomplete"}
        assert fingerprint(bench.disk.root) == held
    bench.disk.remount("rw")
    assert bench.bring_to_its_end() == "before"


@LOOPED
@pytest.mark.parametrize("stop_at", range(20, 719, 99))
def test_a_power_cut_on_a_real_ext4(ext4: Bench, stop_at: int) -> None:
    """Everything that is not on the disk is lost, the process is gone, and the file system replays its own journal."""

    def cut(pid: int) -> None:
        ext4.disk.cut_off()
        os.kill(pid, signal.SIGKILL)

    assert ext4.run(ext4.install, stop_at, cut).signal == signal.SIGKILL
    ext4.disk.start_again()
    ext4.bring_to_its_end()


@LOOPED
def test_what_was_told_as_done_survives_a_power_cut(ext4: Bench) -> None:
    for arguments, name in ((ext4.install, "after"), (("--yes", "rollback"), "before")):
        assert outcome_of(ext4.run(arguments)) == "committed"
        ext4.disk.cut_off()
        ext4.disk.start_again()
        assert ext4.bring_to_its_end() == name


@LOOPED
@pytest.mark.parametrize("stop_at", [60, 400, 680])
def test_a_disk_that_is_torn_off_while_the_program_lives_on(ext4: Bench, stop_at: int) -> None:
    """A cable, a dying disk: from now on every call fails. The program may say what it likes but not that it is done."""
    ended = ext4.run(ext4.install, stop_at, lambda _pid: ext4.disk.cut_off())
    assert ended.code not in {0, 1, None}
    assert "Traceback" not in ended.err
    ext4.disk.start_again()
    assert ext4.bring_to_its_end() == "before"


@pytest.mark.parametrize("limit", [600, 20_000, 16 * MEGABYTE])
def test_a_limit_on_the_size_of_files(scene: Scene, prepared: dict[str, Prepared], tmp_path: Path, limit: int) -> None:
    """``ulimit -f``: the kernel answers EFBIG, in the middle of a write once the limit is passed."""
    item = prepared[SCENARIO]
    root = scene.fresh(item.scenario.template, tmp_path)
    oracle = Oracle(root, item.states)
    whole = scene.action(root, item.scenario.arguments)

    def limited() -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return whole()

    ended = run_child(limited, tmp_path)
    # its own answer goes to a file as well
    name = oracle.judge_answer(ended, mute=limit < 300_000)
    assert ended.code in ({0} if limit >= 16 * MEGABYTE else {10, 20})
    assert name == ("after" if ended.code == 0 else "before")
    first = scene.run(root, RECOVER)
    oracle.judge_recovery(first, scene.run(root, RECOVER), fingerprint(root))
    assert oracle.judge_end() == name
    oracle.judge_residue()
    assert oracle.violations == []
