"""Cells of the matrix that stop or disturb one command at one system call, each judged by the one oracle."""

from __future__ import annotations

import dataclasses
import errno
import shutil
import signal
import time
from typing import TYPE_CHECKING, Final

from faults.child import MOVING, SYNCING, Call, was_hit
from faults.fingerprint import fingerprint
from faults.oracle import SIGNAL_BASE, Oracle, Violation, told
from faults.script_cells import AFTERWARDS, judge_script_again, kill_script

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from faults.child import Ended
    from faults.scene import Prepared, Scene

RECOVER: Final = ("recover",)
# what a program that does its work right does not even notice
UNNOTICED: Final = frozenset({"short calls", "interrupted calls"})
# once one of these failed, whatever the command does next can still be done: it has no excuse for what it leaves about
TIDYING: Final = frozenset({"writing", "copying", "syncing", "marking"})
CHECK: Final = ("snapshots", "check")
# errors that each family of calls really gives (Linux man pages); those of a process's own limits among them
ERRORS: Final[dict[str, tuple[str, ...]]] = {
    "opening": ("ENOSPC", "EIO", "EACCES", "EROFS", "EMFILE", "EDQUOT", "EPERM", "ENAMETOOLONG", "ENFILE", "ENOMEM"),
    "naming": ("ENOSPC", "EIO", "EACCES", "EROFS", "EDQUOT", "EPERM", "ENAMETOOLONG", "ENOMEM"),
    "renaming": ("ENOSPC", "EIO", "EACCES", "EROFS", "EXDEV", "EDQUOT", "EPERM", "ENAMETOOLONG", "EBUSY"),
    "writing": ("ENOSPC", "EIO", "EDQUOT", "EFBIG", "EPERM"),
    "copying": ("ENOSPC", "EIO", "EXDEV", "EDQUOT", "EOPNOTSUPP", "EFBIG"),
    "marking": ("EIO", "EACCES", "EROFS", "EPERM", "ENOSPC"),
    "syncing": ("EIO", "ENOSPC", "EDQUOT"),
}
FAMILIES: Final = {
    **dict.fromkeys(("open", "openat", "creat"), "opening"),
    **dict.fromkeys(("rename", "renameat", "renameat2", "link", "linkat"), "renaming"),
    **dict.fromkeys(("write", "writev", "pwrite64", "pwritev", "ftruncate", "truncate", "fallocate"), "writing"),
    **dict.fromkeys(("copy_file_range", "sendfile"), "copying"),
    **dict.fromkeys(("mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat", "unlink", "unlinkat", "rmdir"), "naming"),
    **dict.fromkeys(SYNCING, "syncing"),
}
# the same of calls that only look
LOOKS: Final = "failing reading calls"
LOOKING_ERRORS: Final[dict[str, tuple[str, ...]]] = {
    "opening": ("EIO", "EMFILE", "EACCES", "ENFILE", "ENOMEM"),
    "reading": ("EIO",),
    "listing": ("EIO", "ENOMEM"),
    "asking": ("EIO", "EACCES", "ENOMEM"),
    "asking an open one": ("EIO", "ENOMEM"),
    "attributes": ("EIO", "EACCES", "ENOMEM"),
}
LOOKING_FAMILIES: Final = {
    **dict.fromkeys(("open", "openat"), "opening"),
    **dict.fromkeys(("read", "readv", "pread64", "preadv"), "reading"),
    "getdents64": "listing",
    **dict.fromkeys(("stat", "lstat", "newfstatat", "statx", "statfs", "readlink", "readlinkat"), "asking"),
    **dict.fromkeys(("fstat", "fstatfs"), "asking an open one"),
    **dict.fromkeys(("listxattr", "llistxattr", "flistxattr", "getxattr", "lgetxattr", "fgetxattr"), "attributes"),
}
# no tidying of ours needs these: once one of them failed, the command has no excuse for what it leaves about
NEEDED_BY_NO_TIDYING: Final = frozenset({"reading", "attributes"})
# a signal may cut these short before anything was done; the kernel then says so, and asking again is right
INTERRUPTED: Final = frozenset({"openat", "write", "writev", "pwrite64", "fallocate", "ftruncate", "fsync", "fdatasync"})
SIGNALS: Final = ("TERM", "INT", "HUP")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell. ``fault`` as strace writes it (``signal=KILL``, ``error=ENOSPC``); ``then``: call and fault of the recoveries after it.

    ``afterwards``: it is the snapshot's script that meets the fault, and what brings the workstation back then.
    """

    group: str
    scenario: str
    call: Call
    fault: str
    sticky: bool = False
    then: tuple[tuple[Call, str], ...] = ()
    with_script: bool = False
    afterwards: str = ""

    @property
    def name(self) -> str:
        """What to type to run this one again."""
        if self.afterwards:
            return f"{self.scenario}: restore.sh {self.fault} at {self.call.name}#{self.call.number} then {self.afterwards}"
        again = "".join(f" then {fault} at {call.name}#{call.number}" for call, fault in self.then)
        return f"{self.scenario}: {self.fault}{'+' if self.sticky else ''} at {self.call.name}#{self.call.number}{again}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a cell. ``hit``: the fault was met; ``met_all``: so were those of the recoveries after it.

    ``reached``: the state at the moment of the fault and at the end.
    """

    cell: str
    group: str
    scenario: str
    hit: bool
    reached: tuple[str, str]
    seconds: float
    met_all: bool = True
    exit_code: int | None = None
    record: int | None = None
    violations: tuple[Violation, ...] = ()


