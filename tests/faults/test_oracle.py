"""The oracle catches each violation that it is there for: a detector that never fires proves nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from faults import child
from faults.cells import Result
from faults.child import Ended
from faults.fingerprint import STATE_FOLDER, Expected, fingerprint
from faults.matrix import Blackouts, Figures
from faults.oracle import Oracle, States

if TYPE_CHECKING:
    from pathlib import Path


def ended(code: int | None, outcome: str | None = None, *, said: int | None = None, signal: int | None = None, **more: Any) -> Ended:  # noqa: ANN401 - fields of Ended
    data = {} if outcome is None else {"transaction": {"outcome": outcome}}
    out = json.dumps({"exit_code": code if said is None else said, "data": data, "errors": []})
    return Ended(**{"code": code, "signal": signal, "out": out, "err": "", "seconds": 0.1, **more})


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    root = tmp_path / "volume"
    (root / "usr/local").mkdir(parents=True)
    (root / "usr/local/library").write_bytes(b"before")
    (root / "usr/local/link").symlink_to("library")
    state = root / STATE_FOLDER
    (state / "run").mkdir(parents=True)
    (state / "snapshots").mkdir()
    (state / "format").write_bytes(b"1")
    return root


@pytest.fixture
def oracle(volume: Path) -> Oracle:
    before = fingerprint(volume)
    after = {**before, "usr/local/library": (*before["usr/local/library"][:5], "another", "")}
    return Oracle(volume, States(before=before, after=Expected((after, after))))


def broken(oracle: Oracle) -> set[str]:
    return {violation.invariant for violation in oracle.violations}


def set_attribute(path: Path) -> None:
    os.setxattr(path, "user.note", b"x")


def lies(oracle: Oracle) -> int:
    return sum(violation.false_claim for violation in oracle.violations)


def change(volume: Path) -> None:
    (volume / "usr/local/library").write_bytes(b"in between")


def test_nothing_wrong_is_nothing_said(oracle: Oracle, tmp_path: Path) -> None:
    assert oracle.judge_answer(ended(20, "rolled-back")) == "before"
    oracle.judge_between(tmp_path)
    oracle.judge_recovery(ended(0, "nothing-to-do"), ended(0, "nothing-to-do"), fingerprint(oracle.root))
    assert oracle.judge_end(told_state="before") == "before"
    oracle.judge_residue()
    oracle.judge_store(ended(0))
    assert oracle.violations == []


@pytest.mark.parametrize(
    ("named", "evidence", "blind", "is_enough"),
    [
        ("000001", {}, False, True),
        ("000002", {}, False, False),
        (None, {}, True, False),
        (None, {"place": ""}, True, True),
        (None, {"place": ""}, False, False),
        (None, {"place": "", "script": "restore.sh"}, True, False),
        (None, {"place": "", "by_hand": "sh restore.sh"}, True, False),
        (None, {"place": "000001"}, True, False),
    ],
)
def test_exit_21_names_the_kept_state(
    oracle: Oracle, volume: Path, named: str | None, evidence: dict[str, str], *, blind: bool, is_enough: bool
) -> None:
    """Where nothing can be read any more the folder of the snapshots is enough, with no script that is none."""
    keep(volume, name="000001")
    snapshots = volume / STATE_FOLDER / "snapshots"
    told = {key: str(snapshots / value) if key == "place" else value for key, value in evidence.items()}
    answer = {
        "exit_code": 21,
        "data": {"transaction": {"outcome": "broken"}, "snapshot_place": named and str(snapshots / named)},
        "errors": [{"ref": "transaction.rollback-incomplete", "evidence": told}],
    }
    oracle.judge_answer(Ended(code=21, signal=None, out=json.dumps(answer), err="", seconds=0.1), changes=False, blind=blind)
    assert broken(oracle) == (set() if is_enough else {"truth"})
    shutil.rmtree(snapshots / "000001")
    oracle.judge_answer(Ended(code=21, signal=None, out=json.dumps(answer), err="", seconds=0.1), changes=False, blind=blind)
    assert broken(oracle) == {"truth"}


@pytest.mark.parametrize(
    "damage",
    ["content", "mode", "special bit", "attribute", "time", pytest.param("owner", marks=pytest.mark.needs("root")), "link", "more", "less"],
)
def test_state(oracle: Oracle, volume: Path, damage: str) -> None:
    library = volume / "usr/local/library"
    if damage == "content":
        library.write_bytes(b"befOre")
        os.utime(library, ns=(0, oracle.states.before["usr/local/library"][4] * 10**9))
    elif damage == "mode":
        library.chmod(0o600)
    elif damage == "special bit":
        library.chmod(0o4000 | library.stat().st_mode)
    elif damage == "attribute":
        set_attribute(library)
    elif damage == "time":
        os.utime(library, (1, 1))
    elif damage == "owner":
        os.chown(library, 12345, 12345)
    elif damage == "link":
        (volume / "usr/local/link").unlink()
        (volume / "usr/local/link").symlink_to("elsewhere")
    elif damage == "more":
        (volume / "usr/local/stray").write_bytes(b"")
    else:
        library.unlink()
    assert oracle.judge_end() == "between"
    assert broken(oracle) == {"state"}


def test_false_success_and_false_way_back(oracle: Oracle, volume: Path) -> None:
    oracle.judge_answer(ended(0, "committed"))
    assert broken(oracle) == {"truth"}
    oracle.violations.clear()
    change(volume)
    for code, outcome in ((20, "rolled-back"), (10, None), (129, "unchanged"), (0, "committed"), (0, "nothing-to-do")):
        oracle.judge_answer(ended(code, outcome))
        assert broken(oracle) == {"truth"}, code
        assert lies(oracle) == 1
        oracle.violations.clear()


def test_nothing_to_do_is_a_claim_like_any_other(oracle: Oracle, volume: Path) -> None:
    oracle.judge_answer(ended(0, "nothing-to-do"))
    assert oracle.violations == []
    (volume / STATE_FOLDER / "run/journal.log").write_bytes(b"")
    assert oracle.is_begun
    oracle.judge_answer(ended(0, "nothing-to-do"), changes=False, begun=oracle.is_begun)
    assert lies(oracle) == 1
    oracle.violations.clear()
    oracle.judge_recovery(ended(0, "nothing-to-do"), ended(0, "nothing-to-do"), fingerprint(volume), begun=True)
    assert (broken(oracle), lies(oracle)) == ({"truth"}, 1)


def test_a_hang_and_a_signal_that_nobody_sent(oracle: Oracle) -> None:
    oracle.judge_answer(ended(None, signal=9), sent=9)
    assert oracle.violations == []
    for number, sent in ((9, None), (11, None), (11, 9)):
        oracle.judge_answer(ended(None, signal=number), sent=sent)
        assert broken(oracle) == {"truth"}
        oracle.violations.clear()
    oracle.judge_answer(ended(None, signal=9, hung=True), sent=9)
    assert broken(oracle) == {"bounds"}


def test_a_child_that_hangs_is_ended_and_is_no_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With or without a tracer, a hang is seen as what it is and never counts as a fault that was met."""
    monkeypatch.setattr(child, "PATIENCE", 0.5)

    def hang() -> int:
        while True:
            time.sleep(60)

    found = child.run_child(hang, tmp_path)
    assert (found.hung, found.signal) == (True, 9)
    assert not child.was_hit(tmp_path, found)


