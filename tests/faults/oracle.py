"""One oracle for every cell of the fault matrix: seven invariants, none of them trusting what the product says of itself.

1. ``state``: the whole volume outside the state folder is exactly the one before or exactly the one after.
2. ``script``: as long as the state is in between, the snapshot's ``restore.sh`` alone brings the one before back.
3. ``journal``: every difference from before lies where the kept state reaches and is covered by an ``intent`` that names it; every
   ``intent`` but the last has its ``done``; an ended run's journal holds all that its outcome rests on.
4. ``once``: recovering twice is recovering once; the second time there is nothing to do.
5. ``truth``: report, JSON and exit code agree with the disk: no false success, no false "rolled back", no false "nothing to do"; and no
   command ends by a signal that nobody sent.
6. ``residue``: no lock, temporary name, content of ``run/``, pending snapshot or process of ours is left; a command that could tidy has
   done so when it ends.
7. ``bounds``: no command hung or took longer, and no store grew larger, than it may.

To ``state`` belongs what was kept: snapshots that were there before are there afterwards, file by file and content by content
(``store_eyes``), but for those that a pruning was told to remove.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from faults.fingerprint import STATE_FOLDER, Expected, Fingerprint, differences, fingerprint
from faults.journal_eyes import Announced, Record, read_records, unanswered, unfinished
from faults.store_eyes import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from faults.child import Ended

SECONDS = 60.0
STORE_BYTES = 64 * 1024 * 1024
# exit code → the states that it may be told of; 21 says itself that nothing is known
UNTOUCHED = frozenset({2, 10, 12, 13, 14, 20, 22})
SIGNAL_BASE = 128
STOPPED = frozenset(SIGNAL_BASE + number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM))
ROLLED_BACK = 20
NAMED = 6
CLEAN_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken invariant in one cell. ``false_claim``: a success, a way back or "nothing to do" was told that the disk does not show."""

    invariant: str
    detail: str
    false_claim: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class States:
    """What a cell may end in. ``after`` is ``None`` where the command changes nothing (pruning) or can only go back.

    ``keeps``: how many of the newest snapshots a pruning leaves; ``None`` where no snapshot may go.
    """

    before: Fingerprint
    after: Expected | None = None
    keeps: int | None = None

    def name(self, found: Fingerprint) -> str:
        """``before``, ``after`` or ``between``."""
        if found == self.before:
            return "before"
        if self.after is not None and not self.after.differences(found):
            return "after"
        return "between"


def told(ended: Ended) -> str | None:
    """The state that a command claims: ``before``, ``after``, ``still`` (nothing to do: it is as it was), or ``None`` for none of them."""
    if ended.code is None:
        return None
    outcome = outcome_of(ended)
    if outcome is not None:
        return {"committed": "after", "rolled-back": "before", "unchanged": "before", "nothing-to-do": "still"}.get(outcome)
    if ended.code == 0:
        return "after"
    # a command that a signal ended and that tells of no run says with that that none was begun
    stopped = ended.code in STOPPED and ended.answer is not None
    return "before" if stopped or ended.code in UNTOUCHED else None


def outcome_of(ended: Ended) -> str | None:
    """``data.transaction.outcome`` of the answer, if it has one."""
    data = (ended.answer or {}).get("data", {})
    outcome: str | None = (data.get("transaction") or {}).get("outcome")
    return outcome or ("nothing-to-do" if data.get("nothing_to_do") else None)


def _is_reached(path: str, single: set[str], folders: set[str], trees: tuple[str, ...]) -> bool:
    """True when the kept state speaks of the path, or when it is a temporary name of ours beside a path of which it does."""
    folder, _, name = path.rpartition("/")
    return path in single | folders or path.startswith(trees) or (name.startswith(".atsam-safe-") and (folder or "/") in folders)