def run_cell(scene: Scene, prepared: Prepared, cell: Cell, folder: Path) -> Result:
    """Disturb, judge, recover twice, judge again."""
    if cell.afterwards:
        return _run_script_cell(scene, prepared, cell, folder)
    started = time.monotonic()
    root = scene.fresh(prepared.scenario.template, folder)
    oracle = Oracle(root, prepared.states, scene.payloads)
    begun = oracle.is_begun
    ended = scene.disturb(root, prepared.scenario.arguments, cell.call, cell.fault, sticky=cell.sticky)
    hit = met_all = was_hit(folder, ended)
    pids = [ended.pid]
    mute = cell.sticky and cell.call.name == "write"
    recovering = prepared.scenario.arguments == RECOVER
    blind = cell.sticky and cell.group == LOOKS and looking_family(cell.call) in {"opening", "reading"}
    reached = oracle.judge_answer(ended, changes=not recovering, mute=mute, blind=blind, begun=begun, sent=sent_by(cell.fault))
    if ended.signal is None:
        _judge_manners(oracle, prepared, cell, ended)
    oracle.judge_between(folder, with_script=cell.with_script)
    for call, fault in cell.then:
        begun = oracle.is_begun
        again = scene.disturb(root, RECOVER, call, fault)
        pids.append(again.pid)
        met_all = was_hit(folder, again) and met_all
        oracle.judge_answer(again, changes=False, begun=begun, sent=sent_by(fault))
        oracle.judge_between(folder, with_script=False)
    told_state = told(ended)
    final = recover_and_judge(scene, oracle, told_state=told_state if told_state != "after" or oracle.states.after else None, pids=pids)
    shutil.rmtree(root)
    return Result(
        cell=cell.name,
        group=cell.group,
        scenario=cell.scenario,
        hit=hit,
        met_all=met_all,
        reached=(reached, final),
        seconds=round(time.monotonic() - started, 3),
        exit_code=ended.code if ended.signal is None else SIGNAL_BASE + ended.signal,
        record=cell.call.record,
        violations=tuple(oracle.violations),
    )


def _run_script_cell(scene: Scene, prepared: Prepared, cell: Cell, folder: Path) -> Result:
    """End the script in the middle, then let it or the program, or one after the other, bring the workstation back."""
    started = time.monotonic()
    root = scene.fresh(prepared.scenario.template, folder)
    oracle = Oracle(root, prepared.states, scene.payloads)
    hit = kill_script(root, folder, cell.call)
    reached = prepared.states.name(fingerprint(root))
    if "script" in cell.afterwards:
        judge_script_again(oracle)
    final = recover_and_judge(scene, oracle, told_state="before")
    shutil.rmtree(root)
    return Result(
        cell=cell.name,
        group=cell.group,
        scenario=cell.scenario,
        hit=hit,
        reached=(reached, final),
        seconds=round(time.monotonic() - started, 3),
        met_all=hit,
        violations=tuple(oracle.violations),
    )


def sent_by(fault: str) -> int | None:
    """The signal that a fault sends, if it is one."""
    name = fault.partition("signal=")[2]
    return int(getattr(signal, f"SIG{name}")) if name else None