def test_what_was_counted_as_a_lie_is_counted_whatever_its_words(oracle: Oracle, volume: Path) -> None:
    change(volume)
    oracle.judge_recovery(ended(0, "rolled-back"), ended(0, "nothing-to-do"), fingerprint(volume))
    result = Result(
        cell="a", group="kills", scenario="b", hit=True, reached=("between", "between"), seconds=0.1, violations=tuple(oracle.violations)
    )
    cut = Blackouts(story="c", events=1, moments=1, states=3, red=("x", "y"), false_claims=2)
    figures = Figures(
        selection="t", seed=1, seconds=1.0, possible={}, results=[result, result], blackouts=[cut], barriers=[], other=[], mutants={}
    )
    assert figures.false_successes == 4


@pytest.mark.parametrize(
    "answer",
    [
        ended(10, out="no JSON"),
        ended(10, said=0),
        ended(10, err="Traceback (most recent call last)"),
        ended(1),
        ended(21, "broken"),
    ],
    ids=["no report", "two codes", "traceback", "internal error", "no snapshot named"],
)
def test_reports_that_say_nothing_or_two_things(oracle: Oracle, answer: Ended) -> None:
    oracle.judge_answer(answer)
    assert broken(oracle) == {"truth"}


def test_a_told_state_must_stand(oracle: Oracle) -> None:
    oracle.judge_end(told_state="after")
    assert broken(oracle) == {"truth"}


