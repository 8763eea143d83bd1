"""The journal, read without any code of the product: what was announced, whether each announcement was answered, what it covers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Record = dict[str, Any]
HISTORY_OF_INSTALLS: Final = "/Library/Receipts/InstallHistory.plist"
RECEIPTS: Final = ("/private/var/db/receipts", "/Library/Receipts")
NEEDED: Final[dict[str, dict[str, Record]]] = {
    "committed": {"verified": {"ok": True}},
    "rolled-back": {"undoing": {}, "undone": {"proven": True}},
}
OURS: Final = ".atsam-safe-"


def read_records(journal: Path) -> list[Record]:
    """The whole records of a journal; none when it is not there."""
    try:
        lines = journal.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line.split(b" ", 2)[2]))
        except (IndexError, ValueError):
            continue
    return found


def unanswered(records: Sequence[Record]) -> str | None:
    """What is wrong with the order of announcements and answers: every ``intent`` but the last is followed by its ``done``."""
    waiting: int | None = None
    expected = 0
    for record in records:
        kind = record.get("record")
        if kind in {"failed", "undoing"} or record.get("outcome") == "broken":
            return None  # from here on the way back is what counts
        if kind == "intent":
            if waiting is not None:
                return f"step {waiting} was never answered before step {record.get('index')} was announced"
            if record.get("index") != expected:
                return f"step {record.get('index')} was announced, step {expected} was due"
            waiting = expected
            expected += 1
        elif kind == "done":
            if record.get("index") != waiting:
                return f"step {record.get('index')} was answered, announced was {waiting}"
            waiting = None
        elif kind in {"verified", "outcome"} and waiting is not None:
            return f"{kind} while step {waiting} was not answered"
    return None


def unfinished(records: Sequence[Record], outcome: str) -> str | None:
    """What an ended run's journal lacks to stand for ``outcome`` (``committed`` or ``rolled-back``)."""
    wrong = unanswered(records)
    if wrong is not None:
        return wrong
    last = records[-1] if records else {}
    if last.get("record") != "outcome" or last.get("outcome") != outcome:
        return f"its last record is {last.get('record')} {last.get('outcome')}"
    needed: dict[str, Record] = {"begin": {}, "snapshot": {}, **NEEDED[outcome]}
    for kind, fields in needed.items():
        if not any(record.get("record") == kind and fields.items() <= record.items() for record in records):
            return f"no record {kind} {fields or ''}"
    return None


class Announced:
    """The paths that the announcements of a journal speak of. ``payloads``: component → the paths of its payload, as the lab built it."""

    def __init__(self, records: Sequence[Record], payloads: Mapping[str, frozenset[str]], scopes: Mapping[str, Sequence[Record]]) -> None:
        self._single: set[str] = set()
        self._trees: list[str] = []
        self._payloads = payloads
        for record in records:
            if record.get("record") == "intent":
                self._add(record.get("step") or {}, scopes)
        self._folders = {folder for path in (*self._single, *self._trees) for folder in _above(path)}

    def _add(self, step: Record, scopes: Mapping[str, Sequence[Record]]) -> None:
        name = step.get("step")
        if "snapshot" in step:
            # of later runs, what they changed elsewhere is gone back on too
            for entry in (entry for snapshot in (step["snapshot"], *step.get("later", ())) for entry in scopes.get(snapshot, ())):
                self._trees.append(entry["path"]) if entry["kind"] == "tree" else self._single.add(entry["path"])
        elif name == "install-payload":
            self._single |= self._payloads.get(step.get("component") or step["identifier"], frozenset())
        elif name == "write-receipt":
            stems = [f"{folder}/{step['identifier']}" for folder in RECEIPTS]
            self._single |= {HISTORY_OF_INSTALLS, *(stem + end for stem in stems for end in (".plist", ".bom"))}
        elif name == "forget-receipt":
            self._trees += step["paths"]
        elif step.get("path"):
            self._trees.append(step["path"]) if step.get("kind") == "tree" or step.get("recursive") else self._single.add(step["path"])

    def covers(self, path: str) -> bool:
        """True when an announcement names the path, a tree above it or (for its times) something below it, or it is our temporary name."""
        if path in self._single or path in self._folders or any(path == tree or path.startswith(tree + "/") for tree in self._trees):
            return True
        folder, _, name = path.rpartition("/")
        return name.startswith(OURS) and (folder or "/") in self._folders


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:length]) or "/" for length in range(1, len(parts))]
