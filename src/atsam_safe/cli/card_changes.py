"""``cards realign`` and ``cards clear-cache``: the two card commands that change files, each under the journal and in a snapshot.

The order is that of every changing command (``cli.changing``). ``--apply``, and asking for ``clear-cache``, is the consent: nothing else is
done than what was asked for by name.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.cards.cache import cached_files, clear_files
from atsam_safe.cards.galss_align import realign
from atsam_safe.cards.galss_apply import apply_proposal, check_proposal, read_galss_ini, volume_of, with_way_back
from atsam_safe.cards.galss_ini import GalssIniError
from atsam_safe.cards.model import CardError
from atsam_safe.cards.readers import list_slots
from atsam_safe.cli.changing import Changing
from atsam_safe.cli.kept_files import snapshot_with, way_back
from atsam_safe.plan.model import ScopeEntry
from atsam_safe.report.result import OK, CommandResult, origin_of
from atsam_safe.transaction.change import Action, run_change
from atsam_safe.words.model import Problem, RefusedError, UsageError
from atsam_safe.workstation.files_only import FilesOnly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from atsam_safe.cards.galss_align import Proposal
    from atsam_safe.cards.model import Slot
    from atsam_safe.cards.request import LadderRequest
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.cli.session import Session
    from atsam_safe.transaction.model import TransactionResult
    from atsam_safe.volume.volume import Volume
    from atsam_safe.workstation.port import Workstation

COMMAND_REALIGN: Final = "cards realign"
COMMAND_CLEAR: Final = "cards clear-cache"
_OF_THE_READERS: Final = frozenset(
    {
        "cards.reader-gone",
        "cards.reader-held",
        "cards.service-down",
        "cards.support-missing",
        "cards.time-limit",
        "galss.realign-name-unlisted",
        "galss.realign-needs-cps",
        "galss.realign-needs-vitale",
        "galss.realign-two-cps",
    }
)
PAIRED: Final = "io_comm.ini"
"""GALSS reads it together with ``galss.ini``; both go back together."""

_LAST_NAME: Final = re.compile(r"[^/\\]+\Z")


def files_opener(session: Session) -> Callable[[str | None], Workstation]:
    """How to reach the workstation that the options name; on a system without an adapter, its files alone."""

    def open_files(root: str | None) -> Workstation:
        try:
            return session.open_workstation(root)
        except UsageError as error:
            if root is not None or error.problems[0].ref != "usage.no-live-adapter":
                raise
            return FilesOnly()

    return open_files


def inside_of(path: Path, root: Path) -> str:
    """A path of the request as the workstation's volume knows it."""
    return f"/{path.relative_to(root).as_posix()}" if path.is_relative_to(root) else str(path)


