"""Which snapshot holds an earlier ``galss.ini``: a way back is only advised where there is one."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atsam_safe.cards.galss_apply import read_galss_ini, volume_of
from atsam_safe.snapshot.batch import by_hand
from atsam_safe.snapshot.manifest import ManifestError
from atsam_safe.snapshot.state import open_state
from atsam_safe.snapshot.store import SnapshotStore
from atsam_safe.volume.state_place import default_state_path
from atsam_safe.words.model import AtsamSafeError, UsageError

if TYPE_CHECKING:
    from atsam_safe.cli.session import Session

_DRIVE: Final = re.compile(r"[A-Za-z]:")


def snapshot_with(session: Session, place: Path, inside: str) -> str:
    """The newest snapshot in which the file is, with another content than now; empty when there is none that this user may read.

    ``place``: the file on this machine; ``inside``: as the workstation's volume names it. Never raises.
    """
    options = session.options
    root = Path(options.root or os.sep).absolute()
    state_dir = None if options.state_dir is None else Path(options.state_dir).absolute()
    try:
        with open_state(root, state_dir, create=False) as state:
            return _newest(SnapshotStore(state), _spelling(inside), _digest(place, root))
    except AtsamSafeError:
        return ""


def way_back(session: Session, snapshot: str) -> str:
    """The command that brings ``snapshot`` back; empty without one. Where this system has no adapter, that is the snapshot's own script."""
    options = session.options
    if not snapshot or options.root is not None or _has_adapter(session):
        return snapshot and f"atsam-safe rollback {snapshot}"
    root = Path(os.sep)
    state = default_state_path(root) if options.state_dir is None else Path(options.state_dir).absolute()
    return by_hand(state / "snapshots" / snapshot, str(root))


def _has_adapter(session: Session) -> bool:
    try:
        session.open_workstation(None)
    except UsageError as error:
        return error.problems[0].ref != "usage.no-live-adapter"
    return True


def _newest(store: SnapshotStore, wanted: str, present: str) -> str:
    for identifier in reversed(store.identifiers()):
        try:
            manifest = store.manifest(identifier)
        except ManifestError:
            continue
        for kept in manifest.paths:
            if kept.kind == "file" and kept.size and kept.sha256 != present and _spelling(kept.path) == wanted:
                return identifier
    return ""


def _spelling(path: str) -> str:
    r"""One spelling for ``C:\Windows\galss.ini`` and ``/Windows/galss.ini``; neither system tells letters of another case apart."""
    return _DRIVE.sub("", path, count=1).replace("\\", "/").casefold() if _DRIVE.match(path) else path.casefold()


def _digest(place: Path, root: Path) -> str:
    """The present content's digest; empty when there is none, or none that can be read."""
    try:
        volume, inside = volume_of(place, root)
        with volume:
            present = read_galss_ini(volume, inside)
    except AtsamSafeError:
        return ""
    return "" if present is None else hashlib.sha256(present).hexdigest()
