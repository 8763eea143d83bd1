"""One command in one child: forked from a warm parent, stopped, taken hold of by strace, let go, waited for.

The child carries out the whole command line (``cli.dispatch``); only loading modules and the catalogue was done before by the parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import posix
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from atsam_safe.cli import signals
from atsam_safe.volume import primitives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STRACE: Final = "/usr/bin/strace"
COMPILER: Final = "/usr/bin/gcc"
SHORTEN: Final = Path(__file__).with_name("shorten.c")
# the calls that may move fewer bytes than they are asked for
MOVING: Final = frozenset({"write", "writev", "pwrite64", "copy_file_range", "sendfile"})
READING: Final = ("read", "readv")
# the calls that look and change nothing; openat and open only without O_CREAT
LOOKING: Final = (
    "open,openat,read,readv,pread64,preadv,getdents64,stat,lstat,fstat,newfstatat,statx,statfs,fstatfs,readlink,readlinkat,"
    "listxattr,llistxattr,flistxattr,getxattr,lgetxattr,fgetxattr"
)
# the calls that can change a file; openat and open only with O_CREAT
CHANGING: Final = (
    "open,openat,creat,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,mknod,mknodat,link,linkat,symlink,symlinkat,"
    "write,writev,pwrite64,pwritev,copy_file_range,sendfile,ftruncate,truncate,fallocate,"
    "chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,utimensat,futimesat,setxattr,lsetxattr,fsetxattr,removexattr,fremovexattr,"
    "fsync,fdatasync,syncfs,sync"
)
MARK: Final = "sched_yield"
SYNCING: Final = frozenset({"fsync", "fdatasync", "syncfs", "sync"})
LINE: Final = re.compile(r"(?:\[pid +)?(\d+)\]? +([a-z0-9_]+)\((.*)")
JOURNAL_LINE: Final = re.compile(r'\d+, "(\d{8}) [0-9a-f]{2}')
PATIENCE: Final = 120.0
SIGNAL_BASE: Final = 128
LIBC: Final = ctypes.CDLL(None)
PR_SET_PDEATHSIG: Final = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended: exit code, or the signal that ended it; its output and its one JSON object. ``hung``: we had to end it."""

    code: int | None
    signal: int | None
    out: str
    err: str
    seconds: float
    pid: int = 0
    hung: bool = False

    @property
    def answer(self) -> dict[str, Any] | None:
        """The envelope on standard output."""
        try:
            value = json.loads(self.out)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """One system call of a run: its name, the how-manieth of that name it is, and what strace shows of it.

    ``primitive``: the changing primitive during or after which it happens (0: before the first); ``since``: the how-manieth of its name
    from there on.
    """

    name: str
    number: int
    shown: str
    primitive: int = 1
    since: int = 1

    @property
    def record(self) -> int | None:
        """Sequence number of the journal record that this call writes."""
        match = JOURNAL_LINE.match(self.shown) if self.name == "write" else None
        return None if match is None else int(match[1])


def die_with(parent: int) -> None:
    """End with the process ``parent`` that started this one, however it ends: a killed run of cells leaves nobody behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(SIGNAL_BASE + signal.SIGKILL)


def _watch_changes(stop_at: int, *, mark: bool) -> None:
    """Count the calls of changing primitives; stop before number ``stop_at``, and with ``mark`` leave a harmless call in the trace.

    Being traced makes every system call many times slower, so a command is traced only from the primitive on that its fault is in.
    """
    before = {name: getattr(primitives, name) for name in primitives.CHANGING}
    count = 0

    def watched(operation: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any) -> Any:  # noqa: ANN401 - as the primitive takes them
            nonlocal count
            count += 1
            if count == stop_at:
                if not mark:
                    for name, original in before.items():
                        setattr(primitives, name, original)
                os.kill(os.getpid(), signal.SIGSTOP)
            if mark:
                os.sched_yield()
            return operation(*arguments)

        return counting

    for name, original in before.items():
        setattr(primitives, name, watched(original))


def _run(action: Callable[[], int], out: Path, err: Path, stop_at: int | None, *, mark: bool) -> int:
    """The child's life; returns its pid to the parent. ``stop_at``: before which primitive it stops, 0: at once, ``None``: never."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        die_with(parent)
        os.setpgid(0, 0)
        # whatever the caller of the tests ignores (nohup), the program is met as a person starts it
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signals.install()
        for number, place in ((1, out), (2, err)):
            opened = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            os.dup2(opened, number)
            os.close(opened)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the child's own, for its whole life
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
        if stop_at or mark:
            _watch_changes(stop_at or 0, mark=mark)
        if stop_at == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        code = action()
        with contextlib.suppress(OSError):  # where nothing can be written, the exit code has to be enough
            sys.stdout.flush()
            sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - whatever it is, the child must not live on as a second parent
        sys.excepthook(*sys.exc_info())
        code = 99
    if stop_at is not None:
        # A traced child must not do anything the program itself does not do: the measurement of coverage would save its figures here.
        posix._exit(code & 0xFF)
    os._exit(code & 0xFF)


