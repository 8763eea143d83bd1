"""What the next start does, for every prefix of a journal, and for a way back that is nearly but not quite proven."""

from __future__ import annotations

import pytest

from atsam_safe.transaction.records import Begin, Done, Ended, Failed, Intent, Reserved, Snapshotted, Staged, Undoing, Undone, Verified
from atsam_safe.transaction.recovery import decide

DIGEST = "5" * 64
SNAPSHOT = "000001-20260101T000000Z-0000"
SNAPSHOT_RECORD = Snapshotted(snapshot=SNAPSHOT, digest=DIGEST)
RUN = (
    Begin(run_id="r", command="install", program="1"),
    Staged(),
    Reserved(bytes=1),
    SNAPSHOT_RECORD,
    Intent(index=0, name="remove-path"),
    Done(index=0, outcome="done", seconds=0.1),
    Failed(refs=("x",)),
    Undoing(snapshot=SNAPSHOT, why="failure"),
    Undone(digest=DIGEST, proven=True),
)


@pytest.mark.parametrize("length", range(len(RUN) + 1))
def test_every_prefix(length: int) -> None:
    decision = decide(RUN[:length])
    assert decision.action == ("discard" if length < 4 else "restore")
    if length >= 4:
        assert (decision.snapshot, decision.digest, decision.run_id, decision.command) == (SNAPSHOT, DIGEST, "r", "install")


def copied(text: str) -> str:
    """The same text, not the same object."""
    return "".join(list(text))


@pytest.mark.parametrize(("digest", "action"), [(DIGEST, "finish"), ("4" * 64, "restore"), ("6" * 64, "restore"), (None, "restore")])
def test_only_the_very_same_digest_is_a_proven_way_back(digest: str | None, action: str) -> None:
    ended = Ended(outcome="rolled-back", digest=None if digest is None else copied(digest))
    assert decide((*RUN, ended)).action == action


@pytest.mark.parametrize("outcome", ["broken", "committed", "unchanged"])
def test_any_other_end_is_restored(outcome: str) -> None:
    ended = Ended(outcome=outcome, digest=DIGEST)  # type: ignore[arg-type] # parametrised text
    assert decide((*RUN, Verified(ok=True), ended)).action == "restore"


@pytest.mark.parametrize("length", range(1, len(RUN) + 1))
def test_unchanged_is_believed_until_a_step_was_announced(length: int) -> None:
    """The snapshot may be recorded and the pointer not be written: the run then ends, and nothing has to be brought back."""
    decision = decide((*RUN[:length], Ended(outcome="unchanged")))
    assert decision.action == ("discard" if length <= RUN.index(SNAPSHOT_RECORD) + 1 else "restore")
    assert decision.run_id == "r"


def test_no_journal_is_nothing_to_do() -> None:
    assert decide(None).action == "nothing-to-do"
    assert decide(()).action == "discard"
