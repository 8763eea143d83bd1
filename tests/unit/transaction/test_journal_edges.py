"""The journal's edges, at each of which a mutant once survived.

Damage behind a right checksum, cleaning up after itself, a disk that confirms nothing.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.plan.model import ApplyEffect, Plan, ScopeEntry, Target
from atsam_safe.snapshot import open_state
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.transaction import run_transaction
from atsam_safe.transaction.journal import (
    FIRST_CHAIN,
    DamagedLineError,
    Journal,
    JournalDamagedError,
    NotSyncedError,
    Reading,
    begun,
    chain_of,
    encode,
    parse,
    read_journal,
)
from atsam_safe.transaction.records import Begin, Ended, Intent, Record, Reserved, Staged
from atsam_safe.transaction.recovery import Decision
from atsam_safe.volume import primitives
from atsam_safe.volume.state_place import default_state_path
from atsam_safe.words.model import WorkstationError
from lab.heart import NoPackages, PlainWorkstation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.snapshot.state import StateFolder

BEGIN = Begin(run_id="20260101T000000Z-0000", command="install", program="1")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    with open_state(tmp_path) as opened:
        yield opened


# as a journal lies on disks out there: the format is a promise
FIRST_LINE = (
    b'00000000 7a5698ec34304d5dfcf9df7df58d36ce {"record":"begin","at":0.0,"run_id":"20260101T000000Z-0000","command":"install",'
    b'"program":"1","catalogue":"embedded","accepted":[],"steps":0}\n'
)


def test_a_journal_that_was_written_by_an_earlier_program_is_read() -> None:
    assert encode(BEGIN, 0, FIRST_CHAIN)[0] == FIRST_LINE
    assert parse(FIRST_LINE).records == (BEGIN,)


def test_a_long_journal_is_read_whole(state: StateFolder) -> None:
    """The bound is there against rubbish: a run of thousands of steps stays far below it."""
    journal = Journal.start(state, BEGIN)
    journal.append(Intent(index=0, name="remove-path", step={"path": "x" * 2_000_000}))
    journal.close()
    reading = read_journal(state)
    assert reading is not None
    assert len(reading.records) == 2


def failing(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@pytest.mark.parametrize(
    "text",
    [b"{", b"[" * 100_000 + b"]" * 100_000, b"7", b'{"record":"unknown"}', b'{"record":"begin"}', b'{"record":"begin","run_id":7}'],
    ids=["no JSON", "too deep", "no object", "unknown record", "fields missing", "wrong type"],
)
def test_a_right_checksum_over_nonsense_is_damage(text: bytes) -> None:
    """Damage that somebody made, not the disk: it must be told, and never be read as an end of the journal that is merely torn."""
    chain = chain_of(FIRST_CHAIN, 0, text)
    line = b"%08d %s %s\n" % (0, chain.encode(), text)
    following, _ = encode(BEGIN, 1, chain)
    with pytest.raises(DamagedLineError) as caught:
        parse(line + following)
    assert caught.value.number == 0
    assert parse(line).torn


@pytest.mark.parametrize("pointer", [None, "000007-20260101T000000Z-abcd"])
@pytest.mark.parametrize("damaged", [1, 2, 3])
def test_a_damaged_journal_of_a_run_that_kept_nothing_names_no_script(state: StateFolder, pointer: str | None, damaged: int) -> None:
    lines, chain = [], FIRST_CHAIN
    records: tuple[Record, ...] = (BEGIN, Staged(), Reserved(bytes=7), Ended(outcome="unchanged"))
    for number, record in enumerate(records):
        line, chain = encode(record, number, chain)
        lines.append(line)
    lines[damaged - 1] = lines[damaged - 1].replace(b"record", b"rekord")
    state.journal.write_bytes(b"".join(lines))
    latest = state.path / "latest"
    latest.unlink(missing_ok=True)
    if pointer is not None:
        latest.write_text(f"{pointer}\n")
    with pytest.raises(JournalDamagedError) as caught:
        read_journal(state)
    params = caught.value.problems[0].params
    # what the pointer names is an earlier run's: going back to that would undo what is whole
    assert params["snapshot"] == "—"
    assert not {"script", "by_hand"} & params.keys()
    assert params["line"] == str(damaged)
    assert params["path"] == str(state.journal)
    assert params["place"] == str(state.path / "snapshots")


def test_a_journal_is_private_and_tells_the_time_in_thousandths(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atsam_safe.transaction.journal.time.time", lambda: 1_800_000_000.123456)
    Journal.start(state, BEGIN).close()
    assert state.journal.stat().st_mode & 0o7777 == 0o600
    assert parse(state.journal.read_bytes()).records[0].at == 1_800_000_000.123


def test_a_closed_journal_gives_its_descriptor_back(state: StateFolder) -> None:
    before = descriptors()
    journal = Journal.start(state, BEGIN)
    assert descriptors() == before + 1
    journal.close()
    journal.close()
    assert descriptors() == before


@pytest.mark.parametrize("error", [OSError(errno.EIO, ""), KeyboardInterrupt()])
def test_a_journal_that_cannot_be_begun_leaves_nothing(state: StateFolder, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def stopping(_: int) -> None:
        raise error

    before = descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(primitives, "sync_file", stopping)
        with pytest.raises((WorkstationError, KeyboardInterrupt)):
            Journal.start(state, BEGIN)
    assert not state.journal.exists()
    assert descriptors() == before


def test_a_journal_that_cannot_be_taken_up_again_gives_its_descriptor_back(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    Journal.start(state, BEGIN).close()
    torn = state.journal.read_bytes() + b"00000001 half"
    state.journal.write_bytes(torn)
    before = descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(primitives, "truncate", failing)
        with pytest.raises((OSError, WorkstationError)):
            Journal.resume(state, parse(torn))
    assert descriptors() == before
    assert state.journal.read_bytes() == torn


def test_a_commit_that_the_disk_does_not_confirm_is_said_and_can_be_taken_back(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.start(state, BEGIN)
    with monkeypatch.context() as patch:
        patch.setattr(primitives, "sync_file", failing)
        with pytest.raises(NotSyncedError) as caught:
            journal.commit("run")
    assert [problem.ref for problem in caught.value.problems] == ["transaction.commit-not-synced", "volume.io-error"]
    assert not state.journal.exists()
    assert (state.path / "history/run.log").exists()
    assert journal.take_back("run")
    assert state.journal.exists()
    with monkeypatch.context() as patch:
        patch.setattr(primitives, "rename", failing)
        with pytest.raises(WorkstationError):
            journal.commit("run")
        assert not journal.take_back("run")
    journal.close()


def test_what_is_taken_back_is_on_the_disk_before_the_way_back_begins(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut in the way back once found the journal in ``history/``: “nothing to do”, and the workstation in between."""
    journal = Journal.start(state, BEGIN)
    state.files.rename("/run/journal.log", "/history/run.log")
    synced: list[int] = []
    real = primitives.sync_file

    def noted(fd: int) -> None:
        synced.append(os.fstat(fd).st_ino)
        real(fd)

    with monkeypatch.context() as patch:
        patch.setattr(primitives, "sync_file", noted)
        assert journal.take_back("run")
    assert set(synced) == {(state.path / name).stat().st_ino for name in ("run", "history")}
    state.files.rename("/run/journal.log", "/history/run.log")
    with monkeypatch.context() as patch:
        patch.setattr(primitives, "sync_file", failing)
        assert not journal.take_back("run")
    assert (state.path / "history/run.log").exists()
    assert not state.journal.exists()
    journal.close()


