"""A run that was cut off before its first step changed nothing: it is ended, whatever became of its records and of the files since."""

from __future__ import annotations

import os
import signal
from itertools import product
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import SnapshotStore, open_state
from atsam_safe.transaction import recover
from atsam_safe.transaction.executor import interrupted
from atsam_safe.transaction.journal import Journal, JournalDamagedError, read_journal
from atsam_safe.transaction.records import Ended, Snapshotted
from atsam_safe.volume import Volume
from atsam_safe.words.model import Problem, RefusedError, WorkstationError
from faults.blackouts import fingerprint
from lab.heart import CONFIGURATION
from lab.heart_runs import copy_of, digest, go_back, install, killed_at, mend, prepared
from unit.transaction.test_lost_records import DAMAGE, JOURNAL, STATE, half_done

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.transaction.records import Record

__all__ = ["half_done"]
FAR = 10**9


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_record(kind: type[Record]) -> Callable[[Path], str]:
    """An installation that is killed when it is about to write a record. Patched in the child alone: it does not live to take it back."""

    def run(root: Path) -> str:
        real = Journal.append

        def append(journal: Journal, record: Record) -> None:
            if isinstance(record, kind):
                die()
            real(journal, record)

        setattr(Journal, "append", append)  # noqa: B010 - a method, not an attribute of ours
        return install(root)

    return run


def dying_call(owner: type, name: str) -> Callable[[Path], str]:
    def run(root: Path) -> str:
        setattr(owner, name, die)
        return install(root)

    return run


def changed_and_refused(root: Path) -> str:
    """Something changes between the snapshot and the second look; the run says « unchanged » and is killed before it is put away."""
    real = SnapshotStore.create

    def create(*arguments: object, **named: object) -> object:
        kept = real(*arguments, **named)  # type: ignore[arg-type] # whatever it is given
        (root / CONFIGURATION[1:]).write_bytes(b"written at that moment")
        return kept

    setattr(SnapshotStore, "create", create)  # noqa: B010 - as above
    setattr(Journal, "commit", die)  # noqa: B010 - as above
    return install(root)


CUTS: dict[str, Callable[[Path], str]] = {
    "before anything was kept": dying_call(SnapshotStore, "create"),
    "before the record of what was kept": dying_record(Snapshotted),
    "when it had said that it ended unchanged": changed_and_refused,
}
EARLIER: dict[str, tuple[Callable[[Path], str], ...]] = {
    "no run before": (),
    "one that committed": (install,),
    "one that was gone back on": (install, go_back),
}


def cut(tmp_path: Path, earlier: str, moment: str) -> Path:
    root, _ = prepared(tmp_path, *EARLIER[earlier])
    assert killed_at(FAR, CUTS[moment], root)
    assert (root / JOURNAL).exists()
    return root


def ended_unchanged(root: Path) -> None:
    """Recovered with nothing brought back, whatever is there; and the way is free."""
    found = fingerprint(root)
    with open_state(root) as state, Volume(root) as volume:
        result = recover(state, volume)
        assert (result.outcome, result.exit_code, result.found, result.problems) == ("unchanged", 0, None, ())
        assert interrupted(state) is None
        assert recover(state, volume).outcome == "nothing-to-do"
        assert SnapshotStore(state).check().problems == ()
    assert fingerprint(root) == found
    assert install(root) == "committed"


@pytest.mark.parametrize(
    ("moment", "damage"), [*product(CUTS, DAMAGE), *product([cut for cut in CUTS if "anything" not in cut], ["missing"])]
)
@pytest.mark.parametrize("earlier", EARLIER)
def test_a_damaged_journal_of_a_run_that_had_not_begun_is_put_away(tmp_path: Path, earlier: str, moment: str, damage: str) -> None:
    """It was refused for good, and the remedy was the script of an earlier run's snapshot: it took a healthy set away."""
    root = cut(tmp_path, earlier, moment)
    journal = root / JOURNAL
    if damage == "missing":
        journal.unlink()
    else:
        journal.write_bytes(DAMAGE[damage](journal.read_bytes()))
    with open_state(root) as state:
        try:
            interrupted(state)
        except JournalDamagedError as error:
            (problem,) = error.problems
            assert (problem.told, problem.params["snapshot"]) == (None, "—")
            assert not {"by_hand", "script"} & problem.params.keys()
    ended_unchanged(root)


@pytest.mark.parametrize("moment", CUTS)
@pytest.mark.parametrize("earlier", EARLIER)
def test_what_changes_before_the_recovery_of_a_run_that_had_not_begun_is_nobody_s_fault(tmp_path: Path, earlier: str, moment: str) -> None:
    """The history of installations grew in the background, and a whole journal was called damaged, for good."""
    root = cut(tmp_path, earlier, moment)
    (root / CONFIGURATION[1:]).write_bytes(b"changed on an ordinary day")
    ended_unchanged(root)


def test_a_pointer_that_cannot_be_written_leaves_nothing_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, before = prepared(tmp_path, install, go_back)

    def refuse(*_: object) -> None:
        raise WorkstationError(Problem(ref="volume.read-only"))

    with monkeypatch.context() as patch:
        patch.setattr(SnapshotStore, "point_at", refuse)
        with pytest.raises(RefusedError):
            install(root)
    assert digest(root) == before
    assert not (root / JOURNAL).exists()
    ended = [path for path in (root / STATE / "history").iterdir() if b'"outcome":"unchanged"' in path.read_bytes()]
    assert len(ended) == 1
    assert install(root) == "committed"


def test_a_journal_cut_anywhere_after_its_steps_began_is_never_called_unchanged(half_done: tuple[Path, str], tmp_path: Path) -> None:
    """What tells that the steps had begun lies in two places: losing one of them loses nothing."""
    template, before = half_done
    lines = (template / JOURNAL).read_bytes().splitlines(keepends=True)
    told = set()
    for number in range(len(lines) + 1):
        root = copy_of(template, tmp_path, number)
        (root / JOURNAL).write_bytes(b"".join(lines[:number]) + b"half a li")
        found = digest(root)
        try:
            outcome = mend(root)
        except JournalDamagedError as error:
            (problem,) = error.problems
            outcome = f"{problem.told}: {problem.params['by_hand'][:5]}"
        assert digest(root) == (before if outcome == "rolled-back" else found)
        told.add(outcome)
    assert told == {"rolled-back", "state.journal-damaged.begun: sh '/"}


def test_ended_unchanged_is_trusted_only_where_no_step_was_announced(half_done: tuple[Path, str], tmp_path: Path) -> None:
    root = copy_of(half_done[0], tmp_path, 0)
    with open_state(root) as state:
        reading = read_journal(state)
        assert reading is not None
        journal = Journal.resume(state, reading)
        journal.append(Ended(outcome="unchanged"))
        journal.close()
    assert mend(root) == "rolled-back"
    assert digest(root) == half_done[1]