def run_child(action: Callable[[], int], scratch: Path, trace: Sequence[str] = (), *, stop_at: int = 1, mark: bool = False) -> Ended:
    """Carry out ``action`` in a child; never raises for how the child ends.

    ``trace``: options of strace, which is attached before the changing primitive number ``stop_at`` is called (0: before anything).
    """
    out, err = scratch / "out", scratch / "err"
    traced = scratch / "strace"
    traced.unlink(missing_ok=True)
    started = time.monotonic()
    pid = _run(action, out, err, stop_at if trace else None, mark=mark)
    status, hung = _traced(pid, trace, scratch) if trace else _wait(pid)
    return _ended(status, out, err, started, pid, hung=hung)


def _traced(pid: int, trace: Sequence[str], scratch: Path) -> tuple[int, bool]:
    """Take hold of a stopped child, let it go on, and wait for both; a child that ended before it stopped is simply over."""
    _, status = os.waitpid(pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        return status, False
    command = [*_tracer(trace, str(scratch / "strace")), "-p", str(pid)]
    with (scratch / "strace-err").open("wb") as errors:
        tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
    _wait_for_tracer(pid, tracer)
    os.kill(pid, signal.SIGCONT)
    ended = _wait(pid)
    tracer.wait(PATIENCE)
    return ended


def run_until(action: Callable[[], int], scratch: Path, stop_at: int, then: Callable[[int], None]) -> Ended:
    """Carry out ``action`` in a child that stops before changing primitive ``stop_at``; ``then`` is called with its pid, then it goes on.

    A child that ended before is simply over, and ``then`` is not called.
    """
    out, err = scratch / "out", scratch / "err"
    started = time.monotonic()
    pid = _run(action, out, err, stop_at, mark=False)
    _, status = os.waitpid(pid, os.WUNTRACED)
    hung = False
    if os.WIFSTOPPED(status):
        then(pid)
        os.kill(pid, signal.SIGCONT)
        status, hung = _wait(pid)
    return _ended(status, out, err, started, pid, hung=hung)


def _ended(status: int, out: Path, err: Path, started: float, pid: int, *, hung: bool) -> Ended:
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    return Ended(
        code=None if killed is not None else os.WEXITSTATUS(status),
        signal=killed,
        out=out.read_text(encoding="utf-8", errors="replace"),
        err=err.read_text(encoding="utf-8", errors="replace"),
        seconds=time.monotonic() - started,
        pid=pid,
        hung=hung,
    )


def _tracer(trace: Sequence[str], report: str) -> list[str]:
    """Strace with these options, or our own tracer when they begin with its path."""
    return [*trace, "-o", report] if trace[0].startswith("/") else [STRACE, "-qq", "-f", "-o", report, *trace]


def build_shorten(folder: Path) -> Path:
    """Compile the tracer that makes calls short. Raises ``CalledProcessError`` with the compiler's words."""
    built = folder / "shorten"
    subprocess.run([COMPILER, "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(built), str(SHORTEN)], check=True)
    return built


def _wait_for_tracer(pid: int, tracer: subprocess.Popen[bytes]) -> None:
    status = Path(f"/proc/{pid}/status")
    limit = time.monotonic() + PATIENCE
    while "TracerPid:\t0\n" in status.read_text():
        if tracer.poll() is not None or time.monotonic() > limit:
            os.kill(pid, signal.SIGKILL)
            raise RuntimeError(tracer.args)
        time.sleep(0.001)


def _wait(pid: int) -> tuple[int, bool]:
    """The child's status, and whether it had to be ended because it hung: a hang is no kill that a cell asked for."""
    limit = time.monotonic() + PATIENCE
    pause = 0.0005
    hung = False
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status, hung
        if time.monotonic() > limit and not hung:
            hung = True
            os.killpg(pid, signal.SIGKILL)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.01)


def calls_of(action: Callable[[], int], scratch: Path) -> tuple[Ended, list[Call], frozenset[str]]:
    """Carry ``action`` out once, undisturbed; its changing system calls in order, and the reading ones it makes from there on."""
    ended = run_child(action, scratch, ("-s", "64", "-e", f"trace={CHANGING},{','.join(READING)},{MARK}", "-e", "signal=none"), mark=True)
    lines = (scratch / "strace").read_text(errors="replace").split("\n")
    reads = frozenset(match[2] for line in lines if (match := LINE.match(line)) is not None and match[2] in READING)
    return ended, [call for call in _parse(lines) if is_changing(call)], reads


def looks_of(action: Callable[[], int], scratch: Path) -> list[Call]:
    """Carry ``action`` out once, undisturbed; the calls by which it looks, from its very beginning."""
    run_child(action, scratch, ("-s", "64", "-e", f"trace={LOOKING},{MARK}", "-e", "signal=none"), stop_at=0, mark=True)
    lines = (scratch / "strace").read_text(errors="replace").split("\n")
    return [call for call in _parse(lines, before=0) if not is_changing(call)]


def is_changing(call: Call) -> bool:
    """False for a call that only looks, and for the command's own words."""
    if call.name in {"open", "openat"}:
        return "O_CREAT" in call.shown
    return call.name in CHANGING.split(",") and not (call.name == "write" and call.shown.startswith(("1, ", "2, ")))


def _parse(lines: Sequence[str], *, before: int = 1) -> Iterator[Call]:
    """The calls that strace shows; ``before``: what those before the first mark are said to be at."""
    counts: dict[str, int] = {}
    at_mark: dict[str, int] = {}
    primitive = 0
    for line in lines:
        match = LINE.match(line)
        if match is None:
            continue
        name = match[2]
        if name == MARK:
            primitive += 1
            at_mark = dict(counts)
            continue
        counts[name] = counts.get(name, 0) + 1
        since = counts[name] - at_mark.get(name, 0)
        yield Call(name=name, number=counts[name], shown=match[3], primitive=max(primitive, before), since=since)


def injection(call: Call, what: str, *, sticky: bool = False) -> tuple[str, ...]:
    """Options that let ``what`` (``signal=KILL``, ``error=ENOSPC``) happen at ``call``, traced since its primitive."""
    return ("-e", f"trace={call.name}", "-e", f"inject={call.name}:{what}:when={call.since}{'+' if sticky else ''}", "-e", "signal=none")


def shortening(tool: Path, call: str, number: int, what: str, *, sticky: bool = False) -> tuple[str, ...]:
    """Our own tracer's command: from call ``number`` on at most ``what`` (``short=1``, ``short=half``) is moved."""
    size = what.partition("=")[2]
    return (str(tool), "-c", call, "-n", str(number), *(("-a",) if sticky else ()), *(("-h",) if size == "half" else ("-b", size)))


def was_hit(scratch: Path, ended: Ended) -> bool:
    """True when the injection took place."""
    if ended.hung:
        return False
    if ended.signal is not None or (ended.code or 0) > SIGNAL_BASE:
        return True
    traced = scratch / "strace"
    return traced.exists() and "(INJECTED)" in traced.read_text(errors="replace")
