"""``snapshots …`` in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atsam_safe.report.blocks import Block, Heading, Line, Table, Verdict
from atsam_safe.report.result import OK
from atsam_safe.report.views.common import labelled, moment, problems
from atsam_safe.words.amounts import size
from atsam_safe.words.reference import N_
from atsam_safe.words.translate import phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from atsam_safe.report.result import CommandResult
    from atsam_safe.words.model import Language


REASONS: Final = {
    "install": N_("before an installation"),
    "uninstall": N_("before a removal"),
    "rollback": N_("before a rollback"),
    "recover": N_("found when an interrupted run was undone"),
}


_FOLDER_DEPTH: Final = 4
"""Parts of a path that tell whose folder it is: « /Library/Frameworks/galssosx.framework »."""


def _reason(reason: str, language: Language) -> str:
    """Why a snapshot was taken, in words."""
    return phrase(REASONS.get(reason, reason), language)


BEYOND: Final = {
    "first": N_("it is the state before the very first change of this workstation"),
    "latest": N_("it is the state that a rollback goes back to"),
    "unfinished": N_("a run that has not ended may need it"),
    "young": N_("it is too young"),
    "found": N_("it belongs to a snapshot that is kept"),
}


def _listed(data: dict[str, Any], language: Language) -> list[Block]:
    snapshots = data["snapshots"]
    if not snapshots and not data["damaged"]:
        return [Verdict(phrase(N_("There is no snapshot yet."), language), "neutral")]
    damaged = tuple((identifier, "", phrase(N_("DAMAGED"), language), "", "") for identifier in data["damaged"])
    table = _table(snapshots, language, damaged)
    return [Verdict(phrase(N_("Snapshots: {count}."), language, count=len(table.rows)), "neutral"), table]


def _table(snapshots: Iterable[dict[str, Any]], language: Language, more: tuple[tuple[str, ...], ...] = ()) -> Table:
    """Snapshots, one a line, and ``more`` lines."""
    headers = tuple(phrase(header, language) for header in (N_("Snapshot"), N_("Date"), N_("Reason"), N_("Files"), N_("Size")))
    rows = tuple(
        (
            snapshot["id"],
            moment(snapshot["created_at"], language),
            _reason(snapshot["reason"], language),
            str(snapshot["files"]),
            size(snapshot["bytes"], language),
        )
        for snapshot in snapshots
    )
    return Table(headers, rows + more)


def removal_blocks(going: Sequence[dict[str, Any]], beyond: Iterable[Mapping[str, str]], language: Language) -> list[Block]:
    """What a pruning is about to remove for good, for a person to accept."""
    return [
        Heading(phrase(N_("What will be done"), language)),
        Line(phrase(N_("These snapshots are removed for good; nobody can go back to them afterwards."), language), 1, "warning"),
        _table(going, language),
        *_beyond(beyond, language),
    ]


def _beyond(beyond: Iterable[Mapping[str, str]], language: Language) -> list[Block]:
    """Why more snapshots stay than were asked for."""
    text = N_("Kept besides: {snapshot}, because {reason}.")
    return [Line(phrase(text, language, snapshot=kept["id"], reason=phrase(BEYOND[kept["because"]], language)), 1) for kept in beyond]


def _shown(data: dict[str, Any], language: Language) -> list[Block]:
    snapshot = data["snapshot"]
    lines = (
        (N_("Snapshot"), snapshot["id"]),
        (N_("Date"), moment(snapshot["created_at"], language)),
        (N_("Reason"), _reason(snapshot["reason"], language)),
        (N_("Files"), str(snapshot["files"])),
        (N_("Size"), size(snapshot["bytes"], language)),
        (N_("Digest"), snapshot["digest"]),
        (N_("Place"), snapshot["place"]),
    )
    blocks: list[Block] = [Line(labelled(phrase(label, language), value, language)) for label, value in lines]
    script = "restore.cmd" if "\\" in snapshot["place"] else "restore.sh"
    text = N_("To go back to it without this program, run the script {script} that lies there.")
    blocks.append(Line(phrase(text, language, script=script)))
    return [*blocks, *_content(data, language)]


def _content(data: dict[str, Any], language: Language) -> list[Block]:
    """What of which folder is in it; the files themselves are too many for a screen, and are in the answer for scripts."""
    kept: dict[str, list[int]] = {}
    for entry in data.get("manifest", {}).get("paths", ()):
        if entry["kind"] == "file":
            folder = "/".join(entry["path"].split("/")[:-1][:_FOLDER_DEPTH]) or "/"
            kept.setdefault(folder, []).append(entry.get("size", 0))
    if not kept:
        return []
    headers = tuple(phrase(header, language) for header in (N_("Folder"), N_("Files"), N_("Size")))
    rows = tuple((folder, str(len(sizes)), size(sum(sizes), language)) for folder, sizes in sorted(kept.items()))
    every = N_("“atsam-safe --json snapshots show {snapshot}” names every file (data.manifest.paths).")
    return [
        Heading(phrase(N_("What it contains"), language)),
        Table(headers, rows),
        Line(phrase(every, language, snapshot=data["snapshot"]["id"]), 1),
    ]


def _checked(result: CommandResult, language: Language) -> list[Block]:
    report = result.data["check"]
    if not report["snapshots"] and not result.problems:
        return [Verdict(phrase(N_("There is no snapshot yet: there is nothing to check."), language), "neutral")]
    good = not report["broken"] and not result.problems
    text = N_("The store is whole: every snapshot can be restored.") if good else N_("The store is damaged.")
    blocks: list[Block] = [Verdict(phrase(text, language), "good" if good else "bad")]
    counted = phrase(
        N_("Snapshots: {snapshots}; objects: {objects}; {size} read again."),
        language,
        snapshots=report["snapshots"],
        objects=report["objects"],
        size=size(report["bytes"], language),
    )
    blocks.append(Line(counted, 1))
    if report["broken"]:
        blocks.append(Line(phrase(N_("Cannot be restored whole: {names}"), language, names=", ".join(report["broken"])), 1, "bad"))
    return blocks + problems(result.problems, language)


def _pruned(result: CommandResult, language: Language) -> list[Block]:
    report = result.data["prune"]
    if not report["kept"] and not report["removed"] and not result.problems:
        return [Verdict(phrase(N_("There is no snapshot yet: there is nothing to remove."), language), "neutral")]
    text = phrase(
        N_("Snapshots removed: {removed}; kept: {kept}; {size} freed."),
        language,
        removed=len(report["removed"]),
        kept=len(report["kept"]),
        size=size(report["bytes_freed"], language),
    )
    blocks: list[Block] = [Verdict(text, "good" if result.exit_code == OK else "warning")]
    return [*blocks, *_beyond(report["kept_beyond"], language), *problems(result.problems, language)]


def snapshots_view(result: CommandResult, language: Language) -> list[Block]:
    """What the store holds, or what was done to it."""
    data = result.data
    if "snapshots" in data:
        return _listed(data, language)
    if "check" in data:
        return _checked(result, language)
    if "prune" in data:
        return _pruned(result, language)
    if "export" in data:
        return [Verdict(phrase(N_("Exported to {folder}."), language, folder=data["export"]["folder"]), "good")]
    return _shown(data, language) if "snapshot" in data else []
