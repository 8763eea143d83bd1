"""``snapshots …`` in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atsam_safe.report.blocks import Block, Line, Table, Verdict
from atsam_safe.report.result import OK
from atsam_safe.report.views.common import labelled, moment, problems
from atsam_safe.words.amounts import size
from atsam_safe.words.reference import N_
from atsam_safe.words.translate import phrase

if TYPE_CHECKING:
    from atsam_safe.report.result import CommandResult
    from atsam_safe.words.model import Language


REASONS: Final = {
    "install": N_("before an installation"),
    "uninstall": N_("before a removal"),
    "rollback": N_("before a rollback"),
    "recover": N_("found when an interrupted run was undone"),
}


def _reason(reason: str, language: Language) -> str:
    """Why a snapshot was taken, in words."""
    return phrase(REASONS.get(reason, reason), language)


def _listed(data: dict[str, Any], language: Language) -> list[Block]:
    snapshots = data["snapshots"]
    if not snapshots and not data["damaged"]:
        return [Verdict(phrase(N_("There is no snapshot yet."), language), "neutral")]
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
    rows += tuple((identifier, "", phrase(N_("DAMAGED"), language), "", "") for identifier in data["damaged"])
    return [Verdict(phrase(N_("Snapshots: {count}."), language, count=len(rows)), "neutral"), Table(headers, rows)]


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
    return blocks


def _checked(result: CommandResult, language: Language) -> list[Block]:
    report = result.data["check"]
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
    text = phrase(
        N_("Snapshots removed: {removed}; kept: {kept}; {size} freed."),
        language,
        removed=len(report["removed"]),
        kept=len(report["kept"]),
        size=size(report["bytes_freed"], language),
    )
    return [Verdict(text, "good" if result.exit_code == OK else "warning"), *problems(result.problems, language)]


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
