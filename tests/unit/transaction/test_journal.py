from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.snapshot import open_state
from atsam_safe.transaction.journal import (
    FIRST_CHAIN,
    DamagedLineError,
    Journal,
    JournalDamagedError,
    encode,
    parse,
    read_journal,
)
from atsam_safe.transaction.records import (
    Begin,
    Done,
    Ended,
    Failed,
    Intent,
    Record,
    Reserved,
    Snapshotted,
    Staged,
    Undoing,
    Undone,
    Verified,
)
from atsam_safe.transaction.recovery import decide
from atsam_safe.volume import primitives
from atsam_safe.words.model import WorkstationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atsam_safe.snapshot.state import StateFolder

BEGIN = Begin(run_id="run", command="install", program="1", steps=2)
KEPT = Snapshotted(snapshot="000001-20260101T000000Z-abcd", digest="d" * 64)
FORWARD: tuple[Record, ...] = (
    BEGIN,
    Staged(),
    Reserved(bytes=10),
    KEPT,
    Intent(index=0, name="remove-path", step={"path": "/caf\udce9"}),
    Done(index=0, outcome="done", seconds=0.5),
    Intent(index=1, name="install-payload"),
    Done(index=1, outcome="done", seconds=0.5),
    Verified(ok=True),
    Ended(outcome="committed", digest="e" * 64),
)
BACK: tuple[Record, ...] = (
    *FORWARD[:7],
    Failed(refs=("volume.no-space",), signal=15),
    Undoing(snapshot=KEPT.snapshot, why="failure"),
    Undone(digest=KEPT.digest, proven=True),
    Ended(outcome="rolled-back", digest=KEPT.digest),
)
BROKEN: tuple[Record, ...] = (
    *BACK[:9],
    Undone(digest="f" * 64, proven=False),
    Ended(outcome="broken", digest="f" * 64),
    Undoing(snapshot=KEPT.snapshot, why="recovery"),
)
JOURNALS = {"forward": FORWARD, "back": BACK, "broken": BROKEN}


def text_of(records: tuple[Record, ...]) -> bytes:
    chain = FIRST_CHAIN
    lines = []
    for number, record in enumerate(records):
        line, chain = encode(record, number, chain)
        lines.append(line)
    return b"".join(lines)


@pytest.mark.parametrize("name", JOURNALS)
def test_what_is_written_is_read(name: str) -> None:
    records = JOURNALS[name]
    reading = parse(text_of(records))
    assert reading.records == records
    assert not reading.torn
    assert reading.good_bytes == len(text_of(records))


@pytest.mark.parametrize("name", JOURNALS)
def test_every_cut_gives_a_prefix_of_whole_records(name: str) -> None:
    records = JOURNALS[name]
    text = text_of(records)
    for length in range(len(text) + 1):
        reading = parse(text[:length])
        assert reading.records == records[: len(reading.records)]
        assert reading.good_bytes <= length
        assert reading.torn == (reading.good_bytes != length)
        assert text[: reading.good_bytes].count(b"\n") == len(reading.records)


@pytest.mark.parametrize("name", JOURNALS)
def test_the_decision_for_every_prefix_of_every_journal(name: str) -> None:
    """Law 7: nothing touched → discard; a kept state → restore; only a proven, recorded way back needs nothing."""
    records = JOURNALS[name]
    for length in range(len(records) + 1):
        prefix = records[:length]
        decision = decide(prefix)
        if KEPT not in prefix:
            assert decision.action == "discard"
            assert not any(isinstance(record, Intent) for record in prefix)
        elif prefix[-1] == BACK[-1]:
            assert decision.action == "finish"
        else:
            assert (decision.action, decision.snapshot, decision.digest) == ("restore", KEPT.snapshot, KEPT.digest)
        assert decision.run_id == ("run" if prefix else None)
    assert decide(None).action == "nothing-to-do"


def test_an_outcome_record_alone_is_no_commit() -> None:
    assert decide(FORWARD).action == "restore"


def test_a_way_back_to_another_state_is_not_finished() -> None:
    assert decide((*BACK[:-1], Ended(outcome="rolled-back", digest="0" * 64))).action == "restore"


@pytest.mark.parametrize("name", JOURNALS)
def test_any_change_but_in_the_last_line_is_damage(name: str) -> None:
    records = JOURNALS[name]
    text = text_of(records)
    last = text[:-1].rfind(b"\n") + 1
    for position in range(0, len(text), 7):
        for bit in (0x01, 0x20, 0x80):
            changed = bytearray(text)
            changed[position] ^= bit
            if position >= last:
                assert parse(bytes(changed)).records in (records[:-1], records)
                continue
            with pytest.raises(DamagedLineError) as caught:
                parse(bytes(changed))
            assert caught.value.records == records[: caught.value.number]


def test_lost_doubled_and_swapped_lines_are_damage() -> None:
    lines = text_of(FORWARD).splitlines(keepends=True)
    for changed in (lines[1:], lines[:2] + lines[3:], [*lines[:3], lines[2], *lines[3:]], [lines[1], lines[0], *lines[2:]]):
        with pytest.raises(DamagedLineError):
            parse(b"".join(changed))


def test_a_line_of_another_journal_is_damage() -> None:
    other = text_of((Begin(run_id="other", command="install", program="1"), *FORWARD[1:])).splitlines(keepends=True)
    lines = text_of(FORWARD).splitlines(keepends=True)
    with pytest.raises(DamagedLineError):
        parse(b"".join([*lines[:4], other[4], *lines[5:]]))


@given(content=st.binary(max_size=400))
def test_garbage_is_torn_or_damaged_never_a_traceback(content: bytes) -> None:
    try:
        reading = parse(content)
    except DamagedLineError:
        return
    assert reading.records == ()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    with open_state(tmp_path) as opened:
        yield opened


def test_a_torn_tail_is_cut_before_going_on(state: StateFolder) -> None:
    journal = Journal.start(state, BEGIN)
    journal.append(KEPT)
    journal.close()
    with state.journal.open("ab") as stream:
        stream.write(b"00000002 half a li")
    reading = read_journal(state)
    assert reading is not None
    assert reading.torn
    journal = Journal.resume(state, reading)
    journal.append(Undoing(snapshot=KEPT.snapshot, why="recovery"))
    journal.close()
    again = read_journal(state)
    assert again is not None
    assert [type(record) for record in again.records] == [Begin, Snapshotted, Undoing]
    assert not again.torn


def test_a_failed_append_leaves_the_journal_readable(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.start(state, BEGIN)

    def half(fd: int, data: bytes) -> None:
        os.write(fd, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(primitives, "write_all", half)
        with pytest.raises(WorkstationError):
            journal.append(KEPT)
    journal.append(Ended(outcome="unchanged"))
    journal.close()
    reading = read_journal(state)
    assert reading is not None
    assert [type(record) for record in reading.records] == [Begin, Ended]


def test_a_damaged_journal_names_the_snapshot(state: StateFolder) -> None:
    text = bytearray(text_of(FORWARD))
    text[text.index(b"intent") + 1] ^= 1
    state.journal.write_bytes(bytes(text))
    with pytest.raises(JournalDamagedError) as caught:
        read_journal(state)
    problem = caught.value.problems[0]
    assert problem.ref == "state.journal-damaged"
    assert problem.params["snapshot"] == KEPT.snapshot
    assert problem.params["script"].endswith(f"{KEPT.snapshot}/restore.sh")


def test_a_journal_that_is_no_file_is_damaged(state: StateFolder) -> None:
    state.journal.symlink_to("/etc/passwd")
    with pytest.raises(JournalDamagedError):
        read_journal(state)
