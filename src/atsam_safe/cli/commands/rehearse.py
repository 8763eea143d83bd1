"""``rehearse PACKAGE``: the same code path as ``install``, really carried out on a scratch copy; measures time and space."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.cli.changing import Changing
from atsam_safe.cli.commands.install import Installation
from atsam_safe.cli.observing import refuse_facts
from atsam_safe.cli.session import Session
from atsam_safe.cli.world import catalogue_of, existing
from atsam_safe.guard.overwriting import payload_paths
from atsam_safe.guard.space import estimate
from atsam_safe.packages import open_packages
from atsam_safe.report.decisions import rule_problem, rule_value
from atsam_safe.report.result import OK, REFUSED, RESTART_NEEDED
from atsam_safe.snapshot.scope import list_scope
from atsam_safe.transaction.rehearsal import SCRATCH_PREFIX
from atsam_safe.volume.scratch_folder import scratch_folder
from atsam_safe.words.model import Problem, RefusedError, UsageError
from atsam_safe.workstation.offline import OfflineWorkstation
from atsam_safe.workstation.scratch import ScratchCopy, copy_paths, watch_observation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.guard.model import RuleResult
    from atsam_safe.guard.space import Room
    from atsam_safe.packages.opening import OpenedPackages
    from atsam_safe.report.result import CommandResult
    from atsam_safe.words.model import Language

_MEGABYTE: Final = 1_000_000


def run(session: Session, *, package: str, scratch: str | None = None) -> CommandResult:
    """Copy what matters, install there, and tell what it took. The workstation itself is only read."""
    path = existing(package)
    refuse_facts(session, "rehearse")
    catalogue = catalogue_of(session)
    parent = _parent(scratch)
    _require_outside(session, parent)
    with (
        open_packages(path, catalogue.trust, catalogue, datetime.now(UTC), depth="archive") as opened,
        scratch_folder(SCRATCH_PREFIX, parent, _not_writable(str(parent))) as folder,
    ):
        return _rehearse(session, opened, folder / "volume")


def _not_writable(place: str) -> Problem:
    """The refusal of a place where no scratch copy can be made."""
    return Problem(ref="rehearsal.scratch-not-writable", params={"path": place}, evidence={"path": place})


def _parent(scratch: str | None) -> Path:
    """The folder in which the scratch copy is made; raises ``UsageError`` when it is not one, ``RefusedError`` when there is none."""
    if scratch is None:
        try:
            return Path(tempfile.gettempdir())
        except OSError as error:  # none of the system's folders for temporary files can be written to
            raise RefusedError(_not_writable(os.environ.get("TMPDIR", os.sep + "tmp"))) from error
    if not Path(scratch).is_dir():
        raise UsageError(Problem(ref="usage.root-not-a-folder", params={"path": scratch}))
    return Path(scratch)


def _require_outside(session: Session, parent: Path) -> None:
    """The copy would be written to the very workstation that is only to be read; raises ``UsageError`` (``usage.scratch-inside``).

    Asked of a volume that does not run: on the running system every folder is one of the workstation's.
    """
    root = session.options.root
    if root is not None and parent.resolve().is_relative_to(Path(root).resolve()):
        params = {"path": str(parent), "root": root}
        raise UsageError(Problem(ref="usage.scratch-inside", params=params, evidence=dict(params)))


def _rehearse(session: Session, opened: OpenedPackages, root: Path) -> CommandResult:
    # The decision is made on the workstation itself: a refusal needs no copy. Only its room and its rights do not count: nothing is
    # written there, everything here.
    real = Changing(session, "rehearse")
    installation = Installation(real, opened, elsewhere=True)
    with session.progress() as progress:
        observed, decision, plan = installation.decide()
        if plan is None:
            return installation.refused(decision)
        room = estimate(observed, real.catalogue, opened.inspections)
        _require_room(root.parent, room)
        payload = payload_paths(real.catalogue, opened.inspections)
        facts, paths = watch_observation(real.workstation.volume, real.catalogue, payload)
        root.mkdir(mode=0o700)
        copy = copy_paths(real.workstation.volume, root, paths | set(list_scope(real.workstation.volume, plan.scope)), progress)
    scratch = OfflineWorkstation(root)
    # Observed again, the copy must answer as the workstation did: otherwise the rehearsal would prove nothing about it.
    seen = scratch.observe(real.catalogue, ownership=True, payload=payload)
    if msgspec.structs.replace(seen, space=None) != msgspec.structs.replace(facts, space=None):
        raise RefusedError(Problem(ref="rehearsal.copy-differs"))
    options = msgspec.structs.replace(session.options, root=str(root), state_dir=None, yes=True)
    on_copy = Changing(Session(options, session.language), "rehearse")
    result = Installation(on_copy, opened).run()
    return _with_forecast(_with_lacking(result, installation.lacking, session.language), copy, plan.bytes_to_write, room)


def _with_lacking(result: CommandResult, lacking: Sequence[RuleResult], language: Language) -> CommandResult:
    """What of the workstation's own disk would have the installation refused decides the answer: a forecast must foresee it.

    A rehearsal that failed has a reason of its own, and tells the rest beside it.
    """
    if not lacking:
        return result
    problems = tuple(rule_problem(rule) for rule in lacking)
    if result.exit_code not in {OK, RESTART_NEEDED}:
        return msgspec.structs.replace(result, notices=(*result.notices, *problems))
    refs = {rule.ref for rule in lacking}
    rules = [value for value in result.data["rules"] if value["ref"] not in refs]
    data = {**result.data, "decision": "refuse", "rules": [*rules, *(rule_value(rule, language) for rule in lacking)]}
    return msgspec.structs.replace(result, exit_code=REFUSED, data=data, problems=problems)


def _require_room(folder: Path, room: Room) -> None:
    """The copy, and all that a run on it needs, must fit where it is made; raises ``RefusedError``."""
    needed = room.total + room.parts["snapshot"]
    free = shutil.disk_usage(folder).free
    if free < needed:
        params = {"needed": str(-(-needed // _MEGABYTE)), "free": str(free // _MEGABYTE), "path": str(folder.parent)}
        raise RefusedError(Problem(ref="rehearsal.no-room", params=params, evidence={"needed": needed, "free": free}))


def _with_forecast(result: CommandResult, copy: ScratchCopy, bytes_to_write: int, room: Room) -> CommandResult:
    """Add what the run on the copy measured, and the free space that the real one asks for (``room``: the figure of its refusal).

    The snapshot's place is dropped: it is gone with the copy.
    """
    transaction = result.data.get("transaction")
    if transaction is None:
        return result
    forecast = {
        "seconds": transaction["seconds"],
        "bytes": bytes_to_write + transaction["bytes_reserved"],
        "bytes_asked": room.total,
        "copied_files": copy.files,
        "copied_bytes": copy.bytes,
    }
    return msgspec.structs.replace(result, data={**result.data, "snapshot": None, "snapshot_place": None, "forecast": forecast})
