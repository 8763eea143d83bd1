"""Power cuts through whole runs of the transaction: every moment, every kind of loss, recovered and judged.

The runs are the small ones of ``lab.heart`` (real journal, store and recovery on a real folder), so that thousands of disks can be
made and recovered in a minute. Judged without trusting the product: the recovered volume is the one before or the one after, byte for byte;
once a success was told it is the one after; a second recovery has nothing to do; the store can still restore what it keeps.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atsam_safe.snapshot import SnapshotStore, open_state
from atsam_safe.transaction import recover, run_transaction
from atsam_safe.volume import Volume, primitives
from atsam_safe.volume.errors import failure
from atsam_safe.words.model import AtsamSafeError, RefusedError
from faults.fingerprint import HOLDER, STATE_FOLDER, Fingerprint, differences
from faults.fingerprint import fingerprint as whole_fingerprint
from faults.power import MODELS, WAYS, Model, Recorder, Recording, Way, crash, materialise
from faults.scene import IN_MEMORY, PROJECT
from faults.store_eyes import Kept
from lab.heart import NoPackages, PlainWorkstation, lay_out
from lab.heart_runs import PLAN, failing_install, go_back, install, mend, throw_away

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atsam_safe.plan.model import Plan
    from atsam_safe.snapshot.state import StateFolder
    from atsam_safe.workstation.port import OpenedPackages

RECORD_SYNC: Final = "transaction/journal.Journal.append+"
# syncs whose absence no crash state can show, and why
HARMLESS: Final = {
    "snapshot/belonging._write_mark+10 (file)": "the barrier before the first record carries it as well; it is for a mark that is "
    "written anew because the folder moved, and no story moves one",
    "snapshot/belonging._write_mark+10 (folder)": "as its content",
    "snapshot/state._lay_out+6 (folder)": "the name of `format` is synced with it, and the whole volume on the very next line; nothing "
    "happens between the two",
    "snapshot/state._lay_out+7 (volume)": "`Run.require_barrier` does the same before a run writes its first record",
    "transaction/executor._put_away_damaged+8 (folder)": "a damaged journal that is left in `run/` is that of a run which is put away: the "
    "next start puts it away once more",
    "transaction/journal.Journal.take_back+12 (folder)": "the journal's name in `run/` is on the disk already; one that is left in "
    "`history/` as well counts for nothing and is replaced when the run is ended",
    "transaction/run.Run.end_unended+10 (file)": "the file is empty and says all it says by its name: it has no content to lose",
}
# syncs that no story comes to, and why: all others must be met by one (`barrier_sites.py` finds them in the source)
ELSEWHERE: Final = {
    "cards/galss_apply.apply_proposal+16": "a step of a run: until the run's own barrier before its commit the snapshot brings the file "
    "back, and that barrier brings it to the disk",
    "cards/identity.load_key+19": "no run: a key that is made on first use. `test_power_loss.py` sees that its name comes last",
    "macos/staging._stage_package+9": "a copy in `run/staging`, hashed after it and thrown away by the recovery of a run that a cut ended",
    "snapshot/export._new_file+7": "no run: a copy outside the store. `test_power_loss.py` sees that its name comes last",
    "snapshot/export._put_in_place+7": "as above, and that the name is kept",
    "snapshot/export._write_folder+13": "as above, each folder of the copy",
    "windows/staging.stage+11": "Windows alone: a copy in `run/staging`, hashed after it and thrown away by the recovery of a run that a "
    "cut ended",
}
# one of them is another file system than the one a story plays on: full runs play in memory, the tests in their own folder
OTHER_DISKS: Final = (IN_MEMORY, Path(tempfile.gettempdir()), PROJECT)
SOUND_ENDINGS: Final = frozenset({"nothing-to-do", "unchanged", "rolled-back"})


# the small plan's scope has no folders of others in it (a real plan's has): the times of those above it are nobody's promise here
ABOVE: Final = frozenset({"Library", "Library/Preferences", "usr", "usr/local"})


def fingerprint(root: Path) -> Fingerprint:
    """The whole volume, without the times of the folders above the scope."""
    found = whole_fingerprint(root)
    return {path: (*entry[:4], 0, *entry[5:]) if path in ABOVE else entry for path, entry in found.items()}


class PulledError(BaseException):
    """The plug, for the lay-out of interrupted runs."""


def half_installed(root: Path) -> str:
    """The state in which a cut in the middle of the steps leaves a workstation, everything synced."""

    def pull(number: int) -> None:
        if number == 4:
            raise PulledError

    try:
        with open_state(root) as state:
            run_transaction(PLAN, workstation=PlainWorkstation(root, pull), packages=NoPackages(), state=state)
    except PulledError:
        (root / "Library/Application Support/atsam-safe/lock").unlink(missing_ok=True)
        return "pulled"
    raise RuntimeError


def by_hand(root: Path) -> str:
    """What somebody does whose workstation the program cannot bring back: the newest snapshot's own script."""
    newest = max((root / STATE_FOLDER / "snapshots").iterdir())
    subprocess.run(["/bin/sh", str(newest / "restore.sh"), str(root)], check=True, capture_output=True)
    return "brought back"


