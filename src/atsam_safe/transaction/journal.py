"""The journal: an append-only log, synced record by record.

A line is ``SEQUENCE CHAIN JSON``: eight digits, the first 32 hex digits of SHA-256 over the line before's chain and this line's text, then
one record. The chain makes a lost, doubled, swapped or altered line visible.

- A record MUST be on stable storage before the action it announces begins.
- Only the last line may be torn: it announced something that had not begun, so it is left out.
- Any other damage is ``state.journal-damaged``: nothing is guessed, the snapshot's place is named.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import time
from typing import TYPE_CHECKING, Self

import msgspec

from atsam_safe.snapshot.batch import by_hand, script_in
from atsam_safe.snapshot.manifest import origin
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction.lock import UNKNOWN_OWNER
from atsam_safe.transaction.records import Begin, Record, Snapshotted
from atsam_safe.transaction.recovery import Decision, decide
from atsam_safe.volume import primitives
from atsam_safe.volume.errors import failure, printable
from atsam_safe.words.model import AtsamSafeError, BusyError, Problem, RefusedError, WorkstationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.snapshot.model import Manifest
    from atsam_safe.snapshot.state import StateFolder

JOURNAL = "/run/journal.log"
JOURNAL_LIMIT = 64 * 1024 * 1024
LINE = re.compile(rb"([0-9]{8}) ([0-9a-f]{32}) (\{.*\})\Z")
# two records in what looks like one torn line: a line end was altered, and the second record may announce something that did begin
SECOND_LINE = re.compile(rb"[0-9]{8} [0-9a-f]{32} \{")
FIRST_CHAIN = "0" * 32


class JournalDamagedError(RefusedError):
    """The journal of an interrupted run cannot be trusted (exit 10): a person decides, with the snapshot named."""


class NotSyncedError(WorkstationError):
    """The rename that ends a run was done, but could not be brought to stable storage."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal says. ``good_bytes``: length up to the last whole record. ``chain``: of that record. ``torn``: a tail was left out."""

    records: tuple[Record, ...]
    good_bytes: int
    chain: str
    torn: bool


class DamagedLineError(ValueError):
    """Line ``number`` (from 0) is not what was written; ``records`` are the good ones before it."""

    def __init__(self, number: int, records: tuple[Record, ...]) -> None:
        super().__init__(number)
        self.number = number
        self.records = records


def chain_of(previous: str, sequence: int, text: bytes) -> str:
    """The chain value of a line."""
    return hashlib.sha256(b"%s %08d %s" % (previous.encode(), sequence, text)).hexdigest()[:32]


def encode(record: Record, sequence: int, previous: str) -> tuple[bytes, str]:
    """One line, and its chain value. Lone surrogates (names that are no UTF-8) are kept as JSON escapes."""
    text = json.dumps(msgspec.to_builtins(record), separators=(",", ":")).encode("ascii")
    chain = chain_of(previous, sequence, text)
    return b"%08d %s %s\n" % (sequence, chain.encode(), text), chain


def parse(content: bytes) -> Reading:
    """Read a journal's bytes (pure). Raises ``DamagedLineError`` for damage anywhere but in the last line."""
    records: list[Record] = []
    chain = FIRST_CHAIN
    good = 0
    lines = content.split(b"\n")
    tail = lines.pop()  # empty when the file ends as it should
    for number, line in enumerate(lines):
        decoded = _decode(line, number, chain)
        if decoded is None:
            if number == len(lines) - 1 and not tail and not SECOND_LINE.search(line, 1):
                return Reading(records=tuple(records), good_bytes=good, chain=chain, torn=True)
            raise DamagedLineError(number, tuple(records))
        record, chain = decoded
        records.append(record)
        good += len(line) + 1
    if SECOND_LINE.search(tail, 1):
        raise DamagedLineError(len(lines), tuple(records))
    return Reading(records=tuple(records), good_bytes=good, chain=chain, torn=bool(tail))


