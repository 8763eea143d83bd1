"""Somebody exchanges a file of his own between the look and the correction of its rights: no other file is ever opened to him."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from atsam_safe.plan.model import ApplyEffect, ScopeEntry
from atsam_safe.snapshot import SnapshotStore, open_state
from atsam_safe.snapshot.restore import Restoration
from atsam_safe.volume import Volume
from atsam_safe.volume.model import Metadata
from atsam_safe.words.model import Problem, WorkstationError
from atsam_safe.workstation.offline_apply import apply_step

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.snapshot.model import PathState
    from atsam_safe.volume.model import Entry

FOLDER = "Library/Application Support/santesocial/galss"
SECRET = "private/etc/master.passwd"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A volume with a folder that everybody may write into, a user's file in it, and a file that only root may read."""
    root = tmp_path / "root"
    for folder in (FOLDER, "private/etc"):
        (root / folder).mkdir(parents=True)
    (root / FOLDER).chmod(0o777)
    (root / FOLDER / "mine").write_bytes(b"x")
    (root / FOLDER / "mine").chmod(0o666)
    (root / SECRET).write_bytes(b"secret")
    (root / SECRET).chmod(0o600)
    return root


def hard_link(mine: Path, secret: Path) -> None:
    mine.unlink()
    os.link(secret, mine)


def another_file(mine: Path, _secret: Path) -> None:
    mine.unlink()
    mine.write_bytes(b"y")
    mine.chmod(0o600)


def other_content(mine: Path, _secret: Path) -> None:
    mine.write_bytes(b"y")


@pytest.mark.parametrize("exchange", [hard_link, another_file, other_content])
def test_a_file_exchanged_on_the_way_back_is_made_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch, exchange: Callable[[Path, Path], None]
) -> None:
    mine, secret = root / FOLDER / "mine", root / SECRET
    before = secret.stat()
    make_links = Restoration._make_links

    def attacked(self: Restoration, now: dict[str, PathState]) -> None:
        make_links(self, now)
        exchange(mine, secret)

    with open_state(root) as state, Volume(root) as volume:
        store = SnapshotStore(state)
        kept = store.create(volume, [ScopeEntry(path=f"/{FOLDER}", kind="tree")], label="", run_id="run", reason="")
        mine.chmod(0o600)
        monkeypatch.setattr(Restoration, "_make_links", attacked)
        report = store.restore(volume, kept.id)
    assert (report.proven, report.differences) == (True, ())
    assert (mine.read_bytes(), mine.stat().st_mode & 0o7777, mine.stat().st_nlink) == (b"x", 0o666, 1)
    after = secret.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert secret.read_bytes() == b"secret"


def test_rights_are_never_set_through_one_name_of_several(root: Path) -> None:
    os.link(root / SECRET, root / FOLDER / "link")
    with Volume(root) as volume, pytest.raises(WorkstationError) as caught:
        volume.set_metadata(f"/{FOLDER}/link", Metadata(mode=0o777))
    assert caught.value.problems[0].ref == "volume.shared-file"
    assert (root / SECRET).stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("moment", ["before", "between the look and the change"])
def test_a_recursive_mode_leaves_a_file_with_other_names_alone_and_says_so(
    root: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    planted = root / FOLDER / "a"
    if moment == "before":
        os.link(root / SECRET, planted)
    else:
        planted.write_bytes(b"")
        set_metadata = Volume.set_metadata

        def attacked(self: Volume, path: str, metadata: Metadata, *, seen: Entry | None = None) -> None:
            if path == f"/{FOLDER}/a":
                hard_link(planted, root / SECRET)
            set_metadata(self, path, metadata, seen=seen)

        monkeypatch.setattr(Volume, "set_metadata", attacked)
    notes: list[Problem] = []
    with Volume(root) as volume:
        apply_step(volume, ApplyEffect(kind="mode", path=f"/{FOLDER}", mode="777", recursive=True), root, notes)
    assert (root / SECRET).stat().st_mode & 0o7777 == 0o600
    assert (root / FOLDER / "mine").stat().st_mode & 0o7777 == 0o777
    assert [(note.ref, note.params["path"]) for note in notes] == [("workstation.shared-file-kept", f"/{FOLDER}/a")]