def hurt_journal(root: Path) -> str:
    """One bit of the journal's first record rots."""
    journal = root / STATE_FOLDER / "run/journal.log"
    content = bytearray(journal.read_bytes())
    content[80] ^= 1
    journal.write_bytes(content)
    return "hurt"


def lose_journal(root: Path) -> str:
    """The journal is gone."""
    (root / STATE_FOLDER / "run/journal.log").unlink()
    return "lost"


def behead_journal(root: Path) -> str:
    """Nothing of the journal is left but a torn first record."""
    (root / STATE_FOLDER / "run/journal.log").write_bytes(b"00000001 half a rec")
    return "torn"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Story:
    """What happened before, and what is recorded."""

    name: str
    earlier: tuple[Callable[[Path], str], ...]
    command: Callable[[Path], str]
    origin: int = -1  # the state before is the one after this many earlier steps (-1: all of them)
    torn_journal: bool = False
    unconfirmed: str = ""  # the folder whose sync at the commit the disk refuses, once
    elsewhere: bool = False  # the state lies on another disk, and both lose their power


def other_disk(root: Path) -> Path:
    """Where the state of ``root`` lies on another disk; ``root`` need not be there."""
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    disk = next((disk for disk in OTHER_DISKS if os.access(disk, os.W_OK) and disk.stat().st_dev != there.stat().st_dev), None)
    assert disk is not None, "two folders of one disk lose nothing alone"
    return disk / f".atsam-safe-power-{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}"


def forget_other_disk(root: Path) -> None:
    """Nothing is left in memory of a disk that is no longer asked about."""
    shutil.rmtree(other_disk(root), ignore_errors=True)


def install_elsewhere(root: Path) -> str:
    """A run that goes through, and keeps its state on another disk."""
    with open_state(root, other_disk(root)) as state:
        return run_transaction(PLAN, workstation=PlainWorkstation(root), packages=NoPackages(), state=state).outcome


class NoRoom(PlainWorkstation):
    """One for which nothing can be unpacked."""

    def stage(self, plan: Plan, packages: OpenedPackages, staging: Path, progress: Callable[[str, int, int], None]) -> None:
        """The disk is full."""
        del plan, packages, progress
        raise failure(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), str(staging))


def refused_elsewhere(root: Path) -> str:
    """A run that is refused before it touched anything, and takes its sign away from the workstation again."""
    with open_state(root, other_disk(root)) as state, contextlib.suppress(RefusedError):
        run_transaction(PLAN, workstation=NoRoom(root), packages=NoPackages(), state=state)
    assert not (root / STATE_FOLDER).exists()
    return "unchanged"