def _decode(line: bytes, number: int, previous: str) -> tuple[Record, str] | None:
    match = LINE.match(line)
    if match is None or int(match[1]) != number or chain_of(previous, number, match[3]) != match[2].decode():
        return None
    try:
        return msgspec.convert(json.loads(match[3]), Record), match[2].decode()
    except (ValueError, RecursionError, msgspec.ValidationError):
        return None


def read_journal(state: StateFolder, place: str = JOURNAL) -> Reading | None:
    """The journal at ``place``; ``None`` when there is none. Raises ``JournalDamagedError``."""
    if state.files.lstat(place) is None:
        return None
    try:
        return parse(state.files.read_bytes(place, JOURNAL_LIMIT))
    except DamagedLineError as error:
        raise journal_damaged(state, place, str(error.number + 1), error.records) from error
    except WorkstationError as error:
        if error.problems[0].ref in {"volume.not-a-file", "volume.link-in-the-way", "volume.too-large"}:
            raise journal_damaged(state, place, "1", ()) from error
        raise


def ended_journal(state: StateFolder, run: str) -> Reading | None:
    """The journal of a run that was put away; ``None`` when it is not there, or cannot be understood."""
    try:
        return read_journal(state, f"/history/{run}.log")
    except JournalDamagedError:
        return None


def begun(state: StateFolder) -> Decision:
    """What is to be done about an unfinished run; reads only. Raises ``JournalDamagedError``.

    No journal and a newest snapshot whose run was never put away: the journal is missing, and nobody knows what that run came to.
    """
    reading = read_journal(state)
    lost = SnapshotStore(state).lost() if reading is None else None
    if lost is None:
        return decide(None if reading is None else reading.records)
    return Decision(action="restore", run_id=lost.run_id, command=lost.reason, snapshot=lost.id, digest=lost.digest, outcome="rolled-back")


def journal_missing(state: StateFolder, lost: Manifest) -> JournalDamagedError:
    """The refusal for a run whose journal is not there, while the workstation is not as that run found it."""
    (problem,) = journal_damaged(state, JOURNAL, "—", (Snapshotted(snapshot=lost.id, digest=lost.digest),)).problems
    return JournalDamagedError(msgspec.structs.replace(problem, told="state.journal-damaged.missing"))


def journal_damaged(state: StateFolder, place: str, line: str, records: Sequence[Record]) -> JournalDamagedError:
    """The refusal that names the damaged line, and the snapshot from which the state before can be brought back.

    Without one that is that run's own, no script is named: that of an earlier run would undo what that run did, which is whole.
    """
    snapshot = next((record.snapshot for record in records if isinstance(record, Snapshotted)), None) or unended_snapshot(state)
    folder = state.path / "snapshots" / snapshot if snapshot else state.path / "snapshots"
    params = {
        "path": printable(str(state.path / place[1:])),
        "line": line,
        "snapshot": printable(snapshot or "—"),
        "place": printable(str(folder)),
    }
    if snapshot is not None:
        params |= {"script": printable(str(script_in(folder))), "by_hand": by_hand(folder, str(state.root))}
    told = None if snapshot is None else "state.journal-damaged.begun"
    return JournalDamagedError(Problem(ref="state.journal-damaged", told=told, params=params, evidence=dict(params)))


def unended_snapshot(state: StateFolder) -> str | None:
    """The snapshot of the run that was never put away and may have begun its steps; ``None`` when there is none, or nobody can tell."""
    store = SnapshotStore(state)
    with contextlib.suppress(AtsamSafeError):
        newest = None if store.untouched() else store.unended()
        # one that does not name its run may be that of a run which ended
        return newest if newest is not None and origin(state, newest) is not None else None
    return None


def _hold(fd: int) -> None:
    """The kernel's lock on the journal itself, until it is closed: somebody may have removed the file ``lock`` of a run that goes on."""
    if primitives.IS_WINDOWS:
        return  # where nobody can remove a file that is open
    try:
        primitives.lock_exclusive(fd)
    except BlockingIOError as error:
        raise BusyError(Problem(ref="state.locked", params=dict(UNKNOWN_OWNER))) from error
    except OSError:
        return  # a disk that knows no locks for it: the file ``lock`` is what there is