def test_nothing_follows_half_a_record_that_could_not_be_cut_off(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next record would be glued to the half one, and the whole journal would be unreadable."""
    journal = Journal.start(state, BEGIN)

    def half(fd: int, data: bytes) -> None:
        os.write(fd, data[: len(data) // 2])
        failing()

    with monkeypatch.context() as patch:
        patch.setattr(primitives, "write_all", half)
        patch.setattr(primitives, "truncate", failing)
        with pytest.raises(WorkstationError):
            journal.append(Staged())
    with pytest.raises(WorkstationError):
        journal.append(Reserved(bytes=1))
    journal.close()
    reading = read_journal(state)
    assert reading is not None
    assert [type(record) for record in reading.records] == [Begin]
    assert reading.torn


def test_a_journal_that_is_whole_is_not_cut(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    Journal.start(state, BEGIN).close()
    monkeypatch.setattr(primitives, "truncate", failing)
    reading = read_journal(state)
    assert isinstance(reading, Reading)
    journal = Journal.resume(state, reading)
    journal.append(Ended(outcome="unchanged"))
    journal.close()
    assert len(parse(state.journal.read_bytes()).records) == 2
    assert state.path == default_state_path(state.path.parents[2])


def test_without_journal_and_snapshot_nothing_was_begun(state: StateFolder) -> None:
    assert begun(state) == Decision(action="nothing-to-do")


def test_a_journal_that_lies_there_decides(state: StateFolder) -> None:
    journal = Journal.start(state, BEGIN)
    journal.close()
    assert begun(state) == Decision(action="discard", run_id=BEGIN.run_id, command="install", outcome="unchanged")


def test_a_snapshot_whose_run_has_neither_journal_nor_mark_tells_that_the_journal_is_lost(tmp_path: Path) -> None:
    (tmp_path / "opt").mkdir()
    plan = Plan(
        command="install",
        target=Target(bundle="toy", versions={"galss": "2"}),
        steps=(ApplyEffect(kind="write-file", path="/opt/galss.ini", content="x"),),
        scope=(ScopeEntry(path="/opt", kind="directory"), ScopeEntry(path="/opt/galss.ini", kind="file")),
    )
    with open_state(tmp_path) as state:
        result = run_transaction(plan, workstation=PlainWorkstation(tmp_path), packages=NoPackages(), state=state)
        assert (result.outcome, begun(state)) == ("committed", Decision(action="nothing-to-do"))
        for mark in (state.path / "history").iterdir():
            mark.unlink()
        kept = SnapshotStore(state).manifest(result.snapshot or "")
        lost = Decision(action="restore", run_id=result.id, command="install", snapshot=kept.id, digest=kept.digest, outcome="rolled-back")
        assert begun(state) == lost
        # a journal that lies there is what counts, even where a snapshot says that one is missing
        journal = Journal.start(state, BEGIN)
        journal.close()
        assert begun(state).action == "discard"
