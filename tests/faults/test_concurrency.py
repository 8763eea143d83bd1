"""Many processes on one workstation: one at a time changes anything, and their history is that of a sequence of runs."""

from __future__ import annotations

import dataclasses
import itertools
import json
import multiprocessing
import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from atsam_safe.snapshot import KeepPolicy, SnapshotStore, open_state
from atsam_safe.transaction import prune, recover, rollback, run_transaction
from atsam_safe.transaction.lock import RunLock
from atsam_safe.volume import Volume
from atsam_safe.words.model import AtsamSafeError, BusyError
from faults.fingerprint import STATE_FOLDER, fingerprint
from lab.heart import NoPackages, PlainWorkstation, lay_out
from lab.heart_runs import PLAN, digest, go_back, install, mend, throw_away

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

FORK = multiprocessing.get_context("fork")
SEED = 20261123
PROCESSES = 4
ROUNDS = 14
READING = {"check", "list"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "volume"
    place.mkdir()
    lay_out(place)
    open_state(place).close()
    return place


def one_action(root: Path, name: str) -> dict[str, Any]:
    """Carry out one action; what it says of the state before and after."""
    with open_state(root) as state, Volume(root) as volume:
        if name == "install":
            result = run_transaction(PLAN, workstation=PlainWorkstation(root), packages=NoPackages(), state=state)
        elif name == "rollback":
            result = rollback(state, volume)
        elif name == "recover":
            result = recover(state, volume)
        elif name == "prune":
            prune(state, KeepPolicy(count=2))
            return {"outcome": "pruned"}
        elif name == "check":
            SnapshotStore(state).check()
            return {"outcome": "read"}
        else:
            SnapshotStore(state).list()
            return {"outcome": "read"}
        return {"outcome": result.outcome, "before": result.digest_before, "after": result.digest_after, "id": result.id}


def worker(root: Path, seed: int, answers: Connection) -> None:
    dice = random.Random(seed)  # noqa: S311 - reproducible
    done = []
    for _ in range(ROUNDS):
        name = dice.choice(["install", "install", "rollback", "rollback", "prune", "recover", "check", "list"])
        try:
            entry = one_action(root, name)
        except BusyError:
            entry = {"outcome": "busy"}
            time.sleep(dice.random() / 50)
        except AtsamSafeError as error:
            entry = {"outcome": "refused", "refs": [problem.ref for problem in error.problems]}
        except Exception as error:  # noqa: BLE001 - told to the parent, which fails the test
            entry = {"outcome": "crash", "text": repr(error)}
        done.append({"name": name, "at": time.monotonic(), **entry})
    answers.send(done)
    answers.close()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ran:
    """One run that kept a snapshot, as its journal tells it: the snapshot's number, and the digests before and after."""

    number: int
    id: str
    command: str
    before: str
    after: str


def there_and_back(root: Path) -> None:
    """Which of many runs come through is chance: without these two, all of them may have ended in the same state."""
    assert [one_action(root, name)["outcome"] for name in ("install", "rollback")] == ["committed", "committed"]


def require_sequence(root: Path, first: str) -> list[Ran]:
    """Hold the runs in the history against a sequential model; in the order of their snapshots, which no clock decides.

    The first began in the state ``first``, each in the state in which the one before it ended, a rollback ended in the one in which the run
    before it began, and the last one in what is on the disk.
    """
    ran: list[Ran] = []
    for path in (root / STATE_FOLDER / "history").glob("*.log"):
        records = [json.loads(line.split(b" ", 2)[2]) for line in path.read_bytes().splitlines()]
        kept = next((record for record in records if record["record"] == "snapshot"), None)
        if kept is not None:
            number = int(kept["snapshot"].partition("-")[0])
            command = records[0]["command"]
            ran.append(Ran(number=number, id=path.stem, command=command, before=kept["digest"], after=records[-1]["digest"]))
    ran.sort(key=lambda run: run.number)
    assert len({run.number for run in ran}) == len(ran)
    assert len({run.after for run in ran}) > 1, "in a workstation that never changes every order is a sequence"
    assert ran[0].before == first
    for earlier, later in itertools.pairwise(ran):
        assert later.before == earlier.after, (earlier, later)
        if later.command == "rollback":
            assert later.after == earlier.before, (earlier, later)
    assert ran[-1].after == digest(root)
    return ran


def test_the_history_of_many_processes_is_a_sequence(root: Path) -> None:
    first = digest(root)
    there_and_back(root)
    pipes = [FORK.Pipe(duplex=False) for _ in range(PROCESSES)]
    processes = [FORK.Process(target=worker, args=(root, SEED + number, pipe[1])) for number, pipe in enumerate(pipes)]
    for process in processes:
        process.start()
    history = [entry for pipe in pipes for entry in pipe[0].recv()]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert [entry for entry in history if entry["outcome"] in {"crash", "broken", "rolled-back"}] == [], f"seed {SEED}"
    changing = [entry for entry in history if entry["name"] not in READING]
    # only a workstation that never had a snapshot refuses a rollback; reading beside a change may see it half made
    assert {ref for entry in changing for ref in entry.get("refs", [])} <= {"snapshot.none"}
    committed = {entry["id"]: entry for entry in history if entry["outcome"] == "committed"}
    assert len(committed) >= 3
    ended = {run.id: run for run in require_sequence(root, first) if run.id in committed}
    # what each process was told is what the disk says of that run, and no run was told twice
    assert {name: (run.command, run.before, run.after) for name, run in ended.items()} == {
        name: (entry["name"], entry["before"], entry["after"]) for name, entry in committed.items()
    }
    assert len(committed) == sum(entry["outcome"] == "committed" for entry in history)
    with open_state(root) as state, Volume(root) as volume:
        assert recover(state, volume).outcome == "nothing-to-do"
        assert SnapshotStore(state).check().problems == ()
        assert list((state.path / "run").iterdir()) == []
        assert not (state.path / "lock").exists()


def test_the_chain_of_digests_is_unbroken(root: Path) -> None:
    """Each run began in the state in which the one before it ended: nobody changed anything in between."""
    first = digest(root)
    there_and_back(root)
    pipes = [FORK.Pipe(duplex=False) for _ in range(2)]
    processes = [FORK.Process(target=worker, args=(root, SEED + 100 + number, pipe[1])) for number, pipe in enumerate(pipes)]
    for process in processes:
        process.start()
    for pipe in pipes:
        pipe[0].recv()
    for process in processes:
        process.join(60)
    assert len(require_sequence(root, first)) >= 2


def stopped_in_the_middle(root: Path, what: Callable[[Path], str], changes: int) -> int:
    """A process that holds the lock and stands still before its n-th change."""
    from atsam_safe.volume import primitives  # noqa: PLC0415 - replaced in the child only

    pid = os.fork()
    if pid:
        os.waitpid(pid, os.WUNTRACED)
        return pid
    left = changes

    def stopping(operation: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:  # noqa: ANN401 - as the primitive takes them
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
            return operation(*arguments)

        return counted

    for name in primitives.CHANGING:
        setattr(primitives, name, stopping(getattr(primitives, name)))
    try:
        what(root)
    finally:
        os._exit(0)


MEETINGS = {
    "install during install": (install, 40, "install"),
    "install during snapshot": (install, 25, "install"),
    "install during rollback": (go_back, 60, "install"),
    "rollback during install": (install, 70, "rollback"),
    "prune during snapshot": (install, 30, "prune"),
    "recover during install": (install, 60, "recover"),
    "prune during recovery": (mend, 10, "prune"),
    "rollback during pruning": (throw_away, 5, "rollback"),
}


@pytest.mark.parametrize("name", MEETINGS)
def test_a_second_one_is_turned_away_and_the_first_one_ends_well(name: str, root: Path) -> None:
    what, changes, second = MEETINGS[name]
    install(root)
    if what is not install:
        go_back(root)
        go_back(root)
    if what is mend:
        pid = stopped_in_the_middle(root, install, 70)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    pid = stopped_in_the_middle(root, what, changes)
    try:
        held = fingerprint(root)
        with pytest.raises(BusyError) as caught:
            one_action(root, second)
        assert caught.value.exit_code == 14
        assert caught.value.problems[0].params["pid"] == str(pid)
        assert fingerprint(root) == held
        with open_state(root) as state:
            SnapshotStore(state).list()
        assert fingerprint(root) == held
    finally:
        os.kill(pid, signal.SIGCONT)
        os.waitpid(pid, 0)
    assert one_action(root, "recover")["outcome"] == "nothing-to-do"
    with open_state(root) as state:
        assert SnapshotStore(state).check().problems == ()


@pytest.mark.parametrize(
    "owner",
    [b"", b"nonsense", b'{"pid": "1", "host": "elsewhere"}', b'{"pid": "%d"}' % os.getpid(), b"[" * 9000],
    ids=["empty", "nonsense", "another-host", "a-living-pid", "too-long"],
)
def test_a_dead_owner_is_no_owner_whatever_its_file_says(root: Path, owner: bytes) -> None:
    """A pid that lives again as another process, another host's file, rubbish: only the kernel's lock counts."""
    (root / STATE_FOLDER / "lock").write_bytes(owner)
    (root / STATE_FOLDER / "lock").chmod(0o600)
    assert install(root) == "committed"


def test_a_killed_owner_leaves_no_lock(root: Path) -> None:
    pid = stopped_in_the_middle(root, install, 40)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with open_state(root) as state, RunLock(state, "test") as lock:
        assert lock.held