def test_a_change_without_a_journal(oracle: Oracle, volume: Path, tmp_path: Path) -> None:
    change(volume)
    oracle.judge_between(tmp_path)
    assert broken(oracle) == {"journal"}


def records(volume: Path, *lines: dict[str, Any], place: str = "run/journal.log") -> None:
    text = "".join(f"{number:08d} {'0' * 32} {json.dumps(line)}\n" for number, line in enumerate(lines))
    (volume / STATE_FOLDER / place).parent.mkdir(exist_ok=True)
    (volume / STATE_FOLDER / place).write_text(text)


def keep(volume: Path, *paths: str, script: str = "exit 0", name: str = "000001", sha256: str | None = None, scope: str = "") -> None:
    folder = volume / STATE_FOLDER / "snapshots" / name
    folder.mkdir()
    entries = [{"path": scope, "kind": "file"}] if scope else []
    document = {"paths": [{"path": path, "sha256": sha256} for path in paths], "ancestors": [], "scope": entries}
    (folder / "manifest.json").write_text(json.dumps(document))
    (folder / "restore.sh").write_text(script)


def test_a_change_out_of_reach_or_unannounced(oracle: Oracle, volume: Path, tmp_path: Path) -> None:
    change(volume)
    records(volume, {"record": "snapshot", "snapshot": "000001"})
    keep(volume, "/somewhere/else")
    oracle.judge_between(tmp_path, with_script=False)
    assert len(oracle.violations) == 2
    assert broken(oracle) == {"journal"}


def test_a_script_that_does_not_bring_it_back(oracle: Oracle, volume: Path, tmp_path: Path) -> None:
    change(volume)
    records(volume, {"record": "snapshot", "snapshot": "000001"}, intent(0, "/usr/local/library"))
    keep(volume, "/usr/local/library")
    oracle.judge_between(tmp_path)
    assert broken(oracle) == {"script"}


def intent(index: int, path: str, kind: str = "file") -> dict[str, Any]:
    return {"record": "intent", "index": index, "name": "remove-path", "step": {"step": "remove-path", "path": path, "kind": kind}}


def done(index: int) -> dict[str, Any]:
    return {"record": "done", "index": index}


SNAPSHOT = {"record": "snapshot", "snapshot": "000001"}
BEGIN = {"record": "begin"}


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ("names it", [SNAPSHOT, intent(0, "/usr/local/link")]),
        ("names it", [SNAPSHOT, intent(0, "/usr/local/lib", "tree")]),
        ("never answered", [SNAPSHOT, intent(0, "/usr/local/link"), intent(1, "/usr/local/library")]),
        ("was due", [SNAPSHOT, intent(1, "/usr/local/library")]),
        ("was answered", [SNAPSHOT, intent(0, "/usr/local/library"), done(0), done(0)]),
        ("not answered", [SNAPSHOT, intent(0, "/usr/local/library"), {"record": "verified", "ok": True}]),
    ],
)
def test_an_announcement_that_does_not_cover_or_is_not_answered(
    oracle: Oracle, volume: Path, tmp_path: Path, said: str, lines: list[dict[str, Any]]
) -> None:
    change(volume)
    keep(volume, "/usr/local/library")
    records(volume, *lines)
    oracle.judge_between(tmp_path, with_script=False)
    assert [item.invariant for item in oracle.violations] == ["journal"]
    assert said in oracle.violations[0].detail