class Oracle:
    """Collects what is wrong in one cell."""

    def __init__(self, root: Path, states: States, payloads: Mapping[str, frozenset[str]] | None = None) -> None:
        """Made before the command that is judged: it remembers what was kept. ``payloads``: component → paths, for the announcements."""
        self.root = root
        self.states = states
        self.violations: list[Violation] = []
        self._payloads = payloads or {}
        self._kept = Kept.at(self.state_folder)
        self._ended_before = self._histories()

    @property
    def state_folder(self) -> Path:
        """Where the product keeps its own."""
        return self.root / STATE_FOLDER

    @property
    def is_laid_out(self) -> bool:
        """False before the first start of ours was complete: such a folder holds nothing and is completed by the next run."""
        return (self.state_folder / "format").exists()

    @property
    def is_begun(self) -> bool:
        """True while a run lies there that was begun and not ended; asked before a command, it says whether there is something to do."""
        return os.path.lexists(self.state_folder / "run/journal.log")

    def say(self, invariant: str, detail: str, *, false_claim: bool = False) -> None:
        """Note a broken invariant."""
        self.violations.append(Violation(invariant=invariant, detail=detail[:500], false_claim=false_claim))

    # --- 1 state, 5 truth -----------------------------------------------------------------------------------------------------------

    def judge_ending(self, ended: Ended, sent: int | None = None) -> None:
        """No command hangs, and none is ended by a signal but the one that was ``sent`` to it."""
        self.judge_bounds(ended)
        if ended.signal is not None and ended.signal != sent and not ended.hung:
            self.say("truth", f"ended by signal {ended.signal}, sent was {sent}: {ended.err[-200:]}")

    def judge_answer(
        self, ended: Ended, *, changes: bool = True, mute: bool = False, blind: bool = False, begun: bool = False, sent: int | None = None
    ) -> str:
        """Hold what a command that ended by itself says against the disk; the name of the state found.

        ``changes``: false for a recovery.
        ``blind``: nothing at all could be read any more, so the kept state can be told by where the newest one lies alone.
        ``mute``: nothing at all could be written, so a failure may be told by the exit code alone.
        ``begun``: an unfinished run lay there when the command started, so there was something to do.
        ``sent``: the signal that the cell sent, the only one that may have ended the command.
        """
        found = fingerprint(self.root)
        name = self.states.name(found)
        self.judge_ending(ended, sent)
        if ended.signal is not None:
            return name
        if ended.answer is None and not (mute and ended.code):
            self.say("truth", f"ended {ended.code} without one JSON object: {ended.out[:80]!r} {ended.err[-300:]!r}")
        elif ended.answer is not None and ended.answer.get("exit_code") != ended.code:
            self.say("truth", f"the envelope says {ended.answer.get('exit_code')}, the process {ended.code}")
        if "Traceback" in ended.err or (ended.code == 1 and not mute):
            errors = (ended.answer or {}).get("errors")
            self.say("truth", f"an internal error ({ended.code}): {errors} {ended.err[-300:]}")
        claim = told(ended)
        if not changes and outcome_of(ended) is None and ended.code != ROLLED_BACK:
            claim = None  # a recovery that was refused speaks of itself, not of the run it was to end
        if not self._holds(claim, name, begun=begun):
            paths = differences(found, self.states.before)[:NAMED]
            said = f"told {claim} (exit {ended.code}, {outcome_of(ended)})"
            self.say("truth", f"{said}, found {name}{', a run was begun' if begun else ''}: {paths}", false_claim=True)
        self._judge_history(outcome_of(ended))
        if ended.code == 21:
            self._judge_broken(ended, blind=blind)
        return name

    def _holds(self, claim: str | None, name: str, *, begun: bool) -> bool:
        """Hold a claim against what the disk shows."""
        if claim == "still":
            return name != "between" and not begun
        return claim in {None, name} or (claim == "after" and self.states.after is None and name == "before")

    def _histories(self) -> frozenset[str]:
        return frozenset(path.name for path in (self.state_folder / "history").glob("*.log"))

    def _judge_history(self, outcome: str | None) -> None:
        """A run that was told as ended left a journal that holds all its outcome rests on."""
        new = sorted(self._histories() - self._ended_before)
        if outcome not in {"committed", "rolled-back"} or not new:
            return  # a prune has no journal; where the last rename could not be done, the next start ends the run
        wrong = unfinished(read_records(self.state_folder / "history" / new[-1]), outcome)
        if wrong is not None:
            self.say("journal", f"told {outcome}, but the journal of {new[-1]}: {wrong}")

    def _judge_broken(self, ended: Ended, *, blind: bool) -> None:
        """Exit 21 has to name a snapshot that is there; where nothing at all could be written or read, one has to be there."""
        place = ((ended.answer or {}).get("data") or {}).get("snapshot_place")
        kept = self.state_folder / "snapshots"
        errors = (ended.answer or {}).get("errors") or [{}]
        told = errors[0].get("evidence", {})
        # the words are then « the newest folder in … », and no script that is none
        is_told_by_folder = blind and told.get("place") == str(kept) and not told.keys() & {"script", "by_hand"}
        if ended.answer is None or (place is None and is_told_by_folder):
            place = str(max(kept.glob("0*"), default=""))
        if not place or not (Path(place) / "manifest.json").is_file() or not (Path(place) / "restore.sh").is_file():
            self.say("truth", f"exit 21 names no usable snapshot: {place}")

    def judge_end(self, *, told_state: str | None = None) -> str:
        """After recovery: before or after, nothing else; and what had been told as done stands."""
        found = fingerprint(self.root)
        name = self.states.name(found)
        if name == "between":
            paths = differences(found, self.states.before)
            also = self.states.after.differences(found)[:NAMED] if self.states.after is not None else ()
            self.say("state", f"neither before nor after: {len(paths)} paths differ from before {paths[:NAMED]}, from after {also}")
        elif told_state in {"before", "after"} and name != told_state:
            self.say("truth", f"told {told_state} before, found {name} after the recovery", false_claim=True)
        return name

    # --- 2 script, 3 journal --------------------------------------------------------------------------------------------------------

    def judge_between(self, scratch: Path, *, with_script: bool = True) -> None:
        """The moment of the fault, before anything is recovered."""
        found = fingerprint(self.root)
        changed = differences(found, self.states.before)
        if not changed or self.states.name(found) == "after":
            return
        records = read_records(self.state_folder / "run/journal.log")
        kept = next((record["snapshot"] for record in records if record.get("record") == "snapshot"), None)
        if kept is None:
            self.say("journal", f"changed without a kept state: {changed[:NAMED]}")
            return
        wrong = unanswered(records)
        if wrong is not None:
            self.say("journal", wrong)
        self._judge_reach(kept, changed, records)
        if with_script:
            self.judge_script(kept, scratch)

    def _judge_reach(self, snapshot: str, changed: tuple[str, ...], records: list[Record]) -> None:
        document = self._manifest(snapshot)
        if document is None:
            self.say("journal", "the kept state of a changed workstation cannot be read")
            return
        single = {item["path"] for item in (*document["paths"], *document["ancestors"])}
        trees = tuple(item["path"] + "/" for item in document["scope"] if item["kind"] == "tree")
        # a folder's time changes with its content
        folders = {path.rsplit("/", 1)[0] or "/" for path in single}
        outside = [path for path in changed if not _is_reached(f"/{path}", single, folders, trees)]
        if outside:
            self.say("journal", f"changed outside the kept state: {outside[:NAMED]}")
        steps = [record.get("step") or {} for record in records]
        named: set[str] = {name for step in steps if "snapshot" in step for name in (step["snapshot"], *step.get("later", ()))}
        scopes = {name: (self._manifest(name) or {}).get("scope", []) for name in named}
        announced = Announced(records, self._payloads, scopes)
        silent = [path for path in changed if not announced.covers(f"/{path}")]
        if silent:
            self.say("journal", f"changed without an announcement that names it: {silent[:NAMED]}")

    def _manifest(self, snapshot: str) -> Record | None:
        try:
            manifest: Record = json.loads((self.state_folder / "snapshots" / snapshot / "manifest.json").read_bytes())
        except (OSError, ValueError):
            return None
        document: Record = manifest.get("manifest", manifest)
        return document

    def judge_script(self, snapshot: str, scratch: Path) -> None:
        """The snapshot's own script, on a copy, with nothing but a shell."""
        copy = scratch / "by-script"
        subprocess.run(["/bin/cp", "-a", str(self.root), str(copy)], check=True)
        try:
            script = copy / STATE_FOLDER / "snapshots" / snapshot / "restore.sh"
            command = ["/bin/sh", str(script), str(copy)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS, env=CLEAN_ENVIRONMENT)
            left = differences(*(self.as_a_shell_can(found) for found in (fingerprint(copy), self.states.before)))
            if done.returncode or left:
                self.say("script", f"restore.sh ended {done.returncode}, {len(left)} paths differ {left[:NAMED]}: {done.stderr[-200:]}")
        finally:
            shutil.rmtree(copy)

    @staticmethod
    def as_a_shell_can(found: Fingerprint) -> Fingerprint:
        """Without attributes where no tool of the system can set them: the script then says that it could not."""
        if any(shutil.which(tool, path=CLEAN_ENVIRONMENT["PATH"]) for tool in ("setfattr", "xattr")):
            return found
        return {path: (*entry[:-1], "") for path, entry in found.items()}

    # --- 4 once ---------------------------------------------------------------------------------------------------------------------

    def judge_recovery(self, first: Ended, second: Ended, between: Fingerprint, *, begun: bool = False) -> None:
        """``between`` is the state after the first recovery; the second must have found nothing to do and changed nothing.

        ``begun``: an unfinished run lay there before the first.
        """
        for number, ended in enumerate((first, second), start=1):
            self.judge_ending(ended)
            if ended.code != 0:
                self.say("once", f"recovery {number} ended {ended.code} (signal {ended.signal}): {ended.out[:200]} {ended.err[-200:]}")
        outcome = outcome_of(first)
        if outcome not in {"nothing-to-do", "unchanged", "rolled-back"}:
            self.say("truth", f"the recovery said {outcome}")
        name = self.states.name(between)
        if outcome is not None and not self._holds(told(first), name, begun=begun):
            self.say("truth", f"the recovery said {outcome}, found {name}{', a run was begun' if begun else ''}", false_claim=True)
        if outcome_of(second) not in {"nothing-to-do", None} or (second.code == 0 and outcome_of(second) is None):
            self.say("once", f"the second recovery said {outcome_of(second)}")
        if fingerprint(self.root) != between:
            self.say("once", "the second recovery changed something")

    # --- 6 residue, 7 bounds --------------------------------------------------------------------------------------------------------

    def judge_residue(self, pids: tuple[int, ...] = (), *, when: str = "") -> None:
        """Nothing of ours is left, anywhere on the volume. ``when``: words for the moment, if it is not after a recovery."""
        state = self.state_folder
        temporary = [
            Path(folder, name)
            for folder, folders, files in os.walk(self.root)
            for name in (*folders, *files)
            if name.startswith(".atsam-safe-") and (self.is_laid_out or Path(folder) != state)
        ]
        left = [str(path.relative_to(self.root)) for path in temporary]
        if state.is_dir():
            left += [str(path.relative_to(state)) for path in (state / "run").glob("*")]
            left += [path.name for path in (state / "snapshots").glob(".*")]
            left += ["lock"] if os.path.lexists(state / "lock") else []
        if left:
            self.say("residue", f"left over{when}: {sorted(left)[:NAMED]}")
        alive = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
        if alive:
            self.say("residue", f"processes still alive: {alive}")

    def judge_bounds(self, ended: Ended) -> None:
        """Time of one command, room of the store."""
        if ended.hung:
            self.say("bounds", f"hung, and was ended after {ended.seconds:.0f} s")
        elif ended.seconds > SECONDS:
            self.say("bounds", f"took {ended.seconds:.1f} s")
        if self.state_folder.is_dir():
            size = sum(path.lstat().st_size for path in self.state_folder.rglob("*"))
            if size > STORE_BYTES:
                self.say("bounds", f"the store holds {size} bytes")

    def judge_kept(self, *, finished: bool = False) -> None:
        """The snapshots that were there when the oracle was made. ``finished``: a pruning was told as done, so exactly its policy holds."""
        now = Kept.at(self.state_folder)
        # the very first one, from before anything of ours was done here, never goes
        may_go = () if self.states.keeps is None else tuple(sorted(self._kept.snapshots))[1 : -self.states.keeps]
        for wrong in self._kept.wrong_since(now, may_go=may_go):
            self.say("state", wrong)
        if finished and self.states.keeps is not None:
            stayed = sorted(set(may_go) & now.snapshots.keys())
            if stayed or now.unnamed():
                self.say("truth", f"told pruned, but {stayed} and {len(now.unnamed())} contents of nobody are there", false_claim=True)

    def judge_pruned(self, ended: Ended) -> None:
        """What a pruning tells as removed is exactly what is gone; one that tells of none, however it ended, has taken none away."""
        if self.states.keeps is None or ended.answer is None:
            return
        told_of = (ended.answer.get("data") or {}).get("prune") or {}
        there = sorted(Kept.at(self.state_folder).snapshots)
        gone = sorted(self._kept.snapshots.keys() - there)
        removed, kept = sorted(told_of.get("removed", [])), sorted(told_of.get("kept", there))
        if (removed, kept) != (gone, there):
            self.say("truth", f"told {removed} removed and {kept} kept (exit {ended.code}), gone are {gone}", false_claim=True)

    def judge_store(self, check: Ended) -> None:
        """The answer of ``snapshots check``: the store is whole (an absent one is, too)."""
        if check.code == 10 and not self.is_laid_out:
            return
        if check.code != 0:
            self.say("state", f"the store is not whole ({check.code}): {(check.answer or {}).get('errors')}")