def _judge_manners(oracle: Oracle, prepared: Prepared, cell: Cell, ended: Ended) -> None:
    """What is asked of a command that lived on: the right code, and nothing left about where nothing kept it from tidying."""
    if cell.group == "signals":
        judge_signal(oracle, ended, cell.fault)
    if cell.group in UNNOTICED and ended.code != prepared.scenario.code:
        oracle.say("truth", f"met by {cell.fault}, which is no failure, ended {ended.code}")
    refused = prepared.scenario.arguments == RECOVER and ended.code != 0
    # a pruning has no outcome of a run, but it can always tidy
    if _can_tidy(cell) and (told(ended) is not None or prepared.states.keeps is not None) and not refused:
        oracle.judge_residue(when=f" by a command that ended {ended.code}")
    oracle.judge_kept(finished=ended.code == 0)
    oracle.judge_pruned(ended)


def _can_tidy(cell: Cell) -> bool:
    if cell.group == LOOKS:
        return not cell.sticky and looking_family(cell.call) in NEEDED_BY_NO_TIDYING
    return cell.group != "failing calls" or (not cell.sticky and FAMILIES.get(cell.call.name, "marking") in TIDYING)


def looking_family(call: Call) -> str:
    """What a call that only looks does; asking by an empty name is asking of what is open."""
    return "asking an open one" if call.name == "newfstatat" and ', "", ' in call.shown else LOOKING_FAMILIES[call.name]


def recover_and_judge(scene: Scene, oracle: Oracle, *, told_state: str | None = None, pids: list[int] | None = None) -> str:
    """Recover twice, look at the store, and see that nothing is left."""
    begun = oracle.is_begun
    first = scene.run(oracle.root, RECOVER)
    between = fingerprint(oracle.root)
    second = scene.run(oracle.root, RECOVER)
    oracle.judge_recovery(first, second, between, begun=begun)
    final = oracle.judge_end(told_state=told_state)
    oracle.judge_store(scene.run(oracle.root, CHECK))
    oracle.judge_kept()
    oracle.judge_residue(tuple(pids or ()))
    return final


def judge_signal(oracle: Oracle, ended: Ended, fault: str) -> None:
    """A command that a signal met at a change ends 128+N, and says so."""
    number = sent_by(fault) or 0
    if ended.code != SIGNAL_BASE + number:
        oracle.say("truth", f"met by {fault}, ended {ended.code}")


# --- selections -----------------------------------------------------------------------------------------------------------------------


def kill_cells(prepared: Prepared, *, stride: int = 1, script_every: int = 1, offset: int = 0) -> list[Cell]:
    """SIGKILL on entry of every changing call, of every ``stride``-th one, and of every ``stride``-th that writes a journal record."""
    offset %= stride
    chosen = [
        call
        for place, call in enumerate(prepared.calls)
        if place % stride == offset or (call.record is not None and call.record % stride == offset)
    ]
    return [
        Cell(
            group="kills",
            scenario=prepared.scenario.name,
            call=call,
            fault="signal=KILL",
            with_script=(number + offset) % script_every == 0,
        )
        for number, call in enumerate(chosen)
    ]


def double_cells(prepared: Prepared, recovery: Prepared, *, first_stride: int, stride: int, offset: int = 0) -> list[Cell]:
    """A kill of the command, then a fault of the recovery that follows: the second point moves with the first.

    Every third recovery meets a failing call instead of a kill, and every third is killed and its successor as well.
    """
    cells = []
    for place, call in enumerate(prepared.calls[offset % first_stride :: first_stride], start=offset):
        for number, second in enumerate(recovery.calls[place % stride :: stride]):
            then: tuple[tuple[Call, str], ...] = ((second, "signal=KILL"),)
            group = "double kills"
            if number % 3 == 1:
                errors = ERRORS[FAMILIES.get(second.name, "marking")]
                then, group = ((second, f"error={errors[(place + number) % len(errors)]}"),), "kill, then a failing recovery"
            elif number % 3 == 2:
                third = recovery.calls[(place * 7 + number * 13) % len(recovery.calls)]
                then, group = ((second, "signal=KILL"), (third, "signal=KILL")), "triple kills"
            cells.append(Cell(group=group, scenario=prepared.scenario.name, call=call, fault="signal=KILL", then=then))
    return cells