@pytest.mark.parametrize(
    "lines",
    [
        [SNAPSHOT, intent(0, "/usr/local/library")],
        [SNAPSHOT, intent(0, "/usr", "tree")],
        [SNAPSHOT, intent(0, "/usr/local/link"), done(0), intent(1, "/usr/local/library")],
        [SNAPSHOT, {"record": "intent", "index": 0, "step": {"step": "install-payload", "identifier": "toy"}}],
        [SNAPSHOT, {"record": "intent", "index": 0, "step": {"snapshot": "000001"}}],
        [SNAPSHOT, intent(0, "/usr/local/library"), {"record": "failed"}, {"record": "undoing"}],
        [SNAPSHOT, intent(0, "/usr/local/library"), {"record": "outcome", "outcome": "broken"}, {"record": "undoing"}],
    ],
)
def test_an_announcement_that_covers_what_was_changed(volume: Path, tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    oracle = Oracle(volume, States(before=fingerprint(volume)), {"toy": frozenset({"/usr/local/library"})})
    change(volume)
    keep(volume, "/usr/local/library", scope="/usr/local/library")
    records(volume, *lines)
    oracle.judge_between(tmp_path, with_script=False)
    assert oracle.violations == []


def test_an_ended_run_has_a_journal_that_holds_what_it_rests_on(oracle: Oracle, volume: Path) -> None:
    change(volume)
    after = fingerprint(volume)
    oracle.states = States(before=oracle.states.before, after=Expected((after, after)))
    verified, ending = {"record": "verified", "ok": True}, {"record": "outcome", "outcome": "committed"}
    whole = [BEGIN, SNAPSHOT, intent(0, "/usr/local/library"), done(0), verified, ending]
    for lines, is_whole in ((whole, True), (whole[:-1], False), ([*whole[:4], ending], False), ([*whole[:3], *whole[4:]], False)):
        records(volume, *lines, place="history/1.log")
        oracle.judge_answer(ended(0, "committed"))
        assert broken(oracle) == (set() if is_whole else {"journal"})
        oracle.violations.clear()


def object_of(volume: Path, content: bytes) -> str:
    name = hashlib.sha256(content).hexdigest()
    place = volume / STATE_FOLDER / "objects" / name[:2] / name[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return name


@pytest.mark.parametrize("damage", ["gone", "manifest", "script", "content gone", "content changed", "pointer gone", "pointer to nowhere"])
def test_a_snapshot_that_was_there_before_stays_what_it_was(volume: Path, damage: str) -> None:
    state = volume / STATE_FOLDER
    first, second = object_of(volume, b"one"), object_of(volume, b"two")
    keep(volume, "/a", name="000001", sha256=first)
    keep(volume, "/b", name="000002", sha256=second)
    (state / "latest").write_text("000002\n")
    oracle = Oracle(volume, States(before=fingerprint(volume)))
    keep(volume, "/c", name="000003", sha256=first)
    (state / "latest").write_text("000003\n")
    oracle.judge_kept()
    assert oracle.violations == []
    if damage == "gone":
        shutil.rmtree(state / "snapshots/000001")
    elif damage in {"manifest", "script"}:
        name = {"manifest": "manifest.json", "script": "restore.sh"}[damage]
        with (state / "snapshots/000001" / name).open("a") as stream:
            stream.write(" ")
    elif damage == "content gone":
        (state / "objects" / first[:2] / first[2:]).unlink()
    elif damage == "content changed":
        (state / "objects" / first[:2] / first[2:]).write_bytes(b"0ne")
    elif damage == "pointer gone":
        (state / "latest").unlink()
    else:
        (state / "latest").write_text("000009\n")
    oracle.judge_kept()
    assert broken(oracle) == {"state"}


@pytest.mark.parametrize(
    ("gone", "finished", "wrong"),
    [
        ("23", True, set()),
        ("2", False, set()),
        ("", False, set()),
        ("3", False, {"state"}),
        ("234", True, {"state"}),
        ("123", True, {"state"}),
        ("", True, {"truth"}),
        ("2", True, {"truth"}),
    ],
)
def test_a_pruning_removes_what_its_policy_says_and_nothing_else(volume: Path, gone: str, finished: bool, wrong: set[str]) -> None:  # noqa: FBT001 - a column of the table
    for number in "1234":
        keep(volume, "/a", name=f"00000{number}")
    oracle = Oracle(volume, States(before=fingerprint(volume), keeps=1))
    for number in gone:
        shutil.rmtree(volume / STATE_FOLDER / f"snapshots/00000{number}")
    oracle.judge_kept(finished=finished)
    assert broken(oracle) == wrong


def pruned(code: int, removed: str | None, kept: str = "14") -> Ended:
    told = {} if removed is None else {"prune": {"removed": [f"00000{one}" for one in removed], "kept": [f"00000{one}" for one in kept]}}
    return ended(code, out=json.dumps({"exit_code": code, "data": told, "errors": []}))


@pytest.mark.parametrize(
    ("gone", "aside", "answer", "is_true"),
    [
        ("23", "", pruned(0, "23"), True),
        ("23", "", pruned(143, "23"), True),
        ("23", "3", pruned(11, "23"), True),
        ("", "", pruned(10, None), True),
        ("", "", pruned(143, None), True),
        ("23", "", pruned(10, None), False),
        ("23", "23", pruned(10, None), False),
        ("2", "2", pruned(143, None), False),
        ("23", "", pruned(143, None), False),
        ("23", "", pruned(0, "2"), False),
        ("2", "", pruned(11, "23"), False),
        ("23", "", pruned(0, "23", "134"), False),
    ],
)
def test_what_a_pruning_tells_as_removed_is_what_is_gone(volume: Path, gone: str, aside: str, answer: Ended, *, is_true: bool) -> None:
    """« Nothing was touched », and a signal without a word of what was done, are claims: no snapshot is gone then, nor put aside."""
    snapshots = volume / STATE_FOLDER / "snapshots"
    for number in "1234":
        keep(volume, "/a", name=f"00000{number}")
    oracle = Oracle(volume, States(before=fingerprint(volume), keeps=1))
    for number in gone:
        place = snapshots / f"00000{number}"
        place.rename(snapshots / f".removed-00000{number}") if number in aside else shutil.rmtree(place)
    oracle.judge_pruned(answer)
    assert (broken(oracle), lies(oracle)) == ((set(), 0) if is_true else ({"truth"}, 1))


def test_a_command_that_was_stopped_and_tells_of_no_run_says_that_none_was_begun(oracle: Oracle, volume: Path) -> None:
    oracle.judge_answer(ended(143))
    oracle.judge_answer(ended(137))
    assert oracle.violations == []
    change(volume)
    oracle.judge_answer(ended(137))
    assert oracle.violations == []
    oracle.judge_answer(ended(143))
    assert (broken(oracle), lies(oracle)) == ({"truth"}, 1)


def test_recovering_twice(oracle: Oracle, volume: Path) -> None:
    before = fingerprint(volume)
    oracle.judge_recovery(ended(0, "rolled-back"), ended(0, "rolled-back"), before)
    assert broken(oracle) == {"once"}
    oracle.violations.clear()
    oracle.judge_recovery(ended(10), ended(0, "nothing-to-do"), before)
    assert "once" in broken(oracle)
    oracle.violations.clear()
    change(volume)
    oracle.judge_recovery(ended(0, "rolled-back"), ended(0, "nothing-to-do"), before)
    assert broken(oracle) == {"once"}
    oracle.violations.clear()
    oracle.judge_recovery(ended(0, "rolled-back"), ended(0, "nothing-to-do"), fingerprint(volume))
    assert broken(oracle) == {"truth"}


@pytest.mark.parametrize("left", ["lock", "run/journal.log", "snapshots/.pending-1", "run/reserve", "../../../usr/.atsam-safe-1.tmp"])
def test_residue(oracle: Oracle, volume: Path, left: str) -> None:
    (volume / STATE_FOLDER / left).write_bytes(b"")
    oracle.judge_residue()
    assert broken(oracle) == {"residue"}


def test_a_process_of_ours_that_lives_on(oracle: Oracle) -> None:
    oracle.judge_residue((os.getpid(),))
    assert broken(oracle) == {"residue"}


def test_bounds(oracle: Oracle, volume: Path) -> None:
    oracle.judge_answer(ended(10, seconds=1000.0))
    assert broken(oracle) == {"bounds"}
    oracle.violations.clear()
    with (volume / STATE_FOLDER / "huge").open("wb") as stream:
        stream.truncate(1 << 30)
    oracle.judge_bounds(ended(0))
    assert broken(oracle) == {"bounds"}


def test_a_store_that_is_not_whole(oracle: Oracle) -> None:
    oracle.judge_store(ended(11))
    assert broken(oracle) == {"state"}


def test_an_expected_state_knows_only_what_moved(volume: Path) -> None:
    first = fingerprint(volume)
    os.utime(volume / "usr/local/library", (1, 1))
    expected = Expected((first, fingerprint(volume)))
    assert expected.moving == ("usr/local/library",)
    os.utime(volume / "usr/local/library", (2, 2))
    assert expected.differences(fingerprint(volume)) == ()
    (volume / "usr/local/library").chmod(0o600)
    assert expected.differences(fingerprint(volume)) == ("usr/local/library",)