HALF: Final = (install, go_back, half_installed)
STORIES: Final = (
    # first, because a sync that only two disks need would otherwise be looked for in every loss of all others
    Story(name="first install, state on another disk", earlier=(), command=install_elsewhere, elsewhere=True),
    Story(name="refused install, state on another disk", earlier=(), command=refused_elsewhere, elsewhere=True),
    Story(name="install, state on another disk", earlier=(install_elsewhere,), command=install_elsewhere, elsewhere=True),
    Story(name="first install", earlier=(), command=install),
    Story(name="install", earlier=(install, go_back), command=install),
    Story(name="install that fails", earlier=(install, go_back), command=failing_install),
    Story(name="rollback", earlier=(install,), command=go_back),
    Story(name="prune", earlier=(install, go_back, go_back, go_back), command=throw_away),
    Story(name="recover", earlier=HALF, command=mend, origin=2),
    Story(name="recover with a torn journal", earlier=HALF, command=mend, origin=2, torn_journal=True),
    Story(name="recover by hand, journal damaged", earlier=(*HALF, by_hand, hurt_journal), command=mend, origin=2),
    Story(name="recover by hand, journal lost", earlier=(*HALF, by_hand, lose_journal), command=mend, origin=2),
    Story(name="recover by hand, journal torn at its start", earlier=(*HALF, by_hand, behead_journal), command=mend, origin=2),
    Story(name="install not confirmed in history", earlier=(install, go_back), command=install, unconfirmed="/history"),
    Story(name="install not confirmed in run", earlier=(install, go_back), command=install, unconfirmed="/run"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded:
    """One story recorded. ``told`` at its end, when the pointer names ``latest`` and the journals ``ended`` lie in the history.

    ``after``: the state that the run reaches, ``final``: the one at its end, which is another one where it went back again.
    ``damaged``: the journal that nobody can read, and that is kept for whoever wants to look.
    """

    name: str
    recording: Recording
    before: Fingerprint
    after: Fingerprint
    final: Fingerprint
    told: str
    latest: str | None
    ended: frozenset[str]
    damaged: bytes | None = None
    command_keeps: bool = True
    elsewhere: bool = False

    def state_of(self, root: Path) -> Path:
        """Where the state of the workstation at ``root`` lies."""
        return other_disk(root) if self.elsewhere else root / STATE_FOLDER

    def open(self, root: Path) -> StateFolder:
        """Open it as whoever starts again does."""
        return open_state(root, self.state_of(root) if self.elsewhere else None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loss:
    """One crash state."""

    story: str
    moment: int
    model: Model
    way: Way
    seed: int
    without: str = ""

    @property
    def name(self) -> str:
        """What to type to run this one again (with the seed of its run)."""
        taken = f" without {self.without}" if self.without else ""
        return f"power cut, {self.story}: moment {self.moment}, {self.model}, {self.way}, seed {self.seed}{taken}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wrong:
    """What is wrong with the start on one crash state. ``false_claim``: a success or a way back was told that the disk does not show."""

    text: str
    false_claim: bool = False


def record(story: Story, folder: Path) -> Recorded:
    """Play the story with the recorder under it."""
    root = folder / f"story-{story.name.replace(' ', '-')}"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    lay_out(root)
    (root / HOLDER).mkdir()
    forget_other_disk(root)
    if story.elsewhere:
        other_disk(root).mkdir(mode=0o700)
    before = fingerprint(root)
    for number, step in enumerate(story.earlier, start=1):
        step(root)
        if story.origin in {number, -1}:
            before = fingerprint(root)
    if story.torn_journal:
        with (root / "Library/Application Support/atsam-safe/run/journal.log").open("ab") as stream:
            stream.write(b"00000099 half a rec")
    journal = root / STATE_FOLDER / "run/journal.log"
    damaged = journal.read_bytes() if hurt_journal in story.earlier else None
    recorder = Recorder(root, other_disk(root)) if story.elsewhere else Recorder(root)
    reached: list[Fingerprint] = []
    with recorder.attached(), refused_sync(story.unconfirmed, lambda: reached.append(fingerprint(root))):
        told = story.command(root)
    with open_state(root, other_disk(root) if story.elsewhere else None) as state:
        latest = SnapshotStore(state).latest()
        ended = histories(state.path)
    recorded = Recorded(
        name=story.name,
        recording=recorder.recording(),
        before=before,
        after=reached[0] if reached else fingerprint(root),
        final=fingerprint(root),
        told=told,
        latest=latest,
        ended=ended,
        damaged=damaged,
        elsewhere=story.elsewhere,
    )
    shutil.rmtree(root)
    forget_other_disk(root)
    return recorded


@contextlib.contextmanager
def refused_sync(folder: str, look: Callable[[], None]) -> Iterator[None]:
    """Let the disk refuse once to confirm a folder's names at the commit; ``look`` is called at that moment."""
    name, real = "sync_directory", Volume.sync_directory
    left = [folder] if folder else []

    def sync(volume: Volume, path: str) -> None:
        if path in left:
            left.remove(path)
            look()
            raise failure(OSError(errno.EIO, os.strerror(errno.EIO)), path)
        real(volume, path)

    setattr(Volume, name, sync)
    try:
        yield
    finally:
        setattr(Volume, name, real)
    assert not left


def histories(state: Path) -> frozenset[str]:
    """The journals of runs that were ended."""
    return frozenset(path.name for path in (state / "history").glob("*.log"))


def judge(recorded: Recorded, loss: Loss, folder: Path) -> Wrong | None:
    """Make the disk of one loss, start again on it, and say what is wrong (``None``: nothing)."""
    root = folder / "disk"
    shutil.rmtree(root, ignore_errors=True)
    recording = recorded.recording
    nodes = crash(recording, loss.moment, loss.model, loss.way, loss.seed, loss.without)
    materialise(nodes, recording.root, root)
    forget_other_disk(root)
    for number in recording.others:
        materialise(nodes, number, other_disk(root))
    over = loss.moment == len(recording.events)
    wrong = _judge_disk(recorded, loss, recorded.state_of(root))
    if wrong is not None:
        return Wrong(text=wrong)
    try:
        return _judge_start(recorded, root, over=over)
    except AtsamSafeError as error:
        return Wrong(text=f"refused: {[problem.ref for problem in error.problems]}")
    except Exception as error:  # noqa: BLE001 - whatever a disk looks like, the product must not fall over it
        return Wrong(text=f"fell over it: {type(error).__name__}: {error}")


def _judge_disk(recorded: Recorded, loss: Loss, state: Path) -> str | None:
    """What the order of writing promises of any disk, before anybody repairs it (``docs/internals/transaction.md``, invariants 2 and 4)."""
    for path in sorted(state.glob("snapshots/*/manifest.json")):
        try:
            document = json.loads(path.read_bytes())
        except ValueError:
            continue  # torn while it was written: it names nothing
        for item in document.get("manifest", document)["paths"]:
            sha256 = item.get("sha256")
            if sha256 and not _is_whole(state / "objects" / sha256[:2] / sha256[2:], sha256):
                return f"a manifest names content that is not on the disk: {path.parent.name}"
    if recorded.damaged is not None and recorded.damaged not in (path.read_bytes() for path in state.glob("*/*.log")):
        return "the damaged journal is gone, and nobody can look at it any more"
    if loss.moment == len(recorded.recording.events) and not recorded.ended <= histories(state):
        return "the end of a run that had been told is not on the disk"
    earlier = recorded.recording.events[: loss.moment]
    acknowledged = sum(event.site.startswith(RECORD_SYNC) and event.site != loss.without for event in earlier)
    ended = any(change[1] == "journal.log" and change[2] is None for event in earlier for change in event.names)
    journal = state / "run/journal.log"
    if acknowledged > 1 and not ended and not journal.exists():
        return "the journal of a run under way has no name"
    return _judge_pointer(recorded, state, journal)


def _judge_pointer(recorded: Recorded, state: Path, journal: Path) -> str | None:
    """That the steps of a run may have begun is written in two places, one after the other."""
    written = journal.read_bytes() if journal.exists() else b""
    kept = re.findall(rb'"record":"snapshot"[^\n]*?"snapshot":"([^"]+)"', written)
    pointer = (state / "latest").read_bytes().strip() if (state / "latest").exists() else b""
    if b'"record":"intent"' in written and recorded.command_keeps and pointer not in kept:
        return f"a step was announced by a journal that speaks of {kept!r}, the pointer of {pointer!r}"
    begun = re.findall(rb'"record":"begin"[^\n]*?"run_id":"([^"]+)"', written)
    manifest = state / "snapshots" / os.fsdecode(pointer) / "manifest.json"
    if begun and pointer not in kept and manifest.is_file() and b'"run_id": "%s"' % begun[0] in manifest.read_bytes():
        return f"the pointer names {pointer!r} of the run under way, the journal does not"
    return None


def _is_whole(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _judge_start(recorded: Recorded, root: Path, *, over: bool) -> Wrong | None:
    place = recorded.state_of(root)
    begun = (place / "run/journal.log").exists()
    earlier = Kept.at(place)
    if begun and recorded.elsewhere and not _is_told_elsewhere(root):
        return Wrong(text="without --state-dir the interrupted run is not seen", false_claim=True)
    with recorded.open(root) as state, Volume(root) as volume:
        first = recover(state, volume)
        if first.outcome not in SOUND_ENDINGS:
            return Wrong(text=f"ended {first.outcome}: {[problem.ref for problem in first.problems]}")
        found = fingerprint(root)
        wrong = _judge_claim(recorded, first.outcome, found, begun=begun, over=over)
        if wrong is not None:
            return Wrong(text=wrong, false_claim=True)
        second = recover(state, volume)
        if second.outcome != "nothing-to-do" or fingerprint(root) != found:
            return Wrong(text=f"recovered twice is not recovered once: {second.outcome}")
        lost = earlier.wrong_since(Kept.at(place))
        text = _judge_store(recorded, state_store=SnapshotStore(state), over=over) or ("; ".join(lost) or None)
        return None if text is None else Wrong(text=text)


def _is_told_elsewhere(root: Path) -> bool:
    try:
        open_state(root, create=False).close()
    except AtsamSafeError as error:
        return error.problems[0].ref == "state.elsewhere"
    return False


def _judge_claim(recorded: Recorded, outcome: str, found: Fingerprint, *, begun: bool, over: bool) -> str | None:
    """Each sound ending claims something of the disk; and so does a success that was told before the cut."""
    if found not in (recorded.before, recorded.after):
        differing = f"{differences(found, recorded.before)[:4]} / {differences(found, recorded.after)[:4]}"
        return f"told {outcome}, neither before nor after: {differing}"
    if outcome in {"rolled-back", "unchanged"} and found != recorded.before:
        return f"told {outcome}, found after"
    if outcome == "nothing-to-do" and begun:
        return "told nothing-to-do, a run was begun"
    if over and recorded.told in {"committed", "rolled-back"} and found != recorded.final:
        return f"a {recorded.told} that had been told is gone"
    return None


def _judge_store(recorded: Recorded, *, state_store: SnapshotStore, over: bool) -> str | None:
    report = state_store.check()
    if report.broken:
        return f"broken snapshots: {report.broken} {[problem.ref for problem in report.problems]}"
    latest = state_store.latest()
    if latest is not None and latest not in report.restorable:
        return f"the last snapshot cannot be restored: {latest}"
    if over and recorded.told == "committed" and latest != recorded.latest:
        return f"the pointer names {latest}, not {recorded.latest}"
    # content of nobody may be torn or empty: it is written anew before anything relies on it
    wrong = [problem.ref for problem in report.problems if problem.params.get("snapshot") != "—"]
    return f"the store is not whole: {wrong}" if wrong else None


def losses(recorded: Recorded, *, stride: int = 1, seeds: int = 1, without: str = "", seed: int = 0) -> Iterator[Loss]:
    """Crash states: around every sync, and at every ``stride``-th moment between, each way, both models.

    ``seed``: of the run; the random choices of each state follow from it, so another run chooses others.
    """
    events = recorded.recording.events
    moments = {moment for moment, event in enumerate(events) if event.kind in {"sync", "sync-all"}} | {len(events)}
    moments |= {moment + 1 for moment in moments if moment < len(events)} | set(range(0, len(events), stride))
    for moment in sorted(moments):
        for model in MODELS:
            for way in WAYS:
                for number in range(seeds if way in {"random", "lose-entry"} else 1):
                    own = (seed * 100 + number) * 1000 + moment
                    yield Loss(story=recorded.name, moment=moment, model=model, way=way, seed=own, without=without)


def survey(recorded: Recorded, chosen: list[Loss], folder: Path, *, stop_at_first: bool = False) -> list[tuple[Loss, Wrong]]:
    """Judge many losses; what was wrong."""
    wrong: list[tuple[Loss, Wrong]] = []
    # the recovery on a modelled disk need not wait for the real one
    real = primitives.sync_file, primitives.sync_volume
    primitives.sync_file = primitives.sync_volume = lambda _fd: None  # type: ignore[assignment]  # the disk never syncs
    try:
        for loss in chosen:
            found = judge(recorded, loss, folder)
            if found is not None:
                wrong.append((loss, found))
                if stop_at_first:
                    break
    finally:
        forget_other_disk(folder / "disk")
        primitives.sync_file, primitives.sync_volume = real
    return wrong


def first_red(recorded: Recorded, site: str, folder: Path, seed: int) -> tuple[Loss, Wrong] | None:
    """Take one barrier away: the first loss that turns red, or ``None``."""
    # before the first sync of that place nothing differs
    first = next(index for index, event in enumerate(recorded.recording.events) if event.site == site)
    chosen = [loss for loss in losses(recorded, stride=10_000, seeds=12, without=site, seed=seed) if loss.moment > first]
    random.Random(seed).shuffle(chosen)  # noqa: S311 - as in campaign: a seed is printed, nothing is secret
    wrong = survey(recorded, chosen, folder, stop_at_first=True)
    return wrong[0] if wrong else None