class Realigning:
    """One realignment, from the proposal to the answer. ``file``: another ``galss.ini`` than the workstation's own."""

    def __init__(self, session: Session, catalogue: Catalogue, request: LadderRequest, file: Path | None) -> None:
        path = file or request.galss_ini
        if path is None:
            raise UsageError(Problem(ref="usage.argument-missing", params={"argument": "--file", "command": "cards realign"}))
        self._session = session
        self._catalogue = catalogue
        self._request = request
        self._path = path
        self._file = file

    def show(self) -> CommandResult:
        """What would make ``galss.ini`` agree with the readers; nothing is written."""
        workstation = files_opener(self._session)(self._session.options.root)
        with contextlib.ExitStack() as opened:
            volume, inside = self._place(workstation, opened)
            return self._shown(self._proposal(volume, inside))

    def apply(self) -> CommandResult:
        """Make it so."""
        changing = Changing(self._session, COMMAND_REALIGN, files_opener(self._session))
        stopped = changing.recover_first()
        if stopped is not None:
            return stopped
        with contextlib.ExitStack() as opened:
            volume, inside = self._place(changing.workstation, opened)
            proposal = self._proposal(volume, inside)
            if not proposal.changes:
                return self._shown(proposal)
            # once more before anything is begun: what is refused here leaves no trace at all, not even a snapshot
            with self._readers_of_this_computer():
                check_proposal(volume, inside, proposal, self._slots())
            result = self._carry_out(changing, volume, inside, proposal)
        value = self._value(proposal, applied=result.outcome == "committed")
        return changing.answer(result, data={"proposal": value, "undo": _undo(self._session, result)}, notices=self._notices())

    def _carry_out(self, changing: Changing, volume: Volume, inside: str, proposal: Proposal) -> TransactionResult:
        scope = [ScopeEntry(path=inside, kind="file"), ScopeEntry(path=_beside(inside, PAIRED), kind="file")]

        def write() -> str:
            apply_proposal(volume, inside, proposal, self._slots)
            return "done"

        changing.require_lasting_state(Path(volume.host_path(inside)))
        with changing.locked_state() as (state, _), self._session.progress() as progress:
            return run_change(
                COMMAND_REALIGN,
                [Action(name="realign", record={"path": inside}, carry_out=write)],
                scope,
                volume=volume,
                state=state,
                options=changing.options("galss.ini"),
                watch=changing.watch,
                progress=progress,
            )

    def _place(self, workstation: Workstation, opened: contextlib.ExitStack) -> tuple[Volume, str]:
        """The volume and the path on it. The way to a file that somebody names is theirs; the workstation's own has no link on it."""
        if self._file is None:
            return workstation.volume, inside_of(self._path, self._request.root)
        volume, inside = volume_of(self._file, self._request.root)
        return opened.enter_context(volume), inside

    def _proposal(self, volume: Volume, inside: str) -> Proposal:
        try:
            present = read_galss_ini(volume, inside)
            with self._readers_of_this_computer():
                return realign(present, list_slots(self._request.rules, settle_seconds=1.0), family=self._request.family)
        except GalssIniError as error:
            kept = snapshot_with(self._session, self._path, inside)
            raise GalssIniError(*with_way_back(error.problems, kept, way_back(self._session, kept))) from error

    def _slots(self) -> Sequence[Slot]:
        return list_slots(self._request.rules)

    @contextlib.contextmanager
    def _readers_of_this_computer(self) -> Iterator[None]:
        """On a volume, what is wrong with the readers here is no judgement on the workstation: it is a refusal, not « not right »."""
        try:
            yield
        except (CardError, GalssIniError) as error:
            first, *more = error.problems
            if self._elsewhere and first.ref in _OF_THE_READERS:
                told = "cards.service-down.here" if first.ref == "cards.service-down" else first.told
                raise RefusedError(msgspec.structs.replace(first, told=told), *more) from error
            raise

    @property
    def _elsewhere(self) -> bool:
        return self._session.options.root is not None

    def _notices(self, *others: Problem) -> tuple[Problem, ...]:
        return (*others, *([Problem(ref="cards.readers-of-this-computer")] if self._elsewhere else []))

    def _shown(self, proposal: Proposal) -> CommandResult:
        """The answer when nothing is written."""
        return CommandResult(
            command=COMMAND_REALIGN,
            exit_code=OK,
            data={"proposal": self._value(proposal, applied=False)},
            notices=self._notices(*(() if proposal.changes else (Problem(ref="galss.aligned"),))),
            catalogue=origin_of(self._catalogue),
        )

    def _value(self, proposal: Proposal, *, applied: bool) -> dict[str, Any]:
        return {
            "path": str(self._path),
            "diff": list(proposal.diff),
            "changes": [
                {"what": change.what, "channel": change.channel, "old": change.old, "new": change.new, "deduced": change.deduced}
                for change in proposal.changes
            ],
            "applied": applied,
        }


def _undo(session: Session, result: TransactionResult) -> str | None:
    """The command that takes a finished change back."""
    return way_back(session, result.snapshot) if result.outcome == "committed" and result.snapshot else None


def _beside(path: str, name: str) -> str:
    """The file ``name`` in the folder of ``path``, whichever way the workstation separates folders."""
    return _LAST_NAME.sub(name, path)


def clear_caches(session: Session, request: LadderRequest) -> CommandResult:
    """Remove the middleware's cached card files; it makes them again at the next use."""
    changing = Changing(session, COMMAND_CLEAR, files_opener(session))
    stopped = changing.recover_first()
    if stopped is not None:
        return stopped
    volume = changing.workstation.volume
    folders: dict[Path, tuple[str, tuple[str, ...]]] = {}
    for folder in request.caches:
        inside = inside_of(folder, request.root)
        if volume.exists(inside):
            folders[folder] = (inside, cached_files(volume, inside))
    if not any(files for _, files in folders.values()):
        cleared = [{"path": str(folder), "files": 0} for folder in folders]
        notices = () if cleared else (Problem(ref="cards.cache-none"),)
        data = {"cleared": cleared}
        return CommandResult(command=COMMAND_CLEAR, exit_code=OK, data=data, notices=notices, catalogue=origin_of(changing.catalogue))
    removed: dict[Path, int] = {}

    def clearing(folder: Path) -> Action:
        inside, files = folders[folder]

        def clear() -> str:
            removed[folder] = clear_files(volume, files)
            return "done"

        # the names of the files hold the card's serial number: they are in the sealed snapshot and nowhere else
        return Action(name="clear-cache", record={"path": inside, "files": len(files)}, carry_out=clear)

    scope = [ScopeEntry(path=inside, kind="shared") for inside, _ in folders.values()]
    scope += [ScopeEntry(path=path, kind="file") for _, files in folders.values() for path in files]
    changing.require_lasting_state(next(iter(folders)))
    with changing.locked_state() as (state, _), session.progress() as progress:
        result = run_change(
            COMMAND_CLEAR,
            [clearing(folder) for folder in folders],
            scope,
            volume=volume,
            state=state,
            options=changing.options("cache"),
            watch=changing.watch,
            progress=progress,
        )
    done = result.outcome == "committed"
    cleared = [{"path": str(folder), "files": count if done else 0} for folder, count in removed.items()]
    return changing.answer(result, data={"cleared": cleared, "undo": _undo(session, result)})