def signal_cells(prepared: Prepared, *, stride: int, offset: int = 0) -> list[Cell]:
    """SIGTERM, SIGINT and SIGHUP at many calls, each signal at others."""
    cells = []
    for place, call in enumerate(prepared.calls[offset % stride :: stride], start=offset):
        which = SIGNALS[place % len(SIGNALS)]
        cells.append(Cell(group="signals", scenario=prepared.scenario.name, call=call, fault=f"signal={which}"))
    return cells


def failing_cells(prepared: Prepared, *, stride: int, offset: int = 0) -> list[Cell]:
    """Each chosen call fails with an error that it can really give: each family's errors in turn, once or from then on.

    ``offset``: from which call and which error on (of a printed seed).
    """
    cells = []
    turns: dict[str, int] = {}
    for call in prepared.calls[offset % stride :: stride]:
        family = FAMILIES.get(call.name, "marking")
        # each scenario begins with another error, or the few calls of a family would meet the same one in every scenario
        turn = turns.get(family, offset + len(prepared.scenario.name))
        turns[family] = turn + 1
        again, place = divmod(turn, len(ERRORS[family]))
        name = ERRORS[family][place]
        sticky = bool((again + place) % 2)
        cells.append(Cell(group="failing calls", scenario=prepared.scenario.name, call=call, fault=f"error={name}", sticky=sticky))
    return cells


def looking_cells(prepared: Prepared, *, count: int, dice: random.Random) -> list[Cell]:
    """``count`` calls that only look fail, of each name as many, wherever in the run ``dice`` says: each family's errors in turn.

    Every third one fails from then on.
    """
    left: dict[str, list[Call]] = {}
    for call in prepared.looks:
        left.setdefault(call.name, []).append(call)
    for calls in left.values():
        dice.shuffle(calls)
    chosen: list[Call] = []
    while len(chosen) < count and any(left.values()):
        names = [name for name, calls in left.items() if calls]
        dice.shuffle(names)
        chosen += [left[name].pop() for name in names][: count - len(chosen)]
    turns: dict[str, int] = {}
    cells = []
    for place, call in enumerate(chosen, start=dice.randrange(1000)):
        family = looking_family(call)
        turns[family] = turn = turns.get(family, place) + 1
        sticky = place % 3 == 0
        # from then on means every call of that name, and no system refuses to tell of what is open for want of rights
        errors = LOOKING_ERRORS["asking an open one" if sticky and call.name == "newfstatat" else family]
        fault = f"error={errors[turn % len(errors)]}"
        cells.append(Cell(group=LOOKS, scenario=prepared.scenario.name, call=call, fault=fault, sticky=sticky))
    return cells


def short_cells(prepared: Prepared, *, stride: int, offset: int = 0) -> list[Cell]:
    """Each chosen moving call moves one byte or half of what it was asked to, once or from then on; and every read is short."""
    moving = [call for call in prepared.calls if call.name in MOVING]
    cells = []
    for place, call in enumerate(moving[offset % stride :: stride], start=offset):
        what, sticky = ("short=1", "short=half")[place % 2], bool(place // 2 % 2)
        cells.append(Cell(group="short calls", scenario=prepared.scenario.name, call=call, fault=what, sticky=sticky))
    for name in sorted(prepared.reads):
        reads = Call(name=name, number=1, shown="", primitive=1, since=1)
        cells.append(Cell(group="short calls", scenario=prepared.scenario.name, call=reads, fault="short=half", sticky=True))
    return cells


def interrupted_cells(prepared: Prepared, *, stride: int, offset: int = 0) -> list[Cell]:
    """Each chosen call is interrupted once (EINTR), as by a signal that a handler swallowed."""
    chosen = [call for call in prepared.calls if call.name in INTERRUPTED][offset % stride :: stride]
    return [Cell(group="interrupted calls", scenario=prepared.scenario.name, call=call, fault="error=EINTR") for call in chosen]


def script_cells(prepared: Prepared, *, stride: int, offset: int = 0) -> list[Cell]:
    """The snapshot's script is killed before its n-th command, then it is run again, or the program recovers, or both."""
    name = prepared.scenario.name
    return [
        Cell(group="script kills", scenario=name, call=call, fault="signal=KILL", afterwards=AFTERWARDS[turn % len(AFTERWARDS)])
        for turn, call in enumerate(prepared.commands[offset % stride :: stride], start=offset)
    ]


assert all(hasattr(errno, name) for names in (*ERRORS.values(), *LOOKING_ERRORS.values()) for name in names)