class Journal:
    """The journal of the active run, open for appending."""

    def __init__(self, state: StateFolder, fd: int, reading: Reading) -> None:
        self._state = state
        self._fd = fd
        self._chain = reading.chain
        self._size = reading.good_bytes
        self._torn = False
        self.records: list[Record] = list(reading.records)

    @classmethod
    def start(cls, state: StateFolder, begin: Begin) -> Self:
        """Begin a new journal; its first record and its name are on stable storage when this returns."""
        with state.files.parent(JOURNAL) as (folder, name):
            primitives.close(primitives.create_file(name, 0o600, folder))
            # appending mode: after a failed write is cut off, the next record must not leave a hole of zeros before it
            fd = primitives.open_append(name, folder)
            journal = cls(state, fd, Reading(records=(), good_bytes=0, chain=FIRST_CHAIN, torn=False))
            try:
                _hold(fd)
                journal.append(begin)
                primitives.sync_file(folder)
            except BaseException:
                journal.close()
                with contextlib.suppress(OSError):
                    primitives.unlink(name, folder)
                raise
        return journal

    @classmethod
    def resume(cls, state: StateFolder, reading: Reading) -> Self:
        """Go on with the journal of an interrupted run; a torn tail is cut off first. Raises ``BusyError``: its run is still at work."""
        with state.files.parent(JOURNAL) as (folder, name):
            fd = primitives.open_append(name, folder)
            try:
                _hold(fd)
                if primitives.fstat(fd).st_size != reading.good_bytes:
                    # not synced by itself: the next record's sync carries it, and until then the torn tail does no harm
                    primitives.truncate(fd, reading.good_bytes)
            except BaseException:
                primitives.close(fd)
                raise
        return cls(state, fd, reading)

    def append(self, record: Record) -> None:
        """Write one record; it is on stable storage when this returns. After a failure the journal is as before."""
        if self._torn:
            # what was half written could not be cut off: another record behind it would make the whole journal unreadable
            raise failure(OSError(errno.EIO, os.strerror(errno.EIO)), str(self._state.journal))
        stamped = msgspec.structs.replace(record, at=round(time.time(), 3))
        line, chain = encode(stamped, len(self.records), self._chain)
        try:
            primitives.write_all(self._fd, line)
            primitives.sync_file(self._fd)
        except OSError as error:
            # half a line in the middle would make the whole journal unreadable: it is cut off, or stays the torn last one
            try:
                primitives.truncate(self._fd, self._size)
            except OSError:
                self._torn = True
            raise failure(error, str(self._state.journal)) from error
        self._chain = chain
        self._size += len(line)
        self.records.append(stamped)

    def commit(self, run_id: str) -> None:
        """THE commit point: one rename of the journal into ``history/``, then both folders on stable storage.

        Raises ``WorkstationError`` when the rename failed (not committed), ``NotSyncedError`` when it was done but the disk did not
        confirm it: then a power cut may still bring the journal back to ``run/``.
        """
        files = self._state.files
        files.rename(JOURNAL, f"/history/{run_id}.log")
        try:
            files.sync_directory("/history")
            files.sync_directory("/run")
        except WorkstationError as error:
            raise NotSyncedError(Problem(ref="transaction.commit-not-synced"), *error.problems) from error
        self.close()

    def take_back(self, run_id: str) -> bool:
        """Undo the rename of a commit that the disk did not confirm; ``False`` when that fails too (the commit then stands).

        On stable storage when this returns ``True``: the way back follows, and a power cut in it must find the journal in ``run/``.
        """
        files = self._state.files
        try:
            files.rename(f"/history/{run_id}.log", JOURNAL)
        except WorkstationError:
            return False
        try:
            files.sync_directory("/run")
            files.sync_directory("/history")
        except WorkstationError:
            with contextlib.suppress(WorkstationError):
                files.rename(JOURNAL, f"/history/{run_id}.log")
                return False
        return True

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._fd >= 0:
            primitives.close(self._fd)
            self._fd = -1
